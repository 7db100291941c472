"""The connection pool of the Responses WebSocket: which items are sent."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.assist import responses_websocket
from custom_components.openai_api.assist.responses_websocket import (
    NoFreeConnection,
    ResponsesConnectionPool,
    connection_pool,
)
from custom_components.openai_api.exceptions import ConnectionRejected
from tests.integration.conftest import raises_key
from tests.integration.waiting import wait_for

from .websocket_service import Service

type Json = dict[str, Any]


@pytest.fixture
def sockets(loaded: MockConfigEntry) -> ResponsesConnectionPool:
    """Return the connections of the entry."""
    return connection_pool(loaded.runtime_data)


def user(text: str) -> Json:
    """Return an item that somebody said."""
    return {"type": "message", "role": "user", "content": text}


ANSWER: Json = {"type": "message", "role": "assistant", "content": "Hello there"}


def body(*items: Json, **changes: Any) -> Json:
    """Return a whole request."""
    return {
        "model": "m-1",
        "instructions": "Be kind.",
        "input": list(items),
        "tools": [{"type": "function", "name": "t"}],
        "stream": True,
        "store": False,
        **changes,
    }


async def ask(
    sockets: ResponsesConnectionPool, request: Json, key: str = "c", seconds: float = 2.0
) -> str:
    """Return the text of an answer."""
    text = ""
    async with sockets.async_stream(key, request, seconds) as stream:
        stream.mark_started()
        async for events in stream.events():
            text += "".join(str(event.get("delta") or "") for event in events)
    return text


async def test_only_new_items_sent(sockets: ResponsesConnectionPool, remote: Service) -> None:
    assert await ask(sockets, body(user("A"))) == "Hello there"
    assert remote.requests[0][1] == {
        "type": "response.create",
        "model": "m-1",
        "store": False,
        "tools": [{"type": "function", "name": "t"}],
        "input": [{"type": "message", "role": "developer", "content": "Be kind."}, user("A")],
    }
    await ask(sockets, body(user("A"), ANSWER, user("B")))
    line, second = remote.requests[1]
    assert line == 1
    assert second["input"] == [user("B")]
    assert second["previous_response_id"] == "resp_1"
    # Of a tool round, only what the tool has returned; thoughts of ours are the service's own.
    call = {"type": "function_call", "call_id": "x", "name": "t", "arguments": "{}"}
    thought = {"type": "reasoning", "id": "r", "summary": []}
    output = {"type": "function_call_output", "call_id": "x", "output": "1"}
    await ask(sockets, body(user("A"), ANSWER, user("B"), thought, call, output))
    assert remote.requests[2][1]["input"] == [output]
    assert remote.requests[2][1]["previous_response_id"] == "resp_2"


@pytest.mark.parametrize(
    "changed",
    [
        body(user("A"), ANSWER, user("B"), instructions="Be brief."),
        body(user("A"), ANSWER, user("B"), tools=[]),
        body(user("A"), ANSWER, user("B"), model="m-2"),
        body(user("X"), ANSWER, user("B")),
        body(user("B")),
        body(user("A")),
    ],
)
async def test_changed_history_sends_everything(
    sockets: ResponsesConnectionPool, remote: Service, changed: Json
) -> None:
    await ask(sockets, body(user("A")))
    await ask(sockets, changed)
    sent = remote.requests[1][1]
    assert "previous_response_id" not in sent
    assert sent["input"][1:] == changed["input"]
    assert sent["input"][0]["content"] == changed["instructions"]


async def test_items_of_other_agent_are_sent(
    sockets: ResponsesConnectionPool, remote: Service
) -> None:
    await ask(sockets, body(user("A")))
    other = {"type": "message", "role": "assistant", "content": "Light on"}
    await ask(sockets, body(user("A"), ANSWER, user("B"), other, user("C")))
    assert remote.requests[1][1]["input"] == [user("B"), other, user("C")]


async def test_previous_response_not_found_resends_everything(
    sockets: ResponsesConnectionPool, remote: Service
) -> None:
    await ask(sockets, body(user("A")))
    remote.forgets = True
    assert await ask(sockets, body(user("A"), ANSWER, user("B"))) == "Hello there"
    assert len(remote.requests) == 3
    assert len(remote.requests[2][1]["input"]) == 4
    assert remote.lines == 1


async def test_closed_connection_reconnects(
    sockets: ResponsesConnectionPool, remote: Service, loaded: MockConfigEntry
) -> None:
    await ask(sockets, body(user("A")))
    await remote.open[0].close()
    await wait_for(lambda: not loaded.runtime_data.connections)
    assert await ask(sockets, body(user("A"), ANSWER, user("B"))) == "Hello there"
    assert remote.lines == 2
    assert "previous_response_id" not in remote.requests[1][1]


async def test_connection_expired_at_server(
    sockets: ResponsesConnectionPool, remote: Service
) -> None:
    await ask(sockets, body(user("A")))
    remote.errors = [{"code": "websocket_connection_limit_reached", "message": "60 minutes"}]
    assert await ask(sockets, body(user("A"), ANSWER, user("B"))) == "Hello there"
    assert [line for line, _ in remote.requests] == [1, 1, 2]


async def test_connection_closed_before_expiry(
    sockets: ResponsesConnectionPool, remote: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(sockets, body(user("A")))
    monkeypatch.setattr(responses_websocket, "_MAX_AGE", 0.0)
    await ask(sockets, body(user("A"), ANSWER, user("B")))
    assert [line for line, _ in remote.requests] == [1, 2]


async def test_connection_per_conversation(
    sockets: ResponsesConnectionPool, remote: Service
) -> None:
    await ask(sockets, body(user("A")), "one")
    await ask(sockets, body(user("A")), "two")
    await ask(sockets, body(user("A"), ANSWER, user("B")), "one")
    await ask(sockets, body(user("A"), ANSWER, user("B")), "two")
    assert [line for line, _ in remote.requests] == [1, 2, 1, 2]
    assert all("previous_response_id" in request for _, request in remote.requests[2:])


async def test_connection_limit(sockets: ResponsesConnectionPool, remote: Service) -> None:
    remote.pause = 0.05
    answers = await asyncio.gather(
        *(ask(sockets, body(user("A")), str(key)) for key in range(9)), return_exceptions=True
    )
    assert answers.count("Hello there") == 4
    assert sum(isinstance(answer, NoFreeConnection) for answer in answers) == 5
    assert remote.lines == len(remote.requests) == 4
    assert await ask(sockets, body(user("A"))) == "Hello there"
    assert remote.lines == 4


async def test_cancelled_response_is_drained(
    sockets: ResponsesConnectionPool, remote: Service
) -> None:
    remote.pause = 0.1
    task = asyncio.create_task(ask(sockets, body(user("A"))))
    while not remote.requests:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    remote.pause = 0.0
    # At once, on another connection; later, on the same one, without the rest of the first.
    assert await ask(sockets, body(user("B"))) == "Hello there"
    await asyncio.sleep(0.3)
    assert await ask(sockets, body(user("C")), "other") == "Hello there"
    assert remote.lines == 2


async def test_cancelled_response_without_end_closes_connection(
    sockets: ResponsesConnectionPool, remote: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses_websocket, "_DRAIN_TIMEOUT", 0.1)
    remote.pause = 3
    task = asyncio.create_task(ask(sockets, body(user("A"))))
    while not remote.requests:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.3)
    remote.pause = 0.0
    assert await ask(sockets, body(user("B"))) == "Hello there"
    assert remote.lines == 2


@pytest.mark.parametrize("status", [400, 403, 404, 405, 426])
async def test_websocket_unsupported_is_remembered(
    sockets: ResponsesConnectionPool, remote: Service, status: int
) -> None:
    remote.status = status
    assert sockets.is_supported
    with pytest.raises(ConnectionRejected):
        await ask(sockets, body(user("A")))
    assert not sockets.is_supported


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ({"is_silent": True}, "timed_out"),
        ({"pause": 5.0}, "timed_out"),
        ({"drops_at": 0}, "stream_cut"),
        ({"drops_at": 1}, "stream_cut"),
        ({"errors": [{"code": "x", "message": "GPU is gone"}]}, "stream_error"),
    ],
)
async def test_error_is_raised(
    sockets: ResponsesConnectionPool, remote: Service, fault: Json, key: str
) -> None:
    for name, value in fault.items():
        setattr(remote, name, value)
    with raises_key(key):
        await ask(sockets, body(user("A")), seconds=0.3)
    remote.is_silent, remote.pause, remote.drops_at = False, 0.0, None
    assert await ask(sockets, body(user("A"))) == "Hello there"


async def test_connection_opened_in_advance(
    sockets: ResponsesConnectionPool, remote: Service
) -> None:
    await sockets.async_prepare()
    await sockets.async_prepare()
    assert remote.lines == 1
    await ask(sockets, body(user("A")))
    assert remote.lines == 1


async def test_idle_connections_closed(
    sockets: ResponsesConnectionPool, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses_websocket, "_IDLE_TIMEOUT", 0.1)
    await ask(sockets, body(user("A")))
    await wait_for(lambda: not loaded.runtime_data.connections)


async def test_unload_closes_connections(
    hass: HomeAssistant, sockets: ResponsesConnectionPool, remote: Service, loaded: MockConfigEntry
) -> None:
    remote.pause = 1
    task = asyncio.create_task(ask(sockets, body(user("A"))))
    while not remote.requests:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    data = loaded.runtime_data
    assert await hass.config_entries.async_unload(loaded.entry_id)
    with raises_key("unloaded"):
        await task
    assert not data.connections


async def test_second_end_is_no_part_of_next_response(
    sockets: ResponsesConnectionPool, remote: Service
) -> None:
    remote.ends = ["response.completed", "response.done"]
    assert await ask(sockets, body(user("A"))) == "Hello there"
    await asyncio.sleep(0.1)
    async with sockets.async_stream("c", body(user("A"), ANSWER, user("B")), 2.0) as stream:
        found = [event async for events in stream.events() for event in events]

    assert found[0]["type"] == "response.created"
    assert remote.requests[1][1]["previous_response_id"] == "resp_1"
    assert remote.lines == 1


async def test_response_done_is_the_end(sockets: ResponsesConnectionPool, remote: Service) -> None:
    remote.ends = ["response.done"]
    assert await ask(sockets, body(user("A"))) == "Hello there"
    assert await ask(sockets, body(user("A"), ANSWER, user("B"))) == "Hello there"

    assert remote.requests[1][1]["previous_response_id"] == "resp_1"
    assert remote.lines == 1
