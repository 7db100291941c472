"""The real SDK, pointed at the stand-in."""

from __future__ import annotations

import asyncio
import json
from typing import Any, override

from openai import AsyncOpenAI

from .server import AUTH_HEADER, AUTH_QUERY, StandIn

KEY = "sk-canary"
MODEL = "gpt-5"
STYLES = ("bearer", "header", "query", "none")
# The older SDK leaves its default headers and query out of WebSocket handshakes.
EXTRAS: dict[str, dict[str, Any]] = {
    "bearer": {},
    "header": {"extra_headers": {AUTH_HEADER: KEY}},
    "query": {"extra_query": {AUTH_QUERY: KEY}},
    "none": {},
}


class KeylessOpenAI(AsyncOpenAI):
    """A client that shows no Authorization header."""

    @property
    @override
    def auth_headers(self) -> dict[str, str]:
        """Return no headers."""
        return {}

    @override
    def _auth_headers(self, security: Any) -> dict[str, str]:
        """Return no headers."""
        return {}

    @override
    def _validate_headers(self, headers: Any, custom_headers: Any) -> None:
        """Accept a request without credentials."""


def make_client(standin: StandIn, style: str = "bearer", **options: Any) -> AsyncOpenAI:
    """Build an SDK client for one of the mounts."""
    options = {"base_url": standin.url(style), "api_key": KEY, "max_retries": 0, **options}
    extra = EXTRAS[style]
    options["default_headers"] = extra.get("extra_headers")
    options["default_query"] = extra.get("extra_query")
    return AsyncOpenAI(**options) if style == "bearer" else KeylessOpenAI(**options)


async def read_until(connection: Any, *kinds: str) -> list[dict[str, Any]]:
    """Read raw events from an SDK connection up to one of the given types."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(5):
        while not events or events[-1]["type"] not in kinds:
            events.append(json.loads(await connection.recv_bytes()))
    return events
