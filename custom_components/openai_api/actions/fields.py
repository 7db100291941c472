"""The kinds of field: each pairs a check with the widget that fits it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import voluptuous as vol

from ..action import FieldDescription, Section
from ..media.multipart import async_encode_uploads
from . import validators as check
from .validators import Validator

_FILE_SELECTOR = {"media": {"accept": ["*"]}}
_FILES_SELECTOR = {"media": {"accept": ["*"], "multiple": True}}


def _field(
    validator: Validator,
    selector: dict[str, Any],
    key: str,
    name: str,
    description: str,
    **rest: Any,
) -> FieldDescription:
    """Return a field; `rest` are the further attributes of `Field`."""
    return FieldDescription(
        key=key,
        name=name,
        description=description,
        validator=validator,
        selector=selector,
        **rest,
    )


text = partial(_field, check.text, {"text": {}})
identifier = partial(_field, check.non_empty_string, {"text": {}})
long_text = partial(_field, check.text, {"text": {"multiline": True}})
boolean = partial(_field, check.boolean, {"boolean": {}})
json_object = partial(_field, check.json_object, {"object": {}})
text_map = partial(_field, check.text_map, {"object": {}})
string_or_object = partial(_field, check.string_or_object, {"text": {}})
string_or_list = partial(_field, check.string_or_list, {"object": {}})
text_or_texts = partial(_field, check.text_or_texts, {"object": {}})
text_or_tokens = partial(_field, check.text_or_tokens, {"object": {}})
string_or_json = partial(_field, check.string_or_json, {"text": {"multiline": True}})
integer_or_string = partial(_field, check.integer_or_string, {"text": {}})
number_or_string = partial(_field, check.number_or_string, {"text": {}})
objects = partial(_field, check.ensure_list_of(check.json_object), {"object": {"multiple": True}})
values = partial(_field, check.ensure_list_of(check.json_value), {"object": {"multiple": True}})
texts = partial(_field, check.ensure_list_of(check.text), {"text": {"multiple": True}})
_upload = partial(_field, file=True, encode=async_encode_uploads)
file = partial(_upload, check.file, _FILE_SELECTOR)
files = partial(_upload, check.ensure_list_of(check.file), _FILES_SELECTOR)


def integer(
    key: str,
    name: str,
    description: str,
    *,
    low: int = 0,
    high: int | None = None,
    unit: str | None = None,
    **rest: Any,
) -> FieldDescription:
    """Return a field for a whole number; the range guides the form, the host decides."""
    return _field(
        check.integer, _number_selector(low, high, 1, unit), key, name, description, **rest
    )


def number(
    key: str,
    name: str,
    description: str,
    *,
    low: float = 0,
    high: float | None = None,
    step: float | str = "any",
    unit: str | None = None,
    **rest: Any,
) -> FieldDescription:
    """Return a field for a number; the range guides the form, the host decides."""
    return _field(
        check.number, _number_selector(low, high, step, unit), key, name, description, **rest
    )


def choice(
    key: str, name: str, description: str, options: Iterable[str], **rest: Any
) -> FieldDescription:
    """Return a field with suggestions; other words pass, for hosts outpace releases."""
    return _field(check.non_empty_string, _select_selector(options), key, name, description, **rest)


def fixed_choice(
    key: str, name: str, description: str, options: tuple[str, ...], **rest: Any
) -> FieldDescription:
    """Return a field for one of a few words and no other."""
    selector = {"select": {"options": list(options), "mode": "dropdown"}}
    return _field(check.one_of(options), selector, key, name, description, **rest)


def choices(
    key: str, name: str, description: str, options: Iterable[str], **rest: Any
) -> FieldDescription:
    """Return a field for several of the suggested words, or others."""
    selector = _select_selector(options)
    selector["select"]["multiple"] = True
    return _field(
        check.ensure_list_of(check.non_empty_string), selector, key, name, description, **rest
    )


def choice_or_object(
    key: str, name: str, description: str, options: Iterable[str], **rest: Any
) -> FieldDescription:
    """Return a field with suggestions, for which an object with details does as well."""
    return _field(check.string_or_object, _select_selector(options), key, name, description, **rest)


def object_field(
    translation_key: str, *fields: FieldDescription
) -> Callable[..., FieldDescription]:
    """Return a kind of field: an object whose parts each have a box in the form.

    `translation_key` is that of the texts. What has no box passes unchecked: hosts outpace releases.
    """
    return partial(
        _field, _object_validator(fields), _object_selector(translation_key, fields), fields=fields
    )


def object_list_field(
    translation_key: str, *fields: FieldDescription
) -> Callable[..., FieldDescription]:
    """Return a kind of field: a list of such objects, shown by their first two parts."""
    label, description, *_ = fields
    selector = _object_selector(translation_key, fields)
    selector["object"] |= {
        "multiple": True,
        "label_field": label.key,
        "description_field": description.key,
    }
    return partial(_field, check.ensure_list_of(_object_validator(fields)), selector, fields=fields)


def _object_validator(fields: Iterable[FieldDescription]) -> Validator:
    """Return the check for an object: that of each part, where it is given; others pass."""
    known = vol.Schema(
        {vol.Optional(part.key): vol.Maybe(part.validator) for part in fields},
        extra=vol.ALLOW_EXTRA,
    )

    def validate(value: Any) -> dict[str, Any]:
        # The parts first: a text from a template is still known there.
        return check.json_object(known(check.mapping(value)))

    return validate


def _object_selector(translation_key: str, fields: Iterable[FieldDescription]) -> dict[str, Any]:
    """Return a form for an object; the words for its parts come with the translations."""
    boxes = {
        part.key: {"required": part.required, "selector": dict(part.selector)} for part in fields
    }
    return {"object": {"fields": boxes, "translation_key": translation_key}}


def _number_selector(
    low: float, high: float | None, step: float | str, unit: str | None
) -> dict[str, Any]:
    """Return a number box; a slider would not tell unset from its lowest value."""
    limits: dict[str, Any] = {"min": low, "step": step, "mode": "box"}
    if high is not None:
        limits["max"] = high
    if unit is not None:
        limits["unit_of_measurement"] = unit
    return {"number": limits}


def _select_selector(options: Iterable[str]) -> dict[str, Any]:
    """Return a drop-down that also takes words of one's own."""
    return {"select": {"options": list(options), "custom_value": True, "mode": "dropdown"}}


