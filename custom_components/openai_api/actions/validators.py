"""Checks that take what people and templates really write, and say in words what is wrong."""

from collections.abc import Callable, Mapping
import datetime as dt
import json
import math
from typing import Any

import voluptuous as vol

type Validator = Callable[[Any], Any]

_TRUE = {"1", "true", "yes", "on", "enable"}
_FALSE = {"0", "false", "no", "off", "disable"}


def _kind(value: object) -> str:
    """Name a value's kind as a person would."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a yes/no value"
        case int() | float():
            return f"the number {value}"
        case str():
            return "an empty text" if not value.strip() else "a text"
        case Mapping():
            return "an object"
        case list() | tuple() | set():
            return "a list"
    return "something else"


def plain(value: object) -> Any:
    """Return the value as plain JSON data, whatever YAML or a template made of it."""
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case int():
            return int(value)
        case float():
            if not math.isfinite(value):
                raise vol.Invalid("numbers must be finite")
            return float(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case set() | frozenset():
            return [plain(item) for item in sorted(value, key=str)]
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
    raise vol.Invalid(f"a value of the kind {type(value).__name__} cannot be sent as JSON")


def _parsed(value: str, opening: str) -> Any:
    """Return the JSON written in a text, or None if it is not JSON of that shape."""
    if not value.lstrip().startswith(opening):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def text(value: Any) -> str:
    """Accept a text; numbers and yes/no values are what templates make of one."""
    if isinstance(value, str | bool | int | float):
        return str(value)
    raise vol.Invalid(f"expected a text, got {_kind(value)}")


def filled_text(value: Any) -> str:
    """Accept a text that is not blank."""
    if not (result := text(value)).strip():
        raise vol.Invalid("must not be empty")
    return result


def number(value: Any) -> float:
    """Accept a number, also written as text; a whole number stays one."""
    if isinstance(value, str):
        try:
            value = float(value) if any(sign in value.lower() for sign in ".ein") else int(value)
        except ValueError:
            raise vol.Invalid(f"expected a number, got {_kind(value)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise vol.Invalid(f"expected a number, got {_kind(value)}")
    if not math.isfinite(value):
        raise vol.Invalid("expected a finite number")
    return value


def integer(value: Any) -> int:
    """Accept a whole number, also written as text or as 3.0."""
    try:
        result = number(value)
    except vol.Invalid:
        raise vol.Invalid(f"expected a whole number, got {_kind(value)}") from None
    if result != int(result):
        raise vol.Invalid(f"expected a whole number, got {_kind(result)}")
    return int(result)


def integer_or_text(value: Any) -> int | str:
    """Accept a whole number or a word such as `inf`."""
    try:
        return integer(value)
    except vol.Invalid:
        return filled_text(value)


def boolean(value: Any) -> bool:
    """Accept a yes/no value in any of the usual spellings."""
    word = str(value).strip().lower()
    if isinstance(value, bool | int | str) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise vol.Invalid(f"expected true or false, got {_kind(value)}")


def one_of(options: tuple[str, ...]) -> Validator:
    """Return a check for one of a few words, for what is decided here and not at the host."""

    def validate(value: Any) -> str:
        if value not in options:
            raise vol.Invalid(f"must be {', '.join(options[:-1])} or {options[-1]}")
        return str(value)

    return validate


def json_object(value: Any) -> dict[str, Any]:
    """Accept an object, also written as a JSON text."""
    found = _parsed(value, "{") if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise vol.Invalid(f"expected an object with named values, got {_kind(value)}")
    return dict(plain(found))


def list_of(item: Validator) -> Validator:
    """Return a check for a list; a lone item makes a list of one."""

    def validate(value: Any) -> list[Any]:
        found = _parsed(value, "[") if isinstance(value, str) else value
        if not isinstance(found, list | tuple | set):
            found = [value]
        result = []
        for index, entry in enumerate(found):
            try:
                result.append(item(entry))
            except vol.Invalid as err:
                raise vol.Invalid(err.msg, [index, *err.path]) from None
        return result

    return validate


def anything(value: Any) -> Any:
    """Accept any JSON value."""
    return plain(value)


def text_or_object(value: Any) -> str | dict[str, Any]:
    """Accept a word, or an object with the details."""
    if isinstance(value, Mapping) or (isinstance(value, str) and _parsed(value, "{") is not None):
        return json_object(value)
    return filled_text(value)


def text_or_items(value: Any) -> str | list[Any]:
    """Accept a text, or a list of items; a lone object makes a list of one.

    A text stays a text even where it looks like JSON, unless it is a list of objects:
    nobody means those to be read as prose.
    """
    if isinstance(value, str):
        found = _parsed(value, "[")
        if found and all(isinstance(item, dict) for item in found):
            return [plain(item) for item in found]
        return str(value)
    if isinstance(value, Mapping):
        return [json_object(value)]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return text(value)


def file(value: Any) -> dict[str, str]:
    """Accept a path, a media source id, or what the media selector gives.

    Returns `{"id": …}`, with `content_type` where it was named.
    """
    if isinstance(value, str) and (found := _parsed(value, "{")) is not None:
        value = found
    if isinstance(value, Mapping):
        if not isinstance(name := value.get("media_content_id"), str) or not name.strip():
            raise vol.Invalid("expected a path or a media item with media_content_id")
        kind = value.get("media_content_type")
        return {"id": name.strip()} | ({"content_type": kind} if isinstance(kind, str) else {})
    if isinstance(value, str) and value.strip():
        return {"id": value.strip()}
    raise vol.Invalid(f"expected a path or a media item, got {_kind(value)}")


def text_or_json(value: Any) -> str:
    """Accept a text, or data that is written as JSON."""
    if isinstance(value, str):
        return str(value)
    return json.dumps(plain(value), ensure_ascii=False)
