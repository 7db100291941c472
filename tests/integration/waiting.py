"""Waiting for what comes of a test's steps."""

import asyncio
from collections.abc import Callable


async def wait_for(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
