"""The real SDK, pointed at the stand-in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from openai import AsyncOpenAI

from .server import StandIn

KEY = "sk-canary"
MODEL = "gpt-5"
STYLES = ("bearer", "header", "query", "none")


def make_client(standin: StandIn, **options: Any) -> AsyncOpenAI:
    """Build an SDK client."""
    return AsyncOpenAI(**{"base_url": standin.url(), "api_key": KEY, "max_retries": 0, **options})


async def read_until(connection: Any, *kinds: str) -> list[dict[str, Any]]:
    """Read raw events from an SDK connection up to one of the given types."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(5):
        while not events or events[-1]["type"] not in kinds:
            events.append(json.loads(await connection.recv_bytes()))
    return events
