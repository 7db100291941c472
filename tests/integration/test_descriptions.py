"""What Home Assistant makes of the generated files."""

import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import selector
from homeassistant.helpers.service import _SERVICES_SCHEMA, async_get_all_descriptions
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api import const
from custom_components.openai_api.action import ActionDescription
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.services import effective_fields, form_fields

FOLDER = Path(const.__file__).parent
LANGUAGES = sorted(path.stem for path in (FOLDER / "translations").glob("*.json"))


def test_services_yaml_is_valid() -> None:
    _SERVICES_SCHEMA(load_yaml_dict(str(FOLDER / "services.yaml")))


async def test_actions_have_descriptions(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    descriptions = (await async_get_all_descriptions(hass))[DOMAIN]
    assert set(descriptions) == {action.key for action in ACTIONS}
    assert set(hass.services.async_services_for_domain(DOMAIN)) == set(descriptions)
    for action in ACTIONS:
        shown: set[str] = set()
        for key, field in descriptions[action.key]["fields"].items():
            shown |= set(field["fields"]) if "fields" in field else {key}
        assert shown == {field.key for field in form_fields(action)}
        # What the form leaves out is accepted, and never needed.
        left_out = {
            field.key: field for field in effective_fields(action) if field.key not in shown
        }
        assert not any(field.required for field in left_out.values())


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_examples_pass_validators(action: ActionDescription) -> None:
    for field in effective_fields(action):
        selector(dict(field.selector))
        if field.example is not None:
            field.validator(field.example)


def keys(texts: Any) -> Any:
    """Return the structure of a translation without its texts."""
    return {key: keys(value) for key, value in texts.items()} if isinstance(texts, dict) else None


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_are_complete(language: str) -> None:
    english = json.loads((FOLDER / "translations" / "en.json").read_text())
    other = json.loads((FOLDER / "translations" / f"{language}.json").read_text())
    assert keys(other) == keys(english)
    assert "de" in LANGUAGES


def test_error_keys_have_texts() -> None:
    texts = json.loads((FOLDER / "translations" / "en.json").read_text())["exceptions"]
    source = "\n".join(path.read_text() for path in FOLDER.rglob("*.py"))
    for key in texts:
        assert f'"{key}"' in source, f"nobody raises {key}"
