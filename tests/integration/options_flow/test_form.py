"""The form: what is saved, what is shown again, and what stays unseen."""

import sys
from types import SimpleNamespace
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.integration.conftest import add_entry, entry_data
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import PRICES, SECRET, Form, address, kept, suggested, url


async def test_options_are_saved(form: Form, entry: MockConfigEntry) -> None:
    assert (await form.open())["step_id"] == "init"
    result = await form.submit(
        record_events=True,
        webhooks={"webhook_secret": f" {SECRET}\n"},
        saved_files={"keep_days": 30},
        costs=PRICES,
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    expected = {"record_events": True, "webhook_secret": SECRET, "keep_days": 30, **PRICES}
    assert kept(entry) == expected
    assert entry.state is ConfigEntryState.LOADED

    shown = suggested((await form.open())["data_schema"])
    assert shown["record_events"] is True
    assert shown["saved_files"] == {"keep_days": 30, "keep_megabytes": None}
    assert shown["costs"] == {"input_price": 1.25, "cached_input_price": None, "output_price": 10}
    assert shown["webhooks"].pop("webhook_url") == url(entry)
    assert set(shown["webhooks"].values()) == {None}, "the secret is not shown again"
    assert SECRET not in str(form.said)


async def test_hidden_options_are_kept(
    hass: HomeAssistant, form: Form, entry: MockConfigEntry
) -> None:
    """A blank field clears what it shows, and nothing else; a section left out clears nothing."""
    hidden = {"webhook_secret": SECRET, "webhook_endpoint_id": "webhook_1", "of_tomorrow": 1}
    hass.config_entries.async_update_entry(entry, options={**hidden, **PRICES, "keep_days": 3})
    await form.open()
    await form.submit(record_events=True)
    assert kept(entry) == {**hidden, **PRICES, "keep_days": 3, "record_events": True}
    await form.open()
    await form.submit(record_events=True, webhooks={}, costs={"input_price": 2})
    assert kept(entry) == {**hidden, "input_price": 2, "keep_days": 3, "record_events": True}


def filled_in(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the frontend sends of a form that nobody has touched."""
    data: dict[str, Any] = {}
    for field in fields:
        name, suggestion = field["name"], (field.get("description") or {}).get("suggested_value")
        if suggestion is not None:
            data[name] = suggestion
        elif "default" in field:
            data[name] = field["default"]
        elif field.get("type") == "expandable" and (inner := filled_in(field["schema"])):
            data[name] = inner
    return data


async def test_unchanged_form_keeps_options(
    hass: HomeAssistant, form: Form, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """The frontend shows what is saved, in its sections too, and sends it back."""
    options = {"record_events": True, "webhook_secret": SECRET, "keep_days": 3, **PRICES}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await async_setup_component(hass, "config", {})
    client = await hass_client()
    path = "/api/config/config_entries/options/flow"
    flow = await (await client.post(path, json={"handler": entry.entry_id})).json()
    shown = filled_in(flow["data_schema"])
    assert shown["saved_files"] == {"keep_days": 3}
    assert shown["webhooks"]["webhook_url"] == url(entry)
    result = await (await client.post(f"{path}/{flow['flow_id']}", json=shown)).json()
    assert result["type"] == "create_entry"
    assert kept(entry) == options


async def test_webhook_url_is_stable(form: Form, entry: MockConfigEntry) -> None:
    """It is made once; who leaves the form to enter it at the host finds it again."""
    first = address(await form.open())
    assert first == url(entry)
    assert entry.state is ConfigEntryState.LOADED
    assert address(await form.open()) == first
    # The frontend sends back what it has shown, whatever came of it.
    webhooks = {"webhook_secret": SECRET, "webhook_url": "https://elsewhere.example.com"}
    await form.submit(record_events=True, webhooks=webhooks)
    assert kept(entry) == {"record_events": True, "webhook_secret": SECRET}
    assert address(await form.open()) == first


@pytest.mark.parametrize("external", [None, "http://home.example.com"])
async def test_webhook_without_external_url(
    hass: HomeAssistant, form: Form, entry: MockConfigEntry, external: str | None
) -> None:
    """What leads nowhere is not shown as if it did, and nothing is set up."""
    await hass.config.async_update(external_url=external, internal_url="https://10.0.0.2:8123")
    result = await form.open()
    path = f"/api/webhook/{entry.options['webhook_id']}"
    assert address(result) == path
    result = await form.submit(record_events=True, webhooks={"set_up_webhook": True})
    assert (result["step_id"], result["errors"]) == ("init", {"base": "no_external_url"})
    assert suggested(result["data_schema"])["record_events"] is True


async def test_webhook_url_with_cloud(
    hass: HomeAssistant, form: Form, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant Cloud leads here, too."""
    # The component itself needs packages that only Home Assistant's own images have.
    remote = "https://my.ui.nabu.casa"
    cloud = SimpleNamespace(async_remote_ui_url=lambda _: remote, CloudNotAvailable=OSError)
    monkeypatch.setitem(sys.modules, "homeassistant.components.cloud", cloud)
    await hass.config.async_update(external_url=None)
    hass.config.components.add("cloud")
    result = await form.open()
    path = f"/api/webhook/{entry.options['webhook_id']}"
    assert address(result) == f"{remote}{path}"


@pytest.mark.parametrize("secret", ["whsec_", "whsec_abc", "whsec_not base64!!"])
async def test_invalid_signing_secret(form: Form, entry: MockConfigEntry, secret: str) -> None:
    await form.open()
    result = await form.submit(
        record_events=True, webhooks={"webhook_secret": secret}, costs=PRICES
    )
    assert result["errors"] == {"base": "not_a_secret"}
    shown = suggested(result["data_schema"])
    assert shown["costs"]["input_price"] == 1.25
    assert shown["webhooks"]["webhook_secret"] is None
    await form.submit(record_events=True)
    assert kept(entry) == {"record_events": True, **PRICES}


async def test_webhook_url_per_entry(
    hass: HomeAssistant, standin: StandIn, form: Form, entry: MockConfigEntry
) -> None:
    """Each has an address of its own."""
    other = await add_entry(hass, entry_data(standin, "none"))
    await form.open()
    await Form(hass, other).open()
    assert url(entry) != url(other)


MODELS = {"object": "list", "data": [{"id": "tts-1"}, {"id": "gpt-5"}, {"id": "my-embedder"}]}


def offered(form: dict[str, Any], purpose: str) -> list[str]:
    """Return the models that a form offers for a purpose."""
    (models,) = [
        check for key, check in form["data_schema"].schema.items() if str(key) == "default_models"
    ]
    (selector,) = [check for key, check in models.schema.schema.items() if str(key) == purpose]
    assert selector.config["custom_value"] is True
    return list(selector.config["options"])


async def test_default_models_offered(standin: StandIn, form: Form, entry: MockConfigEntry) -> None:
    standin.fail(Fault(path="/models", status=200, body=MODELS))
    shown = await form.open()
    assert offered(shown, "chat") == ["gpt-5", "tts-1", "my-embedder"]
    assert offered(shown, "speech") == ["tts-1", "gpt-5", "my-embedder"]
    await form.submit(
        record_events=False,
        default_models={"chat": "gpt-5", "speech": " a model of my own ", "image": "  "},
    )
    chosen = {"chat": "gpt-5", "speech": "a model of my own"}
    assert kept(entry) == {"record_events": False, "default_models": chosen}
    shown = suggested((await form.open())["data_schema"])["default_models"]
    assert {key: value for key, value in shown.items() if value} == chosen
    await form.submit(record_events=False, default_models={"speech": "a model of my own"})
    assert kept(entry)["default_models"] == {"speech": "a model of my own"}
    await form.open()
    await form.submit(record_events=False)
    assert kept(entry)["default_models"] == {"speech": "a model of my own"}
    await form.open()
    await form.submit(record_events=False, default_models={})
    assert kept(entry) == {"record_events": False}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="/models", status=404),
        Fault(path="/models", status=401),
        Fault(path="/models", drop="before", count=2),
        Fault(path="/models", status=200, body="<html>", content_type="text/html"),
        Fault(path="/models", status=200, body=b""),
    ],
)
async def test_default_models_without_model_list(
    standin: StandIn, form: Form, entry: MockConfigEntry, fault: Fault
) -> None:
    standin.fail(fault)
    assert offered(await form.open(), "chat") == []
    await form.submit(record_events=False, default_models={"chat": "m"})
    assert kept(entry)["default_models"] == {"chat": "m"}


