"""Triggers at work: in a flood, in a circle, in a broken automation, and switched off."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN, EVENT_CONNECTION, EVENT_SERVER, EVENT_TYPES
from custom_components.openai_api.trigger import async_get_triggers
from tests.integration.automations import automate, on
from tests.integration.conftest import Call
from tests.integration.waiting import wait_for
from tests.standin.server import StandIn

from .helpers import MADE_UP, who

pytestmark = pytest.mark.usefixtures("entry")


async def test_burst_keeps_order(hass: HomeAssistant, standin: StandIn, manage: Call) -> None:
    ran = await automate(hass, on("server_event", {"event_type": "n"}, i="{{ trigger.event.i }}"))
    await manage("connect")
    for number in range(2000):
        await standin.sockets[0].send({"type": "n" if number % 4 else "other", "i": number})
    await wait_for(lambda: len(ran) == 1500, 60)
    assert [event.data["i"] for event in ran] == [n for n in range(2000) if n % 4]


async def test_automation_replies_on_same_connection(
    hass: HomeAssistant, standin: StandIn, manage: Call
) -> None:
    answer = on("connection_state", {"to": "connected"})
    answer["actions"] = [
        {
            "action": "openai_api.manage_model_response_websocket",
            "data": {
                "action": "send",
                "connection_id": "{{ trigger.connection_id }}",
                "event": {"type": "response.create", "model": "m", "input": "Hello"},
            },
        }
    ]
    await automate(hass, answer)
    await manage("connect")
    assert (await standin.sockets[0].wait_for(1))["input"] == "Hello"


async def test_failing_automation_keeps_connection(
    hass: HomeAssistant, standin: StandIn, manage: Call
) -> None:
    broken = on("server_event")
    broken["triggers"][0]["variables"] = {"x": "{{ 1 / 0 }}"}
    ran = await automate(hass, broken, on("server_event"))
    await manage("connect")
    for _ in range(2):
        await standin.sockets[0].send(MADE_UP)
    await wait_for(lambda: len(ran) == 2)
    assert who(ran) == [1]
    assert await manage("close")


async def test_listeners_removed_with_automation(
    hass: HomeAssistant, entry: MockConfigEntry, manage: Call
) -> None:
    ran = await automate(hass, *(on(key) for key in await async_get_triggers(hass)))

    def listeners() -> dict[str, int]:
        counts = hass.bus.async_listeners()
        return {str(key): count for key, count in counts.items() if DOMAIN in str(key)}

    before = listeners()
    assert before[EVENT_SERVER] == 1
    await manage("connect")
    # A reloaded entry leaves the triggers as they are.
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert listeners() == before
    await manage("connect")
    ran.clear()

    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    assert EVENT_SERVER not in listeners()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert listeners() == {}
    assert not ran


@pytest.mark.parametrize("data", [{}, {"config_entry_id": "ours"}, {"event_type": 5}], ids=str)
async def test_event_fired_by_hand_runs_automation(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    data: dict[str, Any],
) -> None:
    """So people try an automation, with no more data than it asks for."""
    names = list(await async_get_triggers(hass))
    ran = await automate(hass, *(on(name) for name in names))
    before = {state.entity_id for state in hass.states.async_all() if state.domain != "automation"}
    told = {"config_entry_id": entry.entry_id} if "config_entry_id" in data else data
    for event_type in EVENT_TYPES:
        hass.bus.async_fire(event_type, told)
    for state in ("connected", "disconnected", "made up"):
        hass.bus.async_fire(EVENT_CONNECTION, {**told, "connection_id": "c", "state": state})
    await hass.async_block_till_done()
    assert len(ran) == len(EVENT_TYPES) + 3
    after = {state.entity_id for state in hass.states.async_all() if state.domain != "automation"}
    assert after == before
    assert "Error" not in caplog.text
