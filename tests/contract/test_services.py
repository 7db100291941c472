"""The action forms: what Home Assistant's frontend copies into the data of a picked action."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from homeassistant.helpers.service import _SERVICES_SCHEMA
from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.openai_api import const
from custom_components.openai_api.actions import ACTIONS

FILE = Path(const.__file__).parent / "services.yaml"
MAX_FORM_BYTES = 120_000
MAX_TEXT_BYTES = 290_000


def described_fields(fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the fields of an action by their keys, those of its sections included."""
    for key, field in fields.items():
        if "fields" in field:
            yield from described_fields(field["fields"])
        else:
            yield key, field


def prefilled(services: dict[str, Any]) -> set[str]:
    """Return the fields for which the frontend sends a value that nobody has entered.

    That are those with a default, and required booleans, which it answers with false.
    """
    return {
        f"{action}.{key}"
        for action, description in services.items()
        for key, field in described_fields(description["fields"])
        if "default" in field or (field.get("required") and "boolean" in field["selector"])
    }


@pytest.fixture(name="services", scope="module")
def services_fixture() -> dict[str, Any]:
    """Return services.yaml, checked as Home Assistant checks it."""
    found: dict[str, Any] = _SERVICES_SCHEMA(load_yaml_dict(str(FILE)))
    return found


def test_services_cover_every_action(services: dict[str, Any]) -> None:
    assert set(services) == {action.key for action in ACTIONS}


def test_services_prefill_no_field(services: dict[str, Any]) -> None:
    assert not prefilled(services)


@pytest.mark.parametrize("value", [0, False, "", None, {}])
def test_prefilled_finds_a_default_in_a_section(services: dict[str, Any], value: object) -> None:
    action = dict(services["create_model_response"])
    section = next(key for key, field in action["fields"].items() if "fields" in field)
    key, field = next(iter(action["fields"][section]["fields"].items()))
    changed = {"fields": {key: {**field, "default": value}}}
    action["fields"] = {**action["fields"], section: changed}
    assert prefilled({"create_model_response": action}) == {f"create_model_response.{key}"}


def test_prefilled_finds_a_required_boolean() -> None:
    field = {"required": True, "selector": {"boolean": {}}}
    assert prefilled({"a": {"fields": {"b": field}}}) == {"a.b"}


def test_form_size_limit() -> None:
    # Every browser loads the forms and the texts of all actions, each text under its whole key.
    texts = json.loads((FILE.parent / "translations" / "en.json").read_text())["services"]
    prefix = f"component.{const.DOMAIN}.services"
    resources = dict(flattened(texts, prefix))
    services = load_yaml_dict(str(FILE))
    assert len(json.dumps(services, separators=(",", ":"))) < MAX_FORM_BYTES
    assert len(json.dumps(resources, separators=(",", ":"))) < MAX_TEXT_BYTES


def flattened(texts: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the texts by the keys under which the frontend gets them."""
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}", value
