"""Conversations drop, come back, are closed and unloaded, in every state."""

import asyncio
import base64
from functools import partial
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.websocket import (
    connect_options,
    connection as connections,
    reconnect,
)
from tests.integration.conftest import raises_key
from tests.integration.waiting import wait_for
from tests.standin.areas.realtime import SECRETS
from tests.standin.faults import Fault
from tests.standin.records import SocketSession
from tests.standin.server import StandIn

from .driver import Json, RealtimeDriver

REALTIME = "^/realtime$"
DOWN = Fault(path=REALTIME, status=503, count=None)
CREATE: Json = {"type": "response.create"}
CREATED: Json = {"type": "response.created", "response": {"id": "r-1"}}


async def back(script: RealtimeDriver, count: int = 2) -> SocketSession:
    """Wait until the conversation has come back, and return the host's new end."""
    session = await script.standin.wait_for_socket(count)
    await wait_for(lambda: script.connection_states[-1:] == ["connected"])
    script.reopened()
    return session


async def test_reconnects_after_drop(silent: None, talk: RealtimeDriver) -> None:
    given = {"voice": "marin", "tracing": {"workflow_name": "w"}}
    await talk.connect(session=given)
    configured = talk.session.received[0]
    talk.session.abort()
    session = await back(talk)

    assert talk.connection_states == ["reconnecting", "connected"]
    assert [data["code"] for data in talk.states] == [1006, None]
    assert [data["context_lost"] for data in talk.states] == [False, True]
    assert talk.notices_of("connection_change") == [
        {"type": "connection_change", "status": "reconnecting"},
        {"type": "connection_change", "status": "connected"},
    ]
    # It is set up as before, and asked once more for a record.
    assert await session.wait_for(1) == configured
    assert (await session.wait_for(2))["session"] == {
        "type": "realtime",
        "tracing": {"workflow_name": "w"},
    }
    assert session.query == [("model", "m-1")]


async def test_reconnect_resends_latest_session_config(script: RealtimeDriver) -> None:
    await script.call("update_realtime_session_config", session={"output_modalities": ["text"]})
    (updated,) = await script.sent()
    await script.session.close(1011, "Crash")
    session = await back(script)
    assert await session.wait_for(1) == updated


async def test_reconnect_clears_history(script: RealtimeDriver) -> None:
    item = {"id": "i-1", "type": "message", "role": "user", "content": []}
    call = {"id": "f", "type": "function_call", "status": "completed", "call_id": "f-1"}
    await script.server_sends(
        {"type": "session.updated", "session": {"id": "old"}},
        {"type": "conversation.item.added", "item": item},
        {"type": "response.output_item.done", "item": call},
        CREATED,
    )
    status = await script.status()
    assert (len(status["history"]), status["response_in_progress"]) == (2, True)
    # The greeting of the new connection would tell of a session that is set up anew.
    script.standin.fail(DOWN)
    script.session.abort()
    await wait_for(lambda: script.states)
    status = await script.status()
    assert status["status"] == "reconnecting"
    assert (status["history"], status["response_in_progress"]) == ([], False)
    assert status["session"].get("id") is None
    assert status["session"]["type"] == "realtime"
    script.standin._faults.clear()
    session = await back(script)
    await session.wait_for(2)
    await script.sent()
    await script.call("send_realtime_function_call_output", call_id="f-1", output="x")
    assert "name" not in script.notices_of("item_update")[-1]["item"]
    await script.call("reset_realtime_history", history=[])
    assert not [frame for frame in await script.sent() if frame["type"].endswith("delete")]


async def test_drop_clears_response_queue(script: RealtimeDriver) -> None:
    for name in ("a", "b"):
        await script.call("send_realtime_event", event={**CREATE, "event_id": name})
    await script.call("send_realtime_message", message="Hello")
    await script.sent()
    script.session.abort()
    session = await back(script)
    await session.wait_for(2)
    await script.server_sends({"type": "response.done", "response": {}})
    frames = await script.sent()
    assert [frame["type"] for frame in frames] == ["session.update"] * 2
    # Nothing of the old connection stands in the way.
    await script.call("send_realtime_event", event={**CREATE, "event_id": "c"})
    assert await script.sent() == [{**CREATE, "event_id": "c"}]


async def test_send_while_reconnecting_raises(script: RealtimeDriver) -> None:
    script.standin.fail(DOWN)
    script.session.abort()
    await wait_for(lambda: script.connection_states == ["reconnecting"])
    for action, data in (
        ("send_realtime_event", {"event": CREATE}),
        ("send_realtime_message", {"message": "Hello"}),
        ("add_realtime_image", {"image": "data:x"}),
        ("send_realtime_audio", {"audio": "AAAA"}),
        ("interrupt_realtime_response", {}),
        ("send_realtime_function_call_output", {"call_id": "f", "output": ""}),
        ("send_realtime_mcp_response", {"approval_request_id": "a", "approve": True}),
        ("update_realtime_session_config", {"session": {}}),
        ("reset_realtime_history", {"history": []}),
    ):
        with raises_key("connection_not_open", ServiceValidationError) as caught:
            await script.call(action, **data)
        assert caught.value.translation_placeholders == {
            "connection_id": "c",
            "state": "reconnecting",
        }
    with raises_key("connection_exists", ServiceValidationError):
        await script.call("connect_realtime_websocket", model="m-1")
    script.standin._faults.clear()
    session = await back(script)
    assert (await session.wait_for(1))["type"] == "session.update"
    await session.wait_for(2)
    assert [frame["type"] for frame in await script.sent()] == ["session.update"] * 2


