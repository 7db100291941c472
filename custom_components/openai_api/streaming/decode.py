"""Decodes the events of a stream to objects."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
import re
from typing import Any, override

import orjson

from ..error_bodies import answer_error
from ..exceptions import ResponseTooComplex
from ..types import Json
from .base import AnswerError, StreamAccumulator
from .large_json import MAX_CONTAINERS, TooManyContainers
from .ndjson import NdjsonDecoder, is_event_line, is_ndjson
from .sse import EventTooLarge, SSEDecoder
from .text import DEEP_BYTES, LARGE_BYTES, SurrogateJoiner, as_object, check_depth

ODDITIES = (AttributeError, LookupError, TypeError, ValueError)
"""The errors of accumulators for events whose shape is not that of the API."""
KEEP_ALIVE = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})
"""The types of keep-alive events."""
FAILURES = frozenset({"response.failed", "response.incomplete", "response.done"})
"""The types of events whose response may have an error."""
_FIELD = re.compile(rb"\s*(?:\xef\xbb\xbf)?(?:(?:data|event|id|retry) ?:|:)")
_DATA_URL = re.compile(rb"\s*data:[\w.+-]+/[\w.+-]+[;,]")
_MAX_OF_A_FIELD = 16
_PIECE = 64 * 1024
_FIELD_NAMES = (b"data:", b"event:", b"id:", b"retry:")
# Of what is no event, the most that is shown.
_MAX_LINES = 5
_MAX_BYTES = 1000
_ERROR_LINE = re.compile(rb"\s*(?:error\s*:|\[error\])\s*", re.IGNORECASE)


class StreamGarbled(Exception):
    """A stream cannot be decoded."""


def is_event_stream(start: bytes) -> bool:
    """Return whether a body begins like an event stream, whatever its content type."""
    start = start[:64]
    return _FIELD.match(start) is not None and _DATA_URL.match(start) is None


def can_tell(start: bytes) -> bool:
    """Return whether the beginning of a body is long enough for `is_event_stream`."""
    return len(start.lstrip()) >= _MAX_OF_A_FIELD


def reader_for(accumulator: StreamAccumulator | None) -> EventReader:
    """Return the reader of one stream for an accumulator."""
    if accumulator is not None and accumulator.takes_text:
        return TextReader(accumulator)
    return EventReader(accumulator)


class EventReader:
    """Decodes the events of one stream."""

    def __init__(self, accumulator: StreamAccumulator | None) -> None:
        """Take the accumulator of the events, which has a default for their type."""
        self._joiner = SurrogateJoiner()
        self._held = self._joiner.held
        self._default_type = accumulator.event_type if accumulator is not None else ""

    def read(self, name: str, data: bytes) -> tuple[Json, str]:
        """Decode an event with its name and data.

        Returns `(object, type)`. Blocks for data larger than `LARGE_BYTES`. Raises AnswerError for
        a text that is an error, StreamGarbled for data that is not JSON.
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
        if name and "type" not in event and "object" not in event and "choices" not in event:
            # The name of the event is all that says what it is.
            return {"type": name, **event}, name
        if self._default_type and "choices" in event and "type" not in event:
            return event, self._default_type
        return event, str(event.get("type") or name or event.get("object") or "")

    def read_held(self) -> list[Json]:
        """Return events for halves of characters whose other half has not come.

        Returns what `SurrogateJoiner.pop_held` returns.
        """
        return self._joiner.pop_held()

    def _read_oddity(self, name: str, data: bytes) -> Any:
        """Return the value of an event that is not plain JSON."""
        try:
            return self._joiner.load(data)
        except TooManyContainers:
            raise ResponseTooComplex(MAX_CONTAINERS) from None
        except ValueError:
            if name == "error" or _ERROR_LINE.match(data):
                raise AnswerError(_error_in(data)) from None
            raise StreamGarbled from None


class TextReader(EventReader):
    """Decodes the events of a stream that may be plain text, such as a transcript."""

    def __init__(self, accumulator: StreamAccumulator) -> None:
        """Take the accumulator of the events."""
        super().__init__(accumulator)
        self._accumulator = accumulator

    @override
    def read(self, name: str, data: bytes) -> tuple[Json, str]:
        """Return `(object, type)` of an event; plain text becomes a delta."""
        if data[:1] == b"{" or name == "error":
            return super().read(name, data)
        self._accumulator.has_text = True
        event_type = "transcript.text.delta"
        return {"type": event_type, "delta": self._joiner.join_text(data)}, event_type


