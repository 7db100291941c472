"""Every blueprint loads, names only what there is, and leaves no input unused."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any
from urllib.parse import quote

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from homeassistant.components.automation.config import (
    AUTOMATION_BLUEPRINT_SCHEMA,
    PLATFORM_SCHEMA,
)
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.components.script.config import SCRIPT_ENTITY_SCHEMA
from homeassistant.core import HomeAssistant
from homeassistant.helpers import selector
from homeassistant.util.yaml import extract_inputs, load_yaml_dict, substitute
import pytest

from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.const import DOMAIN, EVENT_TYPES
from custom_components.openai_api.services import effective_fields

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "blueprints"
PAGE = ROOT / "docs" / "blueprints.md"
ADDRESS = "https://github.com/openai-api-for-home-assistant/openai-api/blob/main/blueprints/"
FILES = sorted(FOLDER.rglob("*.yaml"))
CATALOGUE = {action.key: action for action in ACTIONS}
SCHEMAS: dict[str, tuple[Any, Any]] = {
    "automation": (AUTOMATION_BLUEPRINT_SCHEMA, PLATFORM_SCHEMA),
    "script": (BLUEPRINT_SCHEMA, SCRIPT_ENTITY_SCHEMA),
}
# Only certain models can do what they are for, or the model stands inside of an object.
NEEDS_MODEL = {"answer_phone", "assistants", "responses_computer_use"}
# A key in an input would be kept in clear text.
SECRETS = re.compile(r"api_?key|secret|token\b|password", re.IGNORECASE)


def domain_of(path: Path) -> str:
    """Return what kind of blueprint a file holds."""
    return path.relative_to(FOLDER).parts[0]


def load(path: Path) -> Blueprint:
    """Return a blueprint, checked as Home Assistant checks it."""
    domain = domain_of(path)
    data = load_yaml_dict(path)
    return Blueprint(data, path=path.name, expected_domain=domain, schema=SCHEMAS[domain][0])


def steps(data: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a blueprint, its inputs' defaults included."""
    if isinstance(data, dict):
        yield data
    for item in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from steps(item)


def sample(settings: dict[str, Any]) -> Any:
    """Return an input's default, or something that its selector allows."""
    if "default" in settings:
        return settings["default"]
    kind, options = next(iter(settings["selector"].items()))
    if kind != "entity":
        return "sample"
    wanted = options["filter"][0]["domain"][0]
    return [f"{wanted}.sample"] if options.get("multiple") else f"{wanted}.sample"


@pytest.fixture(params=FILES, ids=lambda path: f"{domain_of(path)}/{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    """Return each blueprint's path in turn."""
    found: Path = request.param
    return found


def test_blueprint_paths_and_unique_names() -> None:
    """The folders are where Home Assistant would have them, and no name is taken twice."""
    assert {path.parent.relative_to(FOLDER).as_posix() for path in FILES} == {
        "automation/openai_api",
        "script/openai_api",
    }
    names = [load(path).name for path in FILES]
    assert len(names) == len(set(names))


def test_blueprint_metadata(path: Path) -> None:
    """It says what it is, where it comes from, and which Home Assistant it needs."""
    blueprint = load(path)
    metadata = blueprint.metadata
    assert blueprint.validate() is None
    assert metadata["source_url"] == ADDRESS + path.relative_to(FOLDER).as_posix()
    assert metadata["homeassistant"] == {"min_version": "2026.10.0"}
    assert metadata["description"].strip()
    assert "author" not in metadata


def test_blueprint_inputs(path: Path) -> None:
    """Every input is used, has a name and a widget, and a default that the widget allows."""
    blueprint = load(path)
    body = {key: value for key, value in blueprint.data.items() if key != "blueprint"}
    assert extract_inputs(body) == set(blueprint.inputs)
    for key, settings in blueprint.inputs.items():
        assert settings["name"], key
        assert not SECRETS.search(key), key
        if settings.get("default"):
            widget: Any = selector.selector(settings["selector"])
            widget(settings["default"])
    optional = blueprint.inputs["config_entry_id"]
    assert optional["default"] is None
    assert optional["selector"] == {"config_entry": {"integration": DOMAIN}}


def test_collapsed_section_inputs_have_defaults(path: Path) -> None:
    """Whatever is in a collapsed section has a default."""
    for section in load(path).metadata["input"].values():
        for key, settings in section.get("input", {}).items():
            assert section["collapsed"], key
            assert "default" in settings, key


async def test_blueprint_instance_is_valid_config(path: Path, tmp_path: Path) -> None:
    """With its inputs filled in, it is a valid automation or script."""
    hass = HomeAssistant(str(tmp_path))
    blueprint = load(path)
    body = {key: value for key, value in blueprint.data.items() if key != "blueprint"}
    inputs = {key: sample(settings) for key, settings in blueprint.inputs.items()}
    SCHEMAS[domain_of(path)][1]({"alias": "Sample", **substitute(body, inputs)})
    await hass.async_stop(force=True)


def test_blueprint_actions_exist(path: Path) -> None:
    """Each action of ours exists with exactly these fields, and may be sent to any host."""
    used = [step for step in steps(load(path).data) if "action" in step and "data" in step]
    ours = [step for step in used if str(step["action"]).startswith(f"{DOMAIN}.")]
    assert ours or path.stem == "webhook_event"
    for step in ours:
        fields = effective_fields(CATALOGUE[step["action"].partition(".")[2]])
        assert set(step["data"]) <= {field.key for field in fields}, step["action"]
        assert {field.key for field in fields if field.required} <= set(step["data"])
        assert "config_entry_id" in step["data"], step["action"]


def test_model_inputs_are_optional(path: Path) -> None:
    """A blank model is not sent, so that the default model of the service is used."""
    blueprint = load(path)
    for step in steps(blueprint.data):
        if str(step.get("action", "")).startswith(f"{DOMAIN}.") and "model" in step.get("data", {}):
            model = step["data"]["model"]
            if path.stem not in NEEDS_MODEL:
                assert re.fullmatch(r"\{\{ chosen_\w*model or none \}\}", str(model)), step[
                    "action"
                ]
    for key, settings in blueprint.inputs.items():
        if key.endswith("model"):
            assert "default" in settings, key


def test_blueprint_events_exist(path: Path) -> None:
    """The events of ours that it waits for exist."""
    for step in steps(load(path).data):
        if str(event := step.get("event_type", "")).startswith(DOMAIN):
            assert event in EVENT_TYPES


def test_blueprint_page_has_import_button(path: Path) -> None:
    """The page of blueprints has an import button for it."""
    address = ADDRESS + path.relative_to(FOLDER).as_posix()
    assert f"blueprint_url={quote(address, safe='')})" in PAGE.read_text()
