"""The objects that people write by hand, each with a form for its parts."""

from ..model import required
from .fields import (
    boolean,
    choice,
    choices,
    identifier,
    integer,
    json_object,
    long_text,
    objects,
    structure,
    structures,
    text,
    texts,
)

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
VERBOSITIES = ("low", "medium", "high")
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "marin", "cedar", "sage", "shimmer", "verse")

_CONTENT = long_text(
    "content", "Content", "What is said. Pictures and sounds are written as YAML.", required=True
)
_FUNCTION = (
    text("name", "Name", "What the function is called."),
    text("description", "Description", "What it does, so that the model knows when to use it."),
    json_object("parameters", "Parameters", "The arguments that it takes, as a JSON schema."),
)
_EFFORT = choice("effort", "Effort", "How hard the model should think.", EFFORTS)

chat_messages = structures(
    "chat_message",
    choice(
        "role",
        "Role",
        "Who says this.",
        ("user", "assistant", "system", "developer", "tool"),
        required=True,
    ),
    _CONTENT,
    text("name", "Speaker", "Tells apart people who have the same role."),
    text("tool_call_id", "Tool call", "Which call this answers, in a message with the role tool."),
)
thread_messages = structures(
    "thread_message",
    choice("role", "Role", "Who says this.", ("user", "assistant"), required=True),
    _CONTENT,
    objects("attachments", "Attachments", "Files of the message, and the tools that may use them."),
)
items = structures(
    "item",
    choice("role", "Role", "Who says this.", ("user", "assistant", "system", "developer")),
    long_text("content", "Content", "What is said. Pictures and sounds are written as YAML."),
    choice("type", "Type", "What kind of item it is.", ("message", "item_reference")),
    text("id", "Id", "The item that is referred to."),
)
tool_outputs = structures(
    "tool_output",
    *required(
        identifier("tool_call_id", "Tool call", "Id of the call that this answers."),
        long_text("output", "Output", "What the function returned."),
    ),
)

tools = structures(
    "tool",
    choice(
        "type",
        "Type",
        "What kind of tool it is.",
        ("function", "web_search", "file_search", "mcp", "code_interpreter", "image_generation"),
        required=True,
    ),
    *_FUNCTION,
    texts("vector_store_ids", "Vector stores", "What a file search looks through."),
    text("server_label", "Server name", "What an MCP server is called."),
    text("server_url", "Server address", "Where an MCP server answers."),
    choice(
        "require_approval",
        "Approval",
        "Whether uses of an MCP server wait to be approved.",
        ("always", "never"),
    ),
)
realtime_tools = structures(
    "realtime_tool",
    choice("type", "Type", "What kind of tool it is.", ("function", "mcp"), required=True),
    *_FUNCTION,
    text("server_label", "Server name", "What an MCP server is called."),
    text("server_url", "Server address", "Where an MCP server answers."),
)
chat_tools = structures(
    "chat_tool",
    choice("type", "Type", "What kind of tool it is.", ("function",), required=True),
    json_object("function", "Function", "Its name, description and parameters."),
)
assistant_tools = structures(
    "assistant_tool",
    choice(
        "type",
        "Type",
        "What kind of tool it is.",
        ("file_search", "code_interpreter", "function"),
        required=True,
    ),
    json_object("function", "Function", "Its name, description and parameters."),
)

reasoning = structure(
    "reasoning",
    _EFFORT,
    choice(
        "summary",
        "Summary",
        "Whether to tell what the model thought.",
        ("auto", "concise", "detailed"),
    ),
)
realtime_reasoning = structure("realtime_reasoning", _EFFORT)
text_format = structure(
    "text_format",
    choice("verbosity", "Verbosity", "How many words the answer should have.", VERBOSITIES),
    json_object("format", "Format", "Prose, or JSON of a given form."),
)
response_format = structure(
    "response_format",
    choice(
        "type",
        "Type",
        "Prose, any JSON, or JSON of a given form.",
        ("text", "json_object", "json_schema"),
        required=True,
    ),
    json_object("json_schema", "JSON schema", "The form: a name and a schema."),
)

chat_audio = structure(
    "chat_audio",
    *required(
        choice("voice", "Voice", "Who speaks.", VOICES),
        choice(
            "format",
            "Format",
            "How the sound is stored.",
            ("wav", "mp3", "aac", "flac", "opus", "pcm16"),
        ),
    ),
)
realtime_audio = structure(
    "realtime_audio",
    json_object("output", "Output", "The voice, its speed, and the format."),
    json_object("input", "Input", "The format, the transcript, and how pauses are noticed."),
)
realtime_session = structure(
    "realtime_session",
    choice(
        "type",
        "Type",
        "A conversation (realtime), or speech made text (transcription).",
        ("realtime", "transcription"),
        required=True,
    ),
    text("model", "Model", "The model to use, as the service host names it."),
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
live_session = structure(
    "live_session",
    text("model", "Model", "The model to use, as the service host names it."),
    choice("type", "Type", "Always live; only for phone calls.", ("live",)),
    long_text("instructions", "Instructions", "How the model should behave."),
    json_object("audio", "Audio", "The voice."),
    json_object("delegation", "Delegation", "Who does the work that the model passes on."),
    boolean("store", "Store", "Keep the conversation, to go on with it or to hear it again."),
)
live_transport = structure(
    "live_transport",
    *required(
        choice("type", "Type", "The kind of connection.", ("webrtc",)),
        long_text("sdp", "Offer", "What the other side offers, as SDP."),
    ),
)
multi_agent = structure(
    "multi_agent",
    boolean("enabled", "Enabled", "Whether there may be several agents.", required=True),
    integer(
        "max_concurrent_subagents", "At once", "How many of them may work at the same time.", low=1
    ),
)
agent_environment = structure(
    "agent_environment",
    choice(
        "type",
        "Type",
        "Nowhere (none), at the host, or on a machine of yours.",
        ("none", "openai_hosted", "self_hosted"),
        required=True,
    ),
    text("environment_template_id", "Template", "Id of a template, for one at the host."),
    json_object("packages", "Packages", "What to install, by kind: python, npm, system."),
    json_object("network", "Network", "What can be reached from there."),
    text("workspace_directory", "Folder", "Where to work on a machine of yours."),
)
translation_session = structure(
    "translation_session",
    text("model", "Model", "The model to use, as the service host names it.", required=True),
    json_object("audio", "Audio", "The language to translate to, and the transcript."),
)
