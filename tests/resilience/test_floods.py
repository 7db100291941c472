"""Floods of events and calls: all arrive, in order, and Home Assistant goes on.

`scripts/soak` does the same for as long as one likes.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
import gc
import logging
from pathlib import Path
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
import pytest

from custom_components.openai_api.const import EVENT_CONNECTION, EVENT_SERVER, EVENT_STREAM
from custom_components.openai_api.websocket import connect_options
from tests.benchmark.measure import resident, watch_loop
from tests.benchmark.peer import host
from tests.integration.automations import automate, on
from tests.integration.conftest import CANARY, Call, add_entry

EVENTS = 10_000
FOLLOWED = 1000
"""Events that automations follow one by one."""
HELD_UP = 100
"""Events for a listener that takes its time, and the seconds that it takes for each."""
HOLD_UP = 0.01
CALLERS = 150
"""More than Home Assistant opens connections to one host."""
PATIENCE = 60
"""Seconds, on whatever machine."""
QUESTION = {"model": "m", "input": "Tell me everything."}

type Flood = Callable[[int], Awaitable[None]]
type Collect = Callable[[str], list[Event]]


@pytest.fixture(autouse=True)
def _calm(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the tools of the tests out of what is measured."""
    # The core's notes on each event would take longer than the event.
    caplog.set_level(logging.WARNING)
    gc.collect()
    # For good: what thousands of tests have left would be looked at in every later collection.
    gc.freeze()


@pytest.fixture
async def url() -> AsyncGenerator[str]:
    """Return the base URL of a host, in a process of its own, that sends what it is asked for."""
    async with host() as found:
        yield found


@pytest.fixture
async def service(hass: HomeAssistant, url: str, media_folder: Path) -> None:
    """Set up that host."""
    await add_entry(hass, {"base_url": url, "api_key": CANARY, "skip_validation": True})


@pytest.fixture(params=["websocket", "stream"])
def way(request: pytest.FixtureRequest) -> str:
    """Return the way in which the events come."""
    return str(request.param)


@pytest.fixture
async def flood(hass: HomeAssistant, call: Call, way: str, service: None) -> AsyncGenerator[Flood]:
    """Return what has the host send so many events, and waits for the last of them."""
    if way == "stream":

        async def stream(count: int) -> None:
            await call(
                "create_model_response", **QUESTION, stream=True, extra_query={"events": count}
            )

        yield stream
        return
    manage: dict[str, Any] = {"connection_id": "flood"}
    await call("manage_model_response_websocket", action="connect", **manage)

    async def frames(count: int) -> None:
        done = asyncio.Event()

        @callback
        def look(event: Event) -> None:
            if event.data["event_type"] == "response.completed":
                done.set()

        stop = hass.bus.async_listen(EVENT_SERVER, look)
        wish = {"type": "response.create", "events": count}
        await call("manage_model_response_websocket", action="send", event=wish, **manage)
        async with asyncio.timeout(PATIENCE):
            await done.wait()
        stop()

    yield frames
    await call("manage_model_response_websocket", action="close", **manage)


def event_type(way: str) -> str:
    """Return the type of the events that come this way."""
    return EVENT_STREAM if way == "stream" else EVENT_SERVER


def trigger(way: str) -> str:
    """Return the trigger on events that come this way."""
    return "stream_event" if way == "stream" else "server_event"


def numbers(found: list[Event]) -> list[int]:
    """Return the places of events in what the host has sent."""
    return [event.data["event"]["sequence_number"] for event in found]


@callback
def hold_up(_: Event) -> None:
    """Listen to an event, and do not let the loop go."""
    until = time.thread_time() + HOLD_UP
    while time.thread_time() < until:
        pass


async def test_burst_keeps_order_and_loop_latency(
    way: str, flood: Flood, events: Collect, record_property: Callable[[str, object], None]
) -> None:
    """Ten thousand events at once: all come, in order, and the loop is never away for long."""
    await flood(10)
    found = events(event_type(way))
    async with watch_loop() as stalls:
        await flood(EVENTS)
    assert numbers(found) == list(range(EVENTS))
    # The loop's own work: the time on the clock is the machine's, too.
    assert stalls.longest_cpu < 0.05
    record_property("events in bursts", EVENTS)


