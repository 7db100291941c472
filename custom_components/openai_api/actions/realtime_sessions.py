"""Realtime sessions as older and compatible hosts make them."""

from dataclasses import replace

from ..action import ActionDescription, ActionGroup, FieldDescription, Permission, advanced
from ..types import ModelKind
from .common_fields import MODEL
from .fields import (
    choice,
    choice_or_object,
    choices,
    integer_or_string,
    long_text,
    number,
    string_or_object,
    text,
)
from .object_fields import VOICES
from .object_fields_voice import (
    function_tools,
    noise_reduction,
    session_secret,
    transcription,
    transcription_secret,
    turn_detection,
)

_FORMATS = ("pcm16", "g711_ulaw", "g711_alaw")
_INPUT: tuple[FieldDescription, ...] = (
    choice("input_audio_format", "Input format", "How the sound comes in.", _FORMATS),
    transcription(
        "input_audio_transcription",
        "Transcript",
        "Which model writes down what is said, and in which language.",
        example={"model": "whisper-1", "language": "de"},
    ),
    noise_reduction(
        "input_audio_noise_reduction",
        "Noise reduction",
        "Whether the microphone is near (near_field) or far away (far_field).",
        example={"type": "far_field"},
    ),
    turn_detection(
        "turn_detection",
        "Pauses",
        "How the end of what somebody says is noticed.",
        example={"type": "server_vad", "silence_duration_ms": 500},
    ),
)
_MODALITIES = choices(
    "modalities",
    "Modalities",
    "Whether the answer is written (text), spoken (audio) or both.",
    ("text", "audio"),
)
_SECRET = (
    "client_secret",
    "Client secret",
    "How long the secret can be used to begin a conversation.",
)
_EXPIRY = {"anchor": "created_at", "seconds": 600}

ACTION_GROUP = ActionGroup(
    key="realtime_sessions",
    name="Realtime sessions of older services",
    actions=(
        ActionDescription(
            key="create_realtime_session",
            method="beta.realtime.sessions.create",
            name="Create a realtime session (retired)",
            description="Makes a short-lived key for a conversation by voice.",
            icon="mdi:microphone-plus",
            permission=Permission.ADMINISTRATORS,
            model_kind=ModelKind.REALTIME,
            fields=(
                replace(MODEL, example="gpt-realtime"),
                long_text(
                    "instructions",
                    "Instructions",
                    "How the model should behave.",
                    example="Be brief.",
                ),
                choice_or_object("voice", "Voice", "Who speaks.", VOICES),
                function_tools("tools", "Tools", "Functions that the model may use."),
                *advanced(
                    *_INPUT,
                    choice(
                        "output_audio_format", "Output format", "How the sound goes out.", _FORMATS
                    ),
                    _MODALITIES,
                    number(
                        "speed",
                        "Speed",
                        "How fast the model speaks.",
                        low=0.25,
                        high=1.5,
                        step=0.05,
                    ),
                    number(
                        "temperature",
                        "Temperature",
                        "Low values keep to the likely words, high ones vary more.",
                        high=2,
                        step=0.1,
                    ),
                    integer_or_string(
                        "max_response_output_tokens",
                        "Max output tokens",
                        "The longest answer, or inf for no limit.",
                        example="inf",
                    ),
                    text(
                        "tool_choice",
                        "Tool choice",
                        "Whether the model may (auto), must (required) or must not (none) use a tool, or which one.",
                        example="auto",
                    ),
                    string_or_object(
                        "tracing",
                        "Tracing",
                        "Whether the service keeps a record of the call: auto, or the details.",
                        example="auto",
                    ),
                    session_secret(*_SECRET, example={"expires_after": _EXPIRY}),
                ),
            ),
            only_answers=True,
        ),
        ActionDescription(
            key="create_realtime_transcription_session",
            method="beta.realtime.transcription_sessions.create",
            name="Create a realtime transcription session (retired)",
            description="Makes a short-lived key for writing down speech as it is heard.",
            icon="mdi:subtitles-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *_INPUT,
                *advanced(
                    _MODALITIES,
                    choices(
                        "include",
                        "Include",
                        "What else the answer should contain.",
                        ("item.input_audio_transcription.logprobs",),
                    ),
                    transcription_secret(*_SECRET, example={"expires_at": _EXPIRY}),
                ),
            ),
            only_answers=True,
        ),
    ),
)
