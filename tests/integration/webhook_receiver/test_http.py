"""Calls that end too late, too early or are hardly HTTP."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import Event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.webhooks import receiver as webhook_receiver
from tests.integration.waiting import wait_for
from tests.standin.areas.webhooks import sign

from .helpers import BODY, LIMIT, SECRET, Post, path, refused


async def begin(
    client: TestClient[Any, Any], entry: MockConfigEntry, rest: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin to call; `rest` is what comes after the first lines."""
    assert client.port
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"POST {path(entry)} HTTP/1.1\r\nHost: x\r\n".encode() + rest)
    return reader, writer


def signature(body: bytes) -> bytes:
    """Return the genuine header lines for a body."""
    headers = sign(SECRET, body, "wh_1").items()
    return "\r\n".join(f"{key}: {value}" for key, value in headers).encode()


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
async def test_chunked_body_size_limit(
    post: Post, fired: list[Event], extra: int, status: int
) -> None:
    """It is read no further than it may be."""
    body = BODY[:-1] + b" " * (LIMIT - len(BODY) + extra) + b"}"

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    assert await post(chunks(), sign(SECRET, body, "wh_1")) == status
    assert len(fired) == (status == 200)


async def test_endless_body_times_out(
    receiving: MockConfigEntry, client: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither too much nor too slowly."""
    monkeypatch.setattr(webhook_receiver, "_READ_TIMEOUT", 0.05)
    start = signature(BODY) + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    for piece, status in ((b"1\r\n{\r\n", b" 400 "), (b"10000\r\n" + b" " * 65536, b" 413 ")):
        reader, writer = await begin(client, receiving, start + piece)
        if status == b" 413 ":
            for _ in range(64):
                writer.write(b"\r\n10000\r\n" + b" " * 65536)
        async with asyncio.timeout(5):
            assert status in await reader.readline()
        writer.close()
    assert refused(receiving) == {"UNREADABLE": 1, "TOO_LARGE": 1}


async def test_large_bodies_are_read_a_few_at_a_time(
    receiving: MockConfigEntry, client: TestClient[Any, Any], post: Post, fired: list[Event]
) -> None:
    """Their callers need no secret to fill the memory; small calls go on meanwhile."""
    size = 64 * 1024
    body = BODY[:-1] + b" " * (size - len(BODY)) + b"}"
    headers = signature(body) + b"\r\nContent-Length: %d\r\n\r\n" % size
    callers = [
        await begin(client, receiving, headers + body[: size // 2])
        for _ in range(webhook_receiver.MAX_LARGE_BODIES)
    ]
    receiver = receiving.runtime_data.webhook_receiver
    await wait_for(receiver._large_bodies.locked)
    assert await post(body, sign(SECRET, body, "wh_2")) == HTTPStatus.SERVICE_UNAVAILABLE
    assert await post(BODY, sign(SECRET, BODY, "wh_3")) == HTTPStatus.OK
    for reader, writer in callers:
        writer.write(body[size // 2 :])
        async with asyncio.timeout(5):
            assert b" 200 " in await reader.readline()
        writer.close()
    assert await post(body, sign(SECRET, body, "wh_4")) == HTTPStatus.OK
    assert refused(receiving) == {"TOO_MANY": 1}
    # The same delivery came eight times.
    assert len(fired) == 3


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"%s\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", b" 400 "),
        (b"%s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello-too-long\r\n", b" 400 "),
        (b"webhook-id: \xff\xfe\r\n%s\r\nContent-Length: 2\r\n\r\n{}", b" 401 "),
        (b"webhook-signature: \xff\xfe\r\n%s\r\nContent-Length: 2\r\n\r\n{}", b" 401 "),
    ],
)
async def test_malformed_http(
    receiving: MockConfigEntry,
    client: TestClient[Any, Any],
    fired: list[Event],
    caplog: pytest.LogCaptureFixture,
    wire: bytes,
    status: bytes,
) -> None:
    reader, writer = await begin(client, receiving, wire % signature(b"{}"))
    async with asyncio.timeout(5):
        assert status in await reader.readline()
    assert "Error processing webhook" not in caplog.text
    writer.close()
    assert not fired


async def test_caller_disconnects(
    receiving: MockConfigEntry,
    client: TestClient[Any, Any],
    post: Post,
    fired: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What came of its call does not count; the next one does."""
    rest = signature(BODY) + b"\r\nContent-Length: 99\r\n\r\n{"
    _, writer = await begin(client, receiving, rest)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await post() == HTTPStatus.OK
    assert len(fired) == 1
    assert "Error processing webhook" not in caplog.text


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("PUT", 405), ("HEAD", 200)])
async def test_other_methods_are_rejected(
    receiving: MockConfigEntry,
    client: TestClient[Any, Any],
    fired: list[Event],
    method: str,
    status: int,
) -> None:
    """Home Assistant turns them away by itself."""
    headers = sign(SECRET, BODY, "wh_1")
    response = await client.request(method, path(receiving), headers=headers)
    assert response.status == status
    assert not fired
