"""What the connection relies on in `websockets`: each message passes `process_event`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedOK

from custom_components.openai_api.streaming.text import LARGE_BYTES
from custom_components.openai_api.websocket import protocol
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


class Received:
    """What was handled, in order."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.large: list[bytes] = []

    def handle(self, message: bytes) -> None:
        self.messages.append(message)

    async def async_handle_large(self, message: bytes) -> None:
        # Other messages arrive meanwhile.
        await asyncio.sleep(0.05)
        self.messages.append(message)
        self.large.append(message)

    async def async_all_of(self, client: KeepaliveConnection) -> list[bytes]:
        """Return all messages of a connection that the server closes."""
        with pytest.raises(ConnectionClosedOK):
            await client.async_receive(self.handle, self.async_handle_large)
        return self.messages


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("is_fragmented", [False, True])
async def test_messages_are_handled_in_order(*, is_fragmented: bool, is_late: bool) -> None:
    """From the first fragmented message on, the library queues them."""
    expected = [f"message {number}".encode() for number in range(COUNT)]

    async def send(server: ServerConnection) -> None:
        for number, message in enumerate(expected):
            if is_fragmented and number == COUNT // 2:
                await server.send([message[:3].decode(), message[3:].decode()])
            else:
                await server.send(message, text=True)

    async with connected(send) as client:
        if is_late:
            # More than is kept while nobody receives, and then the end.
            await asyncio.sleep(0.1)
            # With the fragments, the library may have taken over already.
            assert client.messages or is_fragmented
        assert await Received().async_all_of(client) == expected


async def test_large_messages_are_handled_in_their_place() -> None:
    """They are awaited, and the ones behind them wait."""
    large = b"x" * (LARGE_BYTES + 1)
    expected = [b"one", b"two", large, b"three", large, b"four"]

    async def send(server: ServerConnection) -> None:
        for message in expected:
            await server.send(message)

    received = Received()
    async with connected(send) as client:
        assert await received.async_all_of(client) == expected
    assert received.large == [large, large]


async def test_messages_are_handled_as_they_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn of the event loop goes by between the bytes and the handler."""
    # On a busy machine, one may find its turn over.
    monkeypatch.setattr(protocol, "_MAX_LOOP_HOLD", 60.0)
    from_socket: list[int] = []
    received = Received()

    async def send(server: ServerConnection) -> None:
        for number in range(10):
            await server.send(str(number))
            await asyncio.sleep(0.02)

    async with connected(send) as client:
        read = client.data_received

        def data_received(data: bytes) -> None:
            before = len(received.messages)
            read(data)
            from_socket.append(len(received.messages) - before)

        client.data_received = data_received  # type: ignore[method-assign]
        client.transport.set_protocol(client)
        await received.async_all_of(client)
    # The first may have come before anybody received.
    assert sum(from_socket) >= 5


async def test_an_error_of_a_handler_is_raised() -> None:
    """It ends the receiving, wherever the handler was called."""

    async def send(server: ServerConnection) -> None:
        await asyncio.sleep(0.05)
        await server.send("one")
        await server.wait_closed()

    def handle(message: bytes) -> None:
        raise ArithmeticError(message)

    async with connected(send) as client:
        with pytest.raises(ArithmeticError, match="one"):
            await client.async_receive(handle, Received().async_handle_large)


async def test_messages_are_handled_without_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release of the library without that method keeps them by itself."""
    monkeypatch.setattr(KeepaliveConnection, "_keeps_messages", False)

    async def send(server: ServerConnection) -> None:
        for number in range(COUNT):
            await server.send(str(number))

    async with connected(send) as client:
        received = await Received().async_all_of(client)
    assert received == [str(number).encode() for number in range(COUNT)]
