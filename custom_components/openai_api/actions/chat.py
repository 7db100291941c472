"""Chat completions: the older way to ask a model, which most hosts understand."""

from dataclasses import replace

from ..files.attachments import async_into_messages
from ..handlers.home import async_answer
from ..handlers.outputs import add_parsed_messages
from ..model import Action, Answer, Family, Field, advanced, required
from ..streams.assemblers import CompletionChunks
from . import structures
from .fields import boolean, choice, choice_or_object, choices, identifier, integer, text_or_object
from .shared import (
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
from .structures_voice import chat_audio

COMPLETION_ID = identifier(
    "completion_id", "Chat completion", "Id of the stored chat completion.", example="chatcmpl-123"
)
MESSAGES = structures.chat_messages(
    "messages",
    "Messages",
    "The conversation so far, each message with a role and its content.",
    example=[
        {"role": "system", "content": "Answer in one short sentence."},
        {"role": "user", "content": "What is a heat pump?"},
    ],
)
TOOLS = structures.chat_tools(
    "tools",
    "Tools",
    "Functions of yours that the model may call.",
    example=[{"type": "function", "function": {"name": "turn_on", "parameters": {}}}],
)
REASONING_EFFORT = choice(
    "reasoning_effort",
    "Reasoning effort",
    "How hard the model should think, if it can.",
    structures.EFFORTS,
    nullable=True,
)
TOOL_CHOICE = choice_or_object(
    "tool_choice",
    "Tool choice",
    "Whether the model may (auto), must (required) or must not (none) use a tool, or which one.",
    ("auto", "required", "none"),
)
_QUESTION: tuple[Field, ...] = (
    *required(MODEL, MESSAGES),
    replace(ATTACHMENTS, weave=async_into_messages),
    STREAM,
    TOOLS,
    structures.response_format(
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
        structures.web_search_options(
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
        structures.prediction(
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
            "The longest answer, for hosts that do not know “Max completion tokens”.",
            low=1,
            nullable=True,
        ),
        text_or_object(
            "function_call",
            "Function call",
            "Which function to call. Out of date: use “Tool choice”.",
        ),
        structures.functions("functions", "Functions", "Out of date: use “Tools”."),
    ),
)

FAMILY = Family(
    key="chat",
    name="Chat completions",
    actions=(
        Action(
            key="create_chat_completion",
            method="chat.completions.create",
            name="Create a chat completion",
            description="Goes on with a conversation. Works with nearly every compatible host.",
            icon="mdi:chat-outline",
            fields=(*_QUESTION, LLM_HASS_API, CONVERSATION_ID),
            assemble=CompletionChunks,
            handler=async_answer,
        ),
        Action(
            key="parse_chat_completion",
            method="chat.completions.create",
            name="Create a chat completion as JSON",
            description=(
                "Goes on with a conversation in a JSON form of yours, "
                "and returns every message ready to use as parsed."
            ),
            icon="mdi:code-braces",
            fields=_QUESTION,
            finish=add_parsed_messages,
            assemble=CompletionChunks,
        ),
        Action(
            key="get_chat_completion",
            method="chat.completions.retrieve",
            name="Get a chat completion",
            description="Returns a stored chat completion.",
            icon="mdi:chat-question-outline",
            fields=required(COMPLETION_ID),
            body=False,
            only_answers=True,
        ),
        Action(
            key="get_chat_messages",
            method="chat.completions.messages.list",
            name="List the messages of a chat completion",
            description="Returns the messages that a stored chat completion was made from.",
            icon="mdi:message-text-clock-outline",
            fields=(*required(COMPLETION_ID), *PAGING),
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
            key="list_chat_completions",
            method="chat.completions.list",
            name="List chat completions",
            description="Returns the chat completions that the host has stored.",
            icon="mdi:forum-outline",
            fields=(*PAGING, MODEL, METADATA),
            answer=Answer.PAGE,
            body=False,
            only_answers=True,
        ),
        Action(
            key="update_chat_completion",
            method="chat.completions.update",
            name="Update a chat completion",
            description="Changes the metadata of a stored chat completion.",
            icon="mdi:chat-processing-outline",
            fields=required(COMPLETION_ID, METADATA),
        ),
        Action(
            key="delete_chat_completion",
            method="chat.completions.delete",
            name="Delete a chat completion",
            description="Deletes a stored chat completion.",
            icon="mdi:chat-remove-outline",
            fields=required(COMPLETION_ID),
            body=False,
        ),
    ),
)
