"""Agents: models with instructions and tools that work on their own at the service."""

from dataclasses import replace

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
from .common_fields import AFTER, LIMIT, METADATA, MODEL, ORDER, service_tier
from .fields import identifier, json_object, long_text, text
from .object_fields import reasoning, text_format
from .object_fields_agents import agent_tools, multi_agent

AGENT_ID = identifier("agent_id", "Agent", "Id of the agent.", example="agent_123")
NULLABLE_LIMIT = replace(LIMIT, nullable=True)
PAGING = (AFTER, NULLABLE_LIMIT, ORDER)
NAME = text("name", "Name", "A name to know it by.", example="Gardener", nullable=True)
MULTI_AGENT = multi_agent(
    "multi_agent",
    "Several agents",
    "Whether the work may be shared out among several agents, and how many at once.",
    example={"enabled": True, "max_concurrent_subagents": 3},
    nullable=True,
)
_SETTINGS: tuple[FieldDescription, ...] = (
    NAME,
    long_text(
        "instructions",
        "Instructions",
        "How the agent should behave.",
        example="Look after the garden diary. Write short entries.",
        nullable=True,
    ),
    agent_tools(
        "tools",
        "Tools",
        "What the agent may use: functions of yours, MCP servers, web search and more.",
        example=[{"type": "web_search"}],
        nullable=True,
    ),
    *advanced(
        reasoning(
            "reasoning",
            "Reasoning",
            "How hard the model should think, if it can.",
            example={"effort": "low"},
            nullable=True,
        ),
        text_format(
            "text",
            "Text format",
            "How the answer is written: as prose, or as JSON of a given form.",
            example={"verbosity": "low"},
            nullable=True,
        ),
        MULTI_AGENT,
        service_tier("auto", "default", "flex", "priority", "fast", "ultrafast"),
        METADATA,
        json_object(
            "compaction",
            "Compaction",
            "How a long context is shortened: in the background with async.",
            example={"async": True},
            nullable=True,
        ),
        json_object(
            "experimental",
            "Trial settings",
            "Settings on trial, such as time_awareness.",
            example={"time_awareness": True},
        ),
    ),
)

ACTION_GROUP = ActionGroup(
    key="agents",
    name="Agents",
    actions=(
        ActionDescription(
            key="create_agent",
            method="beta.agents.create",
            name="Create an agent",
            description="Sets up an agent that works on its own, to be used in sessions.",
            icon="mdi:account-tie-hat-outline",
            permission=Permission.ADMINISTRATORS,
            model_kind=ModelKind.CHAT,
            fields=(*required(MODEL), *_SETTINGS),
        ),
        list_action(
            key="list_agents",
            method="beta.agents.list",
            name="List agents",
            description="Returns the agents that are kept at the service.",
            icon="mdi:account-tie-outline",
            permission=Permission.ADMINISTRATORS,
            fields=PAGING,
        ),
        get_action(
            key="get_agent",
            method="beta.agents.retrieve",
            name="Get an agent",
            description="Returns how an agent is set up.",
            icon="mdi:account-tie",
            permission=Permission.ADMINISTRATORS,
            fields=required(AGENT_ID),
        ),
        ActionDescription(
            key="modify_agent",
            method="beta.agents.update",
            name="Update an agent",
            description="Changes how an agent is set up. Sessions that exist keep what they have.",
            icon="mdi:account-edit-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(AGENT_ID), MODEL, *_SETTINGS),
        ),
        ActionDescription(
            key="delete_agent",
            method="beta.agents.delete",
            name="Delete an agent",
            description="Deletes an agent.",
            icon="mdi:account-tie-voice-off-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(AGENT_ID),
            has_body=False,
        ),
    ),
)
