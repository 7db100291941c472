"""Each open connection is an entity for as long as it lasts."""

import asyncio
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    flush_store,
)

from custom_components.openai_api.const import DOMAIN, EVENT_CONNECTION
from tests.integration.conftest import Call, add_entry, entry_data
from tests.integration.waiting import wait_for
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .states import CONNECTION, COUNT, ERROR, shown


def connection_entities(hass: HomeAssistant) -> list[State]:
    """Return the states of all connections."""
    return [
        state for state in hass.states.async_all("binary_sensor") if "transport" in state.attributes
    ]


def registered(registry: er.EntityRegistry, entry: MockConfigEntry) -> list[str]:
    """Return the ids of the entities that the registry knows, connections only."""
    return [
        found.entity_id
        for found in er.async_entries_for_config_entry(registry, entry.entry_id)
        if found.unique_id.startswith(f"{entry.entry_id}_connection_")
    ]


@pytest.mark.parametrize("transport", ["responses.websocket", "realtime.websocket"])
async def test_connection_entity_lifecycle(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    registry: er.EntityRegistry,
    call: Call,
    transport: str,
) -> None:
    opening, closing = {
        "responses.websocket": (
            ("manage_model_response_websocket", {"action": "connect"}),
            ("manage_model_response_websocket", {"action": "close"}),
        ),
        "realtime.websocket": (
            ("connect_realtime_websocket", {"model": "m"}),
            ("close_realtime_websocket", {}),
        ),
    }[transport]
    for _ in range(3):
        await call(opening[0], connection_id="c", **opening[1])
        state = hass.states.get(CONNECTION)
        assert state is not None
        assert state.state == "on"
        assert state.attributes == {
            "device_class": "connectivity",
            "friendly_name": "127.0.0.1 Connection c",
            "transport": transport,
            "state": "connected",
        }
        item = registry.async_get(CONNECTION)
        assert item is not None
        assert item.unique_id == f"{entry.entry_id}_connection_c"
        assert item.entity_category == "diagnostic"
        assert item.device_id is not None
        assert shown(hass, COUNT) == "1"

        await call(closing[0], connection_id="c", **closing[1])
        assert hass.states.get(CONNECTION) is None
        assert registry.async_get(CONNECTION) is None
        assert shown(hass, COUNT) == "0"
    assert shown(hass, ERROR) == "unknown"


async def test_connection_entity_off_while_reconnecting(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    registry: er.EntityRegistry,
) -> None:
    await manage("connect")
    before = registry.async_get(CONNECTION)
    changes = async_capture_events(hass, "state_changed")
    standin.sockets[0].abort()
    await wait_for(lambda: len(standin.sockets) == 2 and shown(hass, CONNECTION) == "on")

    def of(entity_id: str, attribute: str | None = None) -> list[Any]:
        found = [
            event.data["new_state"] for event in changes if event.data["entity_id"] == entity_id
        ]
        return [state.attributes[attribute] if attribute else state.state for state in found]

    assert of(CONNECTION) == ["off", "on"]
    assert of(CONNECTION, "state") == ["reconnecting", "connected"]
    assert of(COUNT) == ["0", "1"]
    assert of(ERROR) == ["The connection was lost"]
    assert registry.async_get(CONNECTION) == before


async def test_connection_entity_removed_after_retries(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    registry: er.EntityRegistry,
) -> None:
    await manage("connect")
    standin.fail(Fault(path="/responses", status=404, count=None))
    standin.sockets[0].abort()
    await wait_for(lambda: hass.states.get(CONNECTION) is None)
    assert registered(registry, entry) == []
    error = hass.states.get(ERROR)
    assert error is not None
    assert "404" in error.attributes["message"]


async def test_connection_entity_absent_before_first_open(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    registry: er.EntityRegistry,
) -> None:
    created = async_capture_events(hass, er.EVENT_ENTITY_REGISTRY_UPDATED)
    standin.fail(Fault(path="/responses", status=500))
    with pytest.raises(HomeAssistantError):
        await manage("connect")
    await hass.async_block_till_done()
    assert not created
    assert "500" in shown(hass, ERROR)


async def test_connection_entities_for_many_connections(
    hass: HomeAssistant, entry: MockConfigEntry, manage: Call, registry: er.EntityRegistry
) -> None:
    names = [*(f"n {number}" for number in range(10)), "Küche ☕", "x" * 400, "☕", "☎"]
    await asyncio.gather(*(manage("connect", connection_id=name) for name in names))
    assert shown(hass, COUNT) == "14"
    assert len(connection_entities(hass)) == len(registered(registry, entry)) == 14
    await asyncio.gather(*(manage("close", connection_id=name) for name in names))
    assert shown(hass, COUNT) == "0"
    assert connection_entities(hass) == []
    assert registered(registry, entry) == []


