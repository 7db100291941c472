"""Gives the rest of Home Assistant its turn while very many requests are under way."""

import asyncio
import time

from homeassistant.core import callback

_SECONDS = 0.01
"""How long the requests of one service may hold the event loop before others get their turn."""


class LoopTurn:
    """Spreads what many requests do at the same moment over several turns of the event loop."""

    def __init__(self) -> None:
        """Start outside of any turn."""
        self._ends: float | None = None
        """When what is done in this turn of the loop has gone on for long enough."""

    async def async_take(self) -> None:
        """Go on at once, or in a later turn if this one has gone on for long."""
        # There is nothing to wait for but the loop's next turn.
        while self._ends is not None and time.monotonic() > self._ends:  # noqa: ASYNC110
            await asyncio.sleep(0)
        if self._ends is None:
            self._ends = time.monotonic() + _SECONDS
            asyncio.get_running_loop().call_soon(self._end)

    @callback
    def _end(self) -> None:
        """Begin anew: the loop has looked after everything else."""
        self._ends = None
