"""Lets other tasks run during work that has nothing to wait for."""

import asyncio
import time
from typing import Final

_LONGEST: Final = 0.005
"""Seconds."""


class LoopTurn:
    """Bounds for how long a flood of text, or of events that are all there, is worked on at once.

    An asynchronous generator that never waits keeps the loop to itself to its end.
    """

    def __init__(self) -> None:
        self._ends = time.monotonic() + _LONGEST

    async def async_yield(self) -> None:
        """Let other tasks run, if this one has held the event loop for long enough."""
        if time.monotonic() > self._ends:
            await asyncio.sleep(0)
            self._ends = time.monotonic() + _LONGEST