async def test_event_memory_is_bounded(way: str, flood: Flood) -> None:
    """Nothing is kept of events that have been fired."""
    await flood(EVENTS)
    before = resident()
    for _ in range(4):
        await flood(EVENTS)
    assert resident() - before < 10


async def test_automation_modes_under_burst(
    hass: HomeAssistant, way: str, flood: Flood, events: Collect
) -> None:
    """One runs for every event, one for the last alone, and one that is slow slows nobody."""
    slow = {
        "mode": "queued",
        "max_exceeded": "silent",
        "triggers": [{"trigger": "event", "event_type": event_type(way)}],
        "actions": [{"delay": {"milliseconds": 10}}],
    }
    ran = await automate(
        hass,
        on(trigger(way), number="{{ trigger.event.sequence_number }}"),
        on(trigger(way), {"event_type": ["response.completed"]}),
        slow,
    )
    found = events(event_type(way))
    await flood(FOLLOWED)
    assert numbers(found) == list(range(FOLLOWED))
    async with asyncio.timeout(PATIENCE):
        while len(ran) < FOLLOWED + 1:
            await asyncio.sleep(0.01)
    by_automation = [[one.data for one in ran if one.data["n"] == n] for n in (0, 1)]
    assert [data["number"] for data in by_automation[0]] == list(range(FOLLOWED))
    assert len(by_automation[1]) == 1


async def test_slow_listener_loses_no_event(
    hass: HomeAssistant, way: str, flood: Flood, events: Collect
) -> None:
    """A listener that holds up the loop for each event loses none, and others get their turns."""
    found = events(event_type(way))
    hass.bus.async_listen(event_type(way), hold_up)
    async with watch_loop() as stalls:
        await flood(HELD_UP)
    assert numbers(found) == list(range(HELD_UP))
    assert stalls.longest_cpu < 0.05


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give hosts little time to answer a ping."""
    monkeypatch.setattr(connect_options, "PING", 0.2)


@pytest.mark.usefixtures("impatience")
@pytest.mark.parametrize("way", ["websocket"])
async def test_slow_consumer_keeps_connection(
    hass: HomeAssistant, flood: Flood, events: Collect
) -> None:
    """The answer to a ping waits behind the flood: that is no timeout of the server."""
    states, found = events(EVENT_CONNECTION), events(EVENT_SERVER)
    hass.bus.async_listen(EVENT_SERVER, hold_up)
    await flood(HELD_UP)
    # A connection that was given up is reported only after what had arrived.
    await flood(2)
    assert numbers(found) == [*range(HELD_UP), 0, 1]
    assert states == []


async def test_concurrent_calls(call: Call, service: None) -> None:
    """Two hundred calls in flight, several times over: each has its answer."""
    for _ in range(3):
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(
                *(call("create_model_response", **QUESTION) for _ in range(200))
            )
        assert all(answer["output_text"] for answer in answers)


async def test_request_queue_is_fifo(call: Call, service: None) -> None:
    served = [0] * CALLERS

    async def ask(caller: int) -> None:
        while sum(served) < 8 * CALLERS:
            await call("create_model_response", **QUESTION)
            served[caller] += 1

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for caller in range(CALLERS):
            group.create_task(ask(caller))
    assert min(served) >= 4, sorted(served)


async def test_concurrent_connections_are_isolated(
    hass: HomeAssistant, call: Call, service: None, events: Collect
) -> None:
    """Fifty connections, events on each at the same time: none goes to another's name."""
    names = [f"c{number}" for number in range(50)]

    async def manage(action: str, **data: Any) -> None:
        calls = (
            call("manage_model_response_websocket", action=action, connection_id=name, **data)
            for name in names
        )
        await asyncio.gather(*calls)

    found = events(EVENT_SERVER)
    await manage("connect")
    await manage("send", event={"type": "response.create", "events": 40, "rate": 400})
    async with asyncio.timeout(PATIENCE):
        while len(found) < 50 * 40:
            await asyncio.sleep(0.01)
    await manage("close")
    for name in names:
        ours = [event for event in found if event.data["connection_id"] == name]
        assert numbers(ours) == list(range(40))
