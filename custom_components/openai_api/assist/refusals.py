"""Knows from a refusal which option of a request a model does not take, so that it is left out.

An option that was right for one model would else keep silent whoever chooses another one.
"""

from collections.abc import Mapping
import re
from typing import Final

from homeassistant.exceptions import HomeAssistantError

from ..exceptions import ApiError
from ..types import Json
from .errors import REFUSED_STATUSES

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
    r"\b(temperature|top_p|reasoning_effort|reasoning\.effort|reasoning|text\.verbosity|verbosity"
    r"|service_tier|include|prompt_cache_key|store)\b"
)
_REFUSED: Final = re.compile(
    r"\b(?:unsupported|unknown|unrecognized|unexpected|not supported|not permitted|not allowed"
    r"|(?:not|n't) support)|extra inputs",
    re.IGNORECASE,
)
_SEALED: Final = re.compile(r"encrypted[ _](?:reasoning|content)", re.IGNORECASE)


def refused_option(err: HomeAssistantError) -> str | None:
    """Return the name of the option that an error says is not taken; None if it is no such error."""
    if not isinstance(err, ApiError) or err.status not in REFUSED_STATUSES:
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
    return "reasoning" if found[1] == "reasoning.effort" else found[1]


def places(option: str) -> tuple[str, ...]:
    """Return where an option stands in the bodies of either API."""
    return _OPTIONS[option]


def is_in(body: Json, option: str) -> bool:
    """Tell whether a body has an option."""
    return any(
        place in body or (place == "text.verbosity" and "verbosity" in body.get("text", {}))
        for place in places(option)
    )


def leave_out(body: Json, option: str) -> None:
    """Remove an option from a body."""
    for place in places(option):
        body.pop(place, None)
        if place == "text.verbosity" and "verbosity" in (text := body.get("text", {})):
            body["text"] = {key: value for key, value in text.items() if key != "verbosity"}
            if not body["text"]:
                del body["text"]
