"""What the connection relies on in `websockets`: each message passes `process_event`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedOK

from custom_components.openai_api.websocket.protocol import KeepaliveConnection

COUNT = 100


@pytest.fixture(autouse=True)
def _sockets(request: pytest.FixtureRequest) -> None:
    """Let tests open sockets, which Home Assistant's plugin for pytest forbids where it is used."""
    if request.config.pluginmanager.hasplugin("homeassistant"):
        request.getfixturevalue("socket_enabled")


@asynccontextmanager
async def connected(
    send: Callable[[ServerConnection], Awaitable[None]],
) -> AsyncIterator[KeepaliveConnection]:
    """Yield a connection to a server that sends, and closes it afterwards."""
    async with serve(send, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with (
            asyncio.timeout(10),
            connect(f"ws://127.0.0.1:{port}", create_connection=KeepaliveConnection) as client,
        ):
            assert isinstance(client, KeepaliveConnection)
            yield client


@pytest.mark.parametrize("is_fragmented", [False, True])
async def test_messages_are_queued_and_received_in_order(*, is_fragmented: bool) -> None:
    """From the first fragmented message on, the library queues them."""
    expected = [f"message {number}".encode() for number in range(COUNT)]

    async def send(server: ServerConnection) -> None:
        for number, message in enumerate(expected):
            if is_fragmented and number == COUNT // 2:
                await server.send([message[:3].decode(), message[3:].decode()])
            else:
                await server.send(message, text=True)

    async with connected(send) as client:
        # More than is kept while nobody receives, and then the end.
        await asyncio.sleep(0.1)
        assert client.messages
        received = [await client.async_receive() for _ in range(COUNT)]
        with pytest.raises(ConnectionClosedOK):
            await client.async_receive()
    assert received == expected


async def test_messages_are_received_without_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release of the library without that method keeps them by itself."""
    monkeypatch.setattr(KeepaliveConnection, "_keeps_messages", False)

    async def send(server: ServerConnection) -> None:
        for number in range(COUNT):
            await server.send(str(number))

    async with connected(send) as client:
        received = [await client.async_receive() for _ in range(COUNT)]
    assert received == [str(number).encode() for number in range(COUNT)]
