"""Decisions: questions with a fixed set of answers, and how sure the model is."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, advanced, required
from . import object_fields
from .common_fields import (
    MODEL,
    PROMPT_CACHE_KEY,
    PROMPT_CACHE_OPTIONS,
    SAFETY_IDENTIFIER,
)
from .fields import string_or_list

ACTION_GROUP = ActionGroup(
    key="decisions",
    name="Decisions",
    actions=(
        ActionDescription(
            key="create_decision",
            method="decisions.create",
            name="Make a decision",
            description="Answers questions with yes or no, a choice or a score, and says how sure it is.",
            icon="mdi:scale-balance",
            fields=(
                *required(
                    MODEL,
                    string_or_list(
                        "input",
                        "Input",
                        "What the decision is about: a text, or messages with texts and pictures.",
                        example="The doorbell rang at 3 in the morning.",
                    ),
                    object_fields.questions(
                        "questions",
                        "Questions",
                        "What to decide: each a predicate, a choice or a score.",
                        example=[
                            {
                                "type": "predicate",
                                "name": "alarm",
                                "instructions": "Should somebody be woken up?",
                            }
                        ],
                    ),
                ),
                *advanced(
                    SAFETY_IDENTIFIER,
                    PROMPT_CACHE_KEY,
                    replace(PROMPT_CACHE_OPTIONS, nullable=True),
                ),
            ),
            only_answers=True,
        ),
    ),
)
