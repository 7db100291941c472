"""Whether a host can be reached: shown, said in the log once, and over by itself."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.openai_api.const import EVENT_CONNECTION
from custom_components.openai_api.handlers.responses_websocket import ResponsesConnection
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import CANARY, Call, add_entry, entry_data, state_of
from .entities.states import CONNECTION, ERROR, shown
from .waiting import wait_for

ASK = {"model": "m", "input": "Hello"}
REACHABLE = "binary_sensor.127_0_0_1_reachable"
MANAGE = "manage_model_response_websocket"
TIME = "sensor.127_0_0_1_response_time"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that tells what the integration has written, but for debugging."""

    def found() -> list[str]:
        return [
            record.getMessage()
            for record in caplog.records
            if record.name.startswith("custom_components.openai_api")
            and record.levelno >= logging.INFO
        ]

    return found


async def fail(call: Call, **changes: Any) -> str:
    """Ask a question that comes to nothing, and return why."""
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK | changes)
    return str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(path="/responses", drop="before", count=None), id="no line"),
        pytest.param(Fault(path="/responses", hang=True, count=None), id="no answer"),
        pytest.param(Fault(path="/responses", status=500, count=None), id="trouble"),
        pytest.param(Fault(path="/responses", status=503, count=None), id="closed"),
    ],
)
async def test_availability_changes_logged_once(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    lines: Callable[[], list[str]],
    fault: Fault,
) -> None:
    assert shown(hass, REACHABLE) == "on"
    changes = async_capture_events(hass, "state_changed")
    standin.fail(fault)
    for _ in range(3):
        await fail(call, timeout=0.2 if fault.hang else 5)
    assert shown(hass, REACHABLE) == "off"
    standin.reset()
    for _ in range(3):
        await call("create_model_response", **ASK)
    assert shown(hass, REACHABLE) == "on"

    lost, back = lines()
    assert lost.startswith("127.0.0.1 cannot be reached: ")
    assert back == "127.0.0.1 can be reached again"
    states = [
        event.data["new_state"].state for event in changes if event.data["entity_id"] == REACHABLE
    ]
    assert states == ["off", "on"]


@pytest.mark.parametrize("status", [302, 401, 404, 408, 429, 501])
async def test_error_response_counts_as_reachable(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    lines: Callable[[], list[str]],
    status: int,
) -> None:
    standin.fail(Fault(path="/responses", status=status))
    await fail(call)
    assert shown(hass, REACHABLE) == "on"
    assert not lines()


@pytest.mark.parametrize("status", [200, 404, 429])
async def test_any_response_restores_availability(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    status: int,
) -> None:
    standin.fail(Fault(path="/responses", drop="before"))
    await fail(call)
    assert shown(hass, REACHABLE) == "off"
    standin.fail(Fault(path="/models", status=status, body={"data": []}))
    if status == 200:
        await call("list_models")
    else:
        with pytest.raises(HomeAssistantError):
            await call("list_models")
    assert shown(hass, REACHABLE) == "on"


async def test_timeout_beside_response_keeps_available(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(path="/responses", hang=True))
    count = len(standin.requests)
    task = hass.async_create_task(fail(call, timeout=0.5))
    await standin.wait_for_request(count + 1)
    await call("list_models")
    assert "0.5" in await task
    assert shown(hass, REACHABLE) == "on"


async def test_body_cut_marks_unreachable(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(path="/responses", drop="body"))
    await fail(call)
    assert shown(hass, REACHABLE) == "on"


