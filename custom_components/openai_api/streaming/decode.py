"""Reads the events of a stream, wherever it comes from."""

from collections.abc import Callable, Iterable
import re
from typing import Any, override

import orjson

from ..error_bodies import answer_error
from ..types import Json
from .base import AnswerError, StreamAccumulator
from .sse import EventTooLarge, SSEDecoder
from .text import DEEP_BYTES, LARGE_BYTES, SurrogateJoiner, as_object, check_depth

ODDITIES = (AttributeError, LookupError, TypeError, ValueError)
"""What an accumulator trips over where events have other shapes than the API's."""
KEEP_ALIVE = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})
"""The types of events that only say that the host is still there."""
_FIELD = re.compile(rb"\s*(?:\xef\xbb\xbf)?(?:(?:data|event|id|retry) ?:|:)")
_MOST_OF_A_FIELD = 16
_ERROR_LINE = re.compile(rb"\s*(?:error\s*:|\[error\])\s*", re.IGNORECASE)


class StreamGarbled(Exception):
    """A stream cannot be read."""


def is_event_stream(start: bytes) -> bool:
    """Return whether a body begins as a stream of events does, whatever its type says."""
    return _FIELD.match(start[:64]) is not None


def can_tell(start: bytes) -> bool:
    """Return whether so much of a body is enough for `is_event_stream`."""
    return len(start.lstrip()) >= _MOST_OF_A_FIELD


def reader_for(accumulator: StreamAccumulator | None) -> EventReader:
    """Return what reads the events of one stream for an accumulator."""
    if accumulator is not None and accumulator.takes_text:
        return TextReader(accumulator)
    return EventReader(accumulator)


class EventReader:
    """Reads the events of one stream."""

    def __init__(self, accumulator: StreamAccumulator | None) -> None:
        """Take what the events are for; it knows how they are called."""
        self._joiner = SurrogateJoiner()
        self._held = self._joiner.held
        self._default_type = accumulator.event_type if accumulator is not None else ""

    def read(self, name: str, data: bytes) -> tuple[Json, str]:
        """Return an event's object and its type.

        Blocks for what is larger than `LARGE_BYTES`. Raises AnswerError if it tells of an error, StreamGarbled if it cannot be read.
        """
        if (size := len(data)) > LARGE_BYTES or self._held:
            event: Any = self._read_oddity(name, data)
        else:
            try:
                event = orjson.loads(data)
            except orjson.JSONDecodeError:
                event = self._read_oddity(name, data)
            if size > DEEP_BYTES:
                try:
                    check_depth(data, event)
                except ValueError:
                    raise StreamGarbled from None
        if event.__class__ is not dict:
            event = as_object(event)
        if name and (event.get("type") == name or name == "error" or name.startswith("thread.")):
            # The `type` of an assistant's step, or of an error, is not that of the event.
            return event, name
        if self._default_type and "choices" in event and "type" not in event:
            return event, self._default_type
        return event, str(event.get("type") or name or event.get("object") or "")

    def read_held(self) -> list[Json]:
        """Return events for halves of characters whose other half has not come."""
        return self._joiner.pop_held()

    def _read_oddity(self, name: str, data: bytes) -> Any:
        """Return the value of an event that is no plain JSON."""
        try:
            return self._joiner.load(data)
        except ValueError:
            if name == "error" or _ERROR_LINE.match(data):
                raise AnswerError(_error_in(data)) from None
            raise StreamGarbled from None


class TextReader(EventReader):
    """Reads the events of a stream that may be bare text, as those of some transcripts are."""

    def __init__(self, accumulator: StreamAccumulator) -> None:
        """Take what the events are for."""
        super().__init__(accumulator)
        self._accumulator = accumulator

    @override
    def read(self, name: str, data: bytes) -> tuple[Json, str]:
        """Return an event's object and its type; bare text is a delta."""
        if data[:1] == b"{" or name == "error":
            return super().read(name, data)
        self._accumulator.has_text = True
        event_type = "transcript.text.delta"
        return {"type": event_type, "delta": self._joiner.join_text(data)}, event_type


def is_suspect(event: Json, event_type: str) -> bool:
    """Return whether an event may tell of an error, which `check` then looks at."""
    return "error" in event or not event_type or event_type == "error"


def check(event: Json, event_type: str) -> None:
    """Raise AnswerError if an event tells of an error."""
    if event_type == "error" or answer_error(event) is not None:
        raise AnswerError(event)


def _error_in(text: bytes) -> Json:
    """Return the error in a text that is no JSON."""
    words = _ERROR_LINE.sub(b"", text, count=1)
    try:
        found = orjson.loads(words)
    except orjson.JSONDecodeError:
        found = words.decode(errors="replace")
    return found if isinstance(found, dict) and "error" in found else {"error": found}


def check_stray(lines: Iterable[bytes]) -> None:
    """Raise AnswerError if lines that belong to no event tell of an error."""
    for line in lines:
        if _ERROR_LINE.match(line):
            raise AnswerError(_error_in(line))
        if line[:1] == b"{":
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if answer_error(found) is not None:
                raise AnswerError(found)


def assemble(body: bytes, make: Callable[[], StreamAccumulator] | None) -> Json | None:
    """Return the object that a stream adds up to, None if it is not whole.

    `make` returns the accumulator for it; without one, the only event is the answer. Raises
    AnswerError for an error in it, StreamGarbled if it cannot be read.
    """
    accumulator = make() if make is not None else None
    reader = reader_for(accumulator)
    decoder = SSEDecoder(join_stray=accumulator is not None and accumulator.takes_text)
    events: list[Json] = []
    ended = False
    try:
        for name, data in [*decoder.feed(body), *decoder.flush()]:
            if data.startswith(b"[DONE]"):
                ended = True
                break
            if not data.strip():
                continue
            event, event_type = reader.read(name, data)
            if is_suspect(event, event_type):
                check(event, event_type)
            if event_type in KEEP_ALIVE:
                continue
            events.append(event)
            if accumulator is not None:
                accumulator.add(event)
        check_stray(decoder.stray)
        if accumulator is not None:
            for event in reader.read_held():
                accumulator.add(event)
            if (whole := accumulator.result(ended=ended)) is not None:
                return whole
    except (EventTooLarge, *ODDITIES):
        raise StreamGarbled from None
    # A method that does not stream has its whole answer in one event.
    return events[0] if len(events) == 1 and accumulator is None else None
