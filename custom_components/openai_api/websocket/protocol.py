"""The connection to a server. Importing this takes a while: it brings the client of `websockets`."""

from asyncio import Future, TimerHandle
from collections import deque
from collections.abc import Awaitable
from typing import Any, override

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

from . import connect_options

_MAX_WAITING = 16
"""Messages: while so many wait to be received, no more is read, as in the library."""


class KeepaliveConnection(ClientConnection):
    """Aborts the connection when the write buffer does not drain for 2 * PING seconds.

    A ping waits behind what is to be sent. When a host takes none of that, the ping never
    goes out, and the library would never notice that no pong comes.

    Messages wait in `messages`, so that no coroutine has to be run for each of many that arrive at
    once. From the first fragment of a message on, the library keeps them as usual.
    """

    _next_write_check: TimerHandle | None = None
    _pending_ping: Future[float] | None = None
    _arrival: Future[None] | None = None
    # Not a documented method; a release without it keeps all messages by itself.
    _keeps_messages = hasattr(ClientConnection, "process_event")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what the library gives to a connection."""
        super().__init__(*args, **kwargs)
        self.messages: deque[bytes] = deque()
        """What has arrived and was not received yet, in order."""

    async def async_receive(self) -> bytes:
        """Return the next message, not decoded.

        Raises websockets.exceptions.ConnectionClosed when there is none and the connection is over.
        """
        while not self.messages and self._keeps_messages:
            self.transport.resume_reading()
            self._arrival = self.loop.create_future()
            await self._arrival
        return self.messages.popleft() if self.messages else await self.recv(decode=False)

    @override
    def process_event(self, event: Any) -> None:
        if not (self._keeps_messages and isinstance(event, Frame)):
            super().process_event(event)
        elif event.fin and event.opcode in (Opcode.TEXT, Opcode.BINARY):
            self.messages.append(bytes(event.data))
            if len(self.messages) == _MAX_WAITING:
                self.transport.pause_reading()
            self._wake()
        else:
            if not event.fin:
                self._stop_keeping()
            super().process_event(event)

    def _stop_keeping(self) -> None:
        """Leave all messages to the library, those that wait included."""
        self._keeps_messages = False
        while self.messages:
            super().process_event(Frame(Opcode.BINARY, self.messages.popleft()))
        self._wake()

    def _wake(self) -> None:
        """Have `async_receive` look again."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    @override
    async def ping(self, data: Any = None) -> Awaitable[float]:
        """Send a ping; any received data counts as its pong, which may be queued behind it.

        While reading is paused, the ping counts as answered: there is data to be processed.
        Returns a future of the seconds that it took, here always 0.
        """
        await super().ping(data)
        answered: Future[float] = self.loop.create_future()
        if self.transport.is_reading():
            self._pending_ping = answered
        else:
            answered.set_result(0)
        return answered

    @override
    def data_received(self, data: bytes) -> None:
        if (ping := self._pending_ping) is not None:
            self._pending_ping = None
            if not ping.done():
                ping.set_result(0)
        super().data_received(data)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._check_write_progress()

    @override
    def resume_writing(self) -> None:
        self._cancel_write_check()
        super().resume_writing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_write_check()
        super().connection_lost(exc)
        # What has arrived is still received; then the library says how it ended.
        self._keeps_messages = False
        self._wake()

    def _check_write_progress(self, waited: int | None = None) -> None:
        """Abort if as many bytes wait as at the last check."""
        waiting = self.transport.get_write_buffer_size()
        if waiting == waited:
            self.transport.abort()
            return
        self._next_write_check = self.loop.call_later(
            2 * connect_options.PING, self._check_write_progress, waiting
        )

    def _cancel_write_check(self) -> None:
        """Stop checking."""
        if self._next_write_check is not None:
            self._next_write_check.cancel()
