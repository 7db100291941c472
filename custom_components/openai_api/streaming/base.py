"""The base class of the accumulators of streams."""

from abc import ABC, abstractmethod

from ..types import Json


class AnswerError(Exception):
    """The server reports an error within a response; `body` is the object that says so."""

    def __init__(self, body: Json) -> None:
        """Take the object that holds the error, such as `{"error": …}`."""
        super().__init__("error in an answer")
        self.body = body


class StreamAccumulator(ABC):
    """Makes the final object of the events of a stream, which it does not change.

    `add` and `result` may raise AttributeError, LookupError, TypeError or ValueError for events
    whose shape is not that of the API, and AnswerError for an error inside of one.
    """

    event_type = ""
    """The type of events that have `choices`, whatever their `object` says."""
    takes_text = False
    """Whether events may be plain text instead of JSON."""
    has_text = False
    """Whether an event was plain text: such streams have no final event."""
    may_be_empty = False
    """Whether a stream without any event is valid."""
    is_final = False
    """Whether only the end of the stream can follow."""
    is_complete = False
    """Whether the result is complete even if the connection breaks now."""

    @abstractmethod
    def add(self, event: Json) -> bool | None:
        """Add the next event, `{"type": …, …}`; return whether a stream without an end is over."""

    @abstractmethod
    def result(self, *, ended: bool) -> Json | None:
        """Return the final object, or None if it is not complete.

        `ended` says that the server has sent `[DONE]`; otherwise the body has ended.
        """
