"""The ears of the subentries."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assist.realtime_stt import RealtimeEar
from .assist.stt import EarEntity
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
        {SubentryType.STT: EarEntity, SubentryType.REALTIME: RealtimeEar},
        async_add_entities,
    )
