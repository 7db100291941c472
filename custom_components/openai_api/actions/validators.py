"""Checks that take what people and templates really write, and say in words what is wrong."""

from collections.abc import Callable, Iterable, Mapping
import json
import math
import re
from typing import Any

import voluptuous as vol

from .values import (
    as_bare_text,
    as_content,
    as_text,
    bounded_int,
    describe_type,
    is_sentence,
    rendered_text,
    text,
    to_json_value,
    valid_utf8,
)

__all__ = [
    "Validator",
    "at_least",
    "boolean",
    "ensure_list_of",
    "file",
    "file_or_files",
    "integer",
    "integer_or_string",
    "json_object",
    "json_value",
    "mapping",
    "non_empty_string",
    "number",
    "number_or_string",
    "one_of",
    "string_or_json",
    "string_or_list",
    "string_or_object",
    "text",
    "text_map",
    "text_or_texts",
    "text_or_tokens",
    "to_json_string",
]

type Validator = Callable[[Any], Any]

_TRUE = {"1", "true", "yes", "on", "enable"}
_FALSE = {"0", "false", "no", "off", "disable"}
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+*-]+(; *[\w.+-]+=[\w.+\"-]+)*", re.ASCII)


def _parse_json(value: str, opening: str) -> Any:
    """Return the JSON written in a text, or None if it is not JSON of that shape."""
    if not value.lstrip().startswith(opening):
        return None
    try:
        return json.loads(value)
    except ValueError, RecursionError:
        return None


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
            raise vol.Invalid(f"expected a number, got {describe_type(value)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise vol.Invalid(f"expected a number, got {describe_type(value)}")
    if isinstance(value, int):
        return bounded_int(value)
    if not math.isfinite(value):
        raise vol.Invalid("expected a finite number")
    return value


def integer(value: Any) -> int:
    """Accept a whole number, also written as text or as 3.0."""
    try:
        result = number(value)
    except vol.Invalid:
        raise vol.Invalid(f"expected a whole number, got {describe_type(value)}") from None
    if result != int(result):
        raise vol.Invalid(f"expected a whole number, got {describe_type(result)}")
    return int(result)


def at_least(low: float, validator: Validator) -> Validator:
    """Return a check for a number that must not be lower, for what is decided here."""

    def validate(value: Any) -> float:
        result: float = validator(value)
        if result < low:
            raise vol.Invalid(f"must be at least {low}, got {describe_type(result)}")
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
    raise vol.Invalid(f"expected true or false, got {describe_type(value)}")


def one_of(options: tuple[str, ...]) -> Validator:
    """Return a check for one of a few words, for what is decided here and not at the host."""
    known: Validator = vol.In(options, msg=f"must be {', '.join(options[:-1])} or {options[-1]}")
    return known


def mapping(value: Any) -> dict[Any, Any]:
    """Accept an object `{key: value}`, also as a JSON text; its values are not checked."""
    found = _parse_json(value, "{") if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise vol.Invalid(f"expected an object with named values, got {describe_type(value)}")
    return dict(found)


def json_object(value: Any) -> dict[str, Any]:
    """Accept an object `{name: JSON value}`, also written as a JSON text."""
    return dict(to_json_value(mapping(value)))


def text_map(value: Any) -> dict[str, Any]:
    """Accept an object `{name: text}`; lists and objects in it stay."""
    return json_object({key: as_bare_text(item) for key, item in mapping(value).items()})


def ensure_list_of(validator: Validator) -> Validator:
    """Return a check for a list; a lone item makes a list of one."""

    def validate(value: Any) -> list[Any]:
        found = _parse_json(value, "[") if isinstance(value, str) else value
        if not isinstance(found, list | tuple | set) or is_sentence(found):
            found = [value]
        elif validator is text and isinstance(value, str) and found and not _has_text(found):
            # "[1]" in quotes is a text, such as the mark of a footnote.
            found = [value]
        result = []
        for index, entry in enumerate(found):
            try:
                result.append(validator(entry))
            except vol.Invalid as err:
                raise vol.Invalid(err.msg, [index, *err.path]) from None
        return result

    return validate


def _has_text(items: Iterable[Any]) -> bool:
    """Return whether any of these is a text."""
    return any(isinstance(item, str) for item in items)


def json_value(value: Any) -> Any:
    """Accept any JSON value."""
    return to_json_value(value)


def string_or_object(value: Any) -> str | dict[str, Any]:
    """Accept a word, or an object `{name: JSON value}` with the details."""
    if isinstance(value, Mapping) or (
        isinstance(value, str) and _parse_json(value, "{") is not None
    ):
        return json_object(value)
    return non_empty_string(value)


def string_or_json(value: Any) -> Any:
    """Accept a text, which stays one whatever it looks like, or a list or an object."""
    found = as_content(value)
    return to_json_value(found) if isinstance(found, Mapping | list | tuple) else text(found)


def string_or_list(value: Any) -> str | list[Any]:
    """Accept a text, or a list of items; a lone object makes a list of one.

    A text stays a text even where it looks like JSON, unless it is a list of objects:
    nobody means those to be read as prose.
    """
    return _text_or_list(value, texts=False)


def text_or_texts(value: Any) -> str | list[Any]:
    """Accept a text, or a list of texts or of items; a lone object makes a list of one."""
    found = _text_or_list(value, texts=True)
    if isinstance(found, str):
        return found
    return [as_bare_text(item) for item in found]


def text_or_tokens(value: Any) -> str | list[Any]:
    """Accept what `text_or_texts` does, or a list of numbers: the ids of tokens."""
    found = _text_or_list(value, texts=True)
    if isinstance(found, str) or not any(isinstance(item, str) for item in found):
        return found
    return [as_bare_text(item) for item in found]


def _text_or_list(value: Any, *, texts: bool) -> str | list[Any]:
    """Return a text or a list; `texts` says whether a template's list of texts is a list."""
    found = as_text(value, texts=texts)
    if isinstance(value, str):
        parsed = _parse_json(value, "[")
        if parsed and all(isinstance(item, dict) for item in parsed):
            return list(to_json_value(parsed))
    if isinstance(found, Mapping):
        return [json_object(found)]
    if isinstance(found, list | tuple):
        return list(to_json_value([_item(item) for item in found]))
    return text(found)


def _item(value: Any) -> Any:
    """Return an item of a list as `as_text` does, but a number, which may be that of a token."""
    return value if isinstance(value, int | float) else as_text(value)


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
    raise vol.Invalid(f"expected a path or a media item, got {describe_type(value)}")


_files = ensure_list_of(file)


def file_or_files(value: Any) -> dict[str, str] | list[dict[str, str]]:
    """Accept one file as `file` does, or a list of them.

    Returns `{"id": …}` or `[{"id": …}, …]`. The SDK sends a list under another name, such as
    `image[]`, which not every server knows: one file that was given without a list is none.
    """
    found: list[dict[str, str]] = _files(value)
    is_list = isinstance(value, list | tuple | set) or len(found) != 1
    return found if is_list else found[0]


def _path_or_media_id(value: str) -> str:
    """Return a path or a media source id; no system knows one with a null character."""
    if "\x00" in value:
        raise vol.Invalid("a path has no null characters")
    return valid_utf8(value.strip())


def to_json_string(value: Any) -> str:
    """Accept a text, or data that is written as JSON."""
    found = to_json_value(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