async def test_default_models_without_api_key(
    hass: HomeAssistant, form: Form, entry: MockConfigEntry
) -> None:
    data = {**entry.data, "api_key_source": "environment", "api_key": "NO_SUCH_VARIABLE"}
    hass.config_entries.async_update_entry(entry, data=data)
    assert offered(await form.open(), "chat") == []


@pytest.mark.parametrize(
    ("access", "saved"),
    [
        ({"service_kind": "ollama", "action_access": "administrators"}, True),
        ({"include_usage": "always"}, True),
        ({"include_usage": "by_service"}, False),
        ({"service_kind": "other", "action_access": "everyone"}, True),
        ({"service_kind": "other", "action_access": "by_action"}, False),
        ({}, False),
    ],
)
async def test_service_kind_and_access_options(
    form: Form, entry: MockConfigEntry, access: dict[str, str], saved: bool
) -> None:
    """What is as it would be anyway is not saved."""
    shown = suggested((await form.open())["data_schema"])
    assert shown["access"] == {
        "service_kind": "other",
        "include_usage": None,
        "action_access": None,
    }
    await form.submit(record_events=False, is_preferred=saved, access=access)
    expected: dict[str, Any] = {"record_events": False}
    if saved:
        usual = {
            "service_kind": "other",
            "include_usage": "by_service",
            "action_access": "by_action",
        }
        changed = {key: value for key, value in access.items() if usual[key] != value}
        expected |= {"is_preferred": True} | changed
    assert kept(entry) == expected
    await form.open()
    await form.submit(record_events=False, is_preferred=False)
    assert "is_preferred" not in kept(entry)
