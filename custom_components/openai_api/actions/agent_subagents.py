"""Subagents: what an agent has passed on to helpers of its own in a session."""

from ..action import ActionGroup, Permission, get_action, list_action, required
from .agent_sessions import SESSION_ID, TURN_ID
from .common_fields import PAGING
from .fields import identifier

_SUBAGENT_ID = identifier("subagent_id", "Subagent", "Id of the subagent.", example="subagent_123")

ACTION_GROUP = ActionGroup(
    key="agent_subagents",
    name="Subagents",
    actions=(
        list_action(
            key="list_subagents",
            method="beta.agents.sessions.subagents.list",
            name="List subagents",
            description="Returns the helpers that an agent has called in during a session.",
            icon="mdi:account-supervisor-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID), *PAGING),
        ),
        get_action(
            key="get_subagent",
            method="beta.agents.sessions.subagents.retrieve",
            name="Get a subagent",
            description="Returns what a helper was asked to do, and whether it is still there.",
            icon="mdi:account-supervisor-circle-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID, _SUBAGENT_ID),
        ),
        list_action(
            key="list_subagent_items",
            method="beta.agents.sessions.subagents.items.list",
            name="List the items of a subagent",
            description="Returns what a helper has said and done.",
            icon="mdi:account-details-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID, _SUBAGENT_ID), *PAGING),
        ),
        list_action(
            key="list_subagent_turns",
            method="beta.agents.sessions.subagents.turns.list",
            name="List the turns of a subagent",
            description="Returns the turns in which a helper has worked.",
            icon="mdi:account-clock-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID, _SUBAGENT_ID), *PAGING),
        ),
        get_action(
            key="get_subagent_turn",
            method="beta.agents.sessions.subagents.turns.retrieve",
            name="Get a turn of a subagent",
            description="Returns how far a helper is with one of its turns.",
            icon="mdi:account-search-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID, _SUBAGENT_ID, TURN_ID),
        ),
        list_action(
            key="list_subagent_turn_items",
            method="beta.agents.sessions.subagents.turns.items.list",
            name="List the items of a subagent's turn",
            description="Returns what a helper has said and done in one of its turns.",
            icon="mdi:account-box-multiple-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID, _SUBAGENT_ID, TURN_ID), *PAGING),
        ),
    ),
)
