"""Conversations are opened, refused, looked at, and closed while they open."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from tests.integration.waiting import wait_for
from tests.standin.areas.realtime import SECRETS
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import CANARY, add_entry, entry_data, raises_key
from .driver import Json, RealtimeDriver

REALTIME = "^/realtime$"


def states(found: list[Json]) -> list[str]:
    """Return the states that were told."""
    return [data["state"] for data in found]


@pytest.mark.parametrize("style", ["bearer", "header", "query", "none"])
async def test_connect_with_each_auth_method(
    hass: HomeAssistant, standin: StandIn, media_folder: object, style: str
) -> None:
    url = standin.url(style)
    entry = await add_entry(
        hass,
        entry_data(
            standin,
            style,
            base_url=f"{url}/?api-version=1",
            organization="org-1",
            project="proj-1",
            extra_headers={"x-gateway": "g-1"},
        ),
    )
    talk = RealtimeDriver(hass, standin)

    answer = await talk.call("connect_realtime_websocket", model="m-1")

    assert answer == {
        "object": "realtime.websocket.connection",
        "action": "connect",
        "connection_id": "c",
        "model": "m-1",
        "url": url.replace("http", "ws") + "/realtime",
    }
    session = await standin.wait_for_socket()
    key = [("key", CANARY)] if style == "query" else []
    assert sorted(session.query) == sorted([("api-version", "1"), ("model", "m-1"), *key])
    assert session.path == "/realtime"
    assert session.headers["OpenAI-Organization"] == "org-1"
    assert session.headers["OpenAI-Project"] == "proj-1"
    assert session.headers["x-gateway"] == "g-1"
    assert session.headers.get("api-key") == (CANARY if style == "header" else None)
    assert session.headers.get("Authorization") == (
        f"Bearer {CANARY}" if style == "bearer" else None
    )
    assert (await session.wait_for(1))["type"] == "session.update"
    assert states(talk.states) == ["connecting", "connected"]
    assert talk.states[0] == {
        "config_entry_id": entry.entry_id,
        "connection_id": "c",
        "transport": "realtime.websocket",
        "state": "connecting",
        "code": None,
        "reason": None,
        "error": None,
        "context_lost": False,
    }
    assert talk.notices_of("connection_change") == [
        {"type": "connection_change", "status": "connecting"},
        {"type": "connection_change", "status": "connected"},
    ]


async def test_connect_with_call_id(script: RealtimeDriver, standin: StandIn) -> None:
    call = RealtimeDriver(script.hass, standin, "call")
    answer = await call.call("connect_realtime_websocket", call_id="rtc_1", model="m-2")
    session = await standin.wait_for_socket(2)
    assert session.query == [("call_id", "rtc_1")]
    assert answer["model"] == "m-2"


async def test_connect_with_call_id_sends_no_model(talk: RealtimeDriver, standin: StandIn) -> None:
    await talk.call("connect_realtime_websocket", call_id="rtc_1")
    session = await standin.wait_for_socket()
    assert "model" not in (await session.wait_for(1))["session"]
    await wait_for(lambda: talk.types("session.created"))
    assert (await talk.status())["model"] == "gpt-realtime"
    with raises_key("model_fixed", ServiceValidationError):
        await talk.call("update_realtime_session_config", session={"model": "other"})


async def test_connect_with_model_in_session(talk: RealtimeDriver, standin: StandIn) -> None:
    answer = await talk.call("connect_realtime_websocket", session={"model": "m-3"})
    assert answer["model"] == "m-3"
    assert standin.sockets[0].query == [("model", "m-3")]


@pytest.mark.parametrize("style", ["bearer", "header", "query", "none"])
async def test_connect_with_client_secret(
    hass: HomeAssistant, standin: StandIn, media_folder: object, style: str
) -> None:
    await add_entry(hass, entry_data(standin, style, extra_query={"tenant": "t-1"}))
    talk = RealtimeDriver(hass, standin)
    # Only one of the stand-in's ways to sign in knows client secrets.
    if style == "bearer":
        await talk.call("connect_realtime_websocket", model="m-1", use_client_secret=True)
    else:
        with pytest.raises(HomeAssistantError):
            await talk.call("connect_realtime_websocket", model="m-1", use_client_secret=True)

    mint, socket = standin.requests[-2:]
    assert (mint.method, mint.path) == ("POST", "/realtime/client_secrets")
    assert mint.body == {"session": {"type": "realtime", "model": "m-1"}}
    (secret,) = (item["id"] for item in standin.state.collection(SECRETS))
    assert socket.path == "/realtime"
    assert socket.headers["Authorization"] == f"Bearer {secret}"
    assert socket.headers.get("api-key") is None
    assert sorted(socket.query) == [("model", "m-1"), ("tenant", "t-1")]
    told = str([*talk.states, *talk.notices])
    assert secret not in told


async def test_connect_with_client_secret_and_call_id(
    talk: RealtimeDriver, standin: StandIn
) -> None:
    await talk.call("connect_realtime_websocket", call_id="rtc_1", use_client_secret=True)
    mint, socket = standin.requests[-2:]
    assert mint.body is None or "model" not in mint.body.get("session", {})
    assert socket.query == [("call_id", "rtc_1")]


@pytest.mark.parametrize(
    "body",
    [
        {"client_secret": {"value": "ek_shape_17", "expires_at": 1}},
        {"client_secret": "ek_shape_17"},
        {"value": "ek_shape_17"},
    ],
)
async def test_connect_with_client_secret_of_servers(
    talk: RealtimeDriver, standin: StandIn, body: dict[str, Any]
) -> None:
    standin.fail(Fault(path="client_secrets", status=200, body=body))
    # The stand-in has made none of these.
    with pytest.raises(HomeAssistantError):
        await talk.call("connect_realtime_websocket", model="m-1", use_client_secret=True)
    assert standin.requests[-1].path == "/realtime"
    assert standin.requests[-1].headers["Authorization"] == "Bearer ek_shape_17"


@pytest.mark.parametrize("body", [{"client_secret": None}, {"client_secret": {}}, {"value": ""}])
async def test_connect_without_client_secret_raises(
    talk: RealtimeDriver, standin: StandIn, body: dict[str, Any]
) -> None:
    standin.fail(Fault(path="client_secrets", status=200, body=body))
    with raises_key("no_client_secret"):
        await talk.call("connect_realtime_websocket", model="m-1", use_client_secret=True)


async def test_connect_client_secret_unsupported(talk: RealtimeDriver, standin: StandIn) -> None:
    standin.fail(Fault(path="client_secrets", body={"no": "value"}))
    with raises_key("no_client_secret"):
        await talk.call("connect_realtime_websocket", model="m-1", use_client_secret=True)
    assert states(talk.states) == ["connecting", "disconnected"]
    assert not standin.sockets


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        (Fault(path=REALTIME, status=401), "auth_failed"),
        (Fault(path=REALTIME, status=404), "websocket_missing"),
        (Fault(path=REALTIME, status=500), "websocket_refused"),
        (Fault(path=REALTIME, drop="before"), "cannot_connect"),
        (Fault(path=REALTIME, hang=True), "timed_out"),
        (Fault(path="client_secrets", status=401), "auth_failed"),
        (Fault(path="client_secrets", status=403), "forbidden"),
    ],
)
async def test_connect_failure_frees_connection_id(
    hass: HomeAssistant, standin: StandIn, media_folder: object, fault: Fault, key: str
) -> None:
    entry = await add_entry(hass, entry_data(standin, timeout=1.0))
    talk = RealtimeDriver(hass, standin)
    standin.fail(fault)
    secret = "secrets" in fault.path

    with raises_key(key):
        await talk.call("connect_realtime_websocket", model="m-1", use_client_secret=secret)
    assert states(talk.states) == ["connecting", "disconnected"]
    message = talk.states[-1]["error"]
    assert message
    error = {"type": "connection_error", "message": message}
    assert talk.notices_of() == [
        {"type": "connection_change", "status": "connecting"},
        {"type": "error", "error": {"type": "error", "error": error}},
        {"type": "connection_change", "status": "disconnected"},
    ]
    assert not entry.runtime_data.connections
    assert await talk.status() == {
        "connection_id": "c",
        "status": "disconnected",
        "muted": None,
    }
    assert await talk.connect(model="m-2")
    assert (await talk.status())["model"] == "m-2"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({}, "model_missing"),
        ({"model": "m-1", "session": {"model": "m-2"}}, "model_fixed"),
        ({"model": "m-1", "session": {"model": ["m-1"]}}, "model_fixed"),
        ({"session": {"model": ["m-1"]}}, "session_invalid"),
        ({"model": "m-1", "session": {"audio": "loud"}}, "session_invalid"),
        ({"model": "m-1", "session": {"tools": 1}}, "session_invalid"),
        ({"model": "m-1", "session": {"instructions": ["be kind"]}}, "session_invalid"),
        ({"model": "m-1", "session": {"temperature": 2**70}}, "invalid_arguments"),
        ({"model": "m-1", "llm_hass_api": ["nonsense"]}, "llm_api_unknown"),
    ],
)
async def test_connect_malformed_sends_nothing(
    talk: RealtimeDriver, standin: StandIn, data: dict[str, Any], key: str
) -> None:
    asked = len(standin.requests)
    with raises_key(key, ServiceValidationError):
        await talk.call("connect_realtime_websocket", **data)
    assert len(standin.requests) == asked
    assert not talk.states


async def test_connect_twice_raises(script: RealtimeDriver, standin: StandIn) -> None:
    with raises_key("connection_exists", ServiceValidationError):
        await script.call("connect_realtime_websocket", model="m-2")
    assert len(standin.sockets) == 1
    assert (await script.status())["model"] == "m-1"
    assert not script.states


async def test_connect_concurrently_with_same_id(talk: RealtimeDriver, standin: StandIn) -> None:
    results = await asyncio.gather(
        *(talk.call("connect_realtime_websocket", model="m-1") for _ in range(2)),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, ServiceValidationError)]
    assert [error.translation_key for error in refused] == ["connection_exists"]
    assert len(standin.sockets) == 1


async def test_close_while_connecting(
    hass: HomeAssistant, talk: RealtimeDriver, standin: StandIn
) -> None:
    standin.fail(Fault(path=REALTIME, delay=0.3))
    task = hass.async_create_task(talk.call("connect_realtime_websocket", model="m-1"))
    await standin.wait_for_request()
    status = await talk.status()
    assert (status["status"], status["muted"], status["model"]) == ("connecting", None, "m-1")
    with pytest.raises(ServiceValidationError, match="connecting"):
        await talk.call("send_realtime_message", message="Hello")

    await talk.call("close_realtime_websocket")

    with raises_key("connection_closed"):
        await task
    assert states(talk.states) == ["connecting", "disconnected"]
    assert talk.notice_types() == ["connection_change", "connection_change"]
    await wait_for(lambda: not standin.sockets or standin.sockets[0].closed)
    assert all(session.received == [] for session in standin.sockets)


async def test_connect_returns_before_session_created(
    silent: None, talk: RealtimeDriver, standin: StandIn
) -> None:
    answer = await talk.call("connect_realtime_websocket", model="m-1")
    assert answer["action"] == "connect"
    session = await standin.wait_for_socket()
    first = await session.wait_for(1)
    assert first["type"] == "session.update"
    assert first["session"]["model"] == "m-1"
    assert not talk.types("session.updated")


async def test_realtime_status(script: RealtimeDriver) -> None:
    status = await script.status()
    assert status["connection_id"] == "c"
    assert status["status"] == "connected"
    assert status["muted"] is None
    assert status["model"] == "m-1"
    assert status["response_in_progress"] is False
    assert status["history"] == []
    # What the host greeted with is what it is set up like.
    assert status["session"]["object"] == "realtime.session"
    await script.server_sends({"type": "session.updated", "session": {"id": "s-2"}})
    assert (await script.status())["session"] == {"id": "s-2"}
    await script.server_sends({"type": "response.created", "response": {"id": "r"}})
    assert (await script.status())["response_in_progress"] is True


async def test_muting_is_rejected(script: RealtimeDriver) -> None:
    with raises_key("mute_unsupported", ServiceValidationError) as caught:
        await script.call("send_realtime_event", event={"type": "mute", "muted": True})
    assert "Stop sending audio" in str(caught.value)
    assert await script.sent() == []
    assert (await script.status())["muted"] is None


@pytest.mark.parametrize("model", ["m-2", ["m-1"], 1])
async def test_session_update_with_model_is_rejected(script: RealtimeDriver, model: Any) -> None:
    for action, data in (
        ("update_realtime_session_config", {"session": {"model": model}}),
        ("send_realtime_event", {"event": {"type": "session.update", "session": {"model": model}}}),
    ):
        with raises_key("model_fixed", ServiceValidationError):
            await script.call(action, **data)
    assert await script.sent() == []
    event = {"type": "session.update", "session": {"type": "realtime", "model": "m-1"}}
    await script.call("send_realtime_event", event=event)
    assert await script.sent() == [event]


async def test_realtime_and_responses_connections_are_separate(
    hass: HomeAssistant, script: RealtimeDriver
) -> None:
    other = RealtimeDriver(hass, script.standin, "r")
    await other.call("manage_model_response_websocket", action="connect")
    with raises_key("connection_of_other_kind", ServiceValidationError) as caught:
        await other.call("send_realtime_message", message="Hello")
    assert "responses.websocket" in str(caught.value)
    with raises_key("connection_of_other_kind", ServiceValidationError) as caught:
        await script.call("manage_model_response_websocket", action="close")
    assert "realtime.websocket" in str(caught.value)
    assert (await other.status())["status"] == "disconnected"
