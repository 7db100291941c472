"""Decodes server-sent events from the bytes of a stream, in whatever pieces they come."""

_LIMIT = 64 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


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
        self._fresh = True

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Return the events that this chunk completes; raises EventTooLarge."""
        if not chunk:
            return []
        if self._fresh:
            chunk, self._fresh = chunk.removeprefix(_BOM), False
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
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode(errors="replace")
            elif not line:
                if self._data:
                    events.append((self._name, b"\n".join(self._data)))
                self._name, self._data, self._size = "", [], 0
        if self._size > _LIMIT:
            raise EventTooLarge
        return events
