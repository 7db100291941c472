"""What hosts send: the bytes of streams and of their events."""

import json
from typing import Any

from tests.resilience.raw_server import Script, Step

type Json = dict[str, Any]

CHAT: Json = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
ASK: Json = {"model": "m", "input": "Hi"}
ITEM: Json = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}
RESPONSE: Json = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m",
    "output": [ITEM],
}


def chunk(delta: Json | None = None, finish_reason: Any = None, **more: Any) -> Json:
    """Return a chunk of a chat completion."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish_reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **more,
    }


def piece(arguments: Any = "", name: str | None = "f", **more: Any) -> Json:
    """Return a piece of a tool call."""
    named = {} if name is None else {"name": name}
    return {"type": "function", "function": {**named, "arguments": arguments}, **more}


def event(data: Any, name: str | None = None) -> bytes:
    """Return the bytes of an event."""
    text = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
    head = b"" if name is None else f"event: {name}\n".encode()
    return head + b"data: " + text + b"\n\n"


def stream(*events: Any, done: bool = True, kind: str | None = "text/event-stream") -> Script:
    """Return the script of a stream that ends when the line is closed; events may be bytes."""
    head = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
    if kind is not None:
        head += f"Content-Type: {kind}\r\n"
    body = b"".join(item if isinstance(item, bytes) else event(item) for item in events)
    end = b"data: [DONE]\n\n" if done else b""
    return [head.encode() + b"\r\n", body + end, Step.CLOSE]


def named(kind: str, **data: Any) -> bytes:
    """Return the bytes of an event of the Responses API."""
    return event({"type": kind, **data}, kind)