def is_suspect(event: Json, event_type: str) -> bool:
    """Return whether an event may be an error, so that `check` has to look at it."""
    if "error" in event or event_type in ("", "error"):
        return True
    # The type of an RFC 9457 problem is an address.
    return ":" in event_type or isinstance(event.get("message"), str)


def check(event: Json, event_type: str, *, is_last: bool = False) -> None:
    """Raise AnswerError if an event, `{"error": …}` or of the type `error`, is an error.

    With `is_last`, for the last event of a stream that is not complete, an object that has only
    the keys of errors is one.
    """
    if event_type == "error":
        raise AnswerError(event)
    response = event.get("response")
    if not event_type and isinstance(response, dict) and not event.get("error"):
        # That of a response that has failed, without its type.
        event = {**event, "error": response.get("error")}
    if answer_error(event, is_of_model=is_last) is not None:
        raise AnswerError(event)


def _error_in(text: bytes) -> Json:
    """Return the error in a text that is not JSON."""
    label = _ERROR_LINE.match(text)
    words = text[label.end() :] if label is not None else text
    error: Any = None
    if len(words) <= LARGE_BYTES:
        with suppress(orjson.JSONDecodeError):
            error = orjson.loads(words)
    if error is None:
        error = words[:_PIECE].decode(errors="replace")
    return error if isinstance(error, dict) and "error" in error else {"error": error}


def words_in_stray(lines: Iterable[bytes]) -> str:
    """Return the last words in lines that belong to no event, but for the start of a field."""
    stray = [line for line in lines if not any(field.startswith(line) for field in _FIELD_NAMES)]
    return b"\n".join(stray[-_MAX_LINES:])[:_MAX_BYTES].decode(errors="replace").strip()


def check_stray(lines: Iterable[bytes]) -> None:
    """Raise AnswerError if a line outside of the events is an error, and not a large one."""
    for line in lines:
        if _ERROR_LINE.match(line):
            raise AnswerError(_error_in(line))
        if line[:1] == b"{" and len(line) <= LARGE_BYTES:
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if answer_error(value) is not None:
                raise AnswerError(value)


def lines_in_stray(
    decoder: SSEDecoder | NdjsonDecoder, events: list[tuple[str, bytes]]
) -> tuple[SSEDecoder | NdjsonDecoder, list[tuple[str, bytes]]]:
    """Return the decoder for the rest of a stream whose first lines are no fields.

    `events` are those it has found beside them. Returns `(decoder, events)`: another decoder with
    the events so far if the lines are JSON that is only labelled as events.
    """
    is_mixed = any(not data.startswith(b"[DONE]") for _, data in events)
    if is_mixed or isinstance(decoder, NdjsonDecoder) or not is_event_line(decoder.stray[0]):
        return decoder, events
    lines = NdjsonDecoder()
    return lines, lines.feed(decoder.take_stray()) + events


def _events_in(body: bytes, decoder: SSEDecoder | NdjsonDecoder) -> Iterator[tuple[str, bytes]]:
    """Yield the events of a whole stream, read in pieces so that other threads get their turn."""
    for start in range(0, len(body), _PIECE):
        yield from decoder.feed(body[start : start + _PIECE])
    yield from decoder.flush()


def assemble(body: bytes, make: Callable[[], StreamAccumulator] | None) -> Json | None:
    """Return the object that a whole stream adds up to, None if it is not complete.

    `make` returns the accumulator; without one, the only event is the result. Returns what
    `StreamAccumulator.result` returns. Raises AnswerError for an error in the stream, StreamGarbled
    if it cannot be decoded.
    """
    accumulator = make() if make is not None else None
    reader = reader_for(accumulator)
    decoder: SSEDecoder | NdjsonDecoder = (
        NdjsonDecoder()
        if is_ndjson(body, of_objects=accumulator is not None and accumulator.takes_text)
        else SSEDecoder(join_stray=accumulator is not None and accumulator.takes_text)
    )
    events: list[Json] = []
    ended = False
    try:
        for name, data in _events_in(body, decoder):
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
            if events:
                check(events[-1], "", is_last=True)
    except (EventTooLarge, *ODDITIES):
        raise StreamGarbled from None
    # The whole response of a method that does not stream.
    return events[0] if len(events) == 1 and accumulator is None else None
