"""Moderations: tell whether a text or a picture is harmful."""

from dataclasses import replace

from ..model import Action, Family, required
from . import validators as check
from .response_fields import INPUT
from .shared import MODEL

FAMILY = Family(
    key="moderations",
    name="Moderations",
    actions=(
        Action(
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
