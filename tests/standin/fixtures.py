"""Fixtures, for test modules that say pytest_plugins = ["tests.standin.fixtures"]."""

from __future__ import annotations

from collections.abc import AsyncIterator

from openai import AsyncOpenAI
import pytest
import pytest_asyncio

from .sdk import KEY, make_client
from .server import StandIn


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
