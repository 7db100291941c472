"""Cancelled and concurrent turns, and subentries that are removed meanwhile."""

import asyncio
from typing import Any

from homeassistant.core import Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.integration.waiting import wait_for
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import Call
from .answers import SSE, says, sse, text_events
from .conftest import AddSubentry, Ask, is_error, speech

STOPPED = "The AI service was stopped or reloaded in Home Assistant."
BEGINNING = sse(text_events("Hello ")[:3])
STAGES = {
    "before the answer": Fault(path="/responses", hang=True),
    "in the middle of the answer": Fault(
        path="/responses", body=BEGINNING, content_type=SSE, stall=True
    ),
}


async def async_begin(standin: StandIn, ask: Ask, stage: str) -> asyncio.Task[Any]:
    """Ask something, and return the turn once the service has got it."""
    standin.fail(STAGES[stage])
    count = len(standin.requests)
    turn = asyncio.create_task(ask("Hi"))
    await wait_for(lambda: len(standin.requests) != count)
    # What the service has begun to say is on its way.
    await asyncio.sleep(0.1)
    assert not turn.done()
    return turn


@pytest.mark.parametrize("end", ["async_unload", "async_remove"])
@pytest.mark.parametrize("stage", STAGES)
async def test_entry_gone_during_turn_is_reported(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    agent: str,
    ask: Ask,
    turns: list[Event],
    stage: str,
    end: str,
) -> None:
    turn = await async_begin(standin, ask, stage)
    await getattr(hass.config_entries, end)(entry.entry_id)
    async with asyncio.timeout(5):
        result = await turn

    assert is_error(result)
    assert speech(result).endswith(STOPPED)
    await hass.async_block_till_done()
    assert [told.data["ended"] for told in turns] == ["failed"]
    if end == "async_remove":
        assert hass.states.get("conversation.kitchen") is None
        return
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    standin.fail(says("Back"))
    assert speech(await ask()) == "Back"


async def test_subentry_removed_during_turn_finishes_turn(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    agent: str,
    ask: Ask,
    turns: list[Event],
) -> None:
    standin.fail(says("Hel", "lo", delay=0.5))
    turn = asyncio.create_task(ask("Hi"))
    await asyncio.sleep(0.1)
    hass.config_entries.async_remove_subentry(entry, agent)
    await hass.async_block_till_done()
    assert hass.states.get("conversation.kitchen") is None

    assert speech(await turn) == "Hello"
    await hass.async_block_till_done()
    assert [told.data["ended"] for told in turns] == ["done"]


@pytest.mark.parametrize("stage", STAGES)
async def test_cancelled_turn_is_reported(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    agent: str,
    ask: Ask,
    turns: list[Event],
    stage: str,
) -> None:
    turn = await async_begin(standin, ask, stage)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    standin.fail(says("Next"))

    assert speech(await ask()) == "Next"
    await hass.async_block_till_done()
    assert [told.data["ended"] for told in turns] == ["cancelled", "done"]
    assert entry.runtime_data.host.availability.is_reachable is not False


async def test_concurrent_turns(
    standin: StandIn, agent: str, add_subentry: AddSubentry, ask: Ask
) -> None:
    await add_subentry("conversation", name="Hall")
    count = len(standin.requests)
    standin.fail(says("First", delay=0.6))
    first = asyncio.create_task(ask("A"))
    while len(standin.requests) == count:
        await asyncio.sleep(0.01)
    standin.fail(says("Second"))
    standin.fail(says("Third"))

    second = await ask("B")
    third = await ask("C", agent="conversation.hall")
    assert not first.done()
    assert speech(second) == "Second"
    assert speech(third) == "Third"
    assert speech(await first) == "First"
    asked = [sent.body["input"] for sent in standin.requests[count:]]
    assert [[item["content"] for item in items] for items in asked] == [["A"], ["B"], ["C"]]
    assert (await first).conversation_id != second.conversation_id


@pytest.mark.parametrize("kind", ["conversation", "ai_task_data", "stt", "tts", "realtime"])
async def test_subentry_removed_without_reload(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    voice_home: None,
    add_subentry: AddSubentry,
    call: Call,
    kind: str,
) -> None:
    host = entry.runtime_data.host
    subentry_id = await add_subentry(kind, name="Gone")
    standin.fail(
        Fault(path="^/batches/x_1$", method="GET", body={"id": "x_1", "status": "in_progress"})
    )
    await call("watch_job", kind="batch", id="x_1")
    await call("connect_realtime_websocket", connection_id="c", model="m-1")
    await standin.wait_for_socket()

    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert not [state for state in hass.states.async_all() if state.name == "Gone"]
    assert entry.runtime_data.host is host
    assert not host.closed
    assert not standin.sockets[-1].closed
    talk = await call("get_realtime_status", connection_id="c")
    assert talk["status"] == "connected"
    jobs = (await call("list_watched_jobs"))["data"]
    assert [job["id"] for job in jobs] == ["x_1"]
