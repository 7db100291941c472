"""Misbehaviour on demand, applied before and while the normal answer is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
import json
import re
from typing import Any, Literal

from aiohttp import web

from .records import RecordedRequest
from .wire import JSON_TYPE, ApiError, Reply


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong, where, and how often.

    The path is a regular expression searched in the path below the mount. A status
    or body replaces the normal answer (a WebSocket handshake is refused with it);
    without them the normal answer is given, disturbed by the other fields.
    size: answer with so many bytes, made as they are sent.

    delay: seconds before anything happens; hang: no answer until stop or reset.
    drop: close the TCP connection before the headers, after them ("headers"), or
    in the middle of the body ("body"; after cut_after bytes where given).
    cut_after: end the body after so many bytes as if it were complete.
    trickle: seconds between the single bytes of the body.
    stall: after the body, or cut_after bytes of it, send nothing more and stay connected.
    close_code, close_reason: close a WebSocket as soon as it is open.
    """

    path: str = ""
    method: str | None = None
    count: int | None = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    size: int | None = None
    content_type: str | None = None
    delay: float = 0
    hang: bool = False
    drop: Literal["before", "headers", "body"] | None = None
    cut_after: int | None = None
    trickle: float | None = None
    stall: bool = False
    close_code: int | None = None
    close_reason: str = ""

    def __post_init__(self) -> None:
        """Refuse what could never happen."""
        re.compile(self.path)
        if self.drop not in (None, "before", "headers", "body"):
            raise ValueError(f"Unknown drop {self.drop!r}")
        if self.count is not None and self.count < 1:
            raise ValueError("count must be positive, or None for always")

    def matches(self, request: RecordedRequest) -> bool:
        """Tell whether a request is this fault's victim."""
        return (self.method is None or self.method.upper() == request.method) and re.search(
            self.path, request.path
        ) is not None

    @property
    def answers(self) -> bool:
        """Tell whether the fault brings an answer of its own."""
        return any(part is not None for part in (self.status, self.body, self.size))

    @property
    def reply(self) -> Reply:
        """The answer given instead of the normal one."""
        status = self.status or 200
        if self.size is not None:
            length = {"Content-Length": str(self.size)}
            return Reply(status=status, body=_made(self.size), headers=length)
        if self.body is None:
            return ApiError(status, f"Fault {status}", kind="server_error").reply
        if isinstance(self.body, bytes | str):
            raw = self.body.encode() if isinstance(self.body, str) else self.body
            return Reply(status=status, body=raw)
        return Reply(status=status, body=json.dumps(self.body).encode())


class Faults:
    """The faults still waiting for a victim."""

    def __init__(self) -> None:
        """Start without any."""
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Disarm every fault."""
        self._waiting.clear()

    def take(self, request: RecordedRequest) -> Fault | None:
        """Return the oldest fault that matches, counting its use."""
        for index, fault in enumerate(self._waiting):
            if not fault.matches(request):
                continue
            if fault.count == 1:
                del self._waiting[index]
            elif fault.count is not None:
                self._waiting[index] = replace(fault, count=fault.count - 1)
            return fault
        return None


async def _made(size: int) -> AsyncIterator[bytes]:
    """Yield so many bytes, a piece at a time."""
    piece = bytes(1024**2)
    for start in range(0, size, len(piece)):
        yield piece[: size - start]


def drop_connection(request: web.Request) -> web.StreamResponse:
    """Close the TCP connection; what is returned can no longer be sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def deliver(
    request: web.Request,
    reply: Reply,
    headers: Mapping[str, str],
    fault: Fault | None = None,
    stopping: asyncio.Event | None = None,
) -> web.StreamResponse:
    """Send an answer, disturbed by a fault."""
    fault = fault or Fault()
    # Stopping in the middle or at the half needs the whole body first.
    if fault.drop == "body" or fault.cut_after is not None:
        reply = replace(reply, body=await _whole(reply))
    response = web.StreamResponse(status=reply.status)
    response.headers.update({**headers, **reply.headers})
    content_type = fault.content_type or reply.content_type or JSON_TYPE
    if reply.body or fault.content_type:
        response.headers["Content-Type"] = content_type
    response.headers.update(fault.headers)
    body = reply.body
    if isinstance(body, bytes):
        end = len(body) if fault.cut_after is None else fault.cut_after
        if fault.drop == "body":
            response.content_length = len(body)
            end = len(body) // 2 if fault.cut_after is None else end
        body = body[:end]
        if fault.drop != "body" and not fault.stall:
            response.content_length = len(body)
    await response.prepare(request)
    if fault.drop == "headers":
        await response.write(b"")
        return drop_connection(request)
    async for chunk in _paced(body, fault.trickle):
        await response.write(chunk)
    if fault.stall and stopping is not None:
        await stopping.wait()
    if fault.drop == "body":
        return drop_connection(request)
    await response.write_eof()
    return response


async def _whole(reply: Reply) -> bytes:
    """Collect a streamed body."""
    if isinstance(reply.body, bytes):
        return reply.body
    return b"".join([chunk async for chunk in reply.body])


async def _paced(body: Any, pause: float | None) -> AsyncIterator[bytes]:
    """Yield a body in its own chunks, or byte by byte."""
    async for chunk in _chunks(body):
        if pause is None:
            yield chunk
            continue
        for index in range(len(chunk)):
            yield chunk[index : index + 1]
            await asyncio.sleep(pause)


async def _chunks(body: Any) -> AsyncIterator[bytes]:
    """Yield a body's chunks, leaving out empty ones, which would end the answer."""
    if isinstance(body, bytes):
        if body:
            yield body
        return
    async for chunk in body:
        if chunk:
            yield chunk
