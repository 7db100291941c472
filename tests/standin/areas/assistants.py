"""Assistants, and the threads of messages that they work on."""

from __future__ import annotations

from typing import Any

from tests.standin.routing import Call, Route, check, missing, need, one_of, resource_routes, within
from tests.standin.state import Collection, Kind
from tests.standin.wire import Json, invalid, new_id, now

ASSISTANTS = Kind(name="assistant", deleted="assistant.deleted")
THREADS = Kind(name="thread", deleted="thread.deleted")
MESSAGES = Kind(name="message", deleted="thread.message.deleted")
ROLES = ("user", "assistant")
# What an assistant is made of, with what it has where nothing is said.
SETTINGS: Json = {
    "name": None,
    "description": None,
    "model": None,
    "instructions": None,
    "tools": [],
    "tool_resources": {},
    "metadata": {},
    "temperature": 1.0,
    "top_p": 1.0,
    "reasoning_effort": None,
    "response_format": "auto",
}


async def create_assistant(call: Call) -> Json:
    """Keep an assistant."""
    body = call.json
    need(body, "model", str)
    check(body, "tools", list)
    check(body, "tool_resources", dict)
    check(body, "metadata", dict)
    within(body, "temperature", 0, 2)
    within(body, "top_p", 0, 1)
    given = {key: body[key] for key in SETTINGS if body.get(key) is not None}
    return call.collection(ASSISTANTS).add(
        {
            "id": new_id("asst_"),
            "object": "assistant",
            "created_at": now(),
            **SETTINGS,
            **given,
        }
    )


def new_thread(call: Call, body: Json) -> Json:
    """Keep a thread with its first messages."""
    messages = check(body, "messages", list) or []
    for index, message in enumerate(messages):
        check_message(message, f"messages[{index}].")
    thread = call.collection(THREADS).add(
        {
            "id": new_id("thread_"),
            "object": "thread",
            "created_at": now(),
            "metadata": check(body, "metadata", dict) or {},
            "tool_resources": check(body, "tool_resources", dict) or {},
        }
    )
    for message in messages:
        add_message(call, thread["id"], message)
    return thread


async def create_thread(call: Call) -> Json:
    """Begin a thread."""
    return new_thread(call, call.json)


def messages_of(call: Call) -> Collection:
    """Return the messages of the thread in the path."""
    thread = call.collection(THREADS).get(call.ids["thread_id"])
    return call.collection(MESSAGES, thread["id"])


def check_message(message: Any, place: str = "") -> None:
    """Refuse a message that is none."""
    if not isinstance(message, dict):
        raise invalid("Expected an object.", place.rstrip("."), "invalid_type")
    one_of(f"{place}role", str(message.get("role")), ROLES)
    if not message.get("content"):
        raise missing(f"{place}content")


def add_message(call: Call, thread_id: str, message: Json, **of_the_run: Any) -> Json:
    """Add a message to a thread."""
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    created = now()
    return call.collection(MESSAGES, thread_id).add(
        {
            "id": new_id("msg_"),
            "object": "thread.message",
            "created_at": created,
            "thread_id": thread_id,
            "status": "completed",
            "incomplete_details": None,
            "completed_at": created,
            "incomplete_at": None,
            "role": message["role"],
            "content": [_part(part) for part in parts],
            "assistant_id": None,
            "run_id": None,
            "attachments": message.get("attachments") or [],
            "metadata": message.get("metadata") or {},
            **of_the_run,
        }
    )


def _part(part: Json) -> Json:
    """Return a part of a message as it is kept."""
    if part["type"] != "text":
        return part
    return {"type": "text", "text": {"value": part["text"], "annotations": []}}


def text_of(message: Json) -> str:
    """Return what a message says."""
    return " ".join(part["text"]["value"] for part in message["content"] if part["type"] == "text")


async def create_message(call: Call) -> Json:
    """Add a message to the thread in the path."""
    messages_of(call)
    check_message(call.json)
    return add_message(call, call.ids["thread_id"], call.json)


async def list_messages(call: Call) -> Json:
    """List the messages of a thread, of one run if asked."""
    run_id = call.request.param("run_id")
    return messages_of(call).page(call.request, lambda message: run_id in (None, message["run_id"]))


ROUTES = (
    Route("POST", "/assistants", create_assistant),
    *resource_routes(
        ASSISTANTS,
        "/assistants/{assistant_id}",
        "list",
        "retrieve",
        "update",
        "delete",
        updatable=SETTINGS,
    ),
    Route("POST", "/threads", create_thread),
    *resource_routes(
        THREADS,
        "/threads/{thread_id}",
        "retrieve",
        "update",
        "delete",
        updatable=("metadata", "tool_resources"),
    ),
    Route("POST", "/threads/{thread_id}/messages", create_message),
    Route("GET", "/threads/{thread_id}/messages", list_messages),
    *resource_routes(
        MESSAGES, "/threads/{thread_id}/messages/{message_id}", "retrieve", "update", "delete"
    ),
)
