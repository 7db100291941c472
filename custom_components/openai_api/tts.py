"""Text-to-speech entities of subentries."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assist.realtime_tts import RealtimeTTSEntity
from .assist.tts import OpenAITTSEntity
from .data import OpenAIConfigEntry
from .subentries import SubentryType

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for each subentry that speaks."""
    entry.runtime_data.subentries.add_platform(
        Platform.TTS,
        {SubentryType.TTS: OpenAITTSEntity, SubentryType.REALTIME: RealtimeTTSEntity},
        async_add_entities,
    )
