"""Objects with a form, for files, vector stores, containers and what expires by itself."""

from ..action import required
from .fields import (
    choice,
    identifier,
    integer,
    json_object,
    number,
    object_field,
    object_list_field,
    text,
    texts,
)

_SECONDS = integer("seconds", "Seconds", "After how many seconds.", low=10, unit="s")
_CREATED = choice(
    "anchor",
    "Counted from",
    "From when on the time is counted: from its making (created_at).",
    ("created_at",),
)
_LAST_ACTIVE = choice(
    "anchor",
    "Counted from",
    "From when on the time is counted: from its last use (last_active_at).",
    ("last_active_at",),
)
_CHUNKING = (
    choice(
        "type",
        "Type",
        "Cut as the service thinks best (auto), or in the way that you set (static).",
        ("auto", "static"),
        required=True,
    ),
    json_object(
        "static",
        "Own sizes",
        "For the type static: max_chunk_size_tokens and chunk_overlap_tokens.",
    ),
)

# The form begins with the lowest number that it allows: no file lasts for less than an hour.
file_expiry = object_field(
    "file_expiry",
    *required(
        integer("seconds", "Seconds", "After how many seconds.", low=3600, unit="s"), _CREATED
    ),
)
session_expiry = object_field("session_expiry", *required(_SECONDS, _CREATED))
expiry_in_minutes = object_field(
    "expiry_in_minutes",
    *required(
        integer("minutes", "Minutes", "After how many minutes.", low=1, unit="min"), _LAST_ACTIVE
    ),
)
expiry_in_days = object_field(
    "expiry_in_days",
    *required(integer("days", "Days", "After how many days.", low=1, unit="d"), _LAST_ACTIVE),
)
secret_expiry = object_field("secret_expiry", _SECONDS, _CREATED)

chunking = object_field("chunking", *_CHUNKING)
ranking = object_field(
    "ranking",
    choice("ranker", "Ranker", "Who ranks the passages.", ("auto", "none", "default-2024-11-15")),
    number(
        "score_threshold",
        "Lowest score",
        "How close a passage must come, from 0 to 1.",
        high=1,
        step=0.01,
    ),
)
batch_files = object_list_field(
    "batch_file",
    identifier("file_id", "File", "Id of the file at the service.", required=True),
    json_object("attributes", "Attributes", "Names and values to search by."),
    json_object("chunking_strategy", "Chunking", "How this file is cut into pieces."),
)
tool_resources = object_field(
    "tool_resources",
    json_object("file_search", "File search", "The vector stores, as vector_store_ids."),
    json_object("code_interpreter", "Code interpreter", "The files, as file_ids."),
)

network_policy = object_field(
    "network_policy",
    choice(
        "type",
        "Type",
        "No internet at all (disabled), or only certain sites (allowlist).",
        ("disabled", "allowlist"),
        required=True,
    ),
    texts("allowed_domains", "Allowed sites", "The sites that can be reached."),
)
skill_references = object_list_field(
    "skill_reference",
    choice(
        "type",
        "Type",
        "A skill at the service (skill_reference), or one written out as YAML (inline).",
        ("skill_reference", "inline"),
        required=True,
    ),
    text("skill_id", "Skill", "Id of the skill."),
    text("version", "Version", "Which version; without it, the usual one."),
)

video_source = object_field(
    "video_source",
    text("id", "Video", "Id of a video at the service."),
    text(
        "media_content_id",
        "File",
        "Or a video file: a media item, or a path that Home Assistant may read.",
    ),
)
