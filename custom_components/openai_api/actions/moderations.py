"""Moderations: tell whether a text or a picture is harmful."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, required
from . import validators as check
from .common_fields import MODEL
from .response_fields import INPUT

ACTION_GROUP = ActionGroup(
    key="moderations",
    name="Moderations",
    actions=(
        ActionDescription(
            key="create_moderation",
            method="moderations.create",
            name="Moderate a text or a picture",
            description="Tells with OpenAI whether a text or a picture is harmful, and in which way.",
            icon="mdi:shield-check-outline",
            fields=(
                *required(
                    replace(
                        INPUT,
                        description="The text to check, or a list of texts and pictures.",
                        example="Dinner is ready!",
                        validator=check.text_or_texts,
                    )
                ),
                replace(MODEL, example="omni-moderation-latest"),
            ),
            only_answers=True,
        ),
    ),
)
