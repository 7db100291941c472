"""The triggers, conditions and entities as the automation editor shows them."""

import ast
from importlib import import_module
import json
from pathlib import Path
from typing import Any

from homeassistant.util.yaml import load_yaml_dict
import pytest
import voluptuous as vol

from custom_components.openai_api import condition, const, trigger
from custom_components.openai_api.action import ResponseKind
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.actions.webhooks import EVENT_TYPES as WEBHOOK_TYPES
from custom_components.openai_api.media.multipart import async_encode_uploads
from custom_components.openai_api.realtime.notices import RealtimeNotice
from custom_components.openai_api.websocket.state import State

FOLDER = Path(const.__file__).parent
ROOT = FOLDER.parent.parent
KINDS = {"triggers": "trigger", "conditions": "condition"}
SCHEMAS: dict[str, dict[str, vol.Schema]] = {
    "triggers": {
        "server_event": trigger.ServerEventTrigger.schema,
        "realtime_notice": trigger.RealtimeNoticeTrigger.schema,
        "connection_state": trigger.ConnectionStateTrigger.schema,
        "stream_event": trigger.StreamEventTrigger.schema,
        "progress": trigger.ProgressTrigger.schema,
        "webhook_event": trigger.WebhookEventTrigger.schema,
        "turn_ended": trigger.TurnEndedTrigger.schema,
    },
    "conditions": {"connection_open": condition._SCHEMA},
}
LANGUAGES = sorted(path.stem for path in (FOLDER / "translations").glob("*.json"))


def core_schema(kind: str) -> Any:
    """Return Home Assistant's own check of triggers.yaml or conditions.yaml."""
    helper = import_module(f"homeassistant.helpers.{KINDS[kind]}")
    name = f"_{kind.upper()}_DESCRIPTION_SCHEMA"
    if not hasattr(helper, name):
        helper = import_module(f"homeassistant.helpers.{KINDS[kind]}.descriptions")
    return getattr(helper, name)


def described(kind: str) -> dict[str, Any]:
    """Return what triggers.yaml or conditions.yaml describes."""
    found: dict[str, Any] = core_schema(kind)(load_yaml_dict(str(FOLDER / f"{kind}.yaml")))
    return found


def options(kind: str, key: str) -> dict[str, Any]:
    """Return the options that a trigger or condition takes, with their checks."""
    (inner,) = SCHEMAS[kind][key].schema.values()
    return {str(option): (option, check) for option, check in inner.items()}


def listed(kind: str, key: str, field: str) -> list[str]:
    """Return the values that the editor offers for a field."""
    choices = described(kind)[key]["fields"][field]["selector"]["select"]["options"]
    return [item["value"] if isinstance(item, dict) else item for item in choices]


def texts(language: str) -> Any:
    """Return the texts in a language."""
    return json.loads((FOLDER / "translations" / f"{language}.json").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_yaml_files_are_valid(kind: str) -> None:
    assert set(described(kind)) == set(SCHEMAS[kind])


async def test_registered_triggers_and_conditions() -> None:
    hass: Any = None
    assert set(await trigger.async_get_triggers(hass)) == set(SCHEMAS["triggers"])
    assert set(await condition.async_get_conditions(hass)) == set(SCHEMAS["conditions"])


@pytest.mark.parametrize("kind", KINDS)
def test_yaml_fields_match_schema_options(kind: str) -> None:
    for key, description in described(kind).items():
        accepted = options(kind, key)
        assert set(description["fields"]) == set(accepted)
        for field, shown in description["fields"].items():
            marker, check = accepted[field]
            assert shown.get("required", False) is isinstance(marker, vol.Required)
            if "select" in shown["selector"]:
                assert check(values := listed(kind, key, field)) == values
                assert len(set(values)) == len(values)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_triggers_and_conditions_have_texts(kind: str, language: str) -> None:
    found = texts(language)
    assert set(found[kind]) == set(described(kind))
    for key, description in described(kind).items():
        assert found[kind][key]["name"]
        assert found[kind][key]["description"]
        fields = found[kind][key]["fields"]
        assert set(fields) == set(description["fields"])
        assert all(field["name"] and field["description"] for field in fields.values())
        for field, shown in description["fields"].items():
            if name := shown["selector"].get("select", {}).get("translation_key"):
                assert set(found["selector"][name]["options"]) == set(listed(kind, key, field))


@pytest.mark.parametrize("kind", KINDS)
def test_triggers_and_conditions_have_icons(kind: str) -> None:
    icons = json.loads((FOLDER / "icons.json").read_text())[kind]
    assert set(icons) == set(described(kind))
    assert all(icon[KINDS[kind]].startswith("mdi:") for icon in icons.values())


def test_entities_have_texts_and_icons() -> None:
    icons = json.loads((FOLDER / "icons.json").read_text())["entity"]
    names = texts("en")["entity"]
    assert {domain: set(found) for domain, found in icons.items()} == {
        domain: set(found) for domain, found in names.items()
    }


def test_selector_offers_every_connection_state() -> None:
    assert listed("triggers", "connection_state", "to") == list(State)


def test_selector_offers_every_notice() -> None:
    """The list holds every notice, and each of them is given somewhere."""
    given: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "RealtimeNotice"
            ):
                given.add(RealtimeNotice[node.attr].value)
    assert given == set(RealtimeNotice)
    assert listed("triggers", "realtime_notice", "type") == list(RealtimeNotice)


def test_selector_offers_every_streaming_action() -> None:
    streaming = {action.key for action in ACTIONS if action.accumulator}
    assert streaming == set(listed("triggers", "stream_event", "action"))


def test_selector_offers_every_polling_action() -> None:
    waiting = {action.key for action in ACTIONS if action.poll}
    waiting |= {"upload_file_chunked", "watch_job"}
    # Large files show how far they are on their way.
    waiting |= {action.key for action in ACTIONS if action.response is ResponseKind.FILE}
    waiting |= {
        action.key
        for action in ACTIONS
        if not action.method.endswith(".connect")
        and any(field.file and field.encode is async_encode_uploads for field in action.fields)
    }
    assert waiting == set(listed("triggers", "progress", "action"))


def test_selector_offers_every_webhook_event() -> None:
    # The others are sent whatever an endpoint asks for.
    offered = listed("triggers", "webhook_event", "event_type")
    assert offered[: len(WEBHOOK_TYPES)] == list(WEBHOOK_TYPES)
