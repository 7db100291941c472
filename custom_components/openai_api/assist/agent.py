"""The conversation agent of a subentry."""

from homeassistant.components.conversation import ConversationEntity

from .entity import AssistEntity


class ConversationAgent(AssistEntity, ConversationEntity):
    """The conversation agent of a subentry."""

    supported_languages = "*"
