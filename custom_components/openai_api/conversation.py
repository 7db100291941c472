"""The agents of the subentries."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assist.conversation import OpenAIConversationEntity
from .assist.realtime_conversation import RealtimeConversationEntity
from .data import OpenAIConfigEntry
from .subentries import SubentryType

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an agent for each subentry that is one."""
    entry.runtime_data.subentries.add_platform(
        Platform.CONVERSATION,
        {
            SubentryType.CONVERSATION: OpenAIConversationEntity,
            SubentryType.REALTIME: RealtimeConversationEntity,
        },
        async_add_entities,
    )
