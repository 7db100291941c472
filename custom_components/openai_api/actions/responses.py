"""Responses: ask a model, and manage what it answered."""

from dataclasses import replace

from ..action import (
    ActionDescription,
    ActionGroup,
    Permission,
    ResponseKind,
    advanced,
    list_action,
    required,
)
from ..handlers.response_helpers import add_output_text, add_parsed, check_parsed, check_response
from ..media.attachments import async_attach_to_input
from ..object_types import RESPONSE
from ..streaming.accumulators import ResponseAccumulator
from ..types import ModelKind
from .common_fields import (
    ATTACHMENTS,
    BEFORE,
    CONVERSATION_ID,
    LLM_HASS_API,
    MODEL,
    PAGING,
    PARALLEL_TOOL_CALLS,
    PROMPT_CACHE_KEY,
    PROMPT_CACHE_OPTIONS,
    PROMPT_CACHE_RETENTION,
    STREAM,
    VERBOSITY,
    service_tier,
)
from .fields import (
    boolean,
    fixed_choice,
    identifier,
    integer,
    json_object,
    text,
)
from .response_fields import (
    ADVANCED_FIELDS,
    COMMON_FIELDS,
    CONVERSATION,
    IMAGE_OPTIONS,
    INCLUDE,
    INSTRUCTIONS,
    NULLABLE_INPUT,
    PREVIOUS,
    REASONING,
    RESPONSE_ID,
    STARTING_AFTER,
    TEXT,
    TOOL_CHOICE,
    TOOLS,
    TRUNCATION,
    has_model,
)

