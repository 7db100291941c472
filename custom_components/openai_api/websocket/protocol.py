"""The connection to a server. Importing this takes a while: it brings the client of `websockets`."""

from asyncio import Future, TimerHandle
from collections.abc import Awaitable
from typing import Any, override

from websockets.asyncio.client import ClientConnection

from . import connect_options


class KeepaliveConnection(ClientConnection):
    """Aborts the connection when the write buffer does not drain for 2 * PING seconds.

    A ping waits behind what is to be sent. When a host takes none of that, the ping never
    goes out, and the library would never notice that no pong comes.
    """

    _next_write_check: TimerHandle | None = None
    _pending_ping: Future[float] | None = None

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