CONFIG_ENTRY = _field(
    check.non_empty_string,
    {"config_entry": {"integration": "openai_api"}},
    "config_entry_id",
    "Service",
    "If you have several.",
)
ALL_PAGES = boolean(
    "all_pages",
    "All pages",
    "Return the whole list, not one page.",
)
FILENAME = text(
    "filename",
    "File name",
    "Name of the saved file.",
    example="greeting.mp3",
)
POLL_INTERVAL = replace(
    integer(
        "poll_interval_ms",
        "Poll interval",
        "How long to wait before asking again. Without it, the pauses grow from 1 to 10 seconds.",
        low=100,
        unit="ms",
        section=Section.ADVANCED,
    ),
    validator=check.at_least(100, check.integer),
)
# A `timeout` of 0 is like none: that of the service.
_NOT_NEGATIVE = check.at_least(0, check.number)
MAX_WAIT = replace(
    number(
        "max_wait_seconds",
        "Longest wait",
        "When to give up waiting. The work at the service goes on.",
        low=1,
        unit="s",
        section=Section.ADVANCED,
    ),
    validator=_NOT_NEGATIVE,
)
MAX_WAIT_STREAM = replace(
    MAX_WAIT, description="When to give up the answer as a whole, however many pieces still come."
)
TIMEOUT = replace(
    number(
        "timeout",
        "Timeout",
        "How long to wait for the response.",
        low=1,
        unit="s",
        section=Section.REQUEST,
    ),
    validator=_NOT_NEGATIVE,
)
EXTRA_QUERY = json_object(
    "extra_query",
    "Extra query parameters",
    "Added to the URL of the request.",
    section=Section.REQUEST,
)
EXTRA_BODY = json_object(
    "extra_body",
    "Extra body values",
    "Added to the body of the request, for what has no field here.",
    section=Section.REQUEST,
)
