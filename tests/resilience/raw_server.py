"""A server that sends exactly the bytes of a script, with pauses and resets between them."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
import json
import socket
import ssl
import struct
from typing import Any, override


class Step(Enum):
    """What a script may do besides sending bytes, and besides a number: wait so many seconds."""

    RESET = "reset the connection"
    CLOSE = "close the connection"
    HOLD = "do nothing until the other side goes away"
    KEEP = "keep the connection open for the next request"


type ScriptItem = bytes | float | Step
type Script = list[ScriptItem]

GOOD = {
    "id": "resp_good",
    "object": "response",
    "status": "completed",
    "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "All is well"}]},
    ],
}


def answer(
    body: Any = GOOD,
    status: int = 200,
    headers: str = "",
    *,
    kind: str | None = "application/json",
    length: int | None = None,
) -> bytes:
    """Return the bytes of an answer; `length` may lie, and -1 leaves it out."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Some Reason\r\n{headers}"
    if kind is not None:
        head += f"Content-Type: {kind}\r\n"
    if length != -1:
        head += f"Content-Length: {len(content) if length is None else length}\r\n"
    return head.encode() + b"\r\n" + content


def error(message: Any = "Something is off", **details: Any) -> dict[str, Any]:
    """Return an error as the API words it."""
    return {"error": {"message": message, "type": "x", "param": None, "code": None, **details}}


def chunked(*pieces: bytes, kind: str = "application/json", headers: str = "") -> bytes:
    """Return the bytes of an answer in chunks, without the last, empty one."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


WHOLE = answer()
HEAD, _, BODY = WHOLE.partition(b"\r\n\r\n")
RIGHT = {"id": "resp_good", "output_text": "All is well"}
"""What the action makes of the good answer."""
HTML = b"<html><head><title>x</title></head><body>Sign in</body></html>"
DEEP = b'{"id": "x", "output": ' + b"[" * 5000 + b"]" * 5000 + b"}"


@dataclass
class Request:
    """A request as it came."""

    line: str
    headers: str
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return the value of a header, nothing where it is missing."""
        pairs = (line.partition(": ") for line in self.headers.split("\r\n"))
        return next((value for found, _, value in pairs if found.lower() == name), "")


@dataclass(eq=False)
class RawServer:
    """Plays the next script for each request; without one it gives a good answer."""

    tls: ssl.SSLContext | None = None
    scripts: deque[Script] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    """The connections that are open."""
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    stop_reading: bool = False
    """Whether scripts begin before the body of a request has been read."""
    sent: int = 0
    """How many bytes the scripts have sent, or handed to the system."""
    playing: int = 0
    """How many scripts are being played."""
    _server: asyncio.Server | None = None
    port: int = 0

    @property
    def url(self) -> str:
        """The base address."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut every connection and stop listening."""
        assert self._server is not None
        self._server.close()
        for writer in tuple(self.connections):
            writer.transport.abort()
        if self.tasks:
            await asyncio.wait(self.tasks)
        await self._server.wait_closed()

    def play(self, *scripts: Script) -> None:
        """Set what the next requests are answered with, one script each."""
        self.scripts.extend(scripts)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    await self._hear(reader)
                    self.playing += 1
                    try:
                        if not await self._play(reader, writer):
                            break
                    finally:
                        self.playing -= 1
        finally:
            self.connections.discard(writer)
            self.tasks.discard(task)
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        """Read one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, _, headers = head.partition("\r\n")
        request = Request(line, headers)
        self.requests.append(request)
        if self.stop_reading:
            return
        if request.header("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                request.body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            request.body = await reader.readexactly(int(request.header("content-length") or 0))

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play a script; return whether the connection goes on."""
        script = self.scripts.popleft() if self.scripts else [answer()]
        for step in script:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                    self.sent += len(step)
                case Step.RESET:
                    # With nothing to linger for, closing sends a reset.
                    raw: socket.socket = writer.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                    return False
                case Step.CLOSE:
                    return False
                case Step.HOLD:
                    await reader.read()
                    return False
                case Step.KEEP:
                    return True
                case _:
                    await asyncio.sleep(step)
        return True

    @override
    def __repr__(self) -> str:
        """Show the address."""
        return f"<Raw {self.port}>"
