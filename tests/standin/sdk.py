"""The real SDK pointed at the stand-in, and pytest fixtures with both.

Test modules ask for it with pytest_plugins = ["tests.standin.sdk"].
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
import json
from typing import Any, override

from openai import AsyncOpenAI
import pytest
import pytest_asyncio

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


@pytest.fixture
def sockets_allowed(request: pytest.FixtureRequest) -> None:
    """Lift the socket ban of Home Assistant's test plugin, where it is installed."""
    if request.config.pluginmanager.hasplugin("homeassistant"):
        request.getfixturevalue("socket_enabled")


@pytest_asyncio.fixture
async def standin(sockets_allowed: None) -> AsyncIterator[StandIn]:
    """Run a stand-in inside the test's event loop."""
    async with StandIn(key=KEY) as running:
        yield running


@pytest_asyncio.fixture
async def client(standin: StandIn) -> AsyncIterator[AsyncOpenAI]:
    """Return an SDK client of the stand-in's bearer mount."""
    async with make_client(standin) as running:
        yield running
