"""A host that sends exactly the bytes that a test gives it."""

from collections.abc import AsyncGenerator
from pathlib import Path

from homeassistant.core import HomeAssistant
import pytest

from tests.resilience.raw_server import RawServer

from ..conftest import add_entry, service_data


@pytest.fixture
async def raw(hass: HomeAssistant, media_folder: Path) -> AsyncGenerator[RawServer]:
    """Return a raw server with a loaded entry for it."""
    server = RawServer()
    await server.start()
    await add_entry(hass, service_data(server.url))
    yield server
    await server.stop()
