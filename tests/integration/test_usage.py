"""What a service is used for, shown by its sensors."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.components.recorder.statistics import list_statistic_ids
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    mock_restore_cache_with_extra_data,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.openai_api.api.usage import Prices, Usage
from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data

ASK = {"model": "m", "input": "Hello"}
COSTS = "sensor.127_0_0_1_costs"
MILLION = 1_000_000
PRICES = {"input_price": 2.0, "cached_input_price": 0.5, "output_price": 8.0}


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


async def test_requests_and_tokens_counted(
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
    values = entry.runtime_data.host.usage.values
    assert values["response_time"] > 0
    assert values["remaining_requests"] > 0


async def test_websocket_tokens_counted(
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


def decimal_memory(text: str) -> dict[str, str]:
    """Return a decimal number as Home Assistant remembers it."""
    return {"__type": "<class 'decimal.Decimal'>", "decimal_str": text}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *((number, "42") for number in (41, 41.0, decimal_memory("41"))),
        *((decimal_memory(text), "1") for text in ("NaN", "inf")),
        *((damaged, "1") for damaged in ("41", -5, [41], None)),
    ],
    ids=str,
)
async def test_totals_restored_after_restart(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Call,
    before: object,
    after: str,
) -> None:
    stored = {"native_value": before, "native_unit_of_measurement": "requests"}
    mock_restore_cache_with_extra_data(hass, ((State("sensor.127_0_0_1_requests", "41"), stored),))
    entry = await add_entry(hass, entry_data(standin))
    await call("list_models")
    assert (await shown(hass, entry))["requests"] == after
    assert entry.domain == DOMAIN


async def test_tokens_of_picture_variation_counted(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, entry: MockConfigEntry, call: Call
) -> None:
    path = media_folder / "house.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    data = [{"url": "https://host/house.png"}]
    body = {"created": 1, "data": data, "usage": {"input_tokens": 5, "output_tokens": 7}}
    standin.fail(Fault(path="/images", status=200, body=body))
    await call("create_image_variation", image=str(path))
    found = await shown(hass, entry)
    assert (float(found["input_tokens"]), float(found["output_tokens"])) == (5, 7)


async def test_counts_are_integers(hass: HomeAssistant, entry: MockConfigEntry, call: Call) -> None:
    await call("create_model_response", **ASK)
    states = await shown(hass, entry)
    registry = er.async_get(hass)
    counts = {"requests", "failed_requests", "input_tokens", "output_tokens", "open_connections"}
    for found in er.async_entries_for_config_entry(registry, entry.entry_id):
        if found.translation_key in counts:
            assert states[found.translation_key].isdecimal()
            precision = found.options["sensor"]["suggested_display_precision"]
            assert precision == 0, found.translation_key


async def test_background_response_counted_once(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    begun = {"id": "resp_1", "status": "queued", "usage": None}
    done = {**begun, "status": "completed", "usage": {"input_tokens": 5, "output_tokens": 7}}
    standin.fail(Fault(path="/responses", status=200, body=begun))
    await call("create_model_response", background=True, **ASK)
    for body in (begun, done, done, {**done, "id": "resp_of_somebody_else"}):
        standin.fail(Fault(path="/responses", status=200, body=body))
        await call("get_model_response", response_id="resp_1")
    found = await shown(hass, entry)
    assert (float(found["input_tokens"]), float(found["output_tokens"])) == (5, 7)


@pytest.mark.parametrize("ways", [("get_run",), ("poll_run",), ("watch_job", "get_run")])
async def test_tokens_of_cancelled_run_counted_once(
    hass: HomeAssistant, entry: MockConfigEntry, call: Call, standin: StandIn, ways: tuple[str, ...]
) -> None:
    run = {"id": "run_1", "object": "thread.run", "thread_id": "t", "usage": None}
    ended = {**run, "status": "cancelled", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    ids = {"thread_id": "t", "run_id": "run_1"}

    def answer(body: dict[str, Any], **rest: Any) -> Fault:
        return Fault(path="/threads/t/runs/run_1$", method="GET", body=body, **rest)

    standin.fail(Fault(path="/threads/t/runs$", method="POST", body={**run, "status": "queued"}))
    await call("create_run", thread_id="t", assistant_id="a")
    standin.fail(answer({**run, "status": "cancelling"}))
    await call("get_run", **ids)
    assert (await shown(hass, entry))["input_tokens"] == "0"

    standin.fail(answer(ended, count=None))
    for way in ways:
        data = {"kind": "run", "id": "run_1", "thread_id": "t"} if way == "watch_job" else ids
        await call(way, **data)
    found = await shown(hass, entry)
    assert (found["input_tokens"], found["output_tokens"]) == ("7", "2")


async def test_watched_job_tokens_counted(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    begun = {"id": "resp_1", "status": "queued", "usage": None}
    done = {**begun, "status": "completed", "usage": {"input_tokens": 5, "output_tokens": 7}}
    standin.fail(Fault(path="/responses", status=200, body=begun))
    await call("create_model_response", background=True, **ASK)
    standin.fail(Fault(path="/responses", status=200, body=done))
    await call("watch_job", kind="model_response", id="resp_1")
    assert float((await shown(hass, entry))["output_tokens"]) == 7


async def test_pending_update_kept_on_unload(
    hass: HomeAssistant, entry: MockConfigEntry, call: Call
) -> None:
    asked = await call("create_model_response", **ASK)
    # The sensors show it a moment later, when there are new ones.
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert float((await shown(hass, entry))["input_tokens"]) == asked["usage"]["input_tokens"]


def answer_of(usage: dict[str, Any]) -> Fault:
    """Return what makes the host answer with this usage."""
    return Fault(path="/responses", status=200, body={"id": "resp_1", "usage": usage})


async def test_costs_sensor(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call, events: Any
) -> None:
    entry = await add_entry(hass, entry_data(standin), PRICES)
    state = hass.states.get(COSTS)
    assert state is not None
    assert float(state.state) == 0
    assert state.attributes["device_class"] == "monetary"
    assert state.attributes["state_class"] == "total"
    assert state.attributes["unit_of_measurement"] == hass.config.currency

    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 400},
        "output_tokens": 100,
    }
    standin.fail(answer_of(usage))
    answer = await call("create_model_response", **ASK)
    costs = 600 * 2.0 + 400 * 0.5 + 100 * 8.0
    assert float((await shown(hass, entry))["costs"]) == pytest.approx(costs / MILLION)

    # Reading it again costs nothing, and neither does what fails.
    standin.fail(Fault(path="/responses", status=200, body=answer))
    await call("get_model_response", response_id="resp_1")
    standin.fail(Fault(path="/responses", status=400))
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", **ASK)
    assert float((await shown(hass, entry))["costs"]) == pytest.approx(costs / MILLION)

    received = events("openai_api_server_event")
    manage = {"connection_id": "c"}
    await call("manage_model_response_websocket", action="connect", **manage)
    event = {"type": "response.create", **ASK}
    await call("manage_model_response_websocket", action="send", event=event, **manage)
    while not received or received[-1].data["event_type"] != "response.completed":
        await hass.async_block_till_done()
    used = received[-1].data["event"]["response"]["usage"]
    costs += used["input_tokens"] * 2.0 + used["output_tokens"] * 8.0
    assert float((await shown(hass, entry))["costs"]) == pytest.approx(costs / MILLION)


async def test_costs_after_price_change(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    entry = await add_entry(hass, entry_data(standin), {"output_price": 3.0})
    usage = {"input_tokens": 1000, "output_tokens": 1000}
    standin.fail(answer_of(usage))
    await call("create_model_response", **ASK)
    hass.config_entries.async_update_entry(entry, options={"input_price": 1.0})
    await hass.config_entries.async_reload(entry.entry_id)
    assert float((await shown(hass, entry))["costs"]) == pytest.approx(0.003)
    standin.fail(answer_of({**usage, "input_tokens_details": {"cached_tokens": 500}}))
    await call("create_model_response", **ASK)
    # Without a price of their own, cached tokens cost the same.
    assert float((await shown(hass, entry))["costs"]) == pytest.approx(0.004)


async def test_costs_sensor_follows_prices(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    registry = er.async_get(hass)
    entry = await add_entry(hass, entry_data(standin))
    assert registry.async_get(COSTS) is None
    for options, is_there in (({"input_price": 0}, True), ({}, False), (PRICES, True)):
        hass.config_entries.async_update_entry(entry, options=options)
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
        assert (registry.async_get(COSTS) is not None) is is_there
        assert (hass.states.get(COSTS) is not None) is is_there


@pytest.mark.parametrize(("currency", "expected"), [("EUR", 7.5), ("CHF", 0)])
async def test_costs_restored_with_same_currency(
    hass: HomeAssistant, standin: StandIn, media_folder: object, currency: str, expected: float
) -> None:
    hass.config.currency = currency
    stored = {"native_value": 7.5, "native_unit_of_measurement": "EUR"}
    mock_restore_cache_with_extra_data(hass, ((State(COSTS, "7.5"), stored),))
    entry = await add_entry(hass, entry_data(standin), PRICES)
    assert float((await shown(hass, entry))["costs"]) == expected


async def test_costs_statistics(
    recorder_mock: object, hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    entry = await add_entry(hass, entry_data(standin), PRICES)
    standin.fail(answer_of({"input_tokens": MILLION, "output_tokens": 0}))
    await call("create_model_response", **ASK)
    await shown(hass, entry)
    await async_wait_recording_done(hass)
    now = dt_util.utcnow()
    start = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    do_adhoc_statistics(hass, start=start)
    await async_wait_recording_done(hass)
    found = await get_instance(hass).async_add_executor_job(list_statistic_ids, hass, {COSTS})
    assert [(item["has_sum"], item["statistics_unit_of_measurement"]) for item in found] == [
        (True, hass.config.currency)
    ]


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (Prices(), 0),
        (Prices(input=1), 10),
        (Prices(cached_input=1), 4),
        (Prices(input=2, cached_input=0), 12),
        (Prices(output=3), 6),
    ],
)
def test_price_calculation(prices: Prices, expected: float) -> None:
    counts = {"input_tokens": 10, "cached_tokens": 4, "output_tokens": 2}
    assert prices.cost(counts) == pytest.approx(expected / MILLION)
    # A host that counts what was cached apart from the input.
    assert prices.cost({**counts, "cached_tokens": 40}) >= 0


def test_token_field_aliases() -> None:
    usage = Usage()
    usage.record_tokens(
        {
            "usage": {
                "prompt_tokens": 5,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            }
        }
    )
    usage.record_tokens({"usage": {"input_tokens": True, "input_tokens_details": None}})
    usage.record_tokens({"usage": "none"})
    usage.record_tokens(None)
    usage.record_result(
        "beta.agents.sessions.stream", {"usage": {"input_tokens": 900}, "turn": None}
    )
    usage.record_result("beta.agents.sessions.stream", {"turn": {"usage": {"input_tokens": 1}}})
    assert usage.values == {
        "input_tokens": 6,
        "output_tokens": 3,
        "cached_tokens": 2,
        "reasoning_tokens": 1,
    }
