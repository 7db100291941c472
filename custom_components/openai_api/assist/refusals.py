"""Knows from a refusal which option of a request a model does not take, so that it is left out.

An option that was right for one model would else keep silent whoever chooses another one.
"""

from collections.abc import Mapping
import re
from typing import Final

from homeassistant.exceptions import HomeAssistantError

from ..exceptions import ApiError
from ..types import Json
from .errors import REFUSED_STATUSES, has_status

_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
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
"""Where an option stands in the bodies of either API, by what services call it."""
_NAME: Final = re.compile(
    r"(?<![\w/-])(temperature|top_p|reasoning_?effort|reasoning\.effort|reasoning|thinking"
    r"|text\.verbosity|verbosity|service_tier|(?<!please )include|prompt_cache_key"
    r"|(?<!vector )store)(?![\w-])",
    re.IGNORECASE,
)
"""Parts of the names of models, such as kimi-k2-thinking, are no options."""
_REFUSED: Final = re.compile(
    r"\b(?:unsupported|unknown|unrecognized|unexpected|not (?:supported|permitted|allowed|enabled)"
    r"|(?:not|n't) support|deprecated|cannot (?:both )?be (?:specified|disabled)|only \S+ is allowed"
    r"|may only be set|only works in thinking mode|invalid (?:service_tier|reasoning))|extra inputs"
    r"|reasoning_effort\W* must be one of",
    re.IGNORECASE,
)
_SEALED: Final = re.compile(r"encrypted[ _](?:reasoning|content)", re.IGNORECASE)


def refused_option(err: HomeAssistantError) -> str | None:
    """Return the name of the option that an error says is not taken; None if it is no such error."""
    if not isinstance(err, ApiError) or not has_status(err, REFUSED_STATUSES):
        return None
    message = err.message or ""
    if not _REFUSED.search(message):
        return None
    name = err.param or ""
    if name in _OPTIONS:
        return name
    if name == "reasoning.effort":
        return "reasoning"
    if name:
        return "include" if name.startswith("include") else None
    if _SEALED.search(message):
        return "include"
    if (found := _NAME.search(message)) is None:
        return None
    name = found[1].lower()
    return name if name in _OPTIONS else "reasoning"


def places(option: str) -> tuple[str, ...]:
    """Return where an option stands in the bodies of either API."""
    return _OPTIONS[option]


def value_in(body: Json, option: str) -> str | None:
    """Return the value of an option in a body, as a text; None if it has none."""
    for place in places(option):
        if place in body:
            return repr(body[place])
        if place == "text.verbosity" and isinstance(text := body.get("text"), dict):
            return repr(text["verbosity"]) if "verbosity" in text else None
    return None


def leave_out(body: Json, option: str) -> None:
    """Remove an option from a body."""
    for place in places(option):
        body.pop(place, None)
        if place == "text.verbosity" and "verbosity" in (text := body.get("text", {})):
            body["text"] = {key: value for key, value in text.items() if key != "verbosity"}
            if not body["text"]:
                del body["text"]


_PLACE: Final = re.compile(r"\b(?:function_declarations|tools)(?:\[(\d+)\]|\.(\d+)\b)")
_FUNCTION: Final = re.compile(r"\bfunction:? ['\"`]([A-Za-z0-9_-]{1,64})['\"`]")
_SCHEMA: Final = re.compile(
    r"\bschema\b|\bparameters\b|input_schema|function_declarations", re.IGNORECASE
)


def refused_function(err: HomeAssistantError, body: Json) -> str | None:
    """Return the name of the function whose parameters an error says are not taken.

    Services refuse the whole request for one of them. None if it is no such error.
    """
    if not isinstance(err, ApiError) or not has_status(err, REFUSED_STATUSES):
        return None
    text = f"{err.param or ''} {err.message or ''}"
    if not _SCHEMA.search(text):
        return None
    names = [name_of(tool) for tool in body.get("tools", ())]
    if (found := _FUNCTION.search(text)) is not None and found[1] in names:
        return found[1]
    # Gemini counts within its first tool, which holds all functions.
    places_of = [int(place[1] or place[2]) for place in _PLACE.finditer(text)]
    return names[places_of[-1]] if places_of and places_of[-1] < len(names) else None


def name_of(tool: Json) -> str | None:
    """Return the name of a function as either API takes it; None for another tool."""
    function = tool.get("function", tool)
    return function.get("name") if tool.get("type") == "function" else None
