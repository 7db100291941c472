"""Chat completions: the older way to ask a model, which most hosts understand."""

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
from ..handlers.response_helpers import (
    add_parsed_messages,
    check_completion,
    check_parsed_messages,
)
from ..media.attachments import async_attach_to_messages
from ..streaming.accumulators import ChatCompletionAccumulator
from ..types import ModelKind
from . import object_fields
from .common_fields import (
    ATTACHMENTS,
    CHOICES,
    COMPLETION_STREAM_OPTIONS,
    CONVERSATION_ID,
    FREQUENCY_PENALTY,
    LLM_HASS_API,
    LOGIT_BIAS,
    METADATA,
    MODEL,
    MODERATION,
    PAGING,
    PARALLEL_TOOL_CALLS,
    PRESENCE_PENALTY,
    PROMPT_CACHE_KEY,
    PROMPT_CACHE_OPTIONS,
    PROMPT_CACHE_RETENTION,
    SAFETY_IDENTIFIER,
    SEED,
    STOP,
    STORE,
    STREAM,
    TEMPERATURE,
    TOP_LOGPROBS,
    TOP_P,
    USER,
    VERBOSITY,
    service_tier,
)
from .fields import (
    boolean,
    choice,
    choice_or_object,
    choices,
    identifier,
    integer,
    string_or_object,
)
from .object_fields_voice import chat_audio

COMPLETION_ID = identifier(
    "completion_id", "Chat completion", "Id of the stored chat completion.", example="chatcmpl-123"
)
MESSAGES = object_fields.chat_messages(
    "messages",
    "Messages",
    "The conversation so far, each message with a role and its content.",
    example=[
        {"role": "system", "content": "Answer in one short sentence."},
        {"role": "user", "content": "What is a heat pump?"},
    ],
)
TOOLS = object_fields.chat_tools(
    "tools",
    "Tools",
    "Functions of yours that the model may call.",
    example=[{"type": "function", "function": {"name": "turn_on", "parameters": {}}}],
)
REASONING_EFFORT = choice(
    "reasoning_effort",
    "Reasoning effort",
    "How hard the model should think, if it can.",
    object_fields.EFFORTS,
    nullable=True,
)
TOOL_CHOICE = choice_or_object(
    "tool_choice",
    "Tool choice",
    "Whether the model may (auto), must (required) or must not (none) use a tool, or which one.",
    ("auto", "required", "none"),
)
_QUESTION: tuple[FieldDescription, ...] = (
    *required(MODEL, MESSAGES),
    replace(ATTACHMENTS, encode=async_attach_to_messages),
    STREAM,
    TOOLS,
    object_fields.response_format(
        "response_format",
        "Response format",
        "Whether the answer is text or JSON, and of which form.",
        example={"type": "json_object"},
    ),
    *advanced(
        integer(
            "max_completion_tokens",
            "Max completion tokens",
            "The longest answer, thoughts included. A token is about four letters.",
            low=1,
            nullable=True,
        ),
        TEMPERATURE,
        TOP_P,
        REASONING_EFFORT,
        VERBOSITY,
        TOOL_CHOICE,
        replace(PARALLEL_TOOL_CALLS, nullable=False),
        object_fields.web_search_options(
            "web_search_options",
            "Web search options",
            "Let the model search the web, and how.",
            example={"search_context_size": "low"},
        ),
        choices(
            "modalities",
            "Modalities",
            "Whether the answer is written (text), spoken (audio) or both.",
            ("text", "audio"),
            nullable=True,
        ),
        chat_audio(
            "audio",
            "Audio",
            "The voice and the format of a spoken answer.",
            example={"voice": "alloy", "format": "wav"},
            nullable=True,
        ),
        CHOICES,
        STOP,
        SEED,
        FREQUENCY_PENALTY,
        PRESENCE_PENALTY,
        LOGIT_BIAS,
        boolean(
            "logprobs",
            "Word probabilities",
            "Return how likely each word was.",
            nullable=True,
        ),
        TOP_LOGPROBS,
        object_fields.prediction(
            "prediction",
            "Prediction",
            "Text that most of the answer will equal, to have it sooner.",
            example={"type": "content", "content": "…"},
            nullable=True,
        ),
        STORE,
        METADATA,
        COMPLETION_STREAM_OPTIONS,
        service_tier("auto", "default", "flex", "scale", "priority", "fast"),
        PROMPT_CACHE_KEY,
        PROMPT_CACHE_OPTIONS,
        PROMPT_CACHE_RETENTION,
        MODERATION,
        SAFETY_IDENTIFIER,
        USER,
        integer(
            "max_tokens",
            "Max tokens",
            "The longest answer, for services that do not know “Max completion tokens”.",
            low=1,
            nullable=True,
        ),
        string_or_object(
            "function_call",
            "Function call",
            "Which function to call. Out of date: use “Tool choice”.",
        ),
        object_fields.functions("functions", "Functions", "Out of date: use “Tools”."),
    ),
)

ACTION_GROUP = ActionGroup(
    key="chat",
    name="Chat completions",
    actions=(
        ActionDescription(
            key="create_chat_completion",
            method="chat.completions.create",
            name="Chat with a model",
            description="Goes on with a conversation with OpenAI or any compatible service (chat completion).",
            icon="mdi:chat-outline",
            model_kind=ModelKind.CHAT,
            fields=(*_QUESTION, LLM_HASS_API, CONVERSATION_ID),
            check=check_completion,
            accumulator=ChatCompletionAccumulator,
            handler="tool_rounds.async_answer",
        ),
        ActionDescription(
            key="parse_chat_completion",
            method="chat.completions.create",
            name="Chat with a model for JSON",
            description=(
                "Goes on with a conversation in a JSON form of yours, "
                "and returns every message ready to use as parsed."
            ),
            icon="mdi:code-braces",
            model_kind=ModelKind.CHAT,
            fields=_QUESTION,
            check=check_parsed_messages,
            postprocess=add_parsed_messages,
            accumulator=ChatCompletionAccumulator,
        ),
        get_action(
            key="get_chat_completion",
            method="chat.completions.retrieve",
            name="Get a chat completion",
            description="Returns a stored chat completion.",
            icon="mdi:chat-question-outline",
            fields=required(COMPLETION_ID),
        ),
        list_action(
            key="get_chat_messages",
            method="chat.completions.messages.list",
            name="List the messages of a chat completion",
            description="Returns the messages that a stored chat completion was made from.",
            icon="mdi:message-text-clock-outline",
            fields=(*required(COMPLETION_ID), *PAGING),
        ),
        list_action(
            key="list_chat_completions",
            method="chat.completions.list",
            name="List chat completions",
            description="Returns the chat completions that the service has stored.",
            icon="mdi:forum-outline",
            fields=(*PAGING, MODEL, METADATA),
        ),
        ActionDescription(
            key="update_chat_completion",
            method="chat.completions.update",
            name="Update a chat completion",
            description="Changes the metadata of a stored chat completion.",
            icon="mdi:chat-processing-outline",
            fields=required(COMPLETION_ID, METADATA),
        ),
        ActionDescription(
            key="delete_chat_completion",
            method="chat.completions.delete",
            name="Delete a chat completion",
            description="Deletes a stored chat completion.",
            icon="mdi:chat-remove-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(COMPLETION_ID),
            has_body=False,
        ),
    ),
)
