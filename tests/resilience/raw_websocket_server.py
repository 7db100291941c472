"""A WebSocket server that sends frames byte by byte, valid or not."""

import asyncio
import base64
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
import hashlib
import json
import socket
import struct
from typing import Any, Literal

from tests.standin.records import Log

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LONG_TIMEOUT = 10.0


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = None,
) -> bytes:
    """Return a frame, right or wrong; `rsv` holds the three reserved bits."""
    masked = 0x80 if mask is not None else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([masked | size])
    elif size < 2**16:
        head += bytes([masked | 126]) + struct.pack("!H", size)
    else:
        head += bytes([masked | 127]) + struct.pack("!Q", size)
    if mask is None:
        return head + payload
    return head + mask + _masked(payload, mask)


def text(value: Any) -> bytes:
    """Return a text frame with JSON in it; a string goes as it is."""
    data = value if isinstance(value, str) else json.dumps(value)
    return frame(TEXT, data.encode())


def closing(code: int | None, reason: bytes = b"") -> bytes:
    """Return a close frame, without a code if it is None."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def _masked(payload: bytes, mask: bytes) -> bytes:
    """Mask a payload, or unmask it."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to a request for a WebSocket.

    `raw` stands instead of the upgrade, with `{accept}` filled in; None upgrades properly.
    """

    raw: bytes | None = None
    then: Literal["stay", "close", "reset"] = "close"
    headers: str = ""
    first: bytes = b""
    """Sent together with the upgrade."""


def refused(status: int, body: str = "", *headers: str) -> Answer:
    """Return a refusal with this status."""
    lines = [f"HTTP/1.1 {status} No", *headers, f"Content-Length: {len(body.encode())}", "", body]
    return Answer(raw="\r\n".join(lines).encode())


@dataclass(eq=False)
class Peer:
    """The host's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: Log[Any] = field(default_factory=Log)
    """The JSON that came."""
    close_frames: list[tuple[int | None, str]] = field(default_factory=list)
    stop_reading: bool = False
    """Whether pings and close frames stay without an answer."""
    is_frozen: bool = False
    pause: float = 0
    """Seconds before each 256 KiB of a frame are read."""
    pongs: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, *frames: bytes) -> None:
        """Send these bytes."""
        with suppress(ConnectionError):
            for data in frames:
                self.writer.write(data)
            await self.writer.drain()

    async def send_events(self, *events: Any) -> None:
        """Send these events."""
        await self.send(*map(text, events))

    async def close(self, code: int | None = 1000, reason: bytes = b"") -> None:
        """Send a close frame."""
        await self.send(closing(code, reason))

    def cut(self) -> None:
        """Close TCP without a close frame; what was sent still arrives."""
        with suppress(OSError):
            # To close it with something unread would reset it.
            self.writer.write_eof()

    def reset(self) -> None:
        """Reset the connection."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def freeze(self) -> None:
        """Read and send nothing any more."""
        self.stop_reading = self.is_frozen = True
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def wait_closed(self, seconds: float = LONG_TIMEOUT) -> None:
        """Wait until the client has closed the connection."""
        await asyncio.wait_for(self.gone.wait(), seconds)

    async def listen(self) -> None:
        """Read frames, and answer pings and close frames unless `stop_reading` is set."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                opcode, payload = await self._next()
                if self.is_frozen:
                    await asyncio.Event().wait()
                if opcode == TEXT:
                    self.received.append(json.loads(payload))
                elif opcode == PONG:
                    self.pongs += 1
                elif opcode == PING and not self.stop_reading:
                    await self.send(frame(PONG, payload))
                elif opcode == CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if payload else None
                    self.close_frames.append((code, payload[2:].decode()))
                    if not self.stop_reading:
                        await self.send(frame(CLOSE, payload))
                        self.writer.close()

    async def _next(self) -> tuple[int, bytes]:
        """Return the opcode and the payload of the next frame."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        mask, payload = await self.reader.readexactly(4), b""
        while (left := size - len(payload)) > 0:
            if self.pause:
                await asyncio.sleep(self.pause)
            payload += await self.reader.readexactly(min(left, 2**18) if self.pause else left)
        return first & 0x0F, _masked(payload, mask)


class RawHost:
    """Answers requests for WebSockets as planned, and properly once the plan is through."""

    def __init__(self) -> None:
        """Start with nothing planned."""
        self.plan: deque[Answer] = deque()
        self.always: Answer | None = None
        """What is answered once the plan is through, if not the upgrade."""
        self.heads: Log[str] = Log()
        """Of all requests."""
        self.peers: Log[Peer] = Log()
        """Of the requests that were upgraded."""
        self.connections: set[asyncio.StreamWriter] = set()
        """All that are open."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """The address for an entry."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Start to listen."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Little fits on the way, so that whoever does not read is noticed soon.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        listening.bind(("127.0.0.1", self.port))
        self._server = await asyncio.start_server(self._serve, sock=listening)
        self.port = listening.getsockname()[1]

    async def stop(self) -> None:
        """Stop, whatever is still open."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in tuple(self.connections):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, for as long as the connection is open."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections.add(writer)
        try:
            await self._answer(reader, writer)
        finally:
            self._tasks.discard(task)
            self.connections.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request and do as planned."""
        answer = self.plan.popleft() if self.plan else self.always or Answer()
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError, ConnectionError:
            return
        self.heads.append(head)
        names = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        digest = hashlib.sha1((names["Sec-WebSocket-Key"] + _GUID).encode()).digest()  # noqa: S324
        accept = base64.b64encode(digest)
        peer = Peer(reader, writer)
        if answer.raw is not None:
            await peer.send(answer.raw.replace(b"{accept}", accept))
            if answer.then == "reset":
                peer.reset()
            elif answer.then == "stay":
                with suppress(ConnectionError):
                    await reader.read()
            return
        upgrade = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept.decode()}\r\n{answer.headers}\r\n"
        )
        await peer.send(upgrade.encode() + answer.first)
        self.peers.append(peer)
        try:
            await peer.listen()
        finally:
            peer.gone.set()
