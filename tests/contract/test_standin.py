"""Drive the stand-in with the real SDK: authentication, records and faults."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp
import httpx2
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AuthenticationError,
    InternalServerError,
    RateLimitError,
)
import pytest
import websockets

from tests.standin import Fault, StandIn
from tests.standin.sdk import EXTRAS, KEY, MODEL, STYLES, make_client

pytest_plugins = ["tests.standin.fixtures"]

# Authentication


@pytest.mark.parametrize("style", STYLES)
async def test_mount_accepts_its_auth_method(standin: StandIn, style: str) -> None:
    async with make_client(standin, style) as client:
        answer = await client.responses.create(model=MODEL, input="Hello")
        async with client.responses.connect(**EXTRAS[style]) as connection:
            await connection.response.create(model=MODEL, input="Hi")
            first = json.loads(await connection.recv_bytes())
    assert answer.output_text == "You said: Hello"
    assert first["type"] == "response.created"
    assert [item.mount for item in standin.requests] == [style, style]
    assert [item.path for item in standin.requests] == ["/responses", "/responses"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "sent",
    [
        {"headers": {"Authorization": "Bearer sk-wrong"}},
        {"headers": {"api-key": "sk-wrong"}},
        {"params": {"key": "sk-wrong"}},
        {"headers": {"Authorization": f"Bearer {KEY}", "api-key": KEY}, "params": {"key": KEY}},
        {},
    ],
    ids=["bearer", "header", "query", "everything", "nothing"],
)
async def test_mount_rejects_other_auth_methods(
    standin: StandIn, style: str, sent: dict[str, Any]
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{standin.url(style)}/models", **sent) as answer,
    ):
        text = await answer.text()
    if style == "none" and not sent:
        assert answer.status == 200
        return
    assert answer.status == 401
    assert json.loads(text)["error"]["type"] == "invalid_request_error"
    assert "sk-" not in text


async def test_websocket_rejects_wrong_api_key(standin: StandIn) -> None:
    async with make_client(standin, api_key="sk-wrong") as client:
        with pytest.raises(AuthenticationError):
            await client.models.list()
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with client.responses.connect():
                pass
    assert caught.value.response.status_code == 401
    assert b"invalid_api_key" in (caught.value.response.body or b"")
    assert not standin.sockets


# Strings to pull on a WebSocket


async def test_standin_socket_control(client: AsyncOpenAI, standin: StandIn) -> None:
    async with client.responses.connect() as connection:
        session = await standin.wait_for_socket()
        await session.send({"type": "response.unheard_of", "x": 1})
        await session.send("{garbled")
        assert json.loads(await connection.recv_bytes())["x"] == 1
        assert await connection.recv_bytes() == b"{garbled"
        await session.close(1012, "restarting")
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await connection.recv_bytes()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1012, "restarting")
    assert session.closed

    async with client.responses.connect() as connection:
        session = await standin.wait_for_socket(2)
        session.abort()
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await connection.recv_bytes()
    assert caught.value.rcvd is None
    assert session.close_code == 1006


async def test_standin_socket_stall(client: AsyncOpenAI, standin: StandIn) -> None:
    options: Any = {"ping_interval": 0.1, "ping_timeout": 0.1, "close_timeout": 0.1}
    async with client.responses.connect(websocket_connection_options=options) as connection:
        session = await standin.wait_for_socket()
        await asyncio.sleep(0.3)
        assert not session.closed
        session.freeze()
        await connection.response.create(model=MODEL, input="Hello?")
        with pytest.raises(websockets.ConnectionClosedError):
            await asyncio.wait_for(connection.recv_bytes(), 2)
    assert not session.received


# Faults


async def test_fault_status(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.fail(
        Fault(
            path="^/models$",
            status=429,
            headers={"Retry-After": "7"},
            body={"error": {"message": "Slow down", "code": "rate_limit_exceeded"}},
        )
    )
    with pytest.raises(RateLimitError) as caught:
        await client.models.list()
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id is not None
    await client.models.list()


async def test_fault_count_and_method(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.fail(Fault(method="post", count=2, status=500))
    for _ in range(2):
        with pytest.raises(InternalServerError):
            await client.responses.create(model=MODEL, input="x")
        await client.models.list()
    await client.responses.create(model=MODEL, input="x")
    standin.fail(Fault(count=None, status=503, body="<html>down</html>", content_type="text/html"))
    for _ in range(3):
        with pytest.raises(APIStatusError):
            await client.models.list()
    standin.reset()
    assert not standin.requests
    await client.models.list()


async def test_fault_recovers_by_retry(standin: StandIn) -> None:
    standin.fail(Fault(status=500, headers={"retry-after-ms": "10"}))
    async with make_client(standin, max_retries=1) as client:
        await client.models.list()
    assert len(standin.requests) == 2


async def test_fault_delay_and_hang(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.fail(Fault(delay=0.2))
    started = time.monotonic()
    await client.models.list()
    assert time.monotonic() - started > 0.2
    standin.fail(Fault(hang=True))
    with pytest.raises(APITimeoutError):
        await client.with_options(timeout=0.2).models.list()


@pytest.mark.parametrize("point", ["before", "headers", "body"])
async def test_fault_drop(client: AsyncOpenAI, standin: StandIn, point: Any) -> None:
    standin.fail(Fault(drop=point))
    with pytest.raises(APIConnectionError):
        await client.responses.create(model=MODEL, input="x")


async def test_fault_truncates_stream(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.fail(Fault(cut_after=3000))
    stream = await client.responses.create(model=MODEL, input="x", stream=True)
    kinds = [event.type async for event in stream]
    assert "response.created" in kinds
    assert "response.completed" not in kinds


async def test_fault_aborts_stream(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.fail(Fault(drop="body"))
    stream = await client.responses.create(model=MODEL, input="x", stream=True)
    assert (await anext(stream)).type == "response.created"
    # The older SDK lets the HTTP library's own error through.
    with pytest.raises((APIConnectionError, httpx2.RemoteProtocolError)):
        assert [event async for event in stream]


async def test_fault_truncated_json(standin: StandIn) -> None:
    standin.fail(Fault(cut_after=10, content_type="text/plain"))
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session,
        session.get(f"{standin.url()}/models") as answer,
    ):
        assert answer.content_type == "text/plain"
        assert await answer.read() == b'{"object":'


async def test_fault_slow_body(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.fail(Fault(trickle=0))
    stream = await client.responses.create(model=MODEL, input="x", stream=True)
    assert [event.type async for event in stream][-1] == "response.completed"


async def test_fault_on_handshake(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.fail(Fault(path="responses", status=503))
    with pytest.raises(websockets.InvalidStatus):
        async with client.responses.connect():
            pass
    standin.fail(Fault(drop="before"))
    with pytest.raises((websockets.InvalidHandshake, OSError, EOFError)):
        async with client.responses.connect():
            pass
    standin.fail(Fault(close_code=1013, close_reason="later"))
    async with client.responses.connect() as connection:
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await connection.recv_bytes()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1013
