"""Names, defaults and limits of the options of all subentry types."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.const import CONF_LLM_HASS_API, CONF_MODEL, CONF_NAME, CONF_PROMPT

from ..subentries import SubentryType

CONF_API: Final = "api"
CONF_AUDIO_FORMAT: Final = "audio_format"
CONF_CLEAN_TEXT: Final = "clean_text"
CONF_CONTINUE_CONVERSATION: Final = "continue_conversation"
CONF_EAGERNESS: Final = "eagerness"
CONF_END_OF_SPEECH: Final = "end_of_speech"
CONF_EVALUATE: Final = "evaluate"
CONF_EXTRA_BODY: Final = "extra_body"
CONF_EXTRA_SESSION: Final = "extra_session"
CONF_FALLBACK_AGENT: Final = "fallback_agent"
CONF_FIRST_PIECE: Final = "first_piece"
CONF_HISTORY_TURNS: Final = "history_turns"
CONF_HOST_TOOLS: Final = "host_tools"
CONF_IMAGE_MODEL: Final = "image_model"
CONF_INSTRUCTIONS: Final = "instructions"
CONF_KEEP_OPEN: Final = "keep_open"
CONF_MAX_OUTPUT_TOKENS: Final = "max_output_tokens"
CONF_MAX_TOOL_ROUNDS: Final = "max_tool_rounds"
CONF_NAMES_OF_THINGS: Final = "names_of_things"
CONF_NOISE_REDUCTION: Final = "noise_reduction"
CONF_PATIENCE: Final = "patience"
CONF_PLAIN_TEXT: Final = "plain_text"
CONF_REASONING_EFFORT: Final = "reasoning_effort"
CONF_SEND_LANGUAGE: Final = "send_language"
CONF_SENTENCES_AHEAD: Final = "sentences_ahead"
CONF_SERVICE_TIER: Final = "service_tier"
CONF_SILENCE_MS: Final = "silence_ms"
CONF_SPEAK_AT_ONCE: Final = "speak_at_once"
CONF_SPEED: Final = "speed"
CONF_STORE: Final = "store"
CONF_STRUCTURED_OUTPUT: Final = "structured_output"
CONF_TEMPERATURE: Final = "temperature"
CONF_TOP_P: Final = "top_p"
CONF_TRANSCRIPTION_MODEL: Final = "transcription_model"
CONF_TRANSPORT: Final = "transport"
CONF_TURN_DETECTION: Final = "turn_detection"
CONF_VERBOSITY: Final = "verbosity"
CONF_VOICE: Final = "voice"

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    SubentryType.CONVERSATION: {
        CONF_API: "auto",
        CONF_CONTINUE_CONVERSATION: "when_asked",
        CONF_EXTRA_BODY: {},
        CONF_HISTORY_TURNS: 0,
        CONF_HOST_TOOLS: [],
        CONF_MAX_TOOL_ROUNDS: 10,
        CONF_PATIENCE: 60,
        CONF_PLAIN_TEXT: "auto",
        CONF_STORE: False,
    },
    SubentryType.AI_TASK: {
        CONF_EVALUATE: "auto",
        CONF_EXTRA_BODY: {},
        CONF_PATIENCE: 300,
        CONF_STRUCTURED_OUTPUT: "auto",
    },
    SubentryType.STT: {
        CONF_END_OF_SPEECH: "home",
        CONF_NAMES_OF_THINGS: True,
        CONF_SEND_LANGUAGE: True,
        CONF_TRANSPORT: "auto",
    },
    SubentryType.TTS: {
        CONF_AUDIO_FORMAT: "auto",
        CONF_CLEAN_TEXT: True,
        CONF_EXTRA_BODY: {},
        CONF_FIRST_PIECE: "sentence",
        CONF_PATIENCE: 60,
        CONF_SENTENCES_AHEAD: 2,
    },
    SubentryType.REALTIME: {
        CONF_CONTINUE_CONVERSATION: "when_asked",
        CONF_END_OF_SPEECH: "both",
        CONF_EXTRA_SESSION: {},
        CONF_KEEP_OPEN: 300,
        CONF_NOISE_REDUCTION: "far_field",
        CONF_SILENCE_MS: 500,
        CONF_SPEAK_AT_ONCE: True,
        CONF_TURN_DETECTION: "server_vad",
    },
}
"""What holds where the form has saved nothing; what is not named here is then not sent."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    CONF_API: ("auto", "responses_socket", "responses", "chat_completions"),
    CONF_AUDIO_FORMAT: ("auto", "pcm", "mp3", "wav", "opus", "flac", "aac"),
    CONF_CONTINUE_CONVERSATION: ("when_asked", "always", "never"),
    CONF_EAGERNESS: ("auto", "low", "medium", "high"),
    CONF_END_OF_SPEECH: ("home", "both", "host"),
    CONF_EVALUATE: ("auto", "decisions", "structured", "off"),
    CONF_FIRST_PIECE: ("sentence", "clause"),
    CONF_NOISE_REDUCTION: ("near_field", "far_field"),
    CONF_PLAIN_TEXT: ("auto", "always", "never"),
    CONF_REASONING_EFFORT: ("none", "minimal", "low", "medium", "high", "xhigh"),
    CONF_SERVICE_TIER: ("auto", "default", "flex", "priority"),
    CONF_STRUCTURED_OUTPUT: ("auto", "json_schema", "json_object", "prompt"),
    CONF_TRANSPORT: ("auto", "live", "upload"),
    CONF_TURN_DETECTION: ("server_vad", "semantic_vad"),
    CONF_VERBOSITY: ("low", "medium", "high"),
}
"""The values that the form offers."""
OPEN_CHOICES: Final = frozenset({CONF_REASONING_EFFORT, CONF_SERVICE_TIER, CONF_VERBOSITY})
"""Those to which a host may know others, which can be typed in."""

LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    CONF_HISTORY_TURNS: (0, 1000),
    CONF_KEEP_OPEN: (0, 3300),
    CONF_MAX_OUTPUT_TOKENS: (1, 1_000_000),
    CONF_MAX_TOOL_ROUNDS: (1, 50),
    CONF_PATIENCE: (1, 600),
    CONF_SENTENCES_AHEAD: (1, 4),
    CONF_SILENCE_MS: (200, 2000),
    CONF_SPEED: (0.25, 4),
    CONF_TEMPERATURE: (0, 2),
    CONF_TOP_P: (0, 1),
}
FRACTIONS: Final = frozenset({CONF_SPEED, CONF_TEMPERATURE, CONF_TOP_P})
"""The numbers that need not be whole."""
UNITS: Final[Mapping[str, str]] = {CONF_KEEP_OPEN: "s", CONF_PATIENCE: "s", CONF_SILENCE_MS: "ms"}
RESERVED: Final = frozenset({"input", "messages", "store", "stream", "tools"})
"""Keys that `extra_body` may not hold, for a turn could not do without its own."""
RESERVED_SPEECH: Final = frozenset({"input", "response_format", "stream_format"})
RESERVED_SESSION: Final = frozenset({"type"})

__all__ = ["CONF_LLM_HASS_API", "CONF_MODEL", "CONF_NAME", "CONF_PROMPT"]
