"""What all accumulators of streams have in common."""

from abc import ABC, abstractmethod

from ..types import Json


class AnswerError(Exception):
    """The host reports an error in the midst of an answer; `body` is what says so."""

    def __init__(self, body: Json) -> None:
        """Take the object that holds the error."""
        super().__init__("error in an answer")
        self.body = body


class StreamAccumulator(ABC):
    """Makes the final object out of a stream's events, which it never changes.

    `add` and `result` may raise AttributeError, LookupError, TypeError or ValueError for events
    of other shapes than the API's, and AnswerError for an error inside of one.
    """

    event_type = ""
    """The type of events that hold `choices`, whatever they call themselves."""
    takes_text = False
    """Whether events may be bare text instead of JSON."""
    has_text = False
    """Whether an event was bare text: such streams have no event that ends them."""
    may_be_empty = False
    """Whether a stream without any event is an answer, too."""
    is_final = False
    """Whether an event has come that nothing but the end of the stream can follow."""
    is_complete = False
    """Whether the result is whole even if the line breaks now."""

    @abstractmethod
    def add(self, event: Json) -> bool | None:
        """Take the next event; return whether to stop here, in a stream that has no end."""

    @abstractmethod
    def result(self, *, ended: bool) -> Json | None:
        """Return the final object, or None if it is not whole.

        `ended`: the host said that it is, with `[DONE]`; else the body has come to its end.
        """
