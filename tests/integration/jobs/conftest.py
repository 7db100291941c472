"""A service that watches jobs, and what it stores and tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import EVENT_PROGRESS
from tests.integration.conftest import add_entry, entry_data
from tests.standin.server import StandIn

from .helpers import Fired


@pytest.fixture(autouse=True)
async def enable_event_loop_debug() -> None:
    """Leave asyncio's debug mode off: to note where each future is made takes a third of the time."""


@pytest.fixture(autouse=True)
def stored(hass_storage: dict[str, Any]) -> dict[str, Any]:
    """Return what Home Assistant has stored, by the keys."""
    return hass_storage


@pytest.fixture
def told(events: Callable[[str], Fired]) -> Fired:
    """Return the progress events from now on."""
    return events(EVENT_PROGRESS)


@pytest.fixture
async def quick(hass: HomeAssistant, standin: StandIn, media_folder: Path) -> MockConfigEntry:
    """Return a service that is not asked twice for one look."""
    return await add_entry(hass, entry_data(standin, max_retries=0))
