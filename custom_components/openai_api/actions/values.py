"""Takes values of YAML and templates back to the texts and JSON data that were meant."""

from collections.abc import Mapping
import datetime as dt
from decimal import Decimal
import math
from typing import Any

from homeassistant.helpers.template import ResultWrapper
import voluptuous as vol

MAX_NESTING = 100
"""Objects and lists within each other: far more than any API takes, and less than Python can."""
MAX_INT_BITS = 1023
"""Of a whole number: what is larger is infinite to most of those who read JSON."""


def describe_type(value: object) -> str:
    """Name a value's kind as a person would."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a yes/no value"
        case int() if value.bit_length() > 64:
            return "a very large number"
        case int() | float():
            return f"the number {value}"
        case str():
            return "an empty text" if not value.strip() else "a text"
        case Mapping():
            return "an object"
        case list() | tuple() | set():
            return "a list"
    return "something else"


def valid_utf8(value: str) -> str:
    """Return a plain text; half a character, as escapes can make it, is refused."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise vol.Invalid("contains half a character, which cannot be sent") from None
    return str(value)


def bounded_int(value: int) -> int:
    """Return a plain whole number of a size that can be read again."""
    if value.bit_length() > MAX_INT_BITS:
        raise vol.Invalid("the number is too large")
    return int(value)


def rendered_text(value: object) -> str | None:
    """Return the text that a template rendered, if Home Assistant made something else of it.

    Numbers and yes/no values do not remember theirs: `text` writes them anew.
    """
    if value is Ellipsis:
        return "..."
    if isinstance(value, bytes):
        return repr(value)
    return value.render_result if isinstance(value, ResultWrapper) else None


def is_sentence(value: object) -> bool:
    """Tell whether this was a text whose commas or dots made something else of it.

    A tuple that was written without brackets is one, unless it lists objects.
    """
    if not isinstance(value, tuple):
        return value is Ellipsis
    words = rendered_text(value)
    return (
        words is not None
        and not (words.startswith("(") and words.endswith(")"))
        and not all(isinstance(item, Mapping) for item in value)
    )


def _is_part(value: object) -> bool:
    """Tell whether this is a message, or a part of one, as the API knows them."""
    return isinstance(value, Mapping) and not {"type", "role", "id"}.isdisjoint(value)


def _is_data(value: object, *, texts: bool) -> bool:
    """Tell whether a list or an object is meant as data, and not as a text that looks like it.

    What YAML holds always is. What a template rendered is if it consists of messages and their
    parts, or of texts where a list of texts has a meaning: nobody writes token ids as a template.
    """
    if rendered_text(value) is None:
        return True
    if is_sentence(value):
        return False
    if isinstance(value, Mapping):
        return _is_part(value)
    return isinstance(value, list | tuple) and (
        not value
        or all(_is_part(item) for item in value)
        or (texts and all(isinstance(item, str) or _is_part(item) for item in value))
    )


def as_text(value: Any, *, texts: bool = False) -> Any:
    """Return what a template made of a text as a text; data, and nothing, come back as they are."""
    if isinstance(value, int | float) or value is Ellipsis or not _is_data(value, texts=texts):
        return text(value)
    return value


def as_content(value: Any) -> Any:
    """Return what a template made of a text as a text; parts of a message come back as they are."""
    is_part = not isinstance(value, Mapping) or "type" in value
    return as_text(value) if is_part else as_bare_text(value)


def as_bare_text(value: Any) -> Any:
    """Return whatever a template made of a text as a text; data of YAML come back as they are."""
    is_text = isinstance(value, int | float) or rendered_text(value) is not None
    return text(value) if is_text else value


def _is_text_key(value: Mapping[Any, Any], key: str) -> bool:
    """Tell whether the API takes what an object has under a key as a text."""
    kind = str(value.get("type"))
    match key:
        case "instructions" | "call_id" | "tool_call_id":
            return True
        case "content":
            return "role" in value
        case "text":
            return kind.endswith("text")
        case "output":
            # That of a computer is an object: a picture.
            is_text = kind != "computer_call_output" and kind.endswith(("call_output", "call"))
            return is_text or "tool_call_id" in value
        case "arguments":
            return kind.endswith("call") or isinstance(value.get("name"), str)
        case "id":
            # Of calls: some hosts name them with digits alone.
            return kind == "function" or kind.endswith("call")
    return False


def _message(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return an object in which what the API takes as a text is one."""
    changes = {}
    for key, item in value.items():
        if isinstance(key, str) and not isinstance(item, str) and _is_text_key(value, key):
            # Of calls these are no objects of the API's, whatever keys they have.
            is_bare = key == "arguments" or (key == "output" and isinstance(item, Mapping))
            changes[key] = as_bare_text(item) if is_bare else as_content(item)
    return {**value, **changes} if changes else value


def to_json_value(value: object, level: int = 0) -> Any:
    """Return the value as plain JSON data, whatever YAML or a template made of it."""
    if level > MAX_NESTING:
        raise vol.Invalid(f"objects and lists may be {MAX_NESTING} deep within each other")
    if is_sentence(value) or isinstance(value, bytes):
        return rendered_text(value)
    match value:
        case None | bool():
            return value
        case str():
            return valid_utf8(value)
        case int():
            return bounded_int(value)
        case float():
            if not math.isfinite(value):
                raise vol.Invalid("numbers must be finite")
            return float(value)
        case Mapping():
            return {
                _name(key): to_json_value(item, level + 1) for key, item in _message(value).items()
            }
        case list() | tuple():
            return [to_json_value(item, level + 1) for item in value]
        case set() | frozenset():
            return [to_json_value(item, level + 1) for item in sorted(value, key=str)]
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
    raise vol.Invalid(f"a value of the kind {type(value).__name__} cannot be sent as JSON")


def _name(key: object) -> str:
    """Return the name of a value in an object; numbers and dates are written as names."""
    if key is None or isinstance(key, bool):
        # YAML reads on, off, yes, no and null as values: what was written is lost.
        raise vol.Invalid(f"{describe_type(key)} cannot be a name: put on, yes or null in quotes")
    return valid_utf8(str(key))


def text(value: Any) -> str:
    """Accept a text; numbers, lists and the like are what templates make of one."""
    if isinstance(value, str):
        return valid_utf8(value)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        # No template renders an exponent: those stay texts.
        words = str(value)
        return f"{Decimal(words):{'.1f' if abs(value) > 1 else 'f'}}" if "e" in words else words
    if isinstance(value, int):
        return str(bounded_int(value))
    if (rendered := rendered_text(value)) is not None:
        return valid_utf8(rendered)
    if isinstance(value, dt.date | dt.time):
        # YAML makes dates of texts that look like one.
        return str(value)
    raise vol.Invalid(f"expected a text, got {describe_type(value)}")
