"""Realtime conversations: opened, taken part in, and ended by automations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import voluptuous as vol

from ..action import ActionDescription, ActionGroup, advanced, required
from ..types import ModelKind
from . import validators as check
from .common_fields import MODEL
from .fields import (
    boolean,
    choices,
    file,
    identifier,
    integer,
    json_object,
    long_text,
    number,
    objects,
    text,
)
from .realtime import CALL_ID, SESSION

CONNECTION = identifier(
    "connection_id", "Connection", "The name of the conversation.", example="kitchen"
)
TRIGGER_RESPONSE = boolean(
    "trigger_response", "Ask for an answer", "Whether the model should answer. It does by default."
)
# The conversation knows more ways to write it, and says itself what is wrong with it.
_SESSION = replace(SESSION, validator=check.json_object)
_AT_LEAST_ONE = vol.All(check.integer, vol.Range(min=1))
_ABOVE_ZERO = vol.All(check.number, vol.Range(min=0, min_included=False))
_LLM_API = choices(
    "llm_hass_api",
    "Control of the home",
    "What the model may use of your home, such as assist.",
    ("assist",),
    example=["assist"],
)


def _has_model(data: Mapping[str, Any]) -> bool:
    """Tell whether a conversation names its model, or joins a call that has one."""
    return bool(
        data.get("model") or data.get("call_id") or (data.get("session") or {}).get("model")
    )


ACTION_GROUP = ActionGroup(
    key="realtime_sockets",
    name="Realtime conversations",
    actions=(
        ActionDescription(
            key="connect_realtime_websocket",
            method="realtime.connect",
            name="Talk with a model: open a realtime conversation",
            description=(
                "Opens a lasting conversation in speech and writing. What happens in it is fired "
                "as openai_api_realtime_event and openai_api_server_event."
            ),
            icon="mdi:headset",
            model_kind=ModelKind.REALTIME,
            has_model=_has_model,
            fields=(
                *required(
                    replace(CONNECTION, description="A name of your choice for the conversation."),
                    replace(MODEL, example="gpt-realtime"),
                ),
                _SESSION,
                _LLM_API,
                *advanced(
                    replace(
                        CALL_ID,
                        description="Join this phone call instead of beginning a conversation.",
                    ),
                    boolean(
                        "use_client_secret",
                        "Use a client secret",
                        "Open it with a short-lived secret instead of the key.",
                    ),
                    choices(
                        "event_types",
                        "Server events",
                        "Fire only these server events. Without it, all of them.",
                        ("response.done", "response.output_text.done", "error"),
                    ),
                    choices(
                        "require_approval",
                        "Tools that need approval",
                        (
                            "Names of tools of your home that wait until you allow them, such as "
                            "HassTurnOn or lock__*. A tool_approval_request asks for each call."
                        ),
                        ("*",),
                        example=["HassTurnOn", "lock__*"],
                    ),
                    boolean(
                        "respond_to_mcp_calls",
                        "Answer after MCP tools",
                        (
                            "Whether the model should go on by itself after a tool of an MCP "
                            "server was called. Without it, an automation has to ask for the answer."
                        ),
                    ),
                    replace(
                        integer(
                            "max_tool_calls",
                            "Most tool calls",
                            (
                                "How often the model may use tools of your home before somebody "
                                "says something. Without it, ten times."
                            ),
                            low=1,
                        ),
                        validator=_AT_LEAST_ONE,
                    ),
                    replace(
                        integer(
                            "max_total_tokens",
                            "Most tokens",
                            "Close the connection once it has used so many tokens.",
                            low=1,
                        ),
                        validator=_AT_LEAST_ONE,
                    ),
                    replace(
                        number(
                            "max_cost",
                            "Highest cost",
                            (
                                "Close the connection once it has cost so much, by the prices in "
                                "the options."
                            ),
                        ),
                        validator=_ABOVE_ZERO,
                    ),
                ),
            ),
            handler="realtime.async_connect",
            request_options=False,
        ),
        ActionDescription(
            key="close_realtime_websocket",
            method="realtime.connect",
            name="End a realtime conversation",
            description="Closes the connection. Its name is free afterwards.",
            icon="mdi:account-off-outline",
            fields=(
                *required(CONNECTION),
                *advanced(
                    integer("code", "Close code", "1000, 1001, or from 3000 to 4999.", high=4999),
                    text("reason", "Close reason", "Why the connection is closed, in a few words."),
                ),
            ),
            handler="realtime.async_close",
            request_options=False,
        ),
        ActionDescription(
            key="get_realtime_status",
            method="realtime.connect",
            name="Get the status of a realtime conversation",
            description="Tells whether a conversation is open, how it is set up, and what was said.",
            icon="mdi:account-question-outline",
            fields=required(CONNECTION),
            handler="realtime.async_status",
            only_answers=True,
            request_options=False,
        ),
        ActionDescription(
            key="send_realtime_event",
            method="realtime.connect",
            name="Send a realtime event",
            description="Sends any event that the service understands.",
            icon="mdi:send-outline",
            fields=required(
                CONNECTION,
                json_object("event", "Event", "What to send.", example={"type": "response.create"}),
            ),
            handler="realtime.async_send_event",
            request_options=False,
        ),
        ActionDescription(
            key="send_realtime_message",
            method="realtime.connect",
            name="Send a realtime message",
            description="Says something in writing, and lets the model answer.",
            icon="mdi:message-plus-outline",
            fields=(
                *required(
                    CONNECTION,
                    replace(
                        long_text(
                            "message",
                            "Message",
                            "A text, or a list of texts and pictures.",
                            example="Is the garage door closed?",
                        ),
                        validator=check.string_or_list,
                    ),
                ),
                TRIGGER_RESPONSE,
                *advanced(
                    json_object(
                        "event_data",
                        "Further event data",
                        "Added to the event that carries the message.",
                        example={"previous_item_id": "root"},
                    )
                ),
            ),
            handler="realtime.async_send_message",
            request_options=False,
        ),
        ActionDescription(
            key="add_realtime_image",
            method="realtime.connect",
            name="Show a picture in a realtime conversation",
            description="Shows the model a picture, and lets it answer.",
            icon="mdi:image-outline",
            fields=(
                *required(
                    CONNECTION,
                    replace(
                        file(
                            "image",
                            "Picture",
                            "A media item, a path that Home Assistant may read, or an address.",
                        ),
                        file=False,
                    ),
                ),
                TRIGGER_RESPONSE,
            ),
            handler="realtime.async_add_image",
            request_options=False,
        ),
        ActionDescription(
            key="send_realtime_audio",
            method="realtime.connect",
            name="Send realtime audio",
            description="Lets the model hear a recording. It answers once it notices a pause.",
            icon="mdi:microphone-outline",
            fields=(
                *required(
                    CONNECTION,
                    replace(
                        file(
                            "audio",
                            "Audio",
                            "A WAV file as a media item or a path, or audio in base64.",
                            example="/media/question.wav",
                        ),
                        file=False,
                    ),
                ),
                boolean(
                    "commit",
                    "End of speech",
                    "Tell the service that this was all, where it does not notice pauses by itself.",
                ),
            ),
            handler="realtime.async_send_audio",
            request_options=False,
        ),
        ActionDescription(
            key="interrupt_realtime_response",
            method="realtime.connect",
            name="Interrupt a realtime answer",
            description="Stops the answer under way where it was heard last.",
            icon="mdi:hand-back-right-outline",
            fields=(
                *required(CONNECTION),
                boolean(
                    "cancel_response",
                    "Cancel the answer",
                    "Whether the service should stop making it. It does by default.",
                ),
            ),
            handler="realtime.async_interrupt",
            request_options=False,
        ),
        ActionDescription(
            key="send_realtime_function_call_output",
            method="realtime.connect",
            name="Answer a realtime function call",
            description="Tells the model what a function of yours returned.",
            icon="mdi:function-variant",
            fields=(
                *required(
                    CONNECTION,
                    identifier(
                        "call_id", "Function call", "Id of the call, as the notice names it."
                    ),
                    replace(
                        long_text("output", "Output", "What the function returned."),
                        validator=check.to_json_string,
                    ),
                ),
                TRIGGER_RESPONSE,
            ),
            handler="realtime.async_answer_call",
            request_options=False,
        ),
        ActionDescription(
            key="send_realtime_mcp_response",
            method="realtime.connect",
            name="Answer a realtime approval request",
            description="Allows or refuses the use of a tool of your home or of an MCP server.",
            icon="mdi:shield-key-outline",
            fields=(
                *required(
                    CONNECTION,
                    identifier(
                        "approval_request_id",
                        "Approval request",
                        "Id of the request, as the notice names it.",
                    ),
                    boolean("approve", "Allow", "Whether the tool may be used."),
                ),
                text("reason", "Reason", "Why, in a few words."),
            ),
            handler="realtime.async_answer_mcp",
            request_options=False,
        ),
        ActionDescription(
            key="update_realtime_session_config",
            method="realtime.connect",
            name="Update a realtime session",
            description=(
                "Sets up a conversation anew: what is not given here goes back to its default."
            ),
            icon="mdi:account-cog-outline",
            fields=required(CONNECTION, _SESSION),
            handler="realtime.async_update_session",
            request_options=False,
        ),
        ActionDescription(
            key="reset_realtime_history",
            method="realtime.connect",
            name="Rewrite a realtime conversation",
            description="Turns what was said into what you give here.",
            icon="mdi:history",
            fields=required(
                CONNECTION,
                objects(
                    "history",
                    "History",
                    "The conversation as it should be; the status action returns it as it is.",
                    example=[
                        {
                            "item_id": "item_1",
                            "type": "message",
                            "role": "user",
                            "content": [{"type": "input_text", "text": "Call me Ada."}],
                        }
                    ],
                ),
            ),
            handler="realtime.async_reset_history",
            request_options=False,
        ),
    ),
)
