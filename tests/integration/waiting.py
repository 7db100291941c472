"""Waiting for what comes of a test's steps."""

import asyncio
from collections.abc import Callable


async def wait_for(
    condition: Callable[[], object], seconds: float = 10, *, what: str = "nothing has come of it"
) -> None:
    """Wait until something holds; fails with `what` after some seconds."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(what) from None
