"""Objects with a form: every part has its words, and the form means what the rows say."""

import json
from pathlib import Path
from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from homeassistant.helpers.selector import selector
import pytest

from custom_components.openai_api import const
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.model import Field

FOLDER = Path(const.__file__).parent
# By the names of their actions and fields, which a failing test then shows.
FIELDS = {
    f"{action.key}.{field.key}": field
    for action in ACTIONS
    for field in action.fields
    if field.parts
}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_form_has_a_box_for_every_part(field: Field) -> None:
    form = selector(dict(field.selector)).config
    assert list(form["fields"]) == [part.key for part in field.parts]
    for part in field.parts:
        assert form["fields"][part.key]["required"] is part.required
        assert part.name[0].isupper()
        assert part.description.endswith(".")
        # The form of a part would open over this one, which the frontend cannot do.
        assert not part.parts
    if form["multiple"]:
        assert {form["label_field"], form["description_field"]} <= set(form["fields"])


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_examples_fit_the_form(field: Field) -> None:
    examples = field.example if isinstance(field.example, list) else [field.example or {}]
    known = {part.key for part in field.parts}
    assert all(example.keys() <= known for example in examples)


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_part_has_its_words(field: Field, language: str) -> None:
    texts = json.loads((FOLDER / "translations" / f"{language}.json").read_text())["selector"]
    words = texts[field.selector["object"]["translation_key"]]["fields"]
    assert words.keys() == {part.key for part in field.parts}
    for part in field.parts:
        assert words[part.key].keys() == {"name", "description"}
        if language == "en":
            assert words[part.key] == {"name": part.name, "description": part.description}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_other_values_pass(field: Field) -> None:
    """Hosts outpace releases: the form is a help, not a limit."""
    value: Any = {"brand_new": {"deep": [1]}}
    many = field.selector["object"].get("multiple")
    assert field.validator(value) == ([value] if many else value)
