"""Finds in an error which option or function of a request a model rejects, so that it is left out.

An option that fits one model would otherwise make every turn with another model fail.
"""

from collections.abc import Mapping
import re
from typing import Final

from homeassistant.exceptions import HomeAssistantError

from ..exceptions import ApiError
from ..types import Json
from .errors import REJECTED_STATUSES, has_status

_OPTION_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "reasoning": ("reasoning", "reasoning_effort"),
    "reasoning_effort": ("reasoning", "reasoning_effort"),
    "text.verbosity": ("text.verbosity", "verbosity"),
    "verbosity": ("text.verbosity", "verbosity"),
    "service_tier": ("service_tier",),
    "include": ("include",),
    "prompt_cache_key": ("prompt_cache_key",),
    "store": ("store",),
}
"""The paths of an option in the bodies of both APIs, by its name in errors."""
_OPTION_NAME: Final = re.compile(
    r"(?<![\w/-])(temperature|top_p|reasoning_?effort|reasoning\.effort|reasoning|thinking"
    r"|text\.verbosity|verbosity|service_tier|(?<!please )include|prompt_cache_key"
    r"|(?<!vector )store)(?![\w-])",
    re.IGNORECASE,
)
"""Parts of the names of models, such as kimi-k2-thinking, are no options."""
_REJECTED: Final = re.compile(
    r"\b(?:unsupported|unknown|unrecognized|unexpected|not (?:supported|permitted|allowed|enabled)"
    r"|(?:not|n't) support|deprecated|cannot (?:both )?be (?:specified|disabled)|only \S+ is allowed"
    r"|may only be set|only works in thinking mode|invalid (?:service_tier|reasoning))|extra inputs"
    r"|reasoning_effort\W* must be one of",
    re.IGNORECASE,
)
_ENCRYPTED_REASONING: Final = re.compile(r"encrypted[ _](?:reasoning|content)", re.IGNORECASE)


def rejected_option(err: HomeAssistantError) -> str | None:
    """Return the name of the option that an error rejects; None if it is no such error."""
    if not isinstance(err, ApiError) or not has_status(err, REJECTED_STATUSES):
        return None
    message = err.message or ""
    if not _REJECTED.search(message):
        return None
    name = err.param or ""
    if name in _OPTION_PATHS:
        return name
    if name == "reasoning.effort":
        return "reasoning"
    if name:
        return "include" if name.startswith("include") else None
    if _ENCRYPTED_REASONING.search(message):
        return "include"
    if (match := _OPTION_NAME.search(message)) is None:
        return None
    name = match[1].lower()
    return name if name in _OPTION_PATHS else "reasoning"


def option_value(body: Json, option: str) -> str | None:
    """Return the `repr` of an option's value in a body; None if it has none."""
    for path in _OPTION_PATHS[option]:
        if path in body:
            return repr(body[path])
        if path == "text.verbosity" and isinstance(text := body.get("text"), dict):
            return repr(text["verbosity"]) if "verbosity" in text else None
    return None


def remove_option(body: Json, option: str) -> None:
    """Remove an option from a body."""
    for path in _OPTION_PATHS[option]:
        body.pop(path, None)
        if path == "text.verbosity" and "verbosity" in (text := body.get("text", {})):
            body["text"] = {key: value for key, value in text.items() if key != "verbosity"}
            if not body["text"]:
                del body["text"]


_TOOL_INDEX: Final = re.compile(r"\b(?:function_declarations|tools)(?:\[(\d+)\]|\.(\d+)\b)")
_FUNCTION_NAME: Final = re.compile(r"\bfunction:? ['\"`]([A-Za-z0-9_-]{1,64})['\"`]")
_SCHEMA_ERROR: Final = re.compile(
    r"\bschema\b|\bparameters\b|input_schema|function_declarations", re.IGNORECASE
)


def rejected_function(err: HomeAssistantError, body: Json) -> str | None:
    """Return the name of the function whose parameters an error rejects.

    Services reject the whole request for one of them. None if it is no such error.
    """
    if not isinstance(err, ApiError) or not has_status(err, REJECTED_STATUSES):
        return None
    text = f"{err.param or ''} {err.message or ''}"
    if not _SCHEMA_ERROR.search(text):
        return None
    names = [function_name(tool) for tool in body.get("tools", ())]
    if (match := _FUNCTION_NAME.search(text)) is not None and match[1] in names:
        return match[1]
    # Gemini counts within its first tool, which holds all functions.
    indexes = [int(path[1] or path[2]) for path in _TOOL_INDEX.finditer(text)]
    return names[indexes[-1]] if indexes and indexes[-1] < len(names) else None


def function_name(tool: Json) -> str | None:
    """Return the name of a function tool of either API; None for another tool."""
    function = tool.get("function", tool)
    return function.get("name") if tool.get("type") == "function" else None
