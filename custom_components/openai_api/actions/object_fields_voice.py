"""Objects with a form, for what is spoken and heard."""

from ..action import required
from .fields import (
    boolean,
    choice,
    choice_or_object,
    choices,
    integer,
    json_object,
    long_text,
    number,
    object_field,
    object_list_field,
    objects,
    text,
)
from .object_fields import EFFORT, FUNCTION, MCP_SERVER, VOICES

_MODEL = text("model", "Model", "As the service names it.")
_DELEGATION = json_object("delegation", "Delegation", "Who does the work that the model passes on.")
_STORE = boolean("store", "Store", "Keep the conversation, to go on with it or to hear it again.")
_LIVE = (
    *required(_MODEL),
    long_text("instructions", "Instructions", "How the model should behave."),
    json_object("audio", "Audio", "The voice."),
    _DELEGATION,
    _STORE,
)

chat_audio = object_field(
    "chat_audio",
    *required(
        choice_or_object("voice", "Voice", "Who speaks.", VOICES),
        choice(
            "format",
            "Format",
            "How the sound is stored.",
            ("wav", "mp3", "aac", "flac", "opus", "pcm16"),
        ),
    ),
)
realtime_audio = object_field(
    "realtime_audio",
    json_object("output", "Output", "The voice, its speed, and the format."),
    json_object("input", "Input", "The format, the transcript, and how pauses are noticed."),
)
realtime_session = object_field(
    "realtime_session",
    choice(
        "type",
        "Type",
        "A conversation (realtime), or speech made text (transcription).",
        ("realtime", "transcription"),
        required=True,
    ),
    _MODEL,
    long_text("instructions", "Instructions", "How the model should behave."),
    choices(
        "output_modalities",
        "Output modalities",
        "Whether the model answers in speech (audio) or in writing (text).",
        ("audio", "text"),
    ),
    json_object("audio", "Audio", "The voice, the audio formats, and how pauses are noticed."),
    objects("tools", "Tools", "Functions and MCP servers that the model may use."),
)
realtime_tools = object_list_field(
    "realtime_tool",
    choice("type", "Type", "What kind of tool it is.", ("function", "mcp"), required=True),
    *FUNCTION,
    *MCP_SERVER,
)
function_tools = object_list_field(
    "function_tool",
    choice("type", "Type", "What kind of tool it is.", ("function",)),
    *FUNCTION,
)
realtime_reasoning = object_field("realtime_reasoning", EFFORT)
live_session = object_field("live_session", *_LIVE)
live_call = object_field(
    "live_call", choice("type", "Type", "Always live.", ("live",), required=True), *_LIVE
)
live_changes = object_field("live_changes", _DELEGATION, _STORE)
live_transport = object_field(
    "live_transport",
    *required(
        choice("type", "Type", "The kind of connection.", ("webrtc",)),
        long_text("sdp", "Offer", "What the other side offers, as SDP."),
    ),
)
translation_session = object_field(
    "translation_session",
    *required(_MODEL),
    json_object("audio", "Audio", "The language to translate to, and the transcript."),
)

transcription = object_field(
    "transcription",
    _MODEL,
    text("language", "Language", "The language that is spoken, such as de."),
    long_text("prompt", "Hints", "Words that are likely to occur, and how to write them."),
)
noise_reduction = object_field(
    "noise_reduction",
    choice(
        "type",
        "Type",
        "Whether the microphone is near (near_field) or far away (far_field).",
        ("near_field", "far_field"),
    ),
)
turn_detection = object_field(
    "turn_detection",
    choice(
        "type",
        "Type",
        "By silence (server_vad), or by what is said (semantic_vad).",
        ("server_vad", "semantic_vad"),
    ),
    integer(
        "silence_duration_ms",
        "Silence",
        "For server_vad: how long a pause ends what somebody says.",
        unit="ms",
    ),
    number(
        "threshold",
        "Threshold",
        "For server_vad: how loud speech must be, from 0 to 1.",
        high=1,
        step=0.05,
    ),
    integer(
        "prefix_padding_ms",
        "Lead-in",
        "For server_vad: how much sound before the first word is kept.",
        unit="ms",
    ),
    choice(
        "eagerness",
        "Eagerness",
        "For semantic_vad: how soon the model begins to speak.",
        ("low", "medium", "high", "auto"),
    ),
    boolean("create_response", "Answer by itself", "Whether the model answers after a pause."),
    boolean(
        "interrupt_response", "Can be interrupted", "Whether the model stops when somebody speaks."
    ),
)
session_secret = object_field(
    "session_secret",
    json_object("expires_after", "Expires after", "The seconds, and the anchor created_at."),
)
transcription_secret = object_field(
    "transcription_secret",
    json_object("expires_at", "Expires after", "The seconds, and the anchor created_at."),
)
