"""Decodes server-sent events from the bytes of a stream, in whatever pieces they come."""

from functools import lru_cache

_LIMIT = 64 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


@lru_cache(maxsize=256)
def _name(text: bytes) -> str:
    """Return the name of an event; there are few, and each comes many times."""
    return text.strip().decode(errors="replace")


class EventTooLarge(ValueError):
    """An event is larger than any event of this API can be."""


class Decoder:
    """Turns chunks of bytes into (event name, data) pairs, as the HTML standard says."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._start: bytes | None = b""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Return the events that this chunk completes; raises EventTooLarge."""
        if self._start is not None:
            chunk = self._begin(self._start + chunk)
        if not chunk:
            return []
        if b"\r" in chunk or self._after_cr:
            # A CR may be half of a CRLF whose LF comes with the next chunk.
            if self._after_cr and chunk.startswith(b"\n"):
                chunk = chunk[1:]
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # Only the first line may have begun in an earlier chunk.
        *lines, rest = chunk.split(b"\n")
        self._size += len(chunk)
        events: list[tuple[str, bytes]] = []
        if lines:
            lines[0] = b"".join([*self._line, lines[0]])
            self._line = []
        self._line.append(rest)
        for line in lines:
            if line[:6] == b"data: ":
                self._data.append(line[6:])
            elif line[:6] == b"event:":
                self._name = _name(line[6:])
            elif not line:
                if self._data:
                    events.append((self._name, b"\n".join(self._data)))
                    self._data = []
                self._name, self._size = "", 0
            elif line[:5] == b"data:" or line == b"data":
                self._data.append(line[5:])
            elif line == b"event":
                self._name = ""
        if self._size > _LIMIT:
            raise EventTooLarge
        return events

    def _begin(self, chunk: bytes) -> bytes:
        """Return the first bytes without a byte order mark; none while they may be half of one."""
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._start = chunk
            return b""
        self._start = None
        return chunk.removeprefix(_BOM)
