"""The connection to a server. Importing this takes a while: it brings the client of `websockets`."""

from asyncio import Future, TimerHandle, sleep
from collections import deque
from collections.abc import Awaitable, Callable
import time
from typing import Any, override

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

from ..streaming.text import LARGE_BYTES
from . import connect_options

_MAX_WAITING = 16
"""Messages: while so many wait to be handled, no more is read, as in the library."""
# Seconds: listeners run while an event is fired, and other tasks of the loop wait for them.
_MAX_LOOP_HOLD = 0.001


class KeepaliveConnection(ClientConnection):
    """Aborts the connection when the write buffer does not drain for 2 * PING seconds.

    A ping waits behind what is to be sent. When a host takes none of that, the ping never
    goes out, and the library would never notice that no pong comes.

    A message is handled as it arrives, without a turn of the event loop in between. Those that
    come with more than fits into one turn wait in `messages`, so that no coroutine has to be run
    for each of them. From the first fragment of a message on, the library keeps them as usual.
    """

    _next_write_check: TimerHandle | None = None
    _pending_ping: Future[float] | None = None
    _arrival: Future[None] | None = None
    _handle: Callable[[bytes], None] | None = None
    _turn_ends = 0.0
    # Not a documented method; a release without it keeps all messages by itself.
    _keeps_messages = hasattr(ClientConnection, "process_event")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what the library gives to a connection."""
        super().__init__(*args, **kwargs)
        self.messages: deque[bytes] = deque()
        """What has arrived and was not received yet, in order."""

    async def async_receive(
        self,
        handle: Callable[[bytes], None],
        async_handle_large: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Have every message handled, in order; those over `LARGE_BYTES` by the second handler.

        Raises websockets.exceptions.ConnectionClosed when all are handled and the connection is
        over, and what the handlers raise.
        """
        messages, turn_ends = self.messages, time.monotonic() + _MAX_LOOP_HOLD
        while True:
            message = messages.popleft() if messages else await self._async_next(handle)
            if len(message) <= LARGE_BYTES:
                handle(message)
            else:
                await async_handle_large(message)
            if time.monotonic() > turn_ends:
                await sleep(0)
                turn_ends = time.monotonic() + _MAX_LOOP_HOLD

    async def _async_next(self, handle: Callable[[bytes], None]) -> bytes:
        """Return the next message that `handle` has not been given while this waits."""
        while not self.messages and self._keeps_messages:
            self.transport.resume_reading()
            self._arrival = self.loop.create_future()
            self._handle = handle
            try:
                await self._arrival
            finally:
                self._handle = None
        return self.messages.popleft() if self.messages else await self.recv(decode=False)

    @override
    def process_event(self, event: Any) -> None:
        if not (self._keeps_messages and isinstance(event, Frame)):
            super().process_event(event)
        elif event.fin and event.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._take(bytes(event.data))
        else:
            if not event.fin:
                self._stop_keeping()
            super().process_event(event)

    def _take(self, message: bytes) -> None:
        """Handle a message now, if none waits and there is time left in this turn, else keep it."""
        handle = self._handle
        if handle is None or len(message) > LARGE_BYTES or time.monotonic() > self._turn_ends:
            self.messages.append(message)
            if len(self.messages) == _MAX_WAITING:
                self.transport.pause_reading()
            self._wake()
            return
        try:
            handle(message)
        except Exception as err:  # noqa: BLE001
            # Raised where it is awaited that all are handled.
            self._handle = None
            if self._arrival is not None and not self._arrival.done():
                self._arrival.set_exception(err)

    def _stop_keeping(self) -> None:
        """Leave all messages to the library, those that wait included."""
        self._keeps_messages = False
        while self.messages:
            super().process_event(Frame(Opcode.BINARY, self.messages.popleft()))
        self._wake()

    def _wake(self) -> None:
        """Have `async_receive` look again, which from then on handles what waits."""
        self._handle = None
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
        self._turn_ends = time.monotonic() + _MAX_LOOP_HOLD
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
