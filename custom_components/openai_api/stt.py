"""Speech-to-text entities of subentries."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assist.realtime_stt import RealtimeSTTEntity
from .assist.stt import OpenAISTTEntity
from .data import OpenAIConfigEntry
from .subentries import SubentryType

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for each subentry that listens."""
    entry.runtime_data.subentries.add_platform(
        Platform.STT,
        {SubentryType.STT: OpenAISTTEntity, SubentryType.REALTIME: RealtimeSTTEntity},
        async_add_entities,
    )
