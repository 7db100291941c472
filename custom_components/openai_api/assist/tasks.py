"""The AI task entity of a subentry."""

from homeassistant.components.ai_task import AITaskEntity

from .entity import AssistEntity


class TaskEntity(AssistEntity, AITaskEntity):
    """The AI task entity of a subentry."""
