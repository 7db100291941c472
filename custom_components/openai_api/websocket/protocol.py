"""The connection to a server. Importing this takes a while: it brings the client of `websockets`."""

from asyncio import Future, TimerHandle
from collections.abc import Awaitable
from typing import Any, override

from websockets.asyncio.client import ClientConnection

from . import connect_options


class KeepaliveConnection(ClientConnection):
    """Hangs up once nothing moves any more.

    A ping waits behind what is to be sent. When a host takes none of that, the ping never
    goes out, and nobody would ever notice that no answer comes.
    """

    _next_write_check: TimerHandle | None = None
    _pending_ping: Future[float] | None = None

    @override
    async def ping(self, data: Any = None) -> Awaitable[float]:
        """Send a ping, which whatever arrives answers: the pong waits behind all of that.

        Nothing is read while there is enough to do with what has arrived.
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
        if self._pending_ping is not None:
            self._answer()
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

    def _answer(self) -> None:
        """Take what has arrived as the answer to a ping."""
        asked, self._pending_ping = self._pending_ping, None
        if asked is not None and not asked.done():
            asked.set_result(0)

    def _check_write_progress(self, waited: int | None = None) -> None:
        """Hang up if as many bytes wait as at the last look."""
        waiting = self.transport.get_write_buffer_size()
        if waiting == waited:
            self.transport.abort()
            return
        self._next_write_check = self.loop.call_later(
            2 * connect_options.PING, self._check_write_progress, waiting
        )

    def _cancel_write_check(self) -> None:
        """Look no longer."""
        if self._next_write_check is not None:
            self._next_write_check.cancel()
