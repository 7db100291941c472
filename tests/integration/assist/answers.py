"""Responses of a service for tests: events of both APIs as bytes."""

from collections.abc import Iterable
import json
from typing import Any

from tests.standin.faults import Fault

SSE = "text/event-stream"
USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 3,
    "total_tokens": 15,
}


def sse(events: Iterable[Any], *, done: bool = False) -> bytes:
    """Return events as the bytes of a stream."""
    lines = [
        (f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n"
        for event in events
    ]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def streamed(*events: Any) -> Fault:
    """Return a response of these events."""
    return Fault(path="/responses", body=sse(events), content_type=SSE)


def item_done(kind: str, **item: Any) -> dict[str, Any]:
    """Return the event of an item that is whole."""
    return {"type": "response.output_item.done", "item": {"type": kind, **item}}


def text_events(*pieces: str) -> list[dict[str, Any]]:
    """Return the events of a message, without the end of its response."""
    item = {"type": "message", "id": "msg_1", "role": "assistant"}
    return [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.added", "item": item},
        *({"type": "response.output_text.delta", "delta": piece} for piece in pieces),
        {"type": "response.output_item.done", "item": item},
    ]


def call_event(name: str, arguments: str, call_id: str = "call_1") -> dict[str, Any]:
    """Return the event of a function call that is whole."""
    return {
        "type": "response.output_item.done",
        "item": {
            "type": "function_call",
            "id": f"fc_{call_id}",
            "call_id": call_id,
            "name": name,
            "arguments": arguments,
        },
    }


def completed(**more: Any) -> dict[str, Any]:
    """Return the event at the end of a response."""
    return {"type": "response.completed", "response": {"id": "resp_1", "usage": USAGE, **more}}


def says(*pieces: str, **fault: Any) -> Fault:
    """Return a response that says a text."""
    body = sse([*text_events(*pieces), completed()])
    return Fault(path="/responses", body=body, content_type=SSE, **fault)


def calls(*functions: tuple[str, str], before: str = "", **fault: Any) -> Fault:
    """Return a response that calls functions, each a name and its arguments."""
    events = text_events(before) if before else []
    events += [
        call_event(name, arguments, f"call_{index}")
        for index, (name, arguments) in enumerate(functions)
    ]
    return Fault(path="/responses", body=sse([*events, completed()]), content_type=SSE, **fault)


def chunk(delta: Any, reason: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


def chat(*chunks: Any, done: bool = True, **fault: Any) -> Fault:
    """Return a chat completion in chunks."""
    return Fault(path="/chat/completions", body=sse(chunks, done=done), content_type=SSE, **fault)


NO_RESPONSES = Fault(path="/responses", status=404, body={"error": {"message": "Not Found"}})
"""What a service says that has chat completions alone."""
