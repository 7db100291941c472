"""Decodes streams that have one JSON object on each line, without the fields of an event."""

import orjson

from ..types import Json
from .sse import MAX_EVENT_BYTES, EventTooLarge
from .text import LARGE_BYTES

_MAX_FIRST_LINE_BYTES = 64 * 1024
_EVENT_TYPES = ("response.", "transcript.", "speech.", "image_generation.", "image_edit.")
_CHUNKS = (".chunk", "text_completion")
_SEPARATORS = b"\x1e \t\r"
"""Around a line: JSON text sequences have a record separator in front."""


class NdjsonDecoder:
    """Turns chunks of bytes into pairs of an event name, which is empty, and data."""

    def __init__(self) -> None:
        """Start empty."""
        self.stray: list[bytes] = []
        """None: every line is an event."""
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Return the events that a chunk completes: `[("", data), …]`. Raises EventTooLarge."""
        *lines, rest = chunk.split(b"\n")
        if lines and self._rest:
            lines[0] = b"".join([*self._rest, lines[0]])
            self._rest, self._size = [], 0
        if rest:
            self._rest.append(rest)
            self._size += len(rest)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLarge
        return [("", data) for line in lines if (data := _data(line))]

    def flush(self) -> list[tuple[str, bytes]]:
        """Return the last line if it has no end: `[("", data)]`, else `[]`."""
        data, self._rest = _data(b"".join(self._rest)), []
        return [("", data)] if data else []


def _data(line: bytes) -> bytes:
    """Return the data of a line, which some servers label as an event after all."""
    return line.strip(_SEPARATORS).removeprefix(b"data:").strip()


def is_ndjson(body: bytes, *, of_objects: bool = False) -> bool:
    """Return whether a body is a stream of lines: the first is an event, and another follows.

    With `of_objects`, any object counts as an event.
    """
    end = body.find(b"\n", 0, _MAX_FIRST_LINE_BYTES)
    if end <= 0 or body.find(b"{", end) < 0:
        return False
    line = body[:end]
    return is_event_line(line) or (of_objects and _object_in(line) is not None)


def may_be_ndjson(start: bytes) -> bool:
    """Return whether the first line is still missing that tells whether these are lines."""
    start = start[:_MAX_FIRST_LINE_BYTES].lstrip(_SEPARATORS)
    return start[:1] == b"{" and b"\n" not in start and len(start) < _MAX_FIRST_LINE_BYTES - 1


def is_event_line(line: bytes) -> bool:
    """Return whether a line is an event of a stream, and not a whole answer."""
    if (event := _object_in(line)) is None:
        return False
    if str(event.get("type")).startswith(_EVENT_TYPES):
        return True
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict) and "message" not in first and "delta" in first:
        return True
    return choices is not None and str(event.get("object")).endswith(_CHUNKS)


def _object_in(line: bytes) -> Json | None:
    """Return the object that a line holds, None if it holds anything else, or is large."""
    data = line.strip(_SEPARATORS)
    if data[:1] != b"{" or data[-1:] != b"}" or len(data) > LARGE_BYTES:
        return None
    try:
        value: Json = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value
