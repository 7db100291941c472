"""What goes over the wire: answers, error objects and event streams."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
import json
import secrets
import time
from typing import Any

type Json = dict[str, Any]

JSON_TYPE = "application/json"
SSE_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer before faults and transport touch it."""

    status: int = 200
    body: bytes | AsyncIterable[bytes] = b""
    content_type: str | None = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """A refusal, as the error object of the API."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        """Keep the parts of the error object."""
        super().__init__(message)
        self.status = status
        self.error: Json = {
            "message": message,
            "type": kind,
            "param": param,
            "code": code,
        }

    @property
    def reply(self) -> Reply:
        """The error as an answer."""
        return json_reply({"error": self.error}, status=self.status)


def invalid(message: str, param: str | None, code: str | None = None) -> ApiError:
    """Build the refusal of one parameter."""
    return ApiError(400, message, param=param, code=code)


def not_found(what: str, identifier: str) -> ApiError:
    """Build the refusal of an unknown id."""
    return ApiError(404, f"No {what} found with id '{identifier}'.", param="id")


def json_reply(body: Any, *, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status=status, body=json.dumps(body).encode())


def empty_reply(status: int = 200) -> Reply:
    """Answer without a body."""
    return Reply(status=status, content_type=None)


def sse_reply(events: AsyncIterable[Json]) -> Reply:
    """Stream events whose names are their types."""
    return Reply(body=_sse(events, named=True), content_type=SSE_TYPE)


def sse_chunks_reply(chunks: AsyncIterable[Json]) -> Reply:
    """Stream unnamed chunks, ended the way chat completions end."""

    async def body() -> AsyncIterator[bytes]:
        async for block in _sse(chunks, named=False):
            yield block
        yield b"data: [DONE]\n\n"

    return Reply(body=body(), content_type=SSE_TYPE)


async def _sse(events: AsyncIterable[Json], *, named: bool) -> AsyncIterator[bytes]:
    """Write events as server-sent event blocks."""
    async for event in events:
        name = f"event: {event['type']}\n" if named else ""
        yield f"{name}data: {json.dumps(event)}\n\n".encode()


def new_id(prefix: str) -> str:
    """Make an id of the API's shape."""
    return prefix + secrets.token_hex(16)


def now() -> int:
    """Tell the time as the API does."""
    return int(time.time())
