"""Names the keys of the error bodies of servers, and reads those that hold plain values."""

from collections.abc import Iterable, Mapping
import re
from typing import Any

from .error_rules import QUOTA_CODES

WORDS = (
    *("message", "Message", "detail", "msg", "error_msg", "error_message", "errorMessage"),
    *("status_msg", "html-message"),
)
"""The keys of the message, in the order in which they are read."""
ANY_WORDS = (*WORDS, "errors", "title")
"""The same, with those that say less."""
CODES = ("code", "error_code", "errorCode")
_INNER_ERRORS = ("innererror", "inner_error")
"""The keys of an object with a more exact code, as Azure nests them."""
SAYING = frozenset({"error", "param", *ANY_WORDS, *CODES, *_INNER_ERRORS})
NAMES = SAYING | {"type", "success", "object"}
_FLAGS = frozenset({"true", "1", "yes"})
"""Texts of an `error` that only say that there is one."""
_DELAY = re.compile(r"\d+(?:\.\d+)?s")
_MAX_NESTED = 8
_MAX_DETAILS = 100


def first_of(error: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Return the first value of the keys that says something, None if there is none."""
    return next((error[key] for key in keys if error.get(key)), None)


def code_in(error: Mapping[str, Any]) -> Any:
    """Return the code of an error, the most exact one if errors are nested in it."""
    code: Any = None
    inner: Any = error
    for _ in range(_MAX_NESTED):
        if not isinstance(inner, dict) or str(code).lower() in QUOTA_CODES:
            break
        code = first_of(inner, CODES) or code
        inner = first_of(inner, _INNER_ERRORS)
    return code


def title_in(error: Mapping[str, Any]) -> str | None:
    """Return an `error` that is but the title of a message, None if there is none."""
    title = error.get("error")
    if not isinstance(title, str) or not isinstance(first_of(error, WORDS), str):
        return None
    return title if title.lower() not in _FLAGS else None


def delay_in(error: Mapping[str, Any]) -> str | None:
    """Return when Gemini says that it can be asked again, such as "13s"."""
    details = error.get("details")
    for item in details[:_MAX_DETAILS] if isinstance(details, list) else ():
        delay = item.get("retryDelay") if isinstance(item, dict) else None
        if isinstance(delay, str) and _DELAY.fullmatch(delay):
            return delay
    return None
