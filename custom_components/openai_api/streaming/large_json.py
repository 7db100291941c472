"""Parses large JSON texts in pieces, so that the event loop is not blocked.

orjson holds the GIL until it is done, so a thread is not enough: 30 MB of small objects would block
everything for a second. Here each call of it gets a few kilobytes. A piece of a list is parsed with
brackets around it; if that succeeds it is right, because JSON is unambiguous from left to right.
"""

from collections.abc import Callable
import re
from typing import Any

import orjson

_MAX_PIECE = 32 * 1024
_MIN_PIECE = 64
_STRING_PIECE = 128 * 1024
_MAX_SCALAR_BYTES = 64 * 1024
MAX_CONTAINERS = 500_000
"""The most objects and lists in one text: Python's collection of garbage looks at all of them."""
_MAX_ESCAPE_BYTES = 12
"""Bytes of one character: two escapes of a surrogate pair."""
_SPACE = re.compile(rb"[ \t\r\n]*")
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SCALAR = re.compile(rb"[-+.0-9A-Za-z]+")
_NO_NUMBERS = frozenset({b"NaN", b"Infinity", b"-Infinity"})
"""What servers in Python send beside numbers."""
_ENDINGS = (b"},", b"],", b'",', b",")
"""The bytes at the end of a member, the likeliest first."""

type CheckPiece = Callable[[bytes, Any, int], None]
type LoadString = Callable[[bytes], str]


class TooManyContainers(ValueError):
    """A text has more objects and lists than `MAX_CONTAINERS`."""


class LargeJsonReader:
    """Parses one JSON text."""

    def __init__(
        self,
        data: bytes,
        max_depth: int,
        check_piece: CheckPiece,
        load_string: LoadString = orjson.loads,
    ) -> None:
        """Take the text and the maximum depth.

        `check_piece` takes a piece, its value and the levels left for it, and raises ValueError if
        the value has more. `load_string` takes a string in quotation marks that orjson refuses, and
        raises ValueError if it is none.
        """
        self._data = data
        self._max_depth = max_depth
        self._check_piece = check_piece
        self._load_string = load_string
        self._left = MAX_CONTAINERS

    def read(self) -> Any:
        """Return the value.

        Raises ValueError for invalid JSON, and beyond `max_depth` levels, and TooManyContainers.
        """
        try:
            value, end = self._value(self._skip(0), 0)
        except RecursionError as err:
            raise ValueError("too deep") from err
        if self._skip(end) != len(self._data):
            raise ValueError("no JSON")
        return value

    def _skip(self, position: int) -> int:
        """Return the position of the next character that is not white space."""
        while True:
            match = _SPACE.match(self._data, position, position + _STRING_PIECE)
            assert match is not None
            if match.end() < position + _STRING_PIECE:
                return match.end()
            position = match.end()

    def _value(self, start: int, level: int) -> tuple[Any, int]:
        """Return the value at a position, and its end."""
        match self._data[start : start + 1]:
            case b"{":
                return self._container({}, start, b"}", level + 1)
            case b"[":
                return self._container([], start, b"]", level + 1)
            case b'"':
                return self._string(start)
        scalar = _SCALAR.match(self._data, start, start + _MAX_SCALAR_BYTES)
        if scalar is None or scalar.end() == start + _MAX_SCALAR_BYTES:
            raise ValueError("no JSON")
        value = None if scalar[0] in _NO_NUMBERS else orjson.loads(scalar[0])
        return value, scalar.end()

    def _container(
        self, container: dict[str, Any] | list[Any], start: int, closing: bytes, level: int
    ) -> tuple[Any, int]:
        """Return an object or a list, and its end."""
        if level > self._max_depth:
            raise ValueError("too deep")
        self._count(1)
        data, size = self._data, _MAX_PIECE
        position = self._skip(start + 1)
        if data[position : position + 1] == closing:
            return container, position + 1
        while True:
            # Parse as many members at once as fit into a piece.
            end = None
            while end is None and size >= _MIN_PIECE:
                if (end := self._piece(container, position, size, level)) is None:
                    size //= 4
            if end is not None:
                size = min(size * 2, _MAX_PIECE)
                position = self._skip(end)
                continue
            size = _MIN_PIECE * 4
            position = self._skip(self._member(container, position, level))
            sign = data[position : position + 1]
            if sign == closing:
                return container, position + 1
            if sign != b",":
                raise ValueError("no JSON")
            position = self._skip(position + 1)

    def _piece(
        self, container: dict[str, Any] | list[Any], position: int, size: int, level: int
    ) -> int | None:
        """Add the members in a piece of about this size; return the start of the next member.

        None if no end of a member is found. The last member of a container is never in a piece,
        because no comma follows it.
        """
        data, limit = self._data, position + size
        for ending in _ENDINGS:
            comma = data.rfind(ending, position, limit) + len(ending) - 1
            if comma < position:
                continue
            members = data[position:comma]
            whole = b"[%b]" % members if isinstance(container, list) else b"{%b}" % members
            try:
                value = orjson.loads(whole)
            except orjson.JSONDecodeError:
                continue
            if not value:
                # A comma after nothing.
                raise ValueError("no JSON")
            # Brackets in short texts count, too. Long texts are no pieces.
            self._count(members.count(b"{") + members.count(b"["))
            self._check_piece(whole, value, self._max_depth - level + 1)
            if isinstance(container, list):
                container.extend(value)
            else:
                container.update(value)
            return comma + 1
        return None

    def _count(self, containers: int) -> None:
        """Count objects and lists; raises TooManyContainers."""
        self._left -= containers
        if self._left < 0:
            raise TooManyContainers

    def _member(self, container: dict[str, Any] | list[Any], position: int, level: int) -> int:
        """Add one member; return its end."""
        if isinstance(container, list):
            value, end = self._value(position, level)
            container.append(value)
            return end
        if self._data[position : position + 1] != b'"':
            raise ValueError("no JSON")
        key, end = self._string(position)
        end = self._skip(end)
        if self._data[end : end + 1] != b":":
            raise ValueError("no JSON")
        container[key], end = self._value(self._skip(end + 1), level)
        return end

    def _string(self, start: int) -> tuple[str, int]:
        """Return the string whose opening quote is at a position, and its end."""
        data, position = self._data, start + 1
        pieces: list[str] = []
        while True:
            match = _IN_STRING.match(data, position, position + _STRING_PIECE)
            assert match is not None
            end = match.end()
            if data[end : end + 1] == b'"':
                pieces.append(self._decode(data[position:end]))
                return "".join(pieces), end + 1
            piece, position = self._cut(position, end)
            pieces.append(piece)

    def _cut(self, start: int, end: int) -> tuple[str, int]:
        """Return a piece of a string that ends before `end` with a whole character, and its end."""
        for load in (orjson.loads, self._load_string):
            for cut in range(end, max(start, end - _MAX_ESCAPE_BYTES), -1):
                try:
                    return load(b'"%b"' % self._data[start:cut]), cut
                except ValueError:
                    continue
        raise ValueError("no JSON")

    def _decode(self, content: bytes) -> str:
        """Return what stands between quotation marks."""
        text = b'"%b"' % content
        try:
            decoded: str = orjson.loads(text)
        except orjson.JSONDecodeError:
            decoded = self._load_string(text)
        return decoded
