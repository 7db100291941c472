"""What a service host is used for, shown by its sensors."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    mock_restore_cache_with_extra_data,
)

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.usage import Usage
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data

ASK = {"model": "m", "input": "Hello"}


async def shown(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return what the enabled sensors show once the pause is over."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    return {
        str(found.translation_key): state.state
        for found in er.async_entries_for_config_entry(registry, entry.entry_id)
        if (state := hass.states.get(found.entity_id)) is not None
    }


async def test_requests_and_tokens_are_counted(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    entry = await add_entry(hass, entry_data(standin, max_retries=0))
    asked = await call("create_model_response", **ASK)
    streamed = await call("create_model_response", stream=True, **ASK)
    chat = await call(
        "create_chat_completion", model="m", messages=[{"role": "user", "content": "Hello"}]
    )
    await call("get_model_response", response_id=asked["id"])
    standin.fail(Fault(path="/responses", status=500))
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", **ASK)
    standin.fail(Fault(path="/responses", drop="before"))
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", **ASK)

    found = await shown(hass, entry)

    sums = [answer["usage"]["input_tokens"] for answer in (asked, streamed)]
    assert float(found["input_tokens"]) == sum(sums) + chat["usage"]["prompt_tokens"]
    sums = [answer["usage"]["output_tokens"] for answer in (asked, streamed)]
    assert float(found["output_tokens"]) == sum(sums) + chat["usage"]["completion_tokens"]
    assert float(found["requests"]) == 6
    assert float(found["failed_requests"]) == 2
    assert "response_time" not in found, "the rare ones are disabled at first"
    values = entry.runtime_data.usage.values
    assert values["response_time"] > 0
    assert values["remaining_requests"] > 0


async def test_sockets_are_counted(
    hass: HomeAssistant, entry: MockConfigEntry, call: Call, standin: StandIn, events: Any
) -> None:
    received = events("openai_api_server_event")
    manage = {"connection_id": "c"}
    await call("manage_model_response_websocket", action="connect", **manage)
    event = {"type": "response.create", **ASK}
    await call("manage_model_response_websocket", action="send", event=event, **manage)
    session = await standin.wait_for_socket()
    await session.wait_for(1)
    while not received or received[-1].data["event_type"] != "response.completed":
        await hass.async_block_till_done()
    usage = received[-1].data["event"]["response"]["usage"]
    assert float((await shown(hass, entry))["input_tokens"]) == usage["input_tokens"]


async def test_counts_go_on_after_a_restart(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    stored = {"native_value": 41, "native_unit_of_measurement": "requests"}
    mock_restore_cache_with_extra_data(hass, ((State("sensor.127_0_0_1_requests", "41"), stored),))
    entry = await add_entry(hass, entry_data(standin))
    await call("list_models")
    assert float((await shown(hass, entry))["requests"]) == 42
    assert entry.domain == DOMAIN


def test_other_names_for_the_same() -> None:
    usage = Usage()
    usage.spent(
        {
            "usage": {
                "prompt_tokens": 5,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            }
        }
    )
    usage.spent({"usage": {"input_tokens": True, "input_tokens_details": None}})
    usage.spent({"usage": "none"})
    usage.spent(None)
    assert usage.values == {
        "input_tokens": 5,
        "output_tokens": 3,
        "cached_tokens": 2,
        "reasoning_tokens": 1,
    }
