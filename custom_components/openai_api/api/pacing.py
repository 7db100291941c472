"""Spreads what many requests do at the same moment over several turns of the event loop."""

import asyncio
from collections import deque
from typing import Final

from homeassistant.core import callback

PER_TURN: Final = 12
"""Requests that go on in one turn of the event loop: each takes about a millisecond of it."""


class LoopPacer:
    """Lets a few requests go on in each turn of the event loop, first come, first served."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._loop = asyncio.get_running_loop()
        self._gone_on = 0
        """How many went on in this turn."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    @callback
    def take(self) -> asyncio.Future[None] | None:
        """Return what to wait for before going on; None if there is nothing to wait for."""
        if self._gone_on < PER_TURN and not self._waiting:
            if not self._gone_on:
                self._loop.call_soon(self._begin_turn)
            self._gone_on += 1
            return None
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    @callback
    def _begin_turn(self) -> None:
        """Let the next ones go on: the loop has looked after everything else."""
        self._gone_on = 0
        while self._waiting and self._gone_on < PER_TURN:
            future = self._waiting.popleft()
            # Whoever was cancelled does not count.
            if not future.done():
                future.set_result(None)
                self._gone_on += 1
        if self._gone_on:
            self._loop.call_soon(self._begin_turn)
