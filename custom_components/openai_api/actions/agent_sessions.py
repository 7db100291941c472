"""Sessions of agents: give them work, and see what they make of it."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    ResponseKind,
    advanced,
    get_action,
    list_action,
    required,
)
from ..object_types import AGENT_SESSION, AGENT_SESSION_TURN
from ..streaming.accumulators import AgentTurnAccumulator
from .agents import AGENT_ID, PAGING as NULLABLE_PAGING
from .common_fields import METADATA, METADATA_FILTER, PAGING, STREAM
from .fields import (
    boolean,
    choice,
    identifier,
    json_object,
    objects,
    string_or_list,
    text,
    texts,
)
from .object_fields_agents import agent_changes, agent_environment, agent_settings

SESSION_ID = identifier("session_id", "Session", "Id of the session.", example="sess_123")
TURN_ID = identifier("turn_id", "Turn", "Id of the turn.", example="turn_123")
_ARTIFACT_ID = identifier("artifact_id", "Artifact", "Id of the artifact.", example="artifact_123")
_INPUT = replace(
    string_or_list(
        "input",
        "Input",
        "What the agent should do: a text, or a list of messages.",
        example="Write down that the tomatoes are in flower.",
    ),
    selector={"text": {"multiline": True}},
)
_IDEMPOTENCY_KEY = text(
    "idempotency_key",
    "Idempotency key",
    "The service takes what comes with the same key only once.",
)
_SETTINGS = agent_settings(
    "agent",
    "Settings of the agent",
    "The model and more, for this session alone.",
    example={"model": "gpt-5-mini"},
)
_CHANGES = agent_changes(
    "agent",
    "Settings of the agent",
    "Model, reasoning and service tier of the turns to come.",
    example={"model": "gpt-5-mini"},
)

_NEWER = (
    choice(
        "review",
        "Review",
        "Whether the service checks what the agent does (auto_review).",
        ("none", "auto_review"),
    ),
    json_object(
        "prompt_cache_options",
        "Prompt cache options",
        "How the service keeps the beginnings of requests for reuse.",
        example={"ttl": "30m"},
        nullable=True,
    ),
)

ACTION_GROUP = ActionGroup(
    key="agent_sessions",
    name="Sessions of agents",
    actions=(
        ActionDescription(
            key="create_agent_session",
            method="beta.agents.sessions.create",
            name="Create an agent session",
            description="Lets an agent begin to work, in surroundings of its own.",
            icon="mdi:head-cog-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    agent_environment(
                        "environment",
                        "Environment",
                        "Where the agent works: nowhere (none), at the service, or on a machine of yours.",
                        example={"type": "none"},
                    )
                ),
                replace(
                    AGENT_ID,
                    description="Id of the agent. Without it, the settings must name a model.",
                ),
                replace(_INPUT, nullable=True),
                _SETTINGS,
                replace(STREAM, nullable=False),
                *advanced(
                    texts(
                        "vault_ids",
                        "Vaults",
                        "Ids of the vaults whose credentials the agent may use.",
                        example=["vault_123"],
                        nullable=True,
                    ),
                    METADATA,
                    *_NEWER,
                    json_object(
                        "stream_options", "Stream options", "Settings that only apply to a stream."
                    ),
                ),
            ),
            accumulator=AgentTurnAccumulator,
        ),
        ActionDescription(
            key="run_agent_session",
            method="beta.agents.sessions.stream",
            name="Ask an agent session",
            description=(
                "Says something in a session that is at rest, fires an openai_api_stream_event "
                "for everything that happens, and returns the session and the answer."
            ),
            icon="mdi:head-question-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID, _INPUT), *advanced(_IDEMPOTENCY_KEY)),
            accumulator=AgentTurnAccumulator,
            handler="agents.async_take_turn",
        ),
        ActionDescription(
            key="stream_agent_session",
            method="beta.agents.sessions.events.stream",
            name="Follow an agent session",
            description=(
                "Fires an openai_api_stream_event for everything that happens in a session "
                "that is at work, until it rests, fails or waits for you."
            ),
            icon="mdi:head-sync-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(SESSION_ID),
                *advanced(
                    boolean(
                        "include_obfuscation",
                        "Include padding",
                        "Let the service pad the events of a stream, so that their length tells nothing.",
                    )
                ),
            ),
            has_body=False,
            accumulator=AgentTurnAccumulator,
            is_streaming=lambda _data: True,
        ),
        ActionDescription(
            key="submit_agent_session_events",
            method="beta.agents.sessions.events.create",
            name="Send events to an agent session",
            description="Adds messages and results of functions to a session, or stops its turn.",
            icon="mdi:head-plus-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    SESSION_ID,
                    objects(
                        "events",
                        "Events",
                        "What to send. Home Assistant keeps a record of it, so leave out passwords.",
                        example=[{"type": "agent.session.input.cancel"}],
                    ),
                ),
                *advanced(_IDEMPOTENCY_KEY),
            ),
            response=ResponseKind.NONE,
            empty_response={"status": "accepted"},
        ),
        list_action(
            key="list_agent_sessions",
            method="beta.agents.sessions.list",
            name="List agent sessions",
            description="Returns the sessions that are kept at the service.",
            icon="mdi:head-dots-horizontal-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                replace(AGENT_ID, description="Only list the sessions of this agent."),
                *NULLABLE_PAGING,
                *advanced(METADATA_FILTER),
            ),
        ),
        get_action(
            key="get_agent_session",
            method="beta.agents.sessions.retrieve",
            name="Get an agent session",
            description="Returns how far a session is, and what it waits for.",
            icon="mdi:head-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID),
            watch_as=AGENT_SESSION,
        ),
        ActionDescription(
            key="modify_agent_session",
            method="beta.agents.sessions.update",
            name="Update an agent session",
            description="Changes the metadata of a session, or how its next turns are thought out.",
            icon="mdi:head-flash-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(SESSION_ID),
                _CHANGES,
                METADATA,
                *advanced(*_NEWER),
            ),
        ),
        ActionDescription(
            key="delete_agent_session",
            method="beta.agents.sessions.delete",
            name="Delete an agent session",
            description="Deletes a session that is not at work.",
            icon="mdi:head-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID),
            has_body=False,
        ),
        list_action(
            key="list_agent_session_items",
            method="beta.agents.sessions.items.list",
            name="List the items of an agent session",
            description="Returns what was said and done in a session.",
            icon="mdi:head-lightbulb-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID), *PAGING),
        ),
        list_action(
            key="list_agent_session_traces",
            method="beta.agents.sessions.traces.list",
            name="List the traces of an agent session",
            description="Returns how the turns of a session went, for tools that read OpenTelemetry.",
            icon="mdi:chart-timeline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID), *PAGING),
        ),
        list_action(
            key="list_agent_session_turns",
            method="beta.agents.sessions.turns.list",
            name="List the turns of an agent session",
            description="Returns the turns of a session, each begun by something that was said.",
            icon="mdi:timeline-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID), *PAGING),
        ),
        get_action(
            key="get_agent_session_turn",
            method="beta.agents.sessions.turns.retrieve",
            name="Get a turn of an agent session",
            description="Returns how far a turn is, what it used, and what went wrong.",
            icon="mdi:timeline-question-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID, TURN_ID),
            watch_as=AGENT_SESSION_TURN,
        ),
        list_action(
            key="list_agent_session_turn_items",
            method="beta.agents.sessions.turns.items.list",
            name="List the items of a turn",
            description="Returns what was said and done in one turn of a session.",
            icon="mdi:timeline-check-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(*required(SESSION_ID, TURN_ID), *PAGING),
        ),
        list_action(
            key="list_agent_session_artifacts",
            method="beta.agents.sessions.artifacts.list",
            name="List the artifacts of an agent session",
            description="Returns the files that an agent has made in a session.",
            icon="mdi:cube-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(SESSION_ID),
                *(replace(field, nullable=field.key != "order") for field in PAGING),
                *advanced(
                    text(
                        "environment_id",
                        "Environment",
                        "Only list what was made in the environment with this id.",
                        nullable=True,
                    )
                ),
            ),
        ),
        get_action(
            key="get_agent_session_artifact",
            method="beta.agents.sessions.artifacts.retrieve",
            name="Get an artifact of an agent session",
            description="Returns the name and the size of a file that an agent has made.",
            icon="mdi:cube-scan",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID, _ARTIFACT_ID),
        ),
        ActionDescription(
            key="download_agent_session_artifact",
            method="beta.agents.sessions.artifacts.content",
            name="Download an artifact of an agent session",
            description="Saves a file that an agent has made in the media folder.",
            icon="mdi:package-down",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID, _ARTIFACT_ID),
            response=ResponseKind.FILE,
            has_body=False,
        ),
        ActionDescription(
            key="delete_agent_session_artifact",
            method="beta.agents.sessions.artifacts.delete",
            name="Delete an artifact of an agent session",
            description="Deletes the copy of a file that an agent has made.",
            icon="mdi:package-variant-closed-remove",
            permission=Permission.ADMINISTRATORS,
            fields=required(SESSION_ID, _ARTIFACT_ID),
            has_body=False,
        ),
    ),
)
