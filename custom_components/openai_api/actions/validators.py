"""Checks that take what people and templates really write, and say in words what is wrong."""

from collections.abc import Callable, Mapping
import datetime as dt
from decimal import Decimal
import json
import math
import re
from typing import Any

from homeassistant.helpers.template import ResultWrapper
import voluptuous as vol

type Validator = Callable[[Any], Any]

_TRUE = {"1", "true", "yes", "on", "enable"}
_FALSE = {"0", "false", "no", "off", "disable"}
MAX_NESTING = 100
"""Objects and lists within each other: far more than any API takes, and less than Python can."""
MAX_INT_BITS = 1023
"""Of a whole number: what is larger is infinite to most of those who read JSON."""
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+*-]+(; *[\w.+-]+=[\w.+\"-]+)*", re.ASCII)


def _describe_type(value: object) -> str:
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


def _valid_utf8(value: str) -> str:
    """Return a plain text; half a character, as escapes can make it, is refused."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise vol.Invalid("contains half a character, which cannot be sent") from None
    return str(value)


def _bounded_int(value: int) -> int:
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


def _is_sentence(value: object) -> bool:
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
    if isinstance(value, Mapping):
        return _is_part(value)
    return isinstance(value, list | tuple) and (
        not value
        or all(_is_part(item) for item in value)
        or (texts and all(isinstance(item, str) or _is_part(item) for item in value))
    )


def _as_text(value: Any, *, texts: bool = False) -> Any:
    """Return what a template made of a text as a text; data, and nothing, come back as they are."""
    if isinstance(value, int | float) or value is Ellipsis or not _is_data(value, texts=texts):
        return text(value)
    return value


def _message(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return an object in which what the API takes as a text is one."""
    changes = {}
    if "role" in value and "content" in value:
        changes["content"] = _as_text(value["content"])
    if "text" in value and str(value.get("type")).endswith("text"):
        changes["text"] = _as_text(value["text"])
    if "instructions" in value:
        changes["instructions"] = _as_text(value["instructions"])
    return {**value, **changes} if changes else value


def to_json_value(value: object, level: int = 0) -> Any:
    """Return the value as plain JSON data, whatever YAML or a template made of it."""
    if level > MAX_NESTING:
        raise vol.Invalid(f"objects and lists may be {MAX_NESTING} deep within each other")
    if _is_sentence(value):
        return rendered_text(value)
    match value:
        case None | bool():
            return value
        case str():
            return _valid_utf8(value)
        case int():
            return _bounded_int(value)
        case float():
            if not math.isfinite(value):
                raise vol.Invalid("numbers must be finite")
            return float(value)
        case Mapping():
            return {
                _valid_utf8(str(key)): to_json_value(item, level + 1)
                for key, item in _message(value).items()
            }
        case list() | tuple():
            return [to_json_value(item, level + 1) for item in value]
        case set() | frozenset():
            return [to_json_value(item, level + 1) for item in sorted(value, key=str)]
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
    raise vol.Invalid(f"a value of the kind {type(value).__name__} cannot be sent as JSON")


def _parse_json(value: str, opening: str) -> Any:
    """Return the JSON written in a text, or None if it is not JSON of that shape."""
    if not value.lstrip().startswith(opening):
        return None
    try:
        return json.loads(value)
    except ValueError, RecursionError:
        return None


def text(value: Any) -> str:
    """Accept a text; numbers, lists and the like are what templates make of one."""
    if isinstance(value, str):
        return _valid_utf8(value)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        # No template renders an exponent: those stay texts.
        words = str(value)
        return f"{Decimal(words):{'.1f' if abs(value) > 1 else 'f'}}" if "e" in words else words
    if isinstance(value, int):
        return str(_bounded_int(value))
    if (rendered := rendered_text(value)) is not None:
        return _valid_utf8(rendered)
    raise vol.Invalid(f"expected a text, got {_describe_type(value)}")


def non_empty_string(value: Any) -> str:
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
            raise vol.Invalid(f"expected a number, got {_describe_type(value)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise vol.Invalid(f"expected a number, got {_describe_type(value)}")
    if isinstance(value, int):
        return _bounded_int(value)
    if not math.isfinite(value):
        raise vol.Invalid("expected a finite number")
    return value


def integer(value: Any) -> int:
    """Accept a whole number, also written as text or as 3.0."""
    try:
        result = number(value)
    except vol.Invalid:
        raise vol.Invalid(f"expected a whole number, got {_describe_type(value)}") from None
    if result != int(result):
        raise vol.Invalid(f"expected a whole number, got {_describe_type(result)}")
    return int(result)


def at_least(low: float, validator: Validator) -> Validator:
    """Return a check for a number that must not be lower, for what is decided here."""

    def validate(value: Any) -> float:
        result: float = validator(value)
        if result < low:
            raise vol.Invalid(f"must be at least {low}, got {_describe_type(result)}")
        return result

    return validate


def integer_or_string(value: Any) -> int | str:
    """Accept a whole number or a word such as `inf`."""
    try:
        return integer(value)
    except vol.Invalid:
        return non_empty_string(value)


def number_or_string(value: Any) -> float | str:
    """Accept a number or a word such as `auto`."""
    try:
        return number(value)
    except vol.Invalid:
        return non_empty_string(value)


def boolean(value: Any) -> bool:
    """Accept a yes/no value in any of the usual spellings."""
    word = str(value).strip().lower()
    if isinstance(value, bool | int | str) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise vol.Invalid(f"expected true or false, got {_describe_type(value)}")


def one_of(options: tuple[str, ...]) -> Validator:
    """Return a check for one of a few words, for what is decided here and not at the host."""
    known: Validator = vol.In(options, msg=f"must be {', '.join(options[:-1])} or {options[-1]}")
    return known


def json_object(value: Any) -> dict[str, Any]:
    """Accept an object, also written as a JSON text."""
    found = _parse_json(value, "{") if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise vol.Invalid(f"expected an object with named values, got {_describe_type(value)}")
    return dict(to_json_value(found))


def ensure_list_of(validator: Validator) -> Validator:
    """Return a check for a list; a lone item makes a list of one."""

    def validate(value: Any) -> list[Any]:
        found = _parse_json(value, "[") if isinstance(value, str) else value
        if not isinstance(found, list | tuple | set) or _is_sentence(found):
            found = [value]
        result = []
        for index, entry in enumerate(found):
            try:
                result.append(validator(entry))
            except vol.Invalid as err:
                raise vol.Invalid(err.msg, [index, *err.path]) from None
        return result

    return validate


def json_value(value: Any) -> Any:
    """Accept any JSON value."""
    return to_json_value(value)


def string_or_object(value: Any) -> str | dict[str, Any]:
    """Accept a word, or an object with the details."""
    if isinstance(value, Mapping) or (
        isinstance(value, str) and _parse_json(value, "{") is not None
    ):
        return json_object(value)
    return non_empty_string(value)


def string_or_json(value: Any) -> Any:
    """Accept a text, which stays one whatever it looks like, or a list or an object."""
    found = _as_text(value)
    return to_json_value(found) if isinstance(found, Mapping | list | tuple) else text(found)


def string_or_list(value: Any) -> str | list[Any]:
    """Accept a text, or a list of items; a lone object makes a list of one.

    A text stays a text even where it looks like JSON, unless it is a list of objects:
    nobody means those to be read as prose.
    """
    return _text_or_list(value, texts=False)


def text_or_texts(value: Any) -> str | list[Any]:
    """Accept a text, or a list of texts or of items; a lone object makes a list of one."""
    return _text_or_list(value, texts=True)


def _text_or_list(value: Any, *, texts: bool) -> str | list[Any]:
    """Return a text or a list; `texts` says whether a template's list of texts is a list."""
    found = _as_text(value, texts=texts)
    if isinstance(value, str):
        parsed = _parse_json(value, "[")
        if parsed and all(isinstance(item, dict) for item in parsed):
            return list(to_json_value(parsed))
    if isinstance(found, Mapping):
        return [json_object(found)]
    if isinstance(found, list | tuple):
        return list(to_json_value(found))
    return text(found)


def file(value: Any) -> dict[str, str]:
    """Accept a path, a media source id, or what the media selector gives.

    Returns `{"id": …}`, with `content_type` where it was named.
    """
    if (words := rendered_text(value)) is not None and not isinstance(value, Mapping):
        value = words
    if isinstance(value, str) and (found := _parse_json(value, "{")) is not None:
        value = found
    if isinstance(value, Mapping):
        if not isinstance(name := value.get("media_content_id"), str) or not name.strip():
            raise vol.Invalid("expected a path or a media item with media_content_id")
        kind = value.get("media_content_type")
        found = {"id": _path_or_media_id(name)}
        # A kind of media, such as "music", is none; nor is what would become a header of its own.
        if isinstance(kind, str) and _CONTENT_TYPE.fullmatch(kind := kind.strip()):
            found["content_type"] = kind
        return found
    if isinstance(value, str) and value.strip():
        return {"id": _path_or_media_id(value)}
    raise vol.Invalid(f"expected a path or a media item, got {_describe_type(value)}")


def _path_or_media_id(value: str) -> str:
    """Return a path or a media source id; no system knows one with a null character."""
    if "\x00" in value:
        raise vol.Invalid("a path has no null characters")
    return _valid_utf8(value.strip())


def to_json_string(value: Any) -> str:
    """Accept a text, or data that is written as JSON."""
    found = to_json_value(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
