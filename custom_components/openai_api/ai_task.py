"""The AI tasks of the subentries."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assist.ai_task import OpenAITaskEntity
from .data import OpenAIConfigEntry
from .subentries import SubentryType

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for each subentry that does AI tasks."""
    entry.runtime_data.subentries.add_platform(
        Platform.AI_TASK, {SubentryType.AI_TASK: OpenAITaskEntity}, async_add_entities
    )
