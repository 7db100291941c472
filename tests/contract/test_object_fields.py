"""Objects with a form: every part has its words, and the form means what the rows say."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any, Required, get_args, get_origin, get_type_hints

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from homeassistant.helpers.selector import selector
import pytest
from typing_extensions import is_typeddict
import voluptuous as vol

from custom_components.openai_api import const
from custom_components.openai_api.action import FieldDescription
from custom_components.openai_api.actions import ACTIONS, validators as check
from custom_components.openai_api.handlers.videos import REFERENCE
from custom_components.openai_api.services import form_fields

from .test_action_descriptions import IS_LATEST, method_of

FOLDER = Path(const.__file__).parent
# By the names of their actions and fields, which a failing test then shows.
FIELDS = {
    f"{action.key}.{field.key}": field
    for action in ACTIONS
    for field in action.fields
    if field.fields
}


SHOWN = {
    field.selector["object"]["translation_key"]
    for action in ACTIONS
    for field in form_fields(action)
    if field.fields
}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_object_selector_has_every_field(field: FieldDescription) -> None:
    form = selector(dict(field.selector)).config
    assert list(form["fields"]) == [part.key for part in field.fields]
    for part in field.fields:
        assert form["fields"][part.key]["required"] is part.required
        assert part.name[0].isupper()
        assert part.description.endswith(".")
        # The form of a part would open over this one, which the frontend cannot do.
        assert not part.fields
    if form["multiple"]:
        assert {form["label_field"], form["description_field"]} <= set(form["fields"])


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_examples_match_object_selector(field: FieldDescription) -> None:
    examples = field.example if isinstance(field.example, list) else [field.example or {}]
    known = {part.key for part in field.fields}
    assert all(example.keys() <= known for example in examples)


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_object_fields_have_texts(field: FieldDescription, language: str) -> None:
    texts = json.loads((FOLDER / "translations" / f"{language}.json").read_text())["selector"]
    key = field.selector["object"]["translation_key"]
    if key not in SHOWN:
        # Every browser loads all texts: those that no form shows are left out.
        assert key not in texts
        return
    words = texts[key]["fields"]
    assert words.keys() == {part.key for part in field.fields}
    for part in field.fields:
        assert words[part.key].keys() == {"name", "description"}
        if language == "en":
            assert words[part.key] == {"name": part.name, "description": part.description}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_unknown_keys_are_accepted(field: FieldDescription) -> None:
    """Hosts outpace releases: the form is a help, not a limit."""
    value: Any = {"brand_new": {"deep": [1]}, field.fields[0].key: None}
    many = field.selector["object"].get("multiple")
    expected = {REFERENCE: value} if field.file else value
    assert field.validator(value) == ([expected] if many else expected)


PARTS = {
    f"{name}.{part.key}": (field, part)
    for name, field in FIELDS.items()
    for part in field.fields
    # Files and realtime conversations are checked in their own ways; these take data of any kind.
    if not field.file
    and field.validator is not check.json_object
    and part.validator not in {check.string_or_json, check.to_json_string}
}


@pytest.mark.parametrize(("field", "part"), PARTS.values(), ids=PARTS)
def test_wrong_types_are_rejected_with_path(
    field: FieldDescription, part: FieldDescription
) -> None:
    """A list of a list is no value of any part; the path says which one."""
    path: list[Any] = [0, part.key] if field.selector["object"].get("multiple") else [part.key]
    with pytest.raises(vol.Invalid, match="expected") as caught:
        field.validator({"brand_new": 1, part.key: [[1]]})
    assert caught.value.path[: len(path)] == path


def typed_dicts(annotation: Any) -> Iterator[dict[str, Any]]:
    """Yield the annotations of each kind of object that a parameter takes."""
    if is_typeddict(annotation):
        yield get_type_hints(annotation, include_extras=True)
    for part in get_args(annotation):
        yield from typed_dicts(part)


def known_objects(name: str) -> list[dict[str, Any]]:
    """Return what the SDK knows of the objects for a field; skips where it knows nothing."""
    key, _, parameter = name.partition(".")
    action = next(action for action in ACTIONS if action.key == key)
    annotation = get_type_hints(method_of(action), include_extras=True).get(parameter)
    return list(typed_dicts(annotation)) or pytest.skip("of no type in the SDK")


@pytest.mark.skipif(not IS_LATEST, reason="the forms follow the newest SDK")
@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if not field.file])
def test_object_fields_match_sdk(name: str) -> None:
    """The form offers nothing that the API does not know, and insists on what it insists on."""
    objects = known_objects(name)
    parts = {part.key: part for part in FIELDS[name].fields}
    assert parts.keys() <= set().union(*objects)
    needed = [
        {key for key, hint in known.items() if get_origin(hint) is Required} for known in objects
    ]
    marked = {key for key, part in parts.items() if part.required}
    assert set.intersection(*needed) <= marked
    # An answer to no call, or a call without an answer, is refused though the SDK allows it.
    if not name.endswith(".tool_outputs"):
        assert marked <= set.union(*needed)