async def test_repeated_drops(script: RealtimeDriver) -> None:
    for count in range(2, 6):
        script.session.abort()
        session = await back(script, count)
        await session.wait_for(2)
        await script.clear()
    await script.call("send_realtime_message", message="Still there?")
    assert (await script.sent())[0]["item"]["content"][0]["text"] == "Still there?"


async def test_drop_during_session_created(silent: None, talk: RealtimeDriver) -> None:
    talk.standin.fail(Fault(path=REALTIME, close_code=1011, count=3))
    await talk.call("connect_realtime_websocket", model="m-1")
    session = await talk.standin.wait_for_socket(4)
    assert (await session.wait_for(1))["type"] == "session.update"
    await wait_for(lambda: talk.connection_states[-1] == "connected")


async def test_final_drop_frees_connection_id(
    script: RealtimeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "MAX_ATTEMPTS", 3)
    script.standin.fail(DOWN)
    script.session.abort()
    await wait_for(lambda: "disconnected" in script.connection_states)
    assert "503" in script.states[-1]["error"]
    assert (await script.status())["status"] == "disconnected"
    script.standin.reset()
    script.reopened()
    await script.connect()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 3000])
async def test_server_close(script: RealtimeDriver, code: int) -> None:
    await script.session.close(code, "Session expired")
    await wait_for(lambda: script.states)
    assert script.connection_states == ["disconnected"]
    assert (script.states[0]["code"], script.states[0]["reason"]) == (code, "Session expired")
    assert script.notices_of()[-1] == {"type": "connection_change", "status": "disconnected"}
    assert (await script.status())["status"] == "disconnected"


async def test_half_open_connection_is_detected(
    silent: None, talk: RealtimeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_options, "PING", 0.1)
    monkeypatch.setattr(connect_options, "CLOSE_TIMEOUT", 0.1)
    await talk.connect()
    talk.session.freeze()
    await back(talk)
    assert talk.connection_states == ["reconnecting", "connected"]
    assert talk.states[0]["code"] == 1006


async def test_reconnect_creates_new_client_secret(silent: None, talk: RealtimeDriver) -> None:
    await talk.connect(use_client_secret=True)
    first = talk.session.headers["Authorization"]
    # The host takes each of them for a while only.
    talk.standin.state.secrets.clear()
    talk.session.abort()
    session = await back(talk)
    assert session.headers["Authorization"] != first
    assert len(list(talk.standin.state.collection(SECRETS))) == 2


async def test_close_connection(script: RealtimeDriver) -> None:
    answer = await script.call("close_realtime_websocket", code=3001, reason="Enough")
    closed = {"object": "realtime.websocket.connection", "action": "close", "connection_id": "c"}
    assert answer == {**closed, "code": 3001, "reason": "Enough"}
    assert await script.session.wait_closed() == 3001
    assert script.connection_states == ["disconnected"]
    assert (script.states[0]["code"], script.states[0]["reason"]) == (3001, "Enough")
    assert script.notice_types() == ["connection_change"]
    assert await script.status() == {
        "connection_id": "c",
        "status": "disconnected",
        "muted": None,
    }
    script.reopened()
    assert await script.connect(model="m-2")


async def test_close_twice(script: RealtimeDriver) -> None:
    results = await asyncio.gather(
        script.call("close_realtime_websocket"),
        script.call("close_realtime_websocket"),
        return_exceptions=True,
    )
    assert not [
        result
        for result in results
        if isinstance(result, Exception) and not isinstance(result, ServiceValidationError)
    ]
    assert script.connection_states == ["disconnected"]
    with raises_key("connection_unknown", ServiceValidationError):
        await script.call("close_realtime_websocket")
    assert script.notice_types() == ["connection_change"]


async def test_simultaneous_close(script: RealtimeDriver) -> None:
    await asyncio.gather(
        script.session.close(1011, "Crash"),
        script.call("close_realtime_websocket"),
        return_exceptions=True,
    )
    await wait_for(lambda: "disconnected" in script.connection_states)
    await asyncio.sleep(0.1)
    assert script.connection_states[-1] == "disconnected"
    assert len(script.standin.sockets) == 1


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"code": 1005}, "close_code_invalid"),
        ({"code": 2999}, "close_code_invalid"),
        ({"reason": "ü" * 62}, "close_reason_too_long"),
    ],
)
async def test_invalid_close_code_keeps_connection(
    script: RealtimeDriver, data: Json, key: str
) -> None:
    with raises_key(key, ServiceValidationError):
        await script.call("close_realtime_websocket", **data)
    assert (await script.status())["status"] == "connected"


