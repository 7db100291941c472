"""ChatKit: sessions, and the chats that people had in them."""

from typing import Any

from homeassistant.exceptions import ServiceValidationError
import pytest

from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
RICH: dict[str, Any] = {
    "user": "anna",
    "workflow": {"id": "wf_1", "version": "2", "state_variables": {"city": "Oslo", "age": 7}},
    "chatkit_configuration": {"file_upload": {"enabled": True, "max_files": 3}},
    "expires_after": {"anchor": "created_at", "seconds": 60},
    "rate_limits": {"max_requests_per_1_minute": 5},
}


async def test_sessions(standin: StandIn, call: Call) -> None:
    session = await call("create_chatkit_session", **RICH)
    assert session["object"] == "chatkit.session"
    assert session["client_secret"]
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/chatkit/sessions", RICH)
    assert sent.headers["OpenAI-Beta"] == "chatkit_beta=v1"

    cancelled = await call("cancel_chatkit_session", session_id=session["id"])
    assert cancelled["status"] == "cancelled"
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", f"/chatkit/sessions/{session['id']}/cancel")
    with pytest.raises(ServiceValidationError, match="already cancelled"):
        await call("cancel_chatkit_session", session_id=session["id"])


async def test_threads(standin: StandIn, call: Call) -> None:
    for user in ("anna", "ben", "anna"):
        await call("create_chatkit_session", user=user, workflow='{"id": "wf_1"}')
    whole = await call("list_chatkit_threads", limit=2, all_pages=True, order="asc")
    assert [thread["user"] for thread in whole["data"]] == ["anna", "ben", "anna"]
    page = await call(
        "list_chatkit_threads", user="anna", order="asc", before=whole["data"][2]["id"]
    )
    assert page["data"] == whole["data"][:1]
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("GET", "/chatkit/threads")
    assert sent.param("user") == "anna"
    assert sent.param("before") == whole["data"][2]["id"]

    thread = page["data"][0]
    path = f"/chatkit/threads/{thread['id']}"
    assert await call("get_chatkit_thread", thread_id=thread["id"]) == thread
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("GET", path)
    items = await call(
        "list_chatkit_thread_items", thread_id=thread["id"], limit=1, order="asc", all_pages=True
    )
    assert [item["type"] for item in items["data"]] == [
        "chatkit.user_message",
        "chatkit.assistant_message",
    ]
    assert standin.requests[-1].path == f"{path}/items"

    gone = await call("delete_chatkit_thread", thread_id=thread["id"])
    assert gone == {"id": thread["id"], "object": "chatkit.thread.deleted", "deleted": True}
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("DELETE", path)
    with pytest.raises(ServiceValidationError, match="404"):
        await call("get_chatkit_thread", thread_id=thread["id"])
