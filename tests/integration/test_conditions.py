"""The condition that a connection is open, in automations and on its own."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.condition import (
    async_from_config,
    async_get_all_descriptions,
    async_validate_condition_config,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .automations import RAN, automate, states
from .conftest import Call, add_entry, entry_data

pytestmark = pytest.mark.usefixtures("entry")


def condition(**options: Any) -> dict[str, Any]:
    """Return the condition."""
    return {"condition": "openai_api.connection_open", "options": options}


async def ask(hass: HomeAssistant, **options: Any) -> bool | None:
    """Return whether the condition holds right now."""
    config = await async_validate_condition_config(hass, condition(**options))
    checker = await async_from_config(hass, config)
    return checker.async_check()


async def test_connection_open_condition(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    other = await add_entry(hass, entry_data(standin, "none"))
    here = {"config_entry_id": entry.entry_id}
    assert await ask(hass, connection_id="c") is False

    await call("manage_model_response_websocket", action="connect", connection_id="c", **here)
    await call("connect_realtime_websocket", connection_id="k", model="m", **here)
    for connection_id in ("c", "k"):
        assert await ask(hass, connection_id=connection_id) is True
        assert await ask(hass, connection_id=connection_id, config_entry_id="") is True
        assert await ask(hass, connection_id=connection_id, **here) is True
        elsewhere = {"config_entry_id": other.entry_id}
        assert await ask(hass, connection_id=connection_id, **elsewhere) is False
    assert await ask(hass, connection_id="d") is False

    standin.fail(Fault(path="/responses", hang=True))
    next(socket for socket in standin.sockets if socket.path == "/responses").abort()
    async with asyncio.timeout(3):
        while await ask(hass, connection_id="c"):
            await asyncio.sleep(0.01)
    assert entry.runtime_data.connections["c"].state == "reconnecting"

    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await ask(hass, connection_id="k") is False
    assert await ask(hass, connection_id="k", **here) is False


async def test_connection_open_in_automation(hass: HomeAssistant, call: Call) -> None:
    ran = await automate(
        hass,
        {
            "triggers": [{"trigger": "event", "event_type": "ring"}],
            "conditions": [condition(connection_id="c")],
            "actions": [{"event": RAN}],
        },
    )
    for is_open in (False, True, False):
        ran.clear()
        hass.bus.async_fire("ring")
        await hass.async_block_till_done()
        assert bool(ran) is is_open
        action = "close" if is_open else "connect"
        await call("manage_model_response_websocket", action=action, connection_id="c")


async def test_connection_open_tracks_changes(hass: HomeAssistant, call: Call) -> None:
    checker = await async_from_config(
        hass, await async_validate_condition_config(hass, condition(connection_id="c"))
    )
    told: list[bool | None] = []
    stop = await checker.async_track_changes(lambda: told.append(checker.async_check()))
    assert checker.needs_polling is False
    for connection_id in ("c", "d"):
        data = {"connection_id": connection_id}
        await call("manage_model_response_websocket", action="connect", **data)
        await call("manage_model_response_websocket", action="close", **data)
    assert told == [False, True, False]
    stop()
    await call("manage_model_response_websocket", action="connect", connection_id="c")
    assert len(told) == 3


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"connection_id": ""},
        {"connection_id": {"a": 1}},
        {"connection_id": "c", "config_entry_id": "nobody"},
        {"connection_id": "c", "state": "open"},
    ],
)
async def test_invalid_options_are_rejected(hass: HomeAssistant, options: dict[str, Any]) -> None:
    with pytest.raises(vol.Invalid):
        await async_validate_condition_config(hass, condition(**options))
    await automate(
        hass,
        {
            "triggers": [{"trigger": "event", "event_type": "ring"}],
            "conditions": [condition(**options)],
            "actions": [{"event": RAN}],
        },
    )
    assert states(hass) == ["unavailable"]


async def test_editor_lists_condition(hass: HomeAssistant) -> None:
    descriptions = await async_get_all_descriptions(hass)
    found = descriptions["openai_api.connection_open"]
    assert found is not None
    assert set(found["fields"]) == {"connection_id", "config_entry_id"}
