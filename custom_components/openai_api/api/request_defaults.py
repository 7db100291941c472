"""Arguments that are added to a request because the kind of service needs them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from ..const import CONF_INCLUDE_USAGE
from ..types import Json
from .service_kinds import ServiceKind, kind_of

_STREAM_OPTIONS: Final = "stream_options"
_RESPONSE_FORMAT: Final = "response_format"
_CHATS: Final = frozenset({"chat.completions.create", "completions.create"})


class IncludeUsage(StrEnum):
    """When streams are asked to report their usage."""

    BY_SERVICE = "by_service"
    """If the kind of service supports it."""
    ALWAYS = "always"
    NEVER = "never"


def asks_for_usage(kind: ServiceKind | None, options: Mapping[str, Any]) -> bool:
    """Return whether a stream is to report its usage, by the options of an entry."""
    match options.get(CONF_INCLUDE_USAGE):
        case IncludeUsage.ALWAYS:
            return True
        case IncludeUsage.NEVER:
            return False
    return kind is not None and kind.include_usage


def response_format(text_format: object) -> Json | None:
    """Return the `text.format` of a response as chat completions have it; None for plain text.

    `{type: json_schema, name, schema, strict}` becomes `{type: json_schema, json_schema: {…}}`.
    """
    match text_format:
        case {"type": "json_schema", **form}:
            return {"type": "json_schema", "json_schema": form}
        case {"type": "json_object"}:
            return {"type": "json_object"}
    return None


def defaults_for(
    method: str,
    values: Mapping[str, Any],
    extra_body: Mapping[str, Any],
    data: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Json:
    """Return the arguments to add to those of an SDK method.

    Returns `{"stream_options": {"include_usage": true}}`, `{"response_format": {…}}`, or `{}`.
    `values` and `extra_body` are the arguments of the caller, `data` and `options` those of the
    entry.
    """
    # Few requests stream or have a format: the kind of service is found for those only.
    if method in _CHATS:
        if not values.get("stream") or _STREAM_OPTIONS in values or _STREAM_OPTIONS in extra_body:
            return {}
        if asks_for_usage(kind_of(data, options), options):
            return {_STREAM_OPTIONS: {"include_usage": True}}
    elif method == "responses.create":
        text = values.get("text")
        form = response_format(text.get("format")) if isinstance(text, dict) else None
        if form is None or _RESPONSE_FORMAT in values or _RESPONSE_FORMAT in extra_body:
            return {}
        if (kind := kind_of(data, options)) is not None and not kind.obeys_text_format:
            return {_RESPONSE_FORMAT: form}
    return {}
