"""Realtime: secrets for clients of a conversation, and incoming phone calls."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, Permission, ResponseKind, advanced, required
from ..types import ModelKind
from .common_fields import MODEL, PARALLEL_TOOL_CALLS, include
from .fields import (
    choice,
    choices,
    identifier,
    integer,
    integer_or_string,
    long_text,
    string_or_object,
    text,
)
from .object_fields_storage import secret_expiry
from .object_fields_voice import (
    realtime_audio,
    realtime_reasoning,
    realtime_session,
    realtime_tools,
    translation_session,
)
from .response_fields import PROMPT, TOOL_CHOICE, has_model

CALL_ID = identifier(
    "call_id",
    "Call",
    "Id of the phone call, as the incoming-call webhook names it.",
    example="rtc_123",
)
SESSION = realtime_session(
    "session",
    "Session",
    "The settings of the conversation: type, model, instructions, voice, tools.",
    example={"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."},
)
_SECRET_EXPIRES = secret_expiry(
    "expires_after",
    "Expires after",
    "How long the secret can be used to begin a conversation.",
    example={"anchor": "created_at", "seconds": 600},
)
TARGET_URI = text(
    "target_uri",
    "Target",
    "Where the call goes, as a telephone or SIP address.",
    example="tel:+4912345678",
)
STATUS_CODE = integer(
    "status_code",
    "Status code",
    "The SIP code that the caller gets: 486 is busy, 603 is declined.",
    low=300,
    high=699,
)

ACTION_GROUP = ActionGroup(
    key="realtime",
    name="Realtime",
    actions=(
        ActionDescription(
            key="create_realtime_client_secret",
            method="realtime.client_secrets.create",
            name="Create a realtime client secret",
            description=(
                "Makes a short-lived key with which a browser or phone can talk to the model, "
                "without ever seeing the real key."
            ),
            icon="mdi:key-chain-variant",
            permission=Permission.ADMINISTRATORS,
            fields=(
                SESSION,
                _SECRET_EXPIRES,
            ),
            only_answers=True,
        ),
        ActionDescription(
            key="create_realtime_translation_client_secret",
            method="realtime.translations.client_secrets.create",
            name="Create a realtime translation client secret",
            description=(
                "Makes a short-lived key with which a browser or phone can have speech "
                "translated as it is heard, without ever seeing the real key."
            ),
            icon="mdi:translate-variant",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    translation_session(
                        "session",
                        "Session",
                        "The settings of the translation: model and languages.",
                        example={"model": "gpt-realtime-translate"},
                    )
                ),
                _SECRET_EXPIRES,
            ),
            only_answers=True,
        ),
        ActionDescription(
            key="create_realtime_call",
            method="realtime.calls.create",
            name="Create a realtime call",
            description=(
                "Begins a conversation over WebRTC: passes on the offer of a browser or phone, "
                "and returns the answer and the id of the call."
            ),
            icon="mdi:webrtc",
            fields=(
                *required(
                    long_text(
                        "sdp",
                        "Offer",
                        "What the browser or phone offers, as SDP, unchanged.",
                        example="v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
                    )
                ),
                SESSION,
            ),
            handler="realtime_calls.async_create",
        ),
        ActionDescription(
            key="accept_realtime_call",
            method="realtime.calls.accept",
            name="Accept a phone call",
            description="Takes an incoming phone call and lets the model talk.",
            icon="mdi:phone-check-outline",
            model_kind=ModelKind.REALTIME,
            has_model=has_model,
            fields=(
                *required(
                    CALL_ID,
                    choice(
                        "type", "Type", "The kind of conversation; always realtime.", ("realtime",)
                    ),
                ),
                replace(MODEL, example="gpt-realtime"),
                long_text(
                    "instructions",
                    "Instructions",
                    "How the model should behave during the call.",
                    example="You answer the door phone. Be friendly and brief.",
                ),
                realtime_audio(
                    "audio",
                    "Audio",
                    "The voice, the audio formats, and how pauses are noticed.",
                    example={"output": {"voice": "marin"}},
                ),
                realtime_tools(
                    "tools",
                    "Tools",
                    "Functions and MCP servers that the model may use during the call.",
                ),
                *advanced(
                    TOOL_CHOICE,
                    choices(
                        "output_modalities",
                        "Output modalities",
                        "Whether the model answers in speech (audio) or in writing (text).",
                        ("audio", "text"),
                    ),
                    integer_or_string(
                        "max_output_tokens",
                        "Max output tokens",
                        "The longest answer, or inf for no limit.",
                        example="inf",
                    ),
                    replace(PARALLEL_TOOL_CALLS, nullable=False),
                    realtime_reasoning(
                        "reasoning",
                        "Reasoning",
                        "How hard the model should think, if it can.",
                        example={"effort": "low"},
                    ),
                    PROMPT,
                    include("item.input_audio_transcription.logprobs"),
                    string_or_object(
                        "tracing",
                        "Tracing",
                        "Whether the service keeps a record of the call: auto, or the details.",
                        example="auto",
                        nullable=True,
                    ),
                    string_or_object(
                        "truncation",
                        "Truncation",
                        "What happens to a conversation that is too long: auto, disabled, or details.",
                        example="auto",
                    ),
                ),
            ),
            response=ResponseKind.NONE,
            empty_response={"status": "accepted"},
        ),
        ActionDescription(
            key="hangup_realtime_call",
            method="realtime.calls.hangup",
            name="Hang up a phone call",
            description="Ends a phone call.",
            icon="mdi:phone-hangup-outline",
            fields=required(CALL_ID),
            response=ResponseKind.NONE,
            empty_response={"status": "hung_up"},
        ),
        ActionDescription(
            key="refer_realtime_call",
            method="realtime.calls.refer",
            name="Transfer a phone call",
            description="Passes a phone call on to another number or address.",
            icon="mdi:phone-forward-outline",
            fields=required(
                CALL_ID,
                TARGET_URI,
            ),
            response=ResponseKind.NONE,
            empty_response={"status": "referred"},
        ),
        ActionDescription(
            key="reject_realtime_call",
            method="realtime.calls.reject",
            name="Reject a phone call",
            description="Turns an incoming phone call away.",
            icon="mdi:phone-cancel-outline",
            fields=(
                *required(CALL_ID),
                STATUS_CODE,
            ),
            response=ResponseKind.NONE,
            empty_response={"status": "rejected"},
        ),
    ),
)
