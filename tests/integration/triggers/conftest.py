"""Two services."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.integration.conftest import add_entry, entry_data
from tests.standin.server import StandIn


@pytest.fixture
async def other(hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry) -> MockConfigEntry:
    """Return another loaded service."""
    return await add_entry(hass, entry_data(standin, "none"))
