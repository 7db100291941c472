"""Takes the messages of a host out of the bytes as they come, many at a time.

The library makes an object of each frame, puts it into a queue and wakes whoever waits for it,
which costs more than all that is done with an event afterwards. Here whole text messages are cut
out of what a read of the socket has brought. Everything else is left to the library, to the byte:
the handshake, control frames, fragments, compressed, binary and large messages, messages that
arrive in pieces, and whatever breaks the protocol.
"""

from asyncio import Future
from collections import deque
from typing import Any, override

from websockets.frames import Opcode
from websockets.protocol import State

from .protocol import Line

_WHOLE_TEXT = 0x81
"""The first byte of a text message in one frame, not compressed: see RFC 6455, section 5.2."""
_LAST_PIECE = 0x80
_OPCODE = 0x0F
_MASKED = 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""Lengths that stand for a longer one in so many bytes behind them."""
_HEAD_END = b"\r\n\r\n"
_MAX_READY = 64
"""Messages: no more is read while so many wait."""
IN_LIBRARY = b""
"""Stands in `ready` for a message that the library has, or for the end of the connection."""


class MessageLine(Line):
    """A line that holds ready the messages which have come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what the library's connection takes."""
        super().__init__(*args, **kwargs)
        self.ready: deque[bytes] = deque()
        """The messages in their order; `receive` gets one that is IN_LIBRARY."""
        self._is_open = False
        """Whether the handshake has ended."""
        self._is_over = False
        """Whether the library is to have all that still comes: no message can follow."""
        self._kept = b""
        """The beginning of a frame's head, or the last bytes of the handshake."""
        self._left = 0
        """Bytes of the frame of which the library has the beginning."""
        self._is_fragmented = False
        self._is_closing = False
        """Whether that frame says goodbye."""
        self._is_held = False
        """Whether nothing is read until all messages are taken."""
        self._waiter: Future[None] | None = None

    async def wait(self) -> None:
        """Wait until something is ready."""
        if not self._is_open:
            # A library that hands over its bytes in a way that is not known here.
            self.ready.append(IN_LIBRARY)
        while not self.ready:
            self._go_on()
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def receive(self) -> bytes:
        """Return the message that the library has.

        Raises ConnectionClosed once there is none any more.
        """
        self._go_on()
        return await super().recv(decode=False)

    @override
    async def recv(self, decode: bool | None = None) -> Any:
        """Return the next message, as the library's own method does."""
        if not self.ready:
            await self.wait()
        if message := self.ready.popleft():
            return message if decode is False else message.decode()
        self._go_on()
        return await super().recv(decode)

    @override
    def data_received(self, data: bytes) -> None:
        if self._asked is not None:
            self._answer()
        if not self._is_open:
            data = self._open(data)
        elif self._kept:
            data, self._kept = self._kept + data, b""
        if self._is_over:
            super().data_received(data)
            return
        if data:
            self._split(data)
        if self.ready:
            if len(self.ready) > _MAX_READY and not self._is_held:
                self._is_held = True
                self.transport.pause_reading()
            self._wake()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ready.append(IN_LIBRARY)
        self._wake()

    def _open(self, data: bytes) -> bytes:
        """Hand over the handshake; return what has come behind it."""
        seen = self._kept + data
        end = seen.find(_HEAD_END)
        if end < 0:
            self._kept = seen[1 - len(_HEAD_END) :]
            super().data_received(data)
            return b""
        end += len(_HEAD_END) - len(self._kept)
        self._is_open, self._kept = True, b""
        super().data_received(data[:end])
        self._is_over = self.protocol.state is not State.OPEN
        return data[end:]

    def _split(self, data: bytes) -> None:
        """Take out the messages; the library gets the rest."""
        position, end, take = 0, len(data), self.ready.append
        if self._left:
            position = self._hand_over(data, 0)
        while (start := position + 2) <= end and not self._is_over:
            size = data[position + 1]
            if size == _TWO_BYTES:
                start += 2
                if start > end:
                    break
                size = data[start - 2] << 8 | data[start - 1]
            elif size > _TWO_BYTES:
                size = 0
            stop = start + size
            if data[position] == _WHOLE_TEXT and size and stop <= end and not self._is_fragmented:
                take(data[start:stop])
                position = stop
            elif self._begin(data, position):
                position = self._hand_over(data, position)
            else:
                break
        if self._is_over:
            super().data_received(data[position:])
        else:
            self._kept = data[position:]

    def _begin(self, data: bytes, position: int) -> bool:
        """Look at the head of a frame that the library is to have; False if there is more to it."""
        first, size = data[position], data[position + 1]
        mask = 4 if size & _MASKED else 0
        size &= ~_MASKED
        more = {_TWO_BYTES: 2, _EIGHT_BYTES: 8}.get(size, 0)
        start = position + 2
        if start + more > len(data):
            return False
        if more:
            size = int.from_bytes(data[start : start + more])
        self._left = 2 + more + mask + size
        opcode, is_last = first & _OPCODE, bool(first & _LAST_PIECE)
        self._is_closing = opcode == Opcode.CLOSE
        if opcode < Opcode.CLOSE:
            if opcode != Opcode.CONT:
                # From its first piece on, so that whoever takes it gives way to the next ones.
                self.ready.append(IN_LIBRARY)
            self._is_fragmented = not is_last
        return True

    def _hand_over(self, data: bytes, position: int) -> int:
        """Give the library a frame, or what is there of it; return where that ends."""
        piece = data[position : position + self._left]
        self._left -= len(piece)
        was_open = self.protocol.state is State.OPEN
        super().data_received(piece)
        is_goodbye = self._is_closing and not self._left
        # What comes after a goodbye, or after what the library has refused, counts no more.
        self._is_over = is_goodbye or (was_open and self.protocol.state is not State.OPEN)
        return position + len(piece)

    def _wake(self) -> None:
        """Wake whoever waits."""
        if (waiter := self._waiter) is not None and not waiter.done():
            waiter.set_result(None)

    def _go_on(self) -> None:
        """Read again: there is room for more."""
        if self._is_held:
            self._is_held = False
            self.transport.resume_reading()
