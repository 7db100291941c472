"""Decodes server-sent events from chunks of bytes of any size."""

import re

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""The maximum size of an event in bytes, and of all lines that are no field."""
_MAX_LINES = 64 * 1024
"""The maximum number of data lines in one event, and of lines that are no field in a stream."""
_BOM = b"\xef\xbb\xbf"
_MAX_KEPT_NAME_BYTES = 64
_MAX_KEPT_NAMES = 256
_MANY_LINES = 12
"""Lines: so many at once are worth a look at how they are laid out."""
_FIELDS = frozenset({b"data", b"event", b"id", b"retry", b""})


class EventTooLarge(ValueError):
    """An event exceeds `MAX_EVENT_BYTES`."""


class SSEDecoder:
    """Turns chunks of bytes into (event name, data) pairs.

    `feed` follows the HTML standard (section 9.2.6), except that data lines which cannot belong
    to one JSON text are events of their own: some hosts leave out the blank lines. Two more
    things go beyond it, and are kept apart so that the caller decides: `flush` returns the last
    event of a stream whose final blank line is missing, and `stray` holds the lines that are no
    field of the standard, where some hosts put their errors.
    """

    def __init__(self, *, join_stray: bool = False) -> None:
        """With `join_stray`, lines that are no field are part of the data of their event."""
        self.stray: list[bytes] = []
        """Lines that are no field, in order."""
        self._stray_size = 0
        self._join_stray = join_stray
        self._names: dict[bytes, str] = {}
        """The names of events by their lines: there are few, and each is frequent."""
        self._line: list[bytes] = []
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._start: bytes | None = b""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Return the events that a chunk completes.

        Returns `[(event name, data), …]`, the name empty if the stream gives none, data as bytes.
        Raises EventTooLarge.
        """
        if self._start is not None:
            chunk = self._strip_bom(self._start + chunk)
        if not chunk:
            return []
        if b"\r" in chunk or self._after_cr:
            # A CR may belong to a CRLF whose LF is in the next chunk.
            if self._after_cr and chunk.startswith(b"\n"):
                chunk = chunk[1:]
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # Only the first line may have begun in an earlier chunk.
        *lines, rest = chunk.split(b"\n")
        self._size += len(chunk)
        events: list[tuple[str, bytes]] = []
        if lines:
            if self._line:
                first, *more = self._line
                if first[:6] == b"data: ":
                    # Joined without its name: a large event is copied but once.
                    self._data.append(b"".join([first[6:], *more, lines[0]]))
                    del lines[0]
                else:
                    lines[0] = b"".join([*self._line, lines[0]])
                self._line = []
            if len(lines) < _MANY_LINES:
                # Written out: most servers send event by event.
                self._read_lines(lines, events)
            else:
                self._read(lines, events)
        if rest:
            self._line.append(rest)
        if self._size > MAX_EVENT_BYTES or len(self._data) > _MAX_LINES:
            raise EventTooLarge
        return events

    def flush(self) -> list[tuple[str, bytes]]:
        """Return the event at the end of the stream that lacks its blank line.

        Returns `[(event name, data)]` or `[]`. The standard drops this event; the caller uses it if
        its data is complete. Raises EventTooLarge.
        """
        events: list[tuple[str, bytes]] = []
        line, self._line = b"".join(self._line), []
        self._read_lines([line, b""] if line else [b""], events)
        return events

    def take_stray(self) -> bytes:
        """Return the lines that are no field, and the part of a line behind them; forget both."""
        taken = b"".join(line + b"\n" for line in self.stray) + b"".join(self._line)
        self.stray, self._line = [], []
        return taken

    def _read(self, lines: list[bytes], events: list[tuple[str, bytes]]) -> None:
        """Add the events that many whole lines complete."""
        if b"" in lines:
            start = 0
            if self._data or self._event:
                start = lines.index(b"") + 1
                self._read_lines(lines[:start], events)
            end = len(lines) - (len(lines) - start) % 3
            start = end if self._read_blocks(lines[start:end], events) else start
            lines = lines[start:]
        self._read_lines(lines, events)

    def _read_lines(self, lines: list[bytes], events: list[tuple[str, bytes]]) -> None:
        """Add the events that whole lines complete, whatever stands in them."""
        data, names, event = self._data, self._names, self._event
        for line in lines:
            if not line:
                if len(data) == 1:
                    events.append((event, data[0]))
                    data.clear()
                elif data:
                    events.extend((event, part) for part in _split(data))
                    data.clear()
                event, self._size = "", 0
            elif line[:6] == b"data: ":
                data.append(line[6:])
            elif (name := names.get(line)) is not None:
                event = name
            elif line[:6] == b"event:" or line == b"event":
                event = self._name(line)
            elif line[:1] == b":":
                continue
            else:
                self._read_rare(line)
        self._event = event

    def _read_blocks(self, lines: list[bytes], events: list[tuple[str, bytes]]) -> bool:
        """Add the events in lines that are a name, its data and a blank line, over and over.

        `lines` are three times as many as there are events. False if there is anything else, which
        also means that none was added.
        """
        heads = lines[::3]
        count = len(heads)
        if lines[2::3].count(b"") != count:
            return False
        names = self._names
        for line in set(heads).difference(names):
            if line[:6] != b"event:":
                return False
            self._name(line)
        try:
            types = [names[line] for line in heads]
        except KeyError:
            # More names than are kept.
            return False
        data = [line[6:] for line in lines[1::3] if line[:6] == b"data: "]
        if len(data) != count:
            return False
        events.extend(zip(types, data, strict=True))
        self._size = 0
        return True

    def _read_rare(self, line: bytes) -> None:
        """Read a line of another form."""
        key, _, value = line.partition(b":")
        if key == b"data":
            self._data.append(value)
        elif key not in _FIELDS:
            if self._join_stray and key != b"error":
                self._data.append(line)
                return
            if line.isspace():
                # Some hosts keep a connection alive like this.
                return
            self._stray_size += len(line) + 1
            if self._stray_size > MAX_EVENT_BYTES or len(self.stray) >= _MAX_LINES:
                raise EventTooLarge
            self.stray.append(line)

    def _name(self, line: bytes) -> str:
        """Return the name in an `event` line."""
        name = line[6:].strip().decode(errors="replace")
        if len(line) <= _MAX_KEPT_NAME_BYTES and len(self._names) < _MAX_KEPT_NAMES:
            self._names[line] = name
        return name

    def _strip_bom(self, chunk: bytes) -> bytes:
        """Return the first bytes without a byte order mark; none while they may be part of one."""
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._start = chunk
            return b""
        self._start = None
        return chunk.removeprefix(_BOM)


def _split(lines: list[bytes]) -> list[bytes]:
    """Return the data of each event in lines that no blank line divides."""
    data = b"\n".join(lines)
    if b"}\n{" not in data and b"\n[DONE]" not in data:
        return [data]
    # Within one JSON text there would be a comma between two objects.
    return re.split(rb"(?<=\})\n(?=\{)|\n(?=\[DONE\])", data)
