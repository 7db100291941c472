"""Where entities are known."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest


@pytest.fixture
def registry(hass: HomeAssistant) -> er.EntityRegistry:
    """Return the entity registry."""
    return er.async_get(hass)
