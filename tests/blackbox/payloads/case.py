"""How a call and what its answer must hold are written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MODEL = "gpt-5-mini"
ANY = object()
"""Stands for a value that must be there and not be empty."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call and a part of the answer that it must get."""

    data: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any]
    after: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is called when it has answered, to leave nothing open."""


@dataclass(frozen=True)
class From:
    """A value out of the answer of another action, called with its own payload."""

    action: str
    key: str = "id"
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """The path of a sample file."""

    name: str


MESSAGE = [{"role": "user", "content": "Say hello"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "number"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
JSON_FORMAT = {"type": "json_schema", "name": "weather", "schema": SCHEMA, "strict": True}
RESPONSE = {"object": "response", "id": ANY, "output": ANY}
PAGE = {"object": "list", "data": ANY, "has_more": False, "first_id": ANY, "last_id": ANY}
SAVED = {
    "media_content_id": ANY,
    "media_content_type": ANY,
    "path": ANY,
    "url": ANY,
    "size": ANY,
}
STORED_RESPONSE = From("create_model_response")
STORED_CHAT = From("create_chat_completion")
FILE = From("create_file")
