"""Runs: let an assistant work on a thread, and see what it does there."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    FieldDescription,
    advanced,
    get_action,
    list_action,
    required,
)
from ..object_types import RUN
from ..streaming.accumulators import RunAccumulator
from .assistants import ASSISTANT_ID, RESPONSE_FORMAT, TOOLS
from .chat import REASONING_EFFORT, TOOL_CHOICE
from .common_fields import (
    BEFORE,
    METADATA,
    MODEL,
    PAGING,
    PARALLEL_TOOL_CALLS,
    STREAM,
    TEMPERATURE,
    THREAD_ID,
    TOOL_RESOURCES,
    TOP_P,
    include,
)
from .fields import identifier, integer, long_text
from .messages import RUN_ID
from .object_fields import thread_messages
from .object_fields_agents import new_thread, tool_outputs, truncation_strategy

_STEP_ID = identifier("step_id", "Step", "Id of the step.", example="step_123")
_INCLUDE = include("step_details.tool_calls[*].file_search.results[*].content")
_TOOL_OUTPUTS = tool_outputs(
    "tool_outputs",
    "Tool outputs",
    "What the functions of yours returned, one for each call that the run waits for.",
    example=[{"tool_call_id": "call_123", "output": "21 °C"}],
)
_INSTRUCTIONS = long_text(
    "instructions",
    "Instructions",
    "How to behave this time, instead of what the assistant was told.",
    nullable=True,
)
_ADVANCED_FIELDS: tuple[FieldDescription, ...] = (
    replace(MODEL, description="Use this model instead of the assistant's.", nullable=True),
    replace(TOOLS, nullable=True),
    replace(TOOL_CHOICE, nullable=True),
    replace(PARALLEL_TOOL_CALLS, nullable=False),
    RESPONSE_FORMAT,
    TEMPERATURE,
    TOP_P,
    integer(
        "max_completion_tokens",
        "Max completion tokens",
        "The run ends once its answers, thoughts included, are longer than this.",
        low=256,
        nullable=True,
    ),
    integer(
        "max_prompt_tokens",
        "Max prompt tokens",
        "The run ends once it has read more than this.",
        low=256,
        nullable=True,
    ),
    truncation_strategy(
        "truncation_strategy",
        "Truncation strategy",
        "How much of a long thread the run reads.",
        example={"type": "last_messages", "last_messages": 10},
        nullable=True,
    ),
    METADATA,
)
_RUN_FIELDS: tuple[FieldDescription, ...] = (
    *required(THREAD_ID, ASSISTANT_ID),
    _INSTRUCTIONS,
    long_text(
        "additional_instructions",
        "Additional instructions",
        "Added to what the assistant was told.",
        example="Address the person as Anna.",
        nullable=True,
    ),
    thread_messages(
        "additional_messages",
        "Additional messages",
        "Messages to add to the thread first.",
        example=[{"role": "user", "content": "When do I prune the roses?"}],
        nullable=True,
    ),
)
_RUN_ADVANCED_FIELDS: tuple[FieldDescription, ...] = advanced(
    REASONING_EFFORT, *_ADVANCED_FIELDS, _INCLUDE
)
_NEW_THREAD_FIELDS: tuple[FieldDescription, ...] = (
    *required(ASSISTANT_ID),
    new_thread(
        "thread",
        "Thread",
        "The thread to begin, with its messages.",
        example={"messages": [{"role": "user", "content": "When do I prune the roses?"}]},
    ),
    _INSTRUCTIONS,
)
_NEW_THREAD_ADVANCED_FIELDS: tuple[FieldDescription, ...] = advanced(
    TOOL_RESOURCES, *_ADVANCED_FIELDS
)
_TOOL_OUTPUT_FIELDS: tuple[FieldDescription, ...] = required(THREAD_ID, RUN_ID, _TOOL_OUTPUTS)

ACTION_GROUP = ActionGroup(
    key="runs",
    name="Runs",
    actions=(
        ActionDescription(
            key="create_thread_and_run",
            method="beta.threads.create_and_run",
            name="Create a thread and run it (retired)",
            description="Begins a thread and lets an assistant work on it.",
            icon="mdi:run-fast",
            fields=(*_NEW_THREAD_FIELDS, STREAM, *_NEW_THREAD_ADVANCED_FIELDS),
            accumulator=RunAccumulator,
        ),
        ActionDescription(
            key="create_thread_and_poll_run",
            method="beta.threads.create_and_run",
            name="Create a thread, run it and wait (retired)",
            description="Begins a thread, lets an assistant work on it, and returns the run once it is done.",
            icon="mdi:timer-sand",
            fields=(*_NEW_THREAD_FIELDS, *_NEW_THREAD_ADVANCED_FIELDS),
            poll=RUN,
        ),
        ActionDescription(
            key="create_thread_and_stream_run",
            method="beta.threads.create_and_run",
            name="Create a thread and stream its run (retired)",
            description="Begins a thread, lets an assistant work on it, and fires an openai_api_stream_event for all that it does.",
            icon="mdi:fast-forward-outline",
            fields=(*_NEW_THREAD_FIELDS, *_NEW_THREAD_ADVANCED_FIELDS),
            accumulator=RunAccumulator,
            handler="runs.async_stream",
        ),
        list_action(
            key="list_runs",
            method="beta.threads.runs.list",
            name="List the runs of a thread (retired)",
            description="Returns how often assistants worked on a thread, and how it went.",
            icon="mdi:clipboard-list-outline",
            fields=(*required(THREAD_ID), *PAGING, *advanced(BEFORE)),
        ),
        ActionDescription(
            key="create_run",
            method="beta.threads.runs.create",
            name="Create a run (retired)",
            description="Lets an assistant work on a thread.",
            icon="mdi:run",
            fields=(*_RUN_FIELDS, STREAM, *_RUN_ADVANCED_FIELDS),
            accumulator=RunAccumulator,
        ),
        ActionDescription(
            key="create_and_poll_run",
            method="beta.threads.runs.create",
            name="Create a run and wait for it (retired)",
            description="Lets an assistant work on a thread, and returns the run once it is done.",
            icon="mdi:timer-play-outline",
            fields=(*_RUN_FIELDS, *_RUN_ADVANCED_FIELDS),
            poll=RUN,
        ),
        ActionDescription(
            key="stream_run",
            method="beta.threads.runs.create",
            name="Stream a run (retired)",
            description="Lets an assistant work on a thread, and fires an openai_api_stream_event for all that it does.",
            icon="mdi:play-circle-outline",
            fields=(*_RUN_FIELDS, *_RUN_ADVANCED_FIELDS),
            accumulator=RunAccumulator,
            handler="runs.async_stream",
        ),
        get_action(
            key="get_run",
            method="beta.threads.runs.retrieve",
            name="Get a run (retired)",
            description="Returns how far a run is, and what it waits for.",
            icon="mdi:clipboard-pulse-outline",
            fields=required(THREAD_ID, RUN_ID),
            watch_as=RUN,
        ),
        ActionDescription(
            key="poll_run",
            method="beta.threads.runs.retrieve",
            name="Wait for a run (retired)",
            description="Returns a run once it is done.",
            icon="mdi:timer-outline",
            fields=required(THREAD_ID, RUN_ID),
            has_body=False,
            poll=RUN,
        ),
        ActionDescription(
            key="modify_run",
            method="beta.threads.runs.update",
            name="Update a run (retired)",
            description="Changes the metadata of a run.",
            icon="mdi:clipboard-edit-outline",
            fields=(*required(THREAD_ID, RUN_ID), METADATA),
        ),
        ActionDescription(
            key="submit_tool_outputs_to_run",
            method="beta.threads.runs.submit_tool_outputs",
            name="Submit tool outputs to a run (retired)",
            description="Tells a run what the functions of yours returned.",
            icon="mdi:clipboard-arrow-up-outline",
            fields=(*_TOOL_OUTPUT_FIELDS, STREAM),
            accumulator=RunAccumulator,
        ),
        ActionDescription(
            key="submit_tool_outputs_and_poll_run",
            method="beta.threads.runs.submit_tool_outputs",
            name="Submit tool outputs and wait (retired)",
            description="Tells a run what the functions of yours returned, and returns the run once it is done.",
            icon="mdi:timer-check-outline",
            fields=_TOOL_OUTPUT_FIELDS,
            poll=RUN,
        ),
        ActionDescription(
            key="submit_tool_outputs_and_stream_run",
            method="beta.threads.runs.submit_tool_outputs",
            name="Submit tool outputs and stream the run (retired)",
            description="Tells a run what the functions of yours returned, and fires an openai_api_stream_event for all that it does then.",
            icon="mdi:clipboard-play-outline",
            fields=_TOOL_OUTPUT_FIELDS,
            accumulator=RunAccumulator,
            handler="runs.async_stream",
        ),
        ActionDescription(
            key="cancel_run",
            method="beta.threads.runs.cancel",
            name="Cancel a run (retired)",
            description="Stops a run that is under way.",
            icon="mdi:stop-circle-outline",
            fields=required(THREAD_ID, RUN_ID),
        ),
        list_action(
            key="list_run_steps",
            method="beta.threads.runs.steps.list",
            name="List the steps of a run (retired)",
            description="Returns what an assistant did in a run, step by step.",
            icon="mdi:stairs",
            fields=(*required(THREAD_ID, RUN_ID), *PAGING, *advanced(BEFORE, _INCLUDE)),
        ),
        get_action(
            key="get_run_step",
            method="beta.threads.runs.steps.retrieve",
            name="Get a step of a run (retired)",
            description="Returns one step of a run.",
            icon="mdi:stairs-box",
            fields=(*required(THREAD_ID, RUN_ID, _STEP_ID), *advanced(_INCLUDE)),
        ),
    ),
)
