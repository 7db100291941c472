"""A host that sends exactly the bytes that a test gives it."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from tests.resilience.raw_server import RawServer

from ..conftest import CANARY, add_entry


@pytest.fixture
async def raw(hass: HomeAssistant, media_folder: Path) -> AsyncGenerator[RawServer]:
    """Return a raw server with a loaded entry for it."""
    server = RawServer()
    await server.start()
    data: dict[str, Any] = {
        "base_url": server.url,
        "auth_method": "bearer",
        "auth_name": "",
        "api_key_source": "stored",
        "api_key": CANARY,
        "verify_ssl": True,
        "timeout": 5.0,
        "max_retries": 0,
        "skip_validation": True,
    }
    await add_entry(hass, data)
    yield server
    await server.stop()
