"""Embeddings: texts as numbers, to compare what they mean."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, advanced, required
from ..types import ModelKind
from . import validators as check
from .common_fields import MODEL, USER
from .fields import choice, integer
from .response_fields import INPUT

ACTION_GROUP = ActionGroup(
    key="embeddings",
    name="Embeddings",
    actions=(
        ActionDescription(
            key="create_embedding",
            method="embeddings.create",
            name="Embed a text",
            description="Turns texts into embeddings with OpenAI: lists of numbers that are close where meanings are close.",
            icon="mdi:vector-point",
            model_kind=ModelKind.EMBEDDING,
            fields=(
                *required(
                    replace(MODEL, example="text-embedding-3-small"),
                    replace(
                        INPUT,
                        description="The text to turn into numbers, or a list of texts.",
                        example="The cat sits on the washing machine.",
                        validator=check.text_or_tokens,
                    ),
                ),
                integer(
                    "dimensions",
                    "Dimensions",
                    "How many numbers stand for each text.",
                    low=1,
                ),
                *advanced(
                    choice(
                        "encoding_format",
                        "Encoding format",
                        "Whether the numbers come as a list (float) or as base64.",
                        ("float", "base64"),
                    ),
                    USER,
                ),
            ),
            # The SDK would ask for base64, for it turns that into numbers faster.
            defaults={"encoding_format": "float"},
            only_answers=True,
        ),
    ),
)
