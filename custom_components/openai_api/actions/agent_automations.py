"""Automations of agents: work that begins at the service at set times."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    FieldDescription,
    Permission,
    get_action,
    list_action,
    required,
)
from .agent_sessions import SESSION_ID
from .common_fields import METADATA, PAGING
from .fields import choice, identifier, integer, json_object, text

_AUTOMATION_ID = identifier(
    "automation_id", "Automation", "Id of the automation at the service.", example="auto_123"
)
_INVOCATION_ID = identifier(
    "invocation_id", "Run", "Id of the run of the automation.", example="inv_123"
)
_NAME = text("name", "Name", "A name to know it by.", example="Garden diary")
_TARGET = json_object(
    "target",
    "Target",
    "What to do: begin a session (new_session) or say something in one (existing_session).",
    example={
        "type": "existing_session",
        "session_id": "sess_123",
        "instructions": "Write down what flowers today.",
    },
)
_TIMES: tuple[FieldDescription, ...] = (
    text("expression", "Times", "When to begin, as a cron expression.", example="0 7 * * *"),
    text("timezone", "Time zone", "The time zone of the times.", example="Europe/Oslo"),
    integer("run_at", "Time", "When to begin once, in seconds since 1970."),
    replace(METADATA, nullable=False),
)

ACTION_GROUP = ActionGroup(
    key="agent_automations",
    name="Automations of agents",
    actions=(
        ActionDescription(
            key="create_agent_automation",
            method="beta.agents.automations.create",
            name="Create an automation of an agent",
            description="Lets an agent begin to work at set times, or once at a certain time.",
            icon="mdi:calendar-plus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    _NAME,
                    choice(
                        "type",
                        "Type",
                        "Whether it happens again and again (periodic) or once.",
                        ("periodic", "once"),
                    ),
                    _TARGET,
                ),
                *_TIMES,
            ),
        ),
        list_action(
            key="list_agent_automations",
            method="beta.agents.automations.list",
            name="List automations of agents",
            description="Returns the automations that are kept at the service.",
            icon="mdi:calendar-multiple",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *PAGING,
                replace(SESSION_ID, description="Only list the automations of this session."),
            ),
        ),
        get_action(
            key="get_agent_automation",
            method="beta.agents.automations.retrieve",
            name="Get an automation of an agent",
            description="Returns when an automation runs, and what it does.",
            icon="mdi:calendar-text-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_AUTOMATION_ID),
        ),
        ActionDescription(
            key="modify_agent_automation",
            method="beta.agents.automations.update",
            name="Update an automation of an agent",
            description="Changes when an automation runs, or what it does.",
            icon="mdi:calendar-edit-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(_AUTOMATION_ID), _NAME, _TARGET, *_TIMES),
        ),
        ActionDescription(
            key="delete_agent_automation",
            method="beta.agents.automations.delete",
            name="Delete an automation of an agent",
            description="Deletes an automation.",
            icon="mdi:calendar-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_AUTOMATION_ID),
            has_body=False,
        ),
        ActionDescription(
            key="pause_agent_automation",
            method="beta.agents.automations.pause",
            name="Pause an automation of an agent",
            description="Keeps an automation from running until it is resumed.",
            icon="mdi:calendar-lock-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_AUTOMATION_ID),
        ),
        ActionDescription(
            key="resume_agent_automation",
            method="beta.agents.automations.resume",
            name="Resume an automation of an agent",
            description="Lets a paused automation run again.",
            icon="mdi:calendar-refresh-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_AUTOMATION_ID),
        ),
        ActionDescription(
            key="create_agent_automation_invocation",
            method="beta.agents.automations.invocations.create",
            name="Run an automation of an agent",
            description="Runs an automation right now.",
            icon="mdi:calendar-start-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_AUTOMATION_ID),
        ),
        list_action(
            key="list_agent_automation_invocations",
            method="beta.agents.automations.invocations.list",
            name="List runs of an automation of an agent",
            description="Returns when an automation ran, and what came of it.",
            icon="mdi:calendar-clock-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(_AUTOMATION_ID), *PAGING),
        ),
        get_action(
            key="get_agent_automation_invocation",
            method="beta.agents.automations.invocations.retrieve",
            name="Get a run of an automation of an agent",
            description="Returns what came of a run of an automation.",
            icon="mdi:calendar-search-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(_AUTOMATION_ID, _INVOCATION_ID),
        ),
    ),
)