async def test_state_written_only_on_change(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    await manage("connect")
    changes = async_capture_events(hass, "state_changed")
    before = hass.states.get(CONNECTION), hass.states.get(COUNT)
    reported = [state.last_reported_timestamp for state in before if state]
    for number in range(100):
        await standin.sockets[0].send({"type": "made.up", "n": number})
    for _ in range(100):
        await standin.sockets[0].send("{ not json")
    await wait_for(lambda: changes)
    await manage("send", event={"type": "response.create", "model": "m", "input": "Hello"})
    await asyncio.sleep(0.2)
    assert [event.data["entity_id"] for event in changes] == [ERROR]
    after = hass.states.get(CONNECTION), hass.states.get(COUNT)
    assert [state.last_reported_timestamp for state in after if state] == reported


@pytest.mark.parametrize("way", ["unload", "reload", "remove", "stop"])
async def test_unload_removes_connection_entities(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    call: Call,
    manage: Call,
    registry: er.EntityRegistry,
    way: str,
) -> None:
    await manage("connect")
    await call("connect_realtime_websocket", connection_id="k", model="m")
    assert len(connection_entities(hass)) == 2
    match way:
        case "unload":
            assert await hass.config_entries.async_unload(entry.entry_id)
        case "reload":
            assert await hass.config_entries.async_reload(entry.entry_id)
        case "remove":
            await hass.config_entries.async_remove(entry.entry_id)
        case "stop":
            hass.set_state(CoreState.stopping)
            hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert connection_entities(hass) == []
    assert registered(registry, entry) == []
    if way in {"unload", "remove"}:
        assert EVENT_CONNECTION not in hass.bus.async_listeners()
    if way == "reload":
        assert shown(hass, COUNT) == "0"
        await manage("connect")
        assert shown(hass, CONNECTION) == "on"
    if way == "remove":
        assert not dr.async_get(hass).devices
    hass.set_state(CoreState.running)


async def test_stale_connection_entities_removed_on_setup(
    hass: HomeAssistant, standin: StandIn, registry: er.EntityRegistry
) -> None:
    entry = MockConfigEntry(domain=DOMAIN, title="127.0.0.1", data=entry_data(standin))
    entry.add_to_hass(hass)
    unique_id = f"{entry.entry_id}_connection_old"
    registry.async_get_or_create("binary_sensor", DOMAIN, unique_id, config_entry=entry)
    stranger = registry.async_get_or_create("binary_sensor", "sun", "x")
    lasting = registry.async_get_or_create(
        "binary_sensor", DOMAIN, f"{entry.entry_id}_reachable", config_entry=entry
    )
    changes = async_capture_events(hass, er.EVENT_ENTITY_REGISTRY_UPDATED)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert registered(registry, entry) == []
    assert registry.async_get(stranger.entity_id)
    assert ("remove", lasting.entity_id) not in [
        (change.data["action"], change.data["entity_id"]) for change in changes
    ]


async def test_registry_settings_expire(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    manage: Call,
    registry: er.EntityRegistry,
    hass_storage: dict[str, Any],
) -> None:
    await manage("connect")
    registry.async_update_entity(CONNECTION, name="Butler", new_entity_id="binary_sensor.butler")
    await hass.async_block_till_done()
    await manage("close")
    assert connection_entities(hass) == []

    # Home Assistant forgets what belongs to no entry after 30 days.
    await flush_store(registry._store)
    (deleted,) = hass_storage[er.STORAGE_KEY]["data"]["deleted_entities"]
    assert deleted["config_entry_id"] is None
    assert deleted["orphaned_timestamp"]

    await manage("connect")
    state = hass.states.get("binary_sensor.butler")
    assert state is not None
    assert state.attributes["friendly_name"].endswith("Butler")
    item = registry.async_get("binary_sensor.butler")
    assert item is not None
    assert item.config_entry_id == entry.entry_id
    await manage("close")
    assert connection_entities(hass) == []


async def test_disabled_connection_entity_stays_disabled(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    registry: er.EntityRegistry,
) -> None:
    await manage("connect")
    registry.async_update_entity(CONNECTION, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.async_block_till_done()
    assert connection_entities(hass) == []
    standin.sockets[0].abort()
    await wait_for(lambda: len(standin.sockets) == 2 and shown(hass, COUNT) == "1")
    await manage("close")
    assert registered(registry, entry) == []

    await manage("connect")
    assert connection_entities(hass) == []
    assert len(registered(registry, entry)) == 1
    await manage("close")
    assert registered(registry, entry) == []


async def test_connection_entity_removed_by_user(
    hass: HomeAssistant, entry: MockConfigEntry, manage: Call, registry: er.EntityRegistry
) -> None:
    await manage("connect")
    registry.async_remove(CONNECTION)
    await hass.async_block_till_done()
    await manage("close")
    await manage("connect")
    assert shown(hass, CONNECTION) == "on"


async def test_connection_entities_per_entry(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    await add_entry(hass, entry_data(standin, "none"))
    here = {"config_entry_id": entry.entry_id}
    await manage("connect", **here)
    assert len(connection_entities(hass)) == 1
    assert (shown(hass, COUNT), shown(hass, f"{COUNT}_2")) == ("1", "0")
    standin.sockets[0].abort()
    await wait_for(lambda: shown(hass, ERROR) != "unknown")
    assert shown(hass, f"{ERROR}_2") == "unknown"
