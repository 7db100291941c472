"""Completions: the oldest way to ask a model, which goes on with a text."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, advanced, required
from ..streaming.accumulators import CompletionAccumulator
from ..types import ModelKind
from .common_fields import (
    CHOICES,
    COMPLETION_STREAM_OPTIONS,
    FREQUENCY_PENALTY,
    LOGIT_BIAS,
    MODEL,
    PRESENCE_PENALTY,
    SEED,
    STOP,
    STREAM,
    TEMPERATURE,
    TOP_P,
    USER,
)
from .fields import boolean, integer, text, text_or_tokens

ACTION_GROUP = ActionGroup(
    key="completions",
    name="Completions",
    actions=(
        ActionDescription(
            key="create_completion",
            method="completions.create",
            name="Create a text completion",
            description="Goes on with a text. For older models and local services.",
            icon="mdi:typewriter",
            model_kind=ModelKind.CHAT,
            fields=(
                *required(
                    replace(MODEL, example="gpt-3.5-turbo-instruct"),
                    replace(
                        text_or_tokens(
                            "prompt",
                            "Text",
                            "The text to go on with, or a list of texts.",
                            example="Once upon a time in a smart home",
                            nullable=True,
                        ),
                        selector={"text": {"multiline": True}},
                    ),
                ),
                integer(
                    "max_tokens",
                    "Max tokens",
                    "The longest answer. A token is about four letters.",
                    low=1,
                    nullable=True,
                ),
                STREAM,
                *advanced(
                    text("suffix", "Suffix", "The text that comes after the gap.", nullable=True),
                    boolean("echo", "Echo", "Return the text before the answer.", nullable=True),
                    TEMPERATURE,
                    TOP_P,
                    CHOICES,
                    integer(
                        "best_of",
                        "Best of",
                        "Make this many answers and return the likeliest ones.",
                        low=1,
                        high=20,
                        nullable=True,
                    ),
                    STOP,
                    SEED,
                    FREQUENCY_PENALTY,
                    PRESENCE_PENALTY,
                    LOGIT_BIAS,
                    integer(
                        "logprobs",
                        "Word probabilities",
                        "How many likely alternatives to return for each word.",
                        high=5,
                        nullable=True,
                    ),
                    COMPLETION_STREAM_OPTIONS,
                    USER,
                ),
            ),
            accumulator=CompletionAccumulator,
        ),
    ),
)
