"""Subentries: added, changed and removed while the service goes on working."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import AddSubentry


async def test_subentry_added_alive_reloads_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, add_subentry: AddSubentry
) -> None:
    host = entry.runtime_data
    subentry_id = await add_subentry("conversation")

    assert entry.runtime_data is host
    assert hass.states.get("conversation.kitchen") is not None
    registered = er.async_get(hass).async_get("conversation.kitchen")
    assert registered is not None
    assert registered.config_subentry_id == subentry_id
    assert registered.unique_id == subentry_id
