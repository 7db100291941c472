"""The Responses WebSocket: opened, used, dropped, opened again, and closed."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import EVENT_CONNECTION, EVENT_SERVER
from custom_components.openai_api.websocket import reconnect
from tests.standin.faults import Fault
from tests.standin.records import SocketSession
from tests.standin.server import StandIn

from .conftest import CANARY, Call, add_entry, entry_data, raises_key
from .waiting import wait_for

type Collect = Callable[[str], list[Event]]
CREATE = {"type": "response.create", "model": "m-1", "input": "Hello"}


def states(fired: list[Event]) -> list[str]:
    """Return the states that were told."""
    return [event.data["state"] for event in fired]


@pytest.mark.parametrize("style", ["bearer", "header", "query", "none"])
async def test_connect_send_receive_close(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    manage: Call,
    events: Collect,
    style: str,
) -> None:
    entry = await add_entry(
        hass,
        entry_data(
            standin,
            style,
            base_url=standin.url(style) + "/?api-version=1",
            organization="org-1",
            extra_headers={"x-gateway": "g-1"},
        ),
    )
    told, received = events(EVENT_CONNECTION), events(EVENT_SERVER)

    answer = await manage("connect")
    assert answer == {
        "object": "response.websocket.connection",
        "action": "connect",
        "connection_id": "c",
        "url": standin.url(style).replace("http", "ws") + "/responses",
    }
    session = await standin.wait_for_socket()
    assert session.path == "/responses"
    assert ("api-version", "1") in session.query
    assert session.headers["OpenAI-Organization"] == "org-1"
    assert session.headers["x-gateway"] == "g-1"
    assert session.headers.get("Authorization") == (
        f"Bearer {CANARY}" if style == "bearer" else None
    )

    answer = await manage("send", event=CREATE)
    assert answer == {
        "object": "response.websocket.client_event",
        "action": "send",
        "connection_id": "c",
        "event_type": "response.create",
    }
    assert await session.wait_for(1) == CREATE
    await wait_for(lambda: received and received[-1].data["event_type"] == "response.completed")
    assert [event.data["event"] for event in received] == session.sent
    assert {**received[0].data, "event": None} == {
        "config_entry_id": entry.entry_id,
        "connection_id": "c",
        "transport": "responses.websocket",
        "direction": "server",
        "event_type": "response.created",
        "event": None,
    }

    answer = await manage("close", reason="Done")
    assert answer == {
        "object": "response.websocket.connection",
        "action": "close",
        "connection_id": "c",
        "code": 1000,
        "reason": "Done",
    }
    assert await session.wait_closed() == 1000
    assert states(told) == ["connecting", "connected", "disconnected"]
    assert (told[-1].data["code"], told[-1].data["reason"]) == (1000, "Done")
    assert await manage("connect")


async def test_connect_concurrently_with_same_id(
    standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    results = await asyncio.gather(manage("connect"), manage("connect"), return_exceptions=True)
    failed = [result for result in results if isinstance(result, ServiceValidationError)]
    assert [error.translation_key for error in failed] == ["connection_exists"]
    assert len(standin.sockets) == 1


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"action": "send", "event": CREATE, "connection_id": "x"}, "connection_unknown"),
        ({"action": "close", "connection_id": "x"}, "connection_unknown"),
        ({"action": "send"}, "event_missing"),
        ({"action": "send", "event": {"type": "session.update"}}, "event_type_invalid"),
        ({"action": "send", "event": {}}, "event_type_invalid"),
        ({"action": "send", "event": {"type": 5}}, "event_type_invalid"),
        ({"action": "close", "code": 1005}, "close_code_invalid"),
        ({"action": "close", "code": 2999}, "close_code_invalid"),
        ({"action": "close", "reason": "ü" * 62}, "close_reason_too_long"),
    ],
)
async def test_invalid_call_keeps_connection_open(
    standin: StandIn, entry: MockConfigEntry, manage: Call, data: dict[str, Any], key: str
) -> None:
    await manage("connect")
    session = await standin.wait_for_socket()

    with raises_key(key, ServiceValidationError):
        await manage(**data)
    for count, kind in enumerate(("response.steer", "response.inject", "response.new"), 1):
        await manage("send", event={"type": kind})
        assert await session.wait_for(count) == {"type": kind}
    assert len(session.received) == 3


async def test_unknown_action_is_rejected(entry: MockConfigEntry, manage: Call) -> None:
    with pytest.raises(Exception, match="connect, send or close"):
        await manage("open")


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        (Fault(path="/responses", status=401), "auth_failed"),
        (Fault(path="/responses", status=404), "websocket_missing"),
        (Fault(path="/responses", status=500), "websocket_refused"),
        (Fault(path="/responses", drop="before"), "cannot_connect"),
        (Fault(path="/responses", hang=True), "timed_out"),
    ],
)
async def test_connect_failure_frees_connection_id(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    manage: Call,
    events: Collect,
    fault: Fault,
    key: str,
) -> None:
    await add_entry(hass, entry_data(standin, timeout=1.0))
    told = events(EVENT_CONNECTION)
    standin.fail(fault)

    with raises_key(key):
        await manage("connect")
    assert states(told) == ["connecting", "disconnected"]
    assert told[-1].data["error"]
    assert await manage("connect")


async def dropped(session: SocketSession) -> None:
    """Reset the connection."""
    session.abort()


async def crashed(session: SocketSession) -> None:
    """Close with the code of a server that fails."""
    await session.close(1011, "Crash")


@pytest.mark.parametrize("drop", [dropped, crashed])
async def test_reconnects_after_drop(
    standin: StandIn, entry: MockConfigEntry, manage: Call, events: Collect, drop: Any
) -> None:
    await manage("connect")
    told = events(EVENT_CONNECTION)
    session = await standin.wait_for_socket()

    await drop(session)
    await standin.wait_for_socket(2)
    await wait_for(lambda: len(told) == 2)

    assert states(told) == ["reconnecting", "connected"]
    assert told[0].data["code"] == (1006 if drop is dropped else 1011)
    assert told[1].data["context_lost"] is True
    await manage("send", event=CREATE)
    assert await standin.sockets[1].wait_for(1) == CREATE


async def test_final_drop_frees_connection_id(
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    events: Collect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconnect, "MAX_ATTEMPTS", 3)
    await manage("connect")
    told = events(EVENT_CONNECTION)
    standin.fail(Fault(path="/responses", status=503, count=None))
    standin.sockets[0].abort()
    await wait_for(lambda: "reconnecting" in states(told))
    with pytest.raises(ServiceValidationError, match="reconnecting"):
        await manage("send", event=CREATE)

    await wait_for(lambda: "disconnected" in states(told))

    assert "503" in told[-1].data["error"]
    assert len(standin.requests.copy()) - 1 == 3
    standin.reset()
    assert await manage("connect")


async def test_reconnect_stops_on_fatal_status(
    standin: StandIn, entry: MockConfigEntry, manage: Call, events: Collect
) -> None:
    await manage("connect")
    told = events(EVENT_CONNECTION)
    standin.fail(Fault(path="/responses", status=404, count=None))
    standin.sockets[0].abort()
    await wait_for(lambda: "disconnected" in states(told))
    assert states(told) == ["reconnecting", "disconnected"]


async def test_reconnect_gives_up_when_dropped_after_handshake(
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    events: Collect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconnect, "MAX_ATTEMPTS", 3)
    told = events(EVENT_CONNECTION)
    standin.fail(Fault(path="/responses", close_code=1011, count=None))
    await manage("connect")
    await wait_for(lambda: "disconnected" in states(told))
    assert len(standin.sockets) == 4


@pytest.mark.parametrize("code", [1000, 1001, 1008, 3000, 4999])
async def test_server_close(
    standin: StandIn, entry: MockConfigEntry, manage: Call, events: Collect, code: int
) -> None:
    await manage("connect")
    told = events(EVENT_CONNECTION)
    await standin.sockets[0].close(code, "Bye")
    await wait_for(lambda: told)

    assert states(told) == ["disconnected"]
    assert (told[0].data["code"], told[0].data["reason"]) == (code, "Bye")
    assert await manage("connect")


async def test_unusual_messages_are_fired(
    standin: StandIn, entry: MockConfigEntry, manage: Call, events: Collect
) -> None:
    await manage("connect")
    told, received = events(EVENT_CONNECTION), events(EVENT_SERVER)
    session = standin.sockets[0]
    odd: list[Any] = [{"no": "type"}, [1, 2], "text", {"type": "made.up", "x": {"y": None}}]
    for frame in odd:
        await session.send(frame if isinstance(frame, dict) else __import__("json").dumps(frame))
    await session.send(b'{"type": "binary"}')
    await wait_for(lambda: len(received) == 5)
    assert [event.data["event"] for event in received[:4]] == odd
    assert [event.data["event_type"] for event in received] == [
        None,
        None,
        None,
        "made.up",
        "binary",
    ]

    await session.send("{ not json")
    await wait_for(lambda: told)
    assert told[0].data["state"] == "connected"
    assert "not JSON" in told[0].data["error"]
    await manage("send", event=CREATE)


async def test_large_messages(
    standin: StandIn, entry: MockConfigEntry, manage: Call, events: Collect
) -> None:
    await manage("connect")
    told, received = events(EVENT_CONNECTION), events(EVENT_SERVER)
    session = standin.sockets[0]
    largest = 64 * 1024 * 1024
    head, tail = '{"type": "big", "data": "', '"}'
    await session.send(head + "x" * (largest - len(head) - len(tail)) + tail)
    await wait_for(lambda: received, 20)
    assert len(received[0].data["event"]["data"]) > largest - 100

    await session.send(head + "x" * (largest - len(head) - len(tail) + 1) + tail)
    await wait_for(lambda: told, 20)
    assert states(told) == ["disconnected"]
    assert told[0].data["code"] == 1009
    assert "64 MiB" in told[0].data["error"]


async def test_unload_closes_connections(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call, events: Collect
) -> None:
    told = events(EVENT_CONNECTION)
    for number in range(5):
        await manage("connect", connection_id=f"c{number}")
    assert await hass.config_entries.async_reload(entry.entry_id)

    assert [await session.wait_closed() for session in standin.sockets] == [1000] * 5
    assert states(told)[-5:] == ["disconnected"] * 5
    await manage("connect", connection_id="c0")


async def test_unload_while_connecting_and_reconnecting(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    await manage("connect", connection_id="again")
    standin.fail(Fault(path="/responses", hang=True, count=None))
    standin.sockets[0].abort()
    task = hass.async_create_task(manage("connect"))
    await standin.wait_for_request(3)

    assert await hass.config_entries.async_unload(entry.entry_id)

    with pytest.raises(HomeAssistantError):
        await asyncio.wait_for(task, 2)


async def test_close_while_connecting(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call, events: Collect
) -> None:
    told = events(EVENT_CONNECTION)
    standin.fail(Fault(path="/responses", delay=0.3))
    task = hass.async_create_task(manage("connect"))
    await standin.wait_for_request()
    with pytest.raises(ServiceValidationError, match="connecting"):
        await manage("send", event=CREATE)

    await manage("close")

    with raises_key("connection_closed"):
        await task
    assert states(told) == ["connecting", "disconnected"]


async def test_home_assistant_stop_closes_connections(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    await manage("connect")
    hass.set_state(CoreState.stopping)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    assert await standin.sockets[0].wait_closed() == 1000
    await hass.async_block_till_done()
    hass.set_state(CoreState.running)
