"""The fields of questions to a model, which several families have in common."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..action import FieldDescription, advanced
from ..media.attachments import async_attach_to_input
from . import object_fields
from .common_fields import (
    ATTACHMENTS,
    METADATA,
    MODEL,
    MODERATION,
    PARALLEL_TOOL_CALLS,
    PROMPT_CACHE_KEY,
    PROMPT_CACHE_RETENTION,
    RESPONSE_CACHE_OPTIONS,
    SAFETY_IDENTIFIER,
    STORE,
    STREAM_OPTIONS,
    TEMPERATURE,
    TOP_LOGPROBS,
    TOP_P,
    USER,
    include,
    service_tier,
)
from .fields import (
    boolean,
    choice,
    choice_or_object,
    identifier,
    integer,
    json_object,
    long_text,
    string_or_list,
    string_or_object,
    text,
)

_MULTILINE = {"text": {"multiline": True}}

RESPONSE_ID = identifier("response_id", "Response", "Id of the model response.", example="resp_123")
INPUT = replace(
    string_or_list(
        "input",
        "Input",
        "What to ask: a text, or a list of messages, pictures and files.",
        example="Is it a good day to hang out the laundry?",
    ),
    selector=_MULTILINE,
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
CONVERSATION = string_or_object(
    "conversation",
    "Conversation",
    "Id of the conversation that the question belongs to. Not together with a previous response.",
    nullable=True,
)
REASONING = object_fields.reasoning(
    "reasoning",
    "Reasoning",
    "How hard the model should think, if it can.",
    example={"effort": "low"},
    nullable=True,
)
TEXT = object_fields.text_format(
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
TOOLS = object_fields.tools(
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
PROMPT = object_fields.prompt(
    "prompt",
    "Prompt template",
    "A prompt that is kept at the service, with its variables.",
    example={"id": "pmpt_123", "variables": {"city": "Oslo"}},
    nullable=True,
)
IMAGE_OPTIONS = json_object(
    "image",
    "Picture options",
    "Whether pictures in the question are compressed, as context_compression.",
    example={"context_compression": "enabled"},
)
STARTING_AFTER = integer(
    "starting_after",
    "Start point",
    "Begin after the event with this number.",
)
_SERVICE_TIER = service_tier("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
COMMON_FIELDS: tuple[FieldDescription, ...] = (
    MODEL,
    INPUT,
    replace(ATTACHMENTS, encode=async_attach_to_input),
    INSTRUCTIONS,
    PREVIOUS,
    CONVERSATION,
    TOOLS,
    TEXT,
    REASONING,
)
ADVANCED_FIELDS: tuple[FieldDescription, ...] = advanced(
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
        "Return at once; get the answer later with “Get a model's answer”.",
        nullable=True,
    ),
    STORE,
    METADATA,
    INCLUDE,
    PROMPT,
    object_fields.context_management(
        "context_management",
        "Context management",
        "When the service shortens a long conversation by itself.",
        example=[{"type": "compaction", "compact_threshold": 100000}],
        nullable=True,
    ),
    TRUNCATION,
    TOP_LOGPROBS,
    STREAM_OPTIONS,
    _SERVICE_TIER,
    PROMPT_CACHE_KEY,
    RESPONSE_CACHE_OPTIONS,
    PROMPT_CACHE_RETENTION,
    MODERATION,
    SAFETY_IDENTIFIER,
    json_object(
        "background_options",
        "Background options",
        "Until when an answer in the background is made, as completion_window: 2h and 8h cost less.",
        example={"completion_window": "2h"},
    ),
    IMAGE_OPTIONS,
    object_fields.access_programs(
        "access_programs",
        "Access programs",
        "Programs of the service that this request may take part in.",
    ),
    USER,
)


def has_model(data: Mapping[str, Any]) -> bool:
    """Tell whether a question names a model: a template or a response brings one along."""
    return not data.keys().isdisjoint(("model", "prompt", "response_id"))
