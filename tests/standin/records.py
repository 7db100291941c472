"""What arrived: requests and WebSocket sessions, kept for tests to look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
import hashlib
import json
import socket
import struct
from typing import Any, override

from aiohttp import BodyPartReader, WSMsgType, web
from multidict import CIMultiDict

DEFAULT_TIMEOUT = 5.0
CHUNK = 1024**2
LARGEST_KEPT = 8 * 1024**2
"""Bytes: of a larger part only the size and the digest are kept."""


class Log[T](list[T]):
    """A list whose growth can be awaited."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self._grown = asyncio.Event()

    @override
    def append(self, item: T, /) -> None:
        """Add an item and wake whoever waits."""
        super().append(item)
        self._grown.set()

    def reach(self, count: int, timeout: float = DEFAULT_TIMEOUT) -> Awaitable[T]:
        """Wait until there are so many items and return the last of them."""
        return asyncio.wait_for(self._reach(count), timeout)

    async def _reach(self, count: int) -> T:
        """Wait for as long as it takes."""
        while len(self) < count:
            self._grown.clear()
            await self._grown.wait()
        return self[count - 1]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a multipart body; files are bytes, fields are text.

    The data of a very large file is not kept, only its size in bytes and its SHA-256.
    """

    name: str
    filename: str | None
    content_type: str | None
    data: bytes | str
    size: int = field(default=0, compare=False)
    digest: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class RecordedRequest:
    """A request as it arrived, before anything judged it."""

    method: str
    path: str
    mount: str
    query: list[tuple[str, str]]
    headers: CIMultiDict[str]
    body: Any
    upgrade: bool = False

    def param(self, name: str) -> str | None:
        """Return the last value of a query parameter."""
        return next((value for key, value in reversed(self.query) if key == name), None)


@dataclass(frozen=True, kw_only=True)
class Garbled:
    """A client frame that was not a JSON object."""

    data: str | bytes


class SocketSession:
    """One WebSocket connection, alive or finished, and the strings to pull on it."""

    def __init__(
        self,
        request: RecordedRequest,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
    ) -> None:
        """Take over an upgraded connection."""
        self.request = request
        self.path = request.path
        self.mount = request.mount
        self.query = request.query
        self.headers = request.headers
        self.received: Log[Any] = Log()
        self.sent: Log[Any] = Log()
        self.frozen = False
        self._ws = ws
        self._transport = transport
        self._gone = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Tell whether the connection is over, as far as this end knows."""
        return self._gone.is_set() or self._ws.closed or self._transport.is_closing()

    @property
    def close_code(self) -> int | None:
        """The code that ended the connection, 1006 without a closing handshake."""
        return self._ws.close_code or (1006 if self.closed else None)

    async def send(self, frame: Any) -> None:
        """Send an object as JSON, text as it is, or bytes as a binary frame."""
        if self.frozen or self.closed:
            return
        data = frame if isinstance(frame, bytes | str) else json.dumps(frame)
        # Kept as it was at this moment, whatever becomes of the object.
        self.sent.append(frame if data is frame else json.loads(data))
        try:
            if isinstance(data, bytes):
                await self._ws.send_bytes(data)
            else:
                await self._ws.send_str(data)
        except ConnectionError:
            # The peer left first; the reading side notices and finishes.
            return

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with the closing handshake."""
        await self._ws.close(code=code, message=reason.encode())

    def abort(self) -> None:
        """Reset the TCP connection without a word."""
        if (raw := self._transport.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        self._gone.set()

    def freeze(self) -> None:
        """Become a half-open peer: read nothing, say nothing, answer no ping."""
        self.frozen = True
        self._transport.pause_reading()

    def finish(self) -> None:
        """Mark the session as over."""
        self._gone.set()

    def wait_for(self, count: int, timeout: float = DEFAULT_TIMEOUT) -> Awaitable[Any]:
        """Wait until so many client frames arrived and return the last of them."""
        return self.received.reach(count, timeout)

    def wait_closed(self, timeout: float = DEFAULT_TIMEOUT) -> Awaitable[int | None]:
        """Wait until the connection is over and return its code."""
        return asyncio.wait_for(self._over(), timeout)

    async def _over(self) -> int | None:
        """Wait for the end, however long it takes."""
        await self._gone.wait()
        return self.close_code

    async def frames(self) -> AsyncIterator[Any]:
        """Yield client frames, answering pings, until the connection is over."""
        while True:
            message = await self._ws.receive()
            if self.frozen:
                await self._gone.wait()
                return
            if message.type is WSMsgType.PING:
                await self._ws.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                frame = _parse(message.data)
                self.received.append(frame)
                yield frame
            elif message.type is not WSMsgType.PONG:
                return


def _parse(data: str | bytes) -> Any:
    """Read a client frame."""
    try:
        frame = json.loads(data)
    except ValueError:
        return Garbled(data=data)
    return frame if isinstance(frame, dict) else Garbled(data=data)


async def record(request: web.Request, mount: str, path: str) -> RecordedRequest:
    """Read a request to its end and keep it."""
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    return RecordedRequest(
        method=request.method,
        path=path,
        mount=mount,
        query=list(request.query.items()),
        headers=CIMultiDict(request.headers),
        body=None if upgrade else await _body(request),
        upgrade=upgrade,
    )


async def _body(request: web.Request) -> Any:
    """Read a body: parsed JSON, a list of parts, or the bytes themselves."""
    if request.content_type.startswith("multipart/"):
        return await _parts(request)
    raw = await request.read()
    if not raw:
        return None
    if request.content_type == "application/json":
        try:
            return json.loads(raw)
        except ValueError:
            return raw
    return raw


async def _parts(request: web.Request) -> list[Part]:
    """Read the parts of a multipart body."""
    parts: list[Part] = []
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        # Nested multipart bodies do not occur in this API.
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        data, size, digest = bytearray(), 0, hashlib.sha256()
        while chunk := await part.read_chunk(CHUNK):
            size += len(chunk)
            digest.update(chunk)
            if size <= LARGEST_KEPT:
                data += chunk
            else:
                data.clear()
        parts.append(
            Part(
                name=part.name,
                filename=part.filename,
                content_type=part.headers.get("Content-Type"),
                data=data.decode() if part.filename is None else bytes(data),
                size=size,
                digest=digest.hexdigest(),
            )
        )
    return parts
