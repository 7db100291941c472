"""Responses: ask a model, and manage what it answered."""

from dataclasses import replace

from ..files.attachments import async_into_input
from ..handlers.home import async_answer
from ..handlers.outputs import add_output_text, add_parsed
from ..model import Action, Answer, Family, Field, advanced, required
from ..sockets.responses import async_manage
from ..streams import async_ask_or_follow
from ..streams.assemblers import ResponseEvents
from . import structures
from .fields import (
    boolean,
    choice,
    choice_or_object,
    fixed_choice,
    identifier,
    integer,
    json_object,
    long_text,
    text,
    text_or_items,
    text_or_object,
)
from .shared import (
    ATTACHMENTS,
    BEFORE,
    CONVERSATION_ID,
    LLM_HASS_API,
    METADATA,
    MODEL,
    MODERATION,
    PAGING,
    PARALLEL_TOOL_CALLS,
    PROMPT_CACHE_KEY,
    PROMPT_CACHE_OPTIONS,
    PROMPT_CACHE_RETENTION,
    RESPONSE_CACHE_OPTIONS,
    SAFETY_IDENTIFIER,
    STORE,
    STREAM,
    STREAM_OPTIONS,
    TEMPERATURE,
    TOP_LOGPROBS,
    TOP_P,
    USER,
    VERBOSITY,
    include,
    service_tier,
)

_LONG = {"text": {"multiline": True}}

