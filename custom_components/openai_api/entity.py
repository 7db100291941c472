"""What the entities of a service have in common."""

from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity
from yarl import URL

from .const import DOMAIN
from .data import OpenAIConfigEntry

_OPENAI = "api.openai.com"
_OPENAI_SITE = "https://platform.openai.com"


def device_info(entry: OpenAIConfigEntry) -> DeviceInfo:
    """Return the device that stands for a service."""
    url = URL(entry.runtime_data.host.settings.base_url)
    is_openai = url.host == _OPENAI
    return DeviceInfo(
        identifiers={(DOMAIN, entry.entry_id)},
        entry_type=DeviceEntryType.SERVICE,
        name=entry.title,
        manufacturer="OpenAI" if is_openai else url.host,
        model="OpenAI API" if is_openai else "OpenAI-compatible API",
        configuration_url=_OPENAI_SITE if is_openai else str(url.origin()),
    )


@callback
def remove_entity(registry: er.EntityRegistry, entity_id: str) -> None:
    """Remove an entity; its settings are kept for 30 days, in case it is added again.

    The registry would keep them forever if it still belonged to the entry.
    """
    if entity_id not in registry.entities:
        return
    registry.async_update_entity(entity_id, config_entry_id=None)
    registry.async_remove(entity_id)


class HostEntity(Entity):
    """An entity of the device of a service; it is not polled."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, entry: OpenAIConfigEntry, key: str) -> None:
        """Initialize the entity; the key is that of its texts and icon."""
        self.runtime_data = entry.runtime_data
        self.host = self.runtime_data.host
        self._attr_translation_key = key
        self._attr_unique_id = f"{entry.entry_id}_{key}"
        self._attr_device_info = device_info(entry)