async def test_close_while_reconnecting(script: RealtimeDriver) -> None:
    script.standin.fail(DOWN)
    script.session.abort()
    await wait_for(lambda: script.connection_states == ["reconnecting"])
    await script.call("close_realtime_websocket")
    assert script.connection_states == ["reconnecting", "disconnected"]
    script.standin.reset()
    await asyncio.sleep(0.1)
    assert not script.standin.sockets


async def test_close_while_sending(script: RealtimeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT", -0.5)
    script.session.freeze()
    sound = base64.b64encode(bytes(30_000_000)).decode()
    task = script.hass.async_create_task(script.call("send_realtime_audio", audio=sound))
    await asyncio.sleep(0.3)
    await script.call("send_realtime_message", message="This waits behind it")
    assert not task.done()
    await asyncio.wait_for(script.call("close_realtime_websocket"), 10)
    with raises_key("connection_closed"):
        await asyncio.wait_for(task, 2)


def _has_all(talk: RealtimeDriver, session: SocketSession) -> bool:
    """Return whether every event that the stand-in has sent has been fired."""
    return len(talk.raw) == len(session.sent)


async def test_many_connections(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry
) -> None:
    talks = [RealtimeDriver(hass, standin, f"c{number}") for number in range(20)]
    await asyncio.gather(
        *(
            talk.call(
                "connect_realtime_websocket",
                model=f"m-{talk.id}",
                session={"output_modalities": ["text"]},
            )
            for talk in talks
        )
    )
    await asyncio.gather(
        *(talk.call("send_realtime_message", message=f"I am {talk.id}") for talk in talks)
    )
    await wait_for(lambda: all("turn_done" in talk.notice_types() for talk in talks), 20)
    for talk in talks:
        text = "".join(notice["delta"] for notice in talk.notices_of("output_text_delta"))
        assert text == f"You said: I am {talk.id}"
        status = await talk.status()
        assert (status["model"], status["status"]) == (f"m-{talk.id}", "connected")
        (session,) = (s for s in standin.sockets if s.request.param("model") == f"m-{talk.id}")
        # The limits are told behind the end of the answer.
        await wait_for(partial(_has_all, talk, session))
        assert [data["event"] for data in talk.raw] == list(session.sent)
    # One that drops concerns nobody else.
    standin.sockets[0].abort()
    await standin.wait_for_socket(21)
    assert sorted(len(talk.states) for talk in talks)[:19] == [2] * 19
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert [s.close_code for s in standin.sockets[1:20]] == [1000] * 19


async def test_unload_in_every_state(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry
) -> None:
    data = entry.runtime_data
    names = ("open", "busy", "again", "opening")
    talks = {name: RealtimeDriver(hass, standin, name) for name in names}
    for name in names[:3]:
        await talks[name].connect()
    await talks["busy"].session.send(CREATED)
    await talks["busy"].session.send(
        {"type": "response.output_audio.delta", "item_id": "i", "delta": "AAAA"}
    )
    standin.fail(Fault(path=REALTIME, hang=True, count=None))
    standin.sockets[2].abort()
    await wait_for(lambda: talks["again"].connection_states[-1:] == ["reconnecting"])
    task = hass.async_create_task(talks["opening"].call("connect_realtime_websocket", model="m"))
    await wait_for(lambda: talks["opening"].connection_states == ["connecting"])

    async with asyncio.timeout(5):
        assert await hass.config_entries.async_unload(entry.entry_id)

    with pytest.raises(HomeAssistantError):
        await task
    assert [await standin.sockets[at].wait_closed() for at in (0, 1)] == [1000] * 2
    for talk in talks.values():
        assert talk.connection_states[-1] == "disconnected", talk.id
        assert talk.notice_types()[-1] == "connection_change"
    assert data.connections == {}
    closing = [data for data in talks["open"].states if data["state"] == "disconnected"]
    assert [(data["code"], bool(data["reason"])) for data in closing] == [(1000, True)]


async def test_reload_closes_connections(
    hass: HomeAssistant, script: RealtimeDriver, entry: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert await script.session.wait_closed() == 1000
    assert script.connection_states == ["disconnected"]
    assert (await script.status())["status"] == "disconnected"
    script.reopened()
    await script.connect()


async def test_home_assistant_stop_closes_connections(
    hass: HomeAssistant, script: RealtimeDriver
) -> None:
    hass.set_state(CoreState.stopping)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    assert await script.session.wait_closed() == 1000
    await hass.async_block_till_done()
    assert script.connection_states == ["disconnected"]
    hass.set_state(CoreState.running)


async def test_burst_yields_to_event_loop(script: RealtimeDriver) -> None:
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(len(script.raw))
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    frames: list[Any] = [{"type": "flood", "n": number} for number in range(5000)]
    await script.server_sends(*frames)
    task.cancel()
    assert [data["event"] for data in script.raw] == frames
    within = {turn for turn in turns if 0 < turn < len(frames)}
    assert len(within) > 5
