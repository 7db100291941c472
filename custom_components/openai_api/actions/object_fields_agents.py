"""Objects with a form, for agents, their computers, assistants and ChatKit."""

from dataclasses import replace

from ..action import required
from . import validators as check
from .fields import (
    boolean,
    choice,
    identifier,
    integer,
    json_object,
    long_text,
    object_field,
    object_list_field,
    objects,
    text,
    text_map,
    texts,
)
from .object_fields import CONTEXT_SIZES, FUNCTION

_MODEL = text("model", "Model", "As the service names it.")
_REASONING = json_object("reasoning", "Reasoning", "How hard the model should think: effort.")
_SERVICE_TIER = choice(
    "service_tier",
    "Service tier",
    "How fast and at what price the service works on this.",
    ("auto", "default", "flex", "priority", "fast"),
)

multi_agent = object_field(
    "multi_agent",
    boolean("enabled", "Enabled", "Whether there may be several agents.", required=True),
    integer(
        "max_concurrent_subagents", "At once", "How many of them may work at the same time.", low=1
    ),
)
agent_settings = object_field(
    "agent_settings",
    _MODEL,
    long_text("instructions", "Instructions", "How the agent should behave."),
    objects("tools", "Tools", "What the agent may use."),
    _REASONING,
    json_object("text", "Text format", "How the answer is written: verbosity and format."),
    json_object("multi_agent", "Several agents", "Whether the work may be shared out: enabled."),
    _SERVICE_TIER,
)
agent_tools = object_list_field(
    "agent_tool",
    choice(
        "type",
        "Type",
        "What kind of tool it is.",
        ("function", "web_search", "mcp", "computer_use", "tool_search"),
        required=True,
    ),
    *FUNCTION,
    choice(
        "mode",
        "Search mode",
        "Whether a web search looks now (live) or at what was kept (cached).",
        ("live", "cached", "disabled"),
    ),
    choice(
        "context_size",
        "Search results",
        "How much of what a web search finds the model reads.",
        CONTEXT_SIZES,
    ),
    texts("allowed_domains", "Searched sites", "The only sites that a web search looks through."),
    text("server_label", "Server name", "What an MCP server is called."),
    json_object("transport", "Connection", "How an MCP server is reached: type and server_url."),
    texts("allowed_tools", "Allowed tools", "What may be used of an MCP server."),
    text("credential_id", "Credential", "Id of the credential for an MCP server, in a vault."),
)
agent_changes = object_field("agent_changes", _MODEL, _REASONING, _SERVICE_TIER)

agent_environment = object_field(
    "agent_environment",
    choice(
        "type",
        "Type",
        "Nowhere (none), at the service, or on a machine of yours.",
        ("none", "openai_hosted", "self_hosted"),
        required=True,
    ),
    text("environment_template_id", "Template", "Id of a template, for one at the service."),
    json_object("packages", "Packages", "What to install, by kind: python, npm, system."),
    json_object("network", "Network", "What can be reached from there."),
    text("workspace_directory", "Folder", "Where to work on a machine of yours."),
)
environment_packages = object_field(
    "environment_packages",
    texts("python", "Python", "Packages from PyPI."),
    texts("npm", "Node.js", "Packages from npm."),
    texts("system", "System", "Packages of the operating system."),
)
environment_network = object_field(
    "environment_network",
    choice(
        "access",
        "Access",
        "Everything (enabled), nothing (disabled), or certain sites (restricted).",
        ("enabled", "disabled", "restricted"),
        required=True,
    ),
    texts("allowed_domains", "Allowed sites", "The sites that can be reached."),
    texts("blocked_domains", "Blocked sites", "The sites that cannot be reached."),
)
environment_files = object_list_field(
    "environment_file",
    choice(
        "type",
        "Type",
        "A file at the service (file_id), or one written out as YAML (inline).",
        ("file_id", "inline"),
        required=True,
    ),
    identifier("path", "Path", "Where it lies in the environment.", required=True),
    text("file_id", "File", "Id of the file at the service."),
)
setup_commands = object_list_field(
    "setup_command",
    identifier("command", "Command", "What to run.", required=True),
    text("cwd", "Folder", "In which folder to run it."),
)
environment_desktop = object_field(
    "environment_desktop",
    boolean("enabled", "Enabled", "Whether there is a desktop with a browser.", required=True),
)

message_attachments = object_list_field(
    "message_attachment",
    text("file_id", "File", "Id of the file at the service."),
    objects("tools", "Tools", "The tools that may read it, each with its type."),
)
new_thread = object_field(
    "new_thread",
    objects("messages", "Messages", "What was said so far, each with a role and content."),
    json_object("tool_resources", "Tool resources", "The files that the tools work on."),
    text_map("metadata", "Metadata", "Names with short texts, kept with the thread."),
)
truncation_strategy = object_field(
    "truncation_strategy",
    choice(
        "type",
        "Type",
        "What fits in (auto), or only the newest messages (last_messages).",
        ("auto", "last_messages"),
        required=True,
    ),
    integer("last_messages", "Newest messages", "How many of the newest messages to read.", low=1),
)
tool_outputs = object_list_field(
    "tool_output",
    *required(
        identifier("tool_call_id", "Tool call", "Id of the call that this answers."),
        replace(
            long_text("output", "Output", "What the function returned."),
            validator=check.to_json_string,
        ),
    ),
)

workflow = object_field(
    "workflow",
    identifier("id", "Workflow", "Id of the workflow.", required=True),
    text("version", "Version", "Which version; without it, the usual one."),
    json_object("state_variables", "Variables", "Names and values that the workflow begins with."),
    json_object("tracing", "Tracing", "Whether the service keeps a record: enabled."),
)
chatkit_configuration = object_field(
    "chatkit_configuration",
    json_object("automatic_thread_titling", "Titles", "Whether chats get titles: enabled."),
    json_object("history", "Earlier chats", "Whether they are shown: enabled and recent_threads."),
    json_object(
        "file_upload",
        "File uploads",
        "Whether files can be sent: enabled, max_files and max_file_size.",
    ),
)
rate_limits = object_field(
    "rate_limits",
    integer("max_requests_per_1_minute", "Per minute", "How many messages a minute.", low=1),
)
