"""ChatKit: sessions, and the chats that people have in them."""

from __future__ import annotations

from tests.standin import answers
from tests.standin.routing import Call, Route, check, missing, need, resource_routes
from tests.standin.state import Kind
from tests.standin.wire import Json, invalid, new_id, now

SESSIONS = Kind(name="ChatKit session")
THREADS = Kind(name="ChatKit thread", deleted="chatkit.thread.deleted")
ITEMS = Kind(name="ChatKit thread item")
# What a session allows where nothing is said.
FEATURES: Json = {
    "automatic_thread_titling": {"enabled": True},
    "file_upload": {"enabled": False, "max_file_size": 512, "max_files": 10},
    "history": {"enabled": True, "recent_threads": None},
}
GREETING = "Hello"


async def create_session(call: Call) -> Json:
    """Open a session; the chat that a person would have in it begins at once."""
    body = call.json
    user = need(body, "user", str)
    workflow = need(body, "workflow", dict)
    if not workflow.get("id"):
        raise missing("workflow.id")
    wanted = check(body, "chatkit_configuration", dict) or {}
    rates = check(body, "rate_limits", dict) or {}
    lasting = (check(body, "expires_after", dict) or {}).get("seconds", 600)
    limit = rates.get("max_requests_per_1_minute", 10)
    _begin_chat(call, user)
    return call.collection(SESSIONS).add(
        {
            "id": new_id("cksess_"),
            "object": "chatkit.session",
            "status": "active",
            "client_secret": new_id("ek_"),
            "expires_at": now() + lasting,
            "user": user,
            "workflow": {
                "version": None,
                "state_variables": None,
                "tracing": {"enabled": True},
                **workflow,
            },
            "rate_limits": {"max_requests_per_1_minute": limit},
            "max_requests_per_1_minute": limit,
            "chatkit_configuration": {
                key: {**value, **wanted.get(key, {})} for key, value in FEATURES.items()
            },
        }
    )


def _begin_chat(call: Call, user: str) -> None:
    """Keep a thread with a greeting and its answer."""
    created = now()
    thread = call.collection(THREADS).add(
        {
            "id": new_id("cthr_"),
            "object": "chatkit.thread",
            "created_at": created,
            "status": {"type": "active"},
            "title": GREETING,
            "user": user,
        }
    )
    said: Json = {
        "type": "chatkit.user_message",
        "content": [{"type": "input_text", "text": GREETING}],
        "attachments": [],
        "inference_options": None,
    }
    answered: Json = {
        "type": "chatkit.assistant_message",
        "content": [{"type": "output_text", "text": answers.echo(GREETING), "annotations": []}],
    }
    for item in (said, answered):
        call.collection(ITEMS, thread["id"]).add(
            {
                "id": new_id("cthi_"),
                "object": "chatkit.thread_item",
                "created_at": created,
                "thread_id": thread["id"],
                **item,
            }
        )


async def cancel_session(call: Call) -> Json:
    """End a session."""
    session = call.collection(SESSIONS).get(call.ids["session_id"])
    if session["status"] != "active":
        raise invalid(f"Session is already {session['status']}.", "session_id")
    return call.collection(SESSIONS).update(session["id"], {"status": "cancelled"})


async def list_threads(call: Call) -> Json:
    """List the chats, of one person if asked."""
    user = call.request.param("user")
    return call.collection(THREADS).page(
        call.request, lambda thread: user in (None, thread["user"])
    )


async def list_items(call: Call) -> Json:
    """List what was said in a chat."""
    thread = call.collection(THREADS).get(call.ids["thread_id"])
    return call.collection(ITEMS, thread["id"]).page(call.request)


ROUTES = (
    Route("POST", "/chatkit/sessions", create_session),
    Route("POST", "/chatkit/sessions/{session_id}/cancel", cancel_session),
    Route("GET", "/chatkit/threads", list_threads),
    *resource_routes(THREADS, "/chatkit/threads/{thread_id}", "retrieve", "delete"),
    Route("GET", "/chatkit/threads/{thread_id}/items", list_items),
)
