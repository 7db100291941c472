"""Decodes server-sent events from the bytes of a stream, in whatever pieces they come."""

from functools import lru_cache

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""The largest event, in bytes; also the most that lines outside of any event may add up to."""
_BOM = b"\xef\xbb\xbf"
_LONGEST_CACHED_NAME = 64
_FIELDS = frozenset({b"data", b"event", b"id", b"retry", b""})


@lru_cache(maxsize=256)
def _cached_name(text: bytes) -> str:
    """Return the name of an event; there are few, and each comes many times."""
    return text.strip().decode(errors="replace")


def _name(text: bytes) -> str:
    """Return the name of an event; a long one is not worth being kept."""
    if len(text) > _LONGEST_CACHED_NAME:
        return text.strip().decode(errors="replace")
    return _cached_name(text)


class EventTooLarge(ValueError):
    """An event is larger than any event of this API can be."""


class SSEDecoder:
    """Turns chunks of bytes into (event name, data) pairs.

    `feed` follows the HTML standard (section 9.2.6) to the letter. Two things go beyond it, and
    are kept apart so that the caller decides: `flush` returns the last event of a stream whose
    final blank line is missing, and `stray` holds the lines that are no field of the standard,
    where some hosts put their errors.
    """

    def __init__(self, *, join_stray: bool = False) -> None:
        """With `join_stray`, lines that are no field belong to the data of their event."""
        self.stray: list[bytes] = []
        """Lines that are no field, in their order."""
        self._stray_size = 0
        self._join_stray = join_stray
        self._pending: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._start: bytes | None = b""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Return the events that this chunk completes; raises EventTooLarge."""
        if self._start is not None:
            chunk = self._strip_bom(self._start + chunk)
        if not chunk:
            return []
        if b"\r" in chunk or self._after_cr:
            # A CR may be half of a CRLF whose LF comes with the next chunk.
            if self._after_cr and chunk.startswith(b"\n"):
                chunk = chunk[1:]
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if not chunk:
                return []
        pending = self._pending
        if pending:
            if b"\n\n" not in chunk and not (chunk[0] == 10 and pending[-1].endswith(b"\n")):
                pending.append(chunk)
                self._size += len(chunk)
                if self._size > MAX_EVENT_BYTES:
                    raise EventTooLarge
                return []
            chunk = b"".join([*pending, chunk])
        *blocks, rest = chunk.split(b"\n\n")
        self._pending = [rest] if rest else []
        self._size = len(rest)
        events: list[tuple[str, bytes]] = []
        for block in blocks:
            # Nearly all events have one of these two forms.
            if block[:6] == b"data: " and b"\n" not in block:
                events.append(("", block[6:]))
                continue
            if block[:7] == b"event: ":
                head, _, data = block.partition(b"\n")
                if data[:6] == b"data: " and b"\n" not in data:
                    events.append((_name(head[7:]), data[6:]))
                    continue
            self._parse(block, events)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLarge
        return events

    def flush(self) -> list[tuple[str, bytes]]:
        """Return the event, none or one, that lacks its blank line at the end of the stream.

        The standard throws it away; the caller takes it if its data is whole.
        """
        events: list[tuple[str, bytes]] = []
        self._parse(b"".join(self._pending), events)
        self._pending, self._size = [], 0
        return events

    def _parse(self, block: bytes, events: list[tuple[str, bytes]]) -> None:
        """Add the event in the lines of a block, if there is one."""
        name, data = "", []
        for line in block.split(b"\n"):
            key, _, value = line.partition(b":")
            if key == b"data":
                data.append(value.removeprefix(b" "))
            elif key == b"event":
                name = _name(value)
            elif key not in _FIELDS:
                if self._join_stray and key != b"error":
                    data.append(line)
                    continue
                self._stray_size += len(line) + 1
                if self._stray_size > MAX_EVENT_BYTES:
                    raise EventTooLarge
                self.stray.append(line)
        if data:
            events.append((name, b"\n".join(data)))

    def _strip_bom(self, chunk: bytes) -> bytes:
        """Return the first bytes without a byte order mark; none while they may be half of one."""
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._start = chunk
            return b""
        self._start = None
        return chunk.removeprefix(_BOM)
