"""What is always there: the device, the number of connections, and the last error."""

from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.entity import device_info
from custom_components.openai_api.sensor import shorten
from tests.integration.conftest import CANARY, Call, add_entry, entry_data, state_of
from tests.integration.waiting import wait_for
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .states import COUNT, ERROR, shown


async def test_device_info(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, registry: er.EntityRegistry
) -> None:
    (device,) = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert device.identifiers == {(DOMAIN, entry.entry_id)}
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert device.name == "127.0.0.1"
    assert (device.manufacturer, device.model) == ("127.0.0.1", "OpenAI-compatible API")
    assert device.configuration_url == standin.address
    found = er.async_entries_for_device(registry, device.id)
    assert {item.entity_id for item in found} >= {COUNT, ERROR}
    assert {item.unique_id for item in found} >= {
        f"{entry.entry_id}_open_connections",
        f"{entry.entry_id}_last_error",
    }
    assert all(item.has_entity_name and item.translation_key for item in found)
    assert (shown(hass, COUNT), shown(hass, ERROR)) == ("0", "unknown")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://api.openai.com/v1",
            ("OpenAI", "OpenAI API", "https://platform.openai.com"),
        ),
        (
            f"https://llm.example.com:8443/openai/v1?key={CANARY}",
            ("llm.example.com", "OpenAI-compatible API", "https://llm.example.com:8443"),
        ),
    ],
)
async def test_device_info_holds_no_secret(
    hass: HomeAssistant, standin: StandIn, media_folder: object, url: str, expected: tuple[str, ...]
) -> None:
    entry = await add_entry(hass, entry_data(standin, base_url=url, skip_validation=True))
    info = device_info(entry)
    assert (info["manufacturer"], info["model"], info["configuration_url"]) == expected


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(path="/responses", status=400), "400"),
        (Fault(path="/responses", status=500, count=None), "500"),
        (Fault(path="/responses", status=401), "401"),
        (Fault(path="/responses", drop="before", count=None), "closed the connection"),
    ],
)
async def test_last_error_after_failed_calls(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    fault: Fault,
    text: str,
) -> None:
    standin.fail(fault)
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", model="m", input="Hello")
    assert text in shown(hass, ERROR)
    # What comes of it later does not make it undone.
    standin.reset()
    await call("create_model_response", model="m", input="Hello")
    assert text in shown(hass, ERROR)


async def test_last_error_is_truncated_and_redacted(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, manage: Call
) -> None:
    body = {"error": {"message": f"Wrong key {CANARY}: {'words ' * 200}", "code": "c"}}
    standin.fail(Fault(path="/responses", status=400, body=body))
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", model="m", input="Hello")
    error = shown(hass, ERROR)
    assert len(error) <= 120
    assert error.endswith(" words…"), "it is cut between words"
    assert "Wrong key ***" in error
    whole = hass.states.get(ERROR)
    assert whole is not None
    assert "… (HTTP 400, code: c, request_id: req_" in whole.attributes["message"]
    assert "HTTP" not in error
    assert len(whole.attributes["message"]) > 255
    assert CANARY not in str(whole.as_dict())

    await manage("connect")
    await standin.sockets[-1].close(4000, f"Not with {CANARY}")
    await wait_for(lambda: shown(hass, ERROR) == "Not with ***")


async def test_diagnostics_last_error_without_its_sensor(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    standin: StandIn,
    media_folder: object,
    registry: er.EntityRegistry,
    manage: Call,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    entry = await add_entry(hass, entry_data(standin))
    registry.async_update_entity(ERROR, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.config_entries.async_reload(entry.entry_id)
    assert hass.states.get(ERROR) is None

    await manage("connect")
    await standin.sockets[-1].close(4000, f"Not with {CANARY}")
    await wait_for(lambda: not entry.runtime_data.connections)
    found: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert found["last_error"] == "Not with ***"


async def test_last_error_unchanged_by_unload(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    changes = async_capture_events(hass, "state_changed")
    standin.fail(Fault(path="/responses", hang=True, count=None))
    task = hass.async_create_task(call("create_model_response", model="m", input="Hello"))
    await standin.wait_for_request()
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError):
        await task
    errors = [event for event in changes if event.data["entity_id"] == ERROR]
    assert [event.data["new_state"].state for event in errors] == ["unavailable"]


@pytest.mark.parametrize(
    "broken",
    [
        "custom_components.openai_api.sensor.async_setup_entry",
        "custom_components.openai_api.binary_sensor.async_setup_entry",
    ],
)
async def test_platform_setup_failure_keeps_entry_loaded(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call, broken: str
) -> None:
    with patch(broken, side_effect=RuntimeError("Broken")):
        entry = await add_entry(hass, entry_data(standin))
    assert entry.state is ConfigEntryState.LOADED
    assert await call("create_model_response", model="m", input="Hello")
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.NOT_LOADED


async def test_platform_import_failure_keeps_entry_loaded(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Call,
    caplog: pytest.LogCaptureFixture,
) -> None:
    forward = hass.config_entries.async_forward_entry_setups

    async def refuse(entry: Any, platforms: list[str]) -> None:
        if platforms == ["sensor"]:
            raise ImportError("No such thing")
        await forward(entry, platforms)

    with patch.object(hass.config_entries, "async_forward_entry_setups", refuse):
        entry = await add_entry(hass, entry_data(standin))
    assert entry.state is ConfigEntryState.LOADED
    assert "The sensor platform could not be set up" in caplog.text
    assert await call("create_model_response", model="m", input="Hello")
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.NOT_LOADED


async def test_entity_names_are_translated(
    hass: HomeAssistant, standin: StandIn, media_folder: object, manage: Call
) -> None:
    hass.config.language = "de"
    await add_entry(hass, entry_data(standin))
    await manage("connect")
    names = {state.name for state in hass.states.async_all(("sensor", "binary_sensor"))}
    assert names >= {
        "127.0.0.1 Verbindung c",
        "127.0.0.1 Offene Verbindungen",
        "127.0.0.1 Letzter Fehler",
    }


@pytest.mark.parametrize(
    ("text", "shown_text"),
    [
        ("short", "short"),
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 19 + "…"),
        ("one two, three four five", "one two, three four…"),
        ("one two three fo, five", "one two three fo…"),
        ("a " + "x" * 30, "a " + "x" * 17 + "…"),
    ],
)
def test_shorten(text: str, shown_text: str) -> None:
    assert shorten(text, 20) == shown_text
    assert len(shorten(text, 20)) <= 20