RESPONSE_ID = identifier("response_id", "Response", "Id of the model response.", example="resp_123")
INPUT = replace(
    text_or_items(
        "input",
        "Input",
        "What to ask: a text, or a list of messages, pictures and files.",
        example="Is it a good day to hang out the laundry?",
    ),
    selector=_LONG,
)
NULLABLE_INPUT = replace(INPUT, nullable=True)
INSTRUCTIONS = long_text(
    "instructions",
    "Instructions",
    "How the model should behave, apart from the question.",
    example="Answer in one short sentence.",
    nullable=True,
)
PREVIOUS = text(
    "previous_response_id",
    "Previous response",
    "Id of the response to go on from. The model then knows what was said before.",
    nullable=True,
)
CONVERSATION = text_or_object(
    "conversation",
    "Conversation",
    "Id of the conversation that the question belongs to. Not together with a previous response.",
    nullable=True,
)
REASONING = structures.reasoning(
    "reasoning",
    "Reasoning",
    "How hard the model should think, if it can.",
    example={"effort": "low"},
    nullable=True,
)
TEXT = structures.text_format(
    "text",
    "Text format",
    "How the answer is written: as prose, or as JSON of a given form.",
    example={"verbosity": "low"},
)
TOOL_CHOICE = choice_or_object(
    "tool_choice",
    "Tool choice",
    "Whether the model may (auto), must (required) or must not (none) use a tool, or which one.",
    ("auto", "required", "none"),
)
TOOLS = structures.tools(
    "tools",
    "Tools",
    "What the model may use: web search, files, functions of yours, MCP servers and more.",
    example=[{"type": "web_search"}],
)
TRUNCATION = choice(
    "truncation",
    "Truncation",
    "What happens to a conversation that is too long: shorten it (auto), or fail (disabled).",
    ("auto", "disabled"),
    nullable=True,
)
INCLUDE = include(
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
    nullable=True,
)
PROMPT = structures.prompt(
    "prompt",
    "Prompt template",
    "A prompt that is kept at the host, with its variables.",
    example={"id": "pmpt_123", "variables": {"city": "Oslo"}},
    nullable=True,
)
STARTING_AFTER = integer(
    "starting_after",
    "Start point",
    "Begin after the event with this number.",
)
_TIER = service_tier("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
COMMON: tuple[Field, ...] = (
    MODEL,
    INPUT,
    replace(ATTACHMENTS, weave=async_into_input),
    INSTRUCTIONS,
    PREVIOUS,
    CONVERSATION,
    TOOLS,
    TEXT,
    REASONING,
)
RARE: tuple[Field, ...] = advanced(
    integer(
        "max_output_tokens",
        "Max output tokens",
        "The longest answer, thoughts included. A token is about four letters.",
        low=16,
        nullable=True,
    ),
    TEMPERATURE,
    TOP_P,
    TOOL_CHOICE,
    PARALLEL_TOOL_CALLS,
    integer(
        "max_tool_calls", "Max tool calls", "How often built-in tools may be used.", nullable=True
    ),
    boolean(
        "background",
        "In the background",
        "Return at once; get the answer later with “Get a model response”.",
        nullable=True,
    ),
    STORE,
    METADATA,
    INCLUDE,
    PROMPT,
    structures.context_management(
        "context_management",
        "Context management",
        "When the host shortens a long conversation by itself.",
        example=[{"type": "compaction", "compact_threshold": 100000}],
        nullable=True,
    ),
    TRUNCATION,
    TOP_LOGPROBS,
    STREAM_OPTIONS,
    _TIER,
    PROMPT_CACHE_KEY,
    RESPONSE_CACHE_OPTIONS,
    PROMPT_CACHE_RETENTION,
    MODERATION,
    SAFETY_IDENTIFIER,
    structures.access_programs(
        "access_programs",
        "Access programs",
        "Programs of the host that this request may take part in.",
    ),
    USER,
)

FAMILY = Family(
    key="responses",
    name="Responses",
    actions=(
        Action(
            key="create_model_response",
            method="responses.create",
            name="Create a model response",
            description="Asks a model and returns its answer.",
            icon="mdi:message-reply-text-outline",
            fields=(*COMMON, STREAM, LLM_HASS_API, CONVERSATION_ID, *RARE),
            finish=add_output_text,
            assemble=ResponseEvents,
            handler=async_answer,
        ),
        Action(
            key="parse_model_response",
            method="responses.create",
            name="Create a model response as JSON",
            description=(
                "Asks a model for an answer in a JSON form of yours, "
                "and returns it ready to use as output_parsed."
            ),
            icon="mdi:code-json",
            fields=(
                *COMMON,
                STREAM,
                *RARE,
                *advanced(VERBOSITY),
            ),
            finish=add_parsed,
            assemble=ResponseEvents,
        ),
        Action(
            key="stream_model_response",
            method="responses.create",
            name="Stream a model response",
            description=(
                "Asks a model and fires an openai_api_stream_event for every piece of its answer; "
                "or follows a response that is still being made."
            ),
            icon="mdi:message-processing-outline",
            fields=(
                *COMMON,
                *RARE,
                *advanced(
                    replace(
                        RESPONSE_ID,
                        description="Follow this response, instead of asking for a new one.",
                    ),
                    STARTING_AFTER,
                ),
            ),
            finish=add_output_text,
            assemble=ResponseEvents,
            handler=async_ask_or_follow,
        ),
        Action(
            key="get_model_response",
            method="responses.retrieve",
            name="Get a model response",
            description="Returns a response that the host has stored or is still working on.",
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
                        "Let the host pad the events of a stream, so that their length tells nothing.",
                    ),
                ),
            ),
            body=False,
            finish=add_output_text,
            assemble=ResponseEvents,
            pending=frozenset({"queued", "in_progress"}),
        ),
        Action(
            key="delete_model_response",
            method="responses.delete",
            name="Delete a model response",
            description="Deletes a stored response.",
            icon="mdi:message-off-outline",
            fields=required(RESPONSE_ID),
            answer=Answer.VOID,
            done={"deleted": True},
            body=False,
        ),
        Action(
            key="cancel_model_response",
            method="responses.cancel",
            name="Cancel a model response",
            description="Stops a response that is being made in the background.",
            icon="mdi:message-minus-outline",
            fields=required(RESPONSE_ID),
            finish=add_output_text,
        ),
        Action(
            key="compact_model_response",
            method="responses.compact",
            name="Compact a conversation",
            description="Shortens a long conversation to what the model needs to go on with it.",
            icon="mdi:arrow-collapse-vertical",
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
                ),
            ),
        ),
        Action(
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
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
            key="count_input_tokens",
            method="responses.input_tokens.count",
            name="Count input tokens",
            description="Tells how long a request would be, without making it.",
            icon="mdi:counter",
            fields=(
                replace(MODEL, nullable=True),
                NULLABLE_INPUT,
                replace(ATTACHMENTS, weave=async_into_input),
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
        Action(
            key="manage_model_response_websocket",
            method="responses.connect",
            name="Manage a Responses WebSocket",
            description=(
                "Opens, uses and closes a lasting connection. What the host sends "
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
            handler=async_manage,
            request_options=False,
        ),
    ),
)
