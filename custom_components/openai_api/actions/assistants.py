"""Assistants: models with instructions and tools that are kept at the service."""

from ..action import (
    ActionDescription,
    ActionGroup,
    FieldDescription,
    Permission,
    advanced,
    get_action,
    list_action,
    required,
)
from ..types import ModelKind
from .chat import REASONING_EFFORT
from .common_fields import (
    BEFORE,
    METADATA,
    MODEL,
    PAGING,
    TEMPERATURE,
    TOOL_RESOURCES,
    TOP_P,
)
from .fields import identifier, long_text, string_or_object, text
from .object_fields import assistant_tools

ASSISTANT_ID = identifier("assistant_id", "Assistant", "Id of the assistant.", example="asst_123")
TOOLS = assistant_tools(
    "tools",
    "Tools",
    "What the assistant may use: file search, code interpreter, functions of yours.",
    example=[{"type": "file_search"}],
)
RESPONSE_FORMAT = string_or_object(
    "response_format",
    "Response format",
    "Whether the answer is text or JSON, and of which form.",
    example={"type": "json_object"},
    nullable=True,
)
_SETTINGS: tuple[FieldDescription, ...] = (
    text("name", "Name", "What the assistant is called.", example="Gardener", nullable=True),
    text("description", "Description", "What the assistant is for.", nullable=True),
    long_text(
        "instructions",
        "Instructions",
        "How the assistant should behave.",
        example="Answer questions about the garden in one short sentence.",
        nullable=True,
    ),
    TOOLS,
    TOOL_RESOURCES,
    *advanced(RESPONSE_FORMAT, REASONING_EFFORT, TEMPERATURE, TOP_P, METADATA),
)

ACTION_GROUP = ActionGroup(
    key="assistants",
    name="Assistants",
    actions=(
        list_action(
            key="list_assistants",
            method="beta.assistants.list",
            name="List assistants (retired)",
            description="Returns the assistants that are kept at the service.",
            icon="mdi:robot-outline",
            fields=(*PAGING, *advanced(BEFORE)),
        ),
        ActionDescription(
            key="create_assistant",
            method="beta.assistants.create",
            name="Create an assistant (retired)",
            description="Sets up a model with instructions and tools to be used again.",
            icon="mdi:robot-happy-outline",
            model_kind=ModelKind.CHAT,
            fields=(*required(MODEL), *_SETTINGS),
        ),
        get_action(
            key="get_assistant",
            method="beta.assistants.retrieve",
            name="Get an assistant (retired)",
            description="Returns how an assistant is set up.",
            icon="mdi:robot-confused-outline",
            fields=required(ASSISTANT_ID),
        ),
        ActionDescription(
            key="modify_assistant",
            method="beta.assistants.update",
            name="Update an assistant (retired)",
            description="Changes how an assistant is set up.",
            icon="mdi:robot-excited-outline",
            fields=(*required(ASSISTANT_ID), MODEL, *_SETTINGS),
        ),
        ActionDescription(
            key="delete_assistant",
            method="beta.assistants.delete",
            name="Delete an assistant (retired)",
            description="Deletes an assistant.",
            icon="mdi:robot-off-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(ASSISTANT_ID),
            has_body=False,
        ),
    ),
)
