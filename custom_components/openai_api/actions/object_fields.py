"""The objects that people write by hand, each with a form for its parts."""

from dataclasses import replace

from ..action import required
from .fields import (
    boolean,
    choice,
    choice_or_object,
    identifier,
    integer,
    json_object,
    object_field,
    object_list_field,
    objects,
    string_or_json,
    string_or_object,
    text,
    text_map,
    texts,
)

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
VERBOSITIES = ("low", "medium", "high")
CONTEXT_SIZES = ("low", "medium", "high")
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "marin", "cedar", "sage", "shimmer", "verse")

_CONTENT = string_or_json(
    "content", "Content", "What is said. Pictures and sounds are written as YAML."
)
FUNCTION = (
    text("name", "Name", "What the function is called."),
    text("description", "Description", "What it does, so that the model knows when to use it."),
    json_object("parameters", "Parameters", "The arguments that it takes, as a JSON schema."),
)
MCP_SERVER = (
    text("server_label", "Server name", "What an MCP server is called."),
    text("server_url", "Server address", "Where an MCP server answers."),
)
EFFORT = choice("effort", "Effort", "How hard the model should think.", EFFORTS)
_OBFUSCATION = boolean(
    "include_obfuscation",
    "Padding",
    "Whether to hide how long the pieces are, at the cost of a longer stream.",
)
_CACHE = (
    choice(
        "mode",
        "Mode",
        "Whether the service chooses what to keep (implicit), or you mark it (explicit).",
        ("implicit", "explicit"),
    ),
    choice("ttl", "Kept for", "For how long at least.", ("30m",)),
)

chat_messages = object_list_field(
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
thread_messages = object_list_field(
    "thread_message",
    choice("role", "Role", "Who says this.", ("user", "assistant"), required=True),
    *required(_CONTENT),
    objects("attachments", "Attachments", "Files of the message, and the tools that may use them."),
)
items = object_list_field(
    "item",
    choice("role", "Role", "Who says this.", ("user", "assistant", "system", "developer")),
    _CONTENT,
    choice("type", "Type", "What kind of item it is.", ("message", "item_reference")),
    text("id", "Id", "The item that is referred to."),
)

tools = object_list_field(
    "tool",
    choice(
        "type",
        "Type",
        "What kind of tool it is.",
        ("function", "web_search", "file_search", "mcp", "code_interpreter", "image_generation"),
        required=True,
    ),
    *FUNCTION,
    choice(
        "search_context_size",
        "Search results",
        "How much of what a web search finds the model reads.",
        CONTEXT_SIZES,
    ),
    texts("vector_store_ids", "Vector stores", "What a file search looks through."),
    integer("max_num_results", "Most results", "How many passages a file search returns.", low=1),
    *MCP_SERVER,
    choice_or_object(
        "require_approval",
        "Approval",
        "Whether uses of an MCP server wait to be approved.",
        ("always", "never"),
    ),
    replace(
        string_or_object(
            "container",
            "Container",
            "Where the code interpreter works: the id of a container, or type: auto.",
        ),
        selector={"object": {}},
    ),
    choice(
        "size",
        "Picture size",
        "Width and height of a generated picture.",
        ("auto", "1024x1024", "1536x1024", "1024x1536"),
    ),
    choice(
        "quality",
        "Picture quality",
        "More quality takes longer and costs more.",
        ("auto", "low", "medium", "high"),
    ),
)
chat_tools = object_list_field(
    "chat_tool",
    choice("type", "Type", "What kind of tool it is.", ("function",), required=True),
    json_object("function", "Function", "Its name, description and parameters."),
)
assistant_tools = object_list_field(
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

reasoning = object_field(
    "reasoning",
    EFFORT,
    choice(
        "summary",
        "Summary",
        "Whether to tell what the model thought.",
        ("auto", "concise", "detailed"),
    ),
)
text_format = object_field(
    "text_format",
    choice("verbosity", "Verbosity", "How many words the answer should have.", VERBOSITIES),
    json_object("format", "Format", "Prose, or JSON of a given form."),
)
response_format = object_field(
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

stream_options = object_field("stream_options", _OBFUSCATION)
completion_stream_options = object_field(
    "completion_stream_options",
    boolean("include_usage", "Usage", "Whether the stream ends with the tokens that it used."),
    _OBFUSCATION,
)
prompt = object_field(
    "prompt",
    identifier("id", "Prompt template", "Id of the template.", required=True),
    text("version", "Version", "Which version; without it, the usual one."),
    text_map("variables", "Variables", "What the prompt is filled in with, by name."),
)
context_management = object_list_field(
    "context_management",
    choice(
        "type",
        "Type",
        "What the service does: sum up (compaction).",
        ("compaction",),
        required=True,
    ),
    integer("compact_threshold", "Tokens", "How long the conversation must be for that.", low=1),
)
web_search_options = object_field(
    "web_search_options",
    choice(
        "search_context_size",
        "Search results",
        "How much of what a web search finds the model reads.",
        CONTEXT_SIZES,
    ),
    json_object("user_location", "Place", "Roughly where you are: type and approximate."),
)
prediction = object_field(
    "prediction",
    *required(
        choice("type", "Type", "The kind of prediction; always content.", ("content",)),
        string_or_json("content", "Content", "The text that most of the answer will equal."),
    ),
)
prompt_cache = object_field("prompt_cache", *_CACHE)
response_prompt_cache = object_field(
    "response_prompt_cache",
    *_CACHE,
    boolean("prewarm", "Only prepare", "Keep the beginning for later, and answer nothing yet."),
    text(
        "comparison_response_id",
        "Compare with",
        "Id of a response, to learn why its beginning was not used again.",
    ),
)
moderation = object_field(
    "moderation",
    identifier("model", "Model", "The model that checks.", required=True),
    json_object("policy", "Policy", "What happens, by input and output: mode score or block."),
)
access_programs = object_field(
    "access_programs",
    choice(
        "cyber",
        "Computer security",
        "The program for work on computer security.",
        ("standard", "daybreak_blue", "daybreak_red"),
    ),
)
functions = object_list_field("function", *required(FUNCTION[0]), *FUNCTION[1:])
questions = object_list_field(
    "question",
    *required(
        choice(
            "type",
            "Type",
            "Yes or no (predicate), one of several (choice), or how much (score).",
            ("predicate", "choice", "score"),
        ),
        string_or_json("instructions", "Question", "What to decide."),
    ),
    text("name", "Name", "What to call it in the answer."),
    objects("choices", "Choices", "For the type choice: each with a value and a description."),
    objects("levels", "Levels", "For the type score: each with a label and a description."),
)