ACTION_GROUP = ActionGroup(
    key="responses",
    name="Responses",
    actions=(
        ActionDescription(
            key="create_model_response",
            method="responses.create",
            name="Ask a model",
            description="Asks OpenAI, or whatever service you have set up, a question, with pictures, cameras and files if you like (describe a picture), and returns the answer.",
            icon="mdi:message-reply-text-outline",
            model_kind=ModelKind.CHAT,
            has_model=has_model,
            fields=(*COMMON_FIELDS, STREAM, LLM_HASS_API, CONVERSATION_ID, *ADVANCED_FIELDS),
            check=check_response,
            postprocess=add_output_text,
            accumulator=ResponseAccumulator,
            handler="tool_rounds.async_answer",
        ),
        ActionDescription(
            key="parse_model_response",
            method="responses.create",
            name="Ask a model for JSON",
            description="Asks OpenAI for an answer in a JSON form of yours, and returns it ready to use as output_parsed.",
            icon="mdi:code-json",
            model_kind=ModelKind.CHAT,
            has_model=has_model,
            fields=(
                *COMMON_FIELDS,
                STREAM,
                *ADVANCED_FIELDS,
                *advanced(VERBOSITY),
            ),
            check=check_parsed,
            postprocess=add_parsed,
            accumulator=ResponseAccumulator,
        ),
        ActionDescription(
            key="stream_model_response",
            method="responses.create",
            name="Ask a model and stream the answer",
            description=(
                "Asks a model and fires an openai_api_stream_event for every piece of its answer; "
                "or follows a response that is still being made."
            ),
            icon="mdi:message-processing-outline",
            model_kind=ModelKind.CHAT,
            has_model=has_model,
            fields=(
                *required(MODEL),
                *COMMON_FIELDS[1:],
                *ADVANCED_FIELDS,
                *advanced(
                    replace(
                        RESPONSE_ID,
                        description="Follow this response, instead of asking for a new one.",
                    ),
                    STARTING_AFTER,
                ),
            ),
            check=check_response,
            postprocess=add_output_text,
            accumulator=ResponseAccumulator,
            handler="responses.async_ask_or_follow",
        ),
        ActionDescription(
            key="get_model_response",
            method="responses.retrieve",
            name="Get a model's answer",
            description="Returns a response that the service has stored or is still working on.",
            icon="mdi:message-text-outline",
            fields=(
                *required(RESPONSE_ID),
                replace(STREAM, nullable=False),
                *advanced(
                    replace(INCLUDE, nullable=False),
                    STARTING_AFTER,
                    boolean(
                        "include_obfuscation",
                        "Include padding",
                        "Let the service pad the events of a stream, so that their length tells nothing.",
                    ),
                ),
            ),
            has_body=False,
            postprocess=add_output_text,
            accumulator=ResponseAccumulator,
            watch_as=RESPONSE,
        ),
        ActionDescription(
            key="delete_model_response",
            method="responses.delete",
            name="Delete a model response",
            description="Deletes a stored response.",
            icon="mdi:message-off-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(RESPONSE_ID),
            response=ResponseKind.NONE,
            empty_response={"deleted": True},
            has_body=False,
        ),
        ActionDescription(
            key="cancel_model_response",
            method="responses.cancel",
            name="Cancel a model response",
            description="Stops a response that is being made in the background.",
            icon="mdi:message-minus-outline",
            fields=required(RESPONSE_ID),
            postprocess=add_output_text,
        ),
        ActionDescription(
            key="compact_model_response",
            method="responses.compact",
            name="Compact a conversation",
            description="Shortens a long conversation to what the model needs to go on with it.",
            icon="mdi:arrow-collapse-vertical",
            model_kind=ModelKind.CHAT,
            fields=(
                *required(replace(MODEL, nullable=True)),
                NULLABLE_INPUT,
                INSTRUCTIONS,
                PREVIOUS,
                *advanced(
                    PROMPT_CACHE_KEY,
                    replace(PROMPT_CACHE_OPTIONS, nullable=True),
                    PROMPT_CACHE_RETENTION,
                    service_tier("auto", "default", "fast", "flex", "priority"),
                    IMAGE_OPTIONS,
                ),
            ),
        ),
        list_action(
            key="list_input_items",
            method="responses.input_items.list",
            name="List the input of a model response",
            description="Returns what a stored response was made from.",
            icon="mdi:format-list-text",
            fields=(
                *required(RESPONSE_ID),
                *PAGING,
                *advanced(BEFORE, replace(INCLUDE, nullable=False)),
            ),
        ),
        ActionDescription(
            key="count_input_tokens",
            method="responses.input_tokens.count",
            name="Count input tokens",
            description="Tells how long a request would be, without making it.",
            icon="mdi:counter",
            model_kind=ModelKind.CHAT,
            has_model=has_model,
            fields=(
                replace(MODEL, nullable=True),
                NULLABLE_INPUT,
                replace(ATTACHMENTS, encode=async_attach_to_input),
                INSTRUCTIONS,
                PREVIOUS,
                CONVERSATION,
                replace(TOOLS, nullable=True),
                replace(TEXT, nullable=True),
                REASONING,
                *advanced(
                    replace(TOOL_CHOICE, nullable=True),
                    PARALLEL_TOOL_CALLS,
                    text("personality", "Personality", "The manner in which the model answers."),
                    replace(TRUNCATION, nullable=False),
                ),
            ),
            only_answers=True,
        ),
        ActionDescription(
            key="manage_model_response_websocket",
            method="responses.connect",
            name="Manage a Responses WebSocket",
            description=(
                "Opens, uses and closes a lasting connection. What the service sends "
                "is fired as openai_api_server_event."
            ),
            icon="mdi:swap-horizontal",
            fields=(
                *required(
                    fixed_choice(
                        "action",
                        "Step",
                        "What to do: open the connection (connect), send something (send), or close it (close).",
                        ("connect", "send", "close"),
                    ),
                    identifier(
                        "connection_id",
                        "Connection",
                        "A name of your choice for the connection.",
                        example="kitchen",
                    ),
                ),
                json_object(
                    "event",
                    "Event",
                    "What to send.",
                    example={
                        "type": "response.create",
                        "model": "gpt-5-mini",
                        "input": "Say hello in one sentence.",
                    },
                ),
                *advanced(
                    integer("code", "Close code", "1000, 1001, or from 3000 to 4999.", high=4999),
                    text("reason", "Close reason", "Why the connection is closed, in a few words."),
                ),
            ),
            handler="responses_websocket.async_manage",
            request_options=False,
        ),
    ),
)
