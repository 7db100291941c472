"""The Responses WebSocket, driven by an action and heard on the bus."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio

from tests.harness import CommandError, Events, Service

from .home_assistant import RecordingHomeAssistant

pytestmark = pytest.mark.usefixtures("entry")

ID = "blackbox"
CREATE = {
    "type": "response.create",
    "model": "gpt-5-mini",
    "input": [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Say hello"}],
        }
    ],
}


class Talk:
    """One connection by its id."""

    def __init__(self, home_assistant: RecordingHomeAssistant, connection_id: str) -> None:
        """Remember whom to ask."""
        self._home_assistant = home_assistant
        self._id = connection_id

    async def __call__(self, action: str, **fields: Any) -> dict[str, Any]:
        """Connect, send or close."""
        return await self._home_assistant.call(
            "manage_model_response_websocket",
            {"action": action, "connection_id": self._id, **fields},
        )


@pytest_asyncio.fixture(loop_scope="session")
async def talk(ha: RecordingHomeAssistant) -> AsyncIterator[Talk]:
    """Give out a connection that is closed after the test."""
    talk = Talk(ha, ID)
    yield talk
    with suppress(CommandError):
        await talk("close")


def is_in(state: str) -> Callable[[Any], bool]:
    """Match the connection's state."""
    return lambda data: data["connection_id"] == ID and data["state"] == state


def is_type(event_type: str) -> Callable[[Any], bool]:
    """Match a server event."""
    return lambda data: data["connection_id"] == ID and data["event_type"] == event_type


async def test_connect_send_receive_close(
    talk: Talk, entry: str, service: Service, connection_events: Events, server_events: Events
) -> None:
    """Connect, ask, listen, close."""
    connected = await talk("connect")
    assert connected == {
        "object": "response.websocket.connection",
        "action": "connect",
        "connection_id": ID,
        "url": service.url().replace("http", "ws") + "/responses",
    }
    sent = await talk("send", event=CREATE)
    assert sent == {
        "object": "response.websocket.client_event",
        "action": "send",
        "connection_id": ID,
        "event_type": "response.create",
    }
    done = await server_events.wait(is_type("response.completed"))
    assert {key: done[key] for key in done if key not in ("event", "event_type")} == {
        "config_entry_id": entry,
        "connection_id": ID,
        "transport": "responses.websocket",
        "direction": "server",
    }
    closed = await talk("close", code=3000, reason="enough")
    assert closed == {
        "object": "response.websocket.connection",
        "action": "close",
        "connection_id": ID,
        "code": 3000,
        "reason": "enough",
    }
    end = await connection_events.wait(is_in("disconnected"))
    assert (end["code"], end["reason"]) == (3000, "enough")
    states = [event["data"]["state"] for event in connection_events]
    assert states == ["connecting", "connected", "disconnected"]
    session = (await service.sockets())[-1]
    assert session["received"] == [CREATE]
    assert session["close_code"] == 3000
    # What the host sent is what automations see, in the same order.
    assert [event["data"]["event"] for event in server_events] == session["sent"]


async def test_connection_serves_several_responses(
    talk: Talk, service: Service, server_events: Events
) -> None:
    """A connection serves for more than one question."""
    await talk("connect")
    for _ in range(2):
        server_events.clear()
        await talk("send", event=CREATE)
        await server_events.wait(is_type("response.completed"))
    assert len((await service.sockets())[-1]["received"]) == 2


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("send", {"event": CREATE}),
        ("close", {}),
        ("listen", {}),
    ],
    ids=["send-unknown", "close-unknown", "no-such-action"],
)
async def test_send_without_connection_raises(
    talk: Talk, action: str, fields: dict[str, Any]
) -> None:
    """What needs a connection is refused without one."""
    with pytest.raises(CommandError):
        await talk(action, **fields)


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("connect", {}),
        ("send", {}),
        ("send", {"event": {"type": "session.update"}}),
        ("send", {"event": {"model": "gpt-5-mini"}}),
        ("close", {"code": 1011}),
        ("close", {"reason": "x" * 124}),
    ],
    ids=["connect-twice", "no-event", "other-event", "no-type", "code", "reason"],
)
async def test_invalid_call_keeps_connection_open(
    talk: Talk, service: Service, server_events: Events, action: str, fields: dict[str, Any]
) -> None:
    """A refused call changes nothing."""
    await talk("connect")
    with pytest.raises(CommandError):
        await talk(action, **fields)
    assert not (await service.sockets())[-1]["closed"]
    await talk("send", event=CREATE)
    await server_events.wait(is_type("response.completed"))


async def test_rejected_handshake_frees_connection_id(
    talk: Talk, service: Service, connection_events: Events
) -> None:
    """A host that does not want to talk is quoted, and the id is free again."""
    await service.fail(path="^/responses$", status=403)
    with pytest.raises(CommandError) as refused:
        await talk("connect")
    assert refused.value.code == "home_assistant_error"
    assert "403" in refused.value.message
    await connection_events.wait(is_in("disconnected"))
    assert (await talk("connect"))["connection_id"] == ID


async def test_lost_connection_reconnects(
    talk: Talk, service: Service, connection_events: Events, server_events: Events
) -> None:
    """A connection that breaks comes back by itself, and says that it is a new one."""
    await talk("connect")
    await talk("send", event=CREATE)
    await server_events.wait(is_type("response.completed"))
    connection_events.clear()
    await service.pull(0, "abort")
    lost = await connection_events.wait(is_in("reconnecting"))
    assert lost["code"] == 1006
    back = await connection_events.wait(is_in("connected"), within=20)
    assert back["context_lost"] is True
    server_events.clear()
    await talk("send", event=CREATE)
    await server_events.wait(is_type("response.completed"))
    assert len(await service.sockets()) == 2


async def test_server_close_frees_connection_id(
    talk: Talk, service: Service, connection_events: Events
) -> None:
    """A connection that the host ends is over, and its id is free."""
    await talk("connect")
    await service.pull(0, "close", code=1000, reason="bye")
    end = await connection_events.wait(is_in("disconnected"))
    assert (end["code"], end["reason"]) == (1000, "bye")
    assert (await talk("connect"))["connection_id"] == ID


async def test_non_json_message_is_reported(
    talk: Talk, service: Service, connection_events: Events, server_events: Events
) -> None:
    """A frame that is not JSON is reported, and the connection goes on."""
    await talk("connect")
    await service.pull(0, "send", text="{not json")
    await connection_events.wait(lambda data: bool(data["error"]))
    await talk("send", event=CREATE)
    await server_events.wait(is_type("response.completed"))


async def test_unknown_event_type_is_fired(
    talk: Talk, service: Service, server_events: Events
) -> None:
    """What nobody has heard of yet reaches automations untouched."""
    event = {"type": "response.telepathy", "thought": [1, {"deep": None}]}
    await talk("connect")
    await service.pull(0, "send", event=event)
    data = await server_events.wait(is_type("response.telepathy"))
    assert data["event"] == event


async def test_reload_closes_connection(
    ha: RecordingHomeAssistant, talk: Talk, entry: str, service: Service, connection_events: Events
) -> None:
    """A reload closes the connection properly, and a new one can be opened."""
    await talk("connect")
    await ha.reload_entry(entry)
    await connection_events.wait(is_in("disconnected"))
    session = (await service.sockets())[0]
    assert (session["closed"], session["close_code"]) == (True, 1000)
    assert (await ha.entry(entry))["state"] == "loaded"
    assert (await talk("connect"))["connection_id"] == ID