async def test_reachable_unknown_before_first_request(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    await add_entry(hass, entry_data(standin, skip_validation=True))
    assert shown(hass, REACHABLE) == "unknown"
    await call("list_models")
    assert shown(hass, REACHABLE) == "on"


async def test_measurement_sensors_unavailable_while_unreachable(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    entry = MockConfigEntry(
        domain="openai_api", title="127.0.0.1", data=entry_data(standin, max_retries=0)
    )
    entry.add_to_hass(hass)
    registry = er.async_get(hass)
    keys = ("response_time", "remaining_requests", "remaining_tokens")
    ids = [
        registry.async_get_or_create(
            "sensor", "openai_api", f"{entry.entry_id}_{key}", config_entry=entry
        ).entity_id
        for key in keys
    ]
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()

    async def settle() -> None:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await hass.async_block_till_done()

    await call("list_models")
    await settle()
    assert all(float(shown(hass, entity_id)) > 0 for entity_id in ids)
    standin.fail(Fault(path="/responses", drop="before"))
    await fail(call)
    assert [shown(hass, entity_id) for entity_id in ids] == ["unavailable"] * len(keys)
    await settle()
    # What is counted here is known here.
    assert float(shown(hass, "sensor.127_0_0_1_requests")) == 2
    assert "closed the connection" in shown(hass, ERROR)
    await call("list_models")
    assert "unavailable" not in [shown(hass, entity_id) for entity_id in ids]


async def test_setup_retry_while_unreachable(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    port = int(standin.address.rpartition(":")[2])
    data = entry_data(standin)
    await standin.stop()
    entry = await add_entry(hass, data)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.reason
    assert "Nothing answers" in entry.reason

    await standin.start(port)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state_of(entry) is ConfigEntryState.LOADED
    assert shown(hass, REACHABLE) == "on"
    assert await call("create_model_response", **ASK)


async def test_availability_lost_and_restored(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    lines: Callable[[], list[str]],
) -> None:
    port = int(standin.address.rpartition(":")[2])
    await standin.stop()
    await fail(call)
    await fail(call)
    assert entry_without_retries.state is ConfigEntryState.LOADED
    assert shown(hass, REACHABLE) == "off"
    await standin.start(port)
    await call("create_model_response", **ASK)
    assert shown(hass, REACHABLE) == "on"
    assert len(lines()) == 2


async def test_dropped_connection_logged_once(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    lines: Callable[[], list[str]],
) -> None:
    await call(MANAGE, action="connect", connection_id="c")
    # It is opened again in vain a few times, and then it is dropped as soon as it is open.
    standin.fail(Fault(path="/responses", status=429, count=3))
    standin.fail(Fault(path="/responses", close_code=1012, count=3))
    standin.sockets[0].abort()
    await wait_for(lambda: len(standin.sockets) == 5 and shown(hass, CONNECTION) == "on")
    assert lines() == [
        "Connection c is lost and will be opened again: The connection was lost",
        "Connection c is back",
    ]


async def test_connection_lost_after_retries(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    lines: Callable[[], list[str]],
) -> None:
    await call(MANAGE, action="connect", connection_id="c")
    standin.fail(Fault(path="/responses", status=404, count=None))
    standin.sockets[0].abort()
    await wait_for(lambda: hass.states.get(CONNECTION) is None)
    lost, ended = lines()
    assert lost.startswith("Connection c is lost")
    assert ended.startswith("Connection c could not be opened again: ")
    assert "404" in ended


async def test_connection_closed_by_server(
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    lines: Callable[[], list[str]],
    events: Callable[[str], list[Event]],
) -> None:
    received = events(EVENT_CONNECTION)
    for number, reason in enumerate((f"Not with {CANARY}", "")):
        await call(MANAGE, action="connect", connection_id="c")
        await standin.sockets[number].close(4000 if reason else 1000, reason)
        await wait_for(lambda: received and received[-1].data["state"] == "disconnected")
    assert lines() == ["Connection c has ended: Not with ***"]


async def test_websocket_restores_availability(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(path="/responses", drop="before"))
    with pytest.raises(HomeAssistantError):
        await call(MANAGE, action="connect", connection_id="c")
    assert shown(hass, REACHABLE) == "off"
    await call(MANAGE, action="connect", connection_id="c")
    assert shown(hass, REACHABLE) == "on"


async def test_unexpected_exception_closes_connection(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    lines: Callable[[], list[str]],
    events: Callable[[str], list[Event]],
) -> None:
    received = events(EVENT_CONNECTION)
    await call(MANAGE, action="connect", connection_id="c")
    with patch.object(ResponsesConnection, "on_event", side_effect=RuntimeError("Broken")):
        await standin.sockets[0].send({"type": "made.up"})
        await wait_for(lambda: received[-1].data["state"] == "disconnected")
    assert received[-1].data["error"] == "Something unexpected happened: RuntimeError"
    assert lines() == ["Connection c has ended unexpectedly"]
    await wait_for(lambda: hass.states.get(CONNECTION) is None)
    async with asyncio.timeout(5):
        await standin.sockets[0].wait_closed()
    # Its name is free again.
    await call(MANAGE, action="connect", connection_id="c")
    assert shown(hass, CONNECTION) == "on"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(path="/responses", status=200, body=b""), "empty response"),
        (Fault(path="/responses", body="<p>Sign in</p>", content_type="text/html"), "Sign in"),
    ],
)
async def test_malformed_response_sets_last_error(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    fault: Fault,
    text: str,
) -> None:
    standin.fail(fault)
    await fail(call)
    assert (state := hass.states.get(ERROR)) is not None
    assert text in state.attributes["message"]


async def test_validation_error_keeps_last_error(
    hass: HomeAssistant, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    with pytest.raises(HomeAssistantError):
        await call("stream_model_response", model="m")
    assert shown(hass, ERROR) == "unknown"
