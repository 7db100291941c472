"""Assistants, their threads, and the messages in these."""

from typing import Any

from homeassistant.exceptions import ServiceValidationError
import pytest

from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
RICH: dict[str, Any] = {
    "name": "Gardener",
    "description": None,
    "instructions": "Be brief",
    "tools": [{"type": "file_search"}],
    "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}},
    "response_format": "auto",
    "reasoning_effort": "low",
    "temperature": 0.5,
    "top_p": None,
    "metadata": {"room": "garden"},
}
PICTURE = {"type": "image_url", "image_url": {"url": "http://example.com/rose.png"}}


async def test_assistant_lifecycle(standin: StandIn, call: Call) -> None:
    made = await call("create_assistant", model="m-1", **RICH)
    assert made["object"] == "assistant"
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/assistants")
    assert sent.body == {"model": "m-1", **RICH}
    assert sent.headers["OpenAI-Beta"] == "assistants=v2"

    path = f"/assistants/{made['id']}"
    assert await call("get_assistant", assistant_id=made["id"]) == made
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("GET", path)

    changes = {"response_format": {"type": "json_object"}, "name": "Cook"}
    changed = await call("modify_assistant", assistant_id=made["id"], **changes)
    assert changed == {**made, **changes}
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", path, changes)

    second = await call("create_assistant", model="m-1")
    page = await call("list_assistants", limit=1, order="asc", before=second["id"])
    assert [item["id"] for item in page["data"]] == [made["id"]]
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("GET", "/assistants")
    assert sorted(sent.query) == [("before", second["id"]), ("limit", "1"), ("order", "asc")]
    assert len((await call("list_assistants", limit=1, all_pages=True))["data"]) == 2

    gone = await call("delete_assistant", assistant_id=made["id"])
    assert gone == {"id": made["id"], "object": "assistant.deleted", "deleted": True}
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("DELETE", path)
    with pytest.raises(ServiceValidationError, match="404"):
        await call("delete_assistant", assistant_id=made["id"])


async def test_thread_lifecycle(standin: StandIn, call: Call) -> None:
    body = {
        "messages": [{"role": "user", "content": "Hello"}],
        "tool_resources": {"code_interpreter": {"file_ids": ["file-1"]}},
        "metadata": {"room": "kitchen"},
    }
    made = await call("create_thread", **body)
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/threads", body)

    path = f"/threads/{made['id']}"
    assert await call("get_thread", thread_id=made["id"]) == made
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("GET", path)

    changes = {"metadata": None, "tool_resources": {"file_search": {"vector_store_ids": ["vs"]}}}
    changed = await call("modify_thread", thread_id=made["id"], **changes)
    assert changed["tool_resources"] == changes["tool_resources"]
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", path, changes)

    gone = await call("delete_thread", thread_id=made["id"])
    assert gone == {"id": made["id"], "object": "thread.deleted", "deleted": True}
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("DELETE", path)


async def test_tool_resources_sent_as_object(standin: StandIn, call: Call) -> None:
    with pytest.raises(Exception, match="tool_resources"):
        await call("create_thread", tool_resources=[{"file_search": {}}])
    assert not [sent for sent in standin.requests if sent.path == "/threads"]


async def test_messages(standin: StandIn, call: Call) -> None:
    thread_id = (await call("create_thread"))["id"]
    path = f"/threads/{thread_id}/messages"
    body = {
        "role": "user",
        "content": "When do I prune the roses?",
        "attachments": [{"file_id": "file-1", "tools": [{"type": "file_search"}]}],
        "metadata": {"room": "garden"},
    }
    made = await call("create_message", thread_id=thread_id, **body)
    assert made["content"][0]["text"]["value"] == body["content"]
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", path, body)
    parts = [{"type": "text", "text": "This one"}, PICTURE]
    second = await call(
        "create_message", thread_id=thread_id, role="user", content=parts, attachments=None
    )
    assert standin.requests[-1].body == {"role": "user", "content": parts, "attachments": None}

    page = await call("list_messages", thread_id=thread_id, order="asc", all_pages=True, limit=1)
    assert page["data"] == [made, second]
    page = await call("list_messages", thread_id=thread_id, before=second["id"], order="asc")
    assert page["data"] == [made]
    assert standin.requests[-1].param("before") == second["id"]
    assert (await call("list_messages", thread_id=thread_id, run_id="run_0"))["data"] == []
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.query) == ("GET", path, [("run_id", "run_0")])

    ids = {"thread_id": thread_id, "message_id": made["id"]}
    assert await call("get_message", **ids) == made
    assert (standin.requests[-1].method, standin.requests[-1].path) == (
        "GET",
        f"{path}/{made['id']}",
    )
    changed = await call("modify_message", **ids, metadata={"room": "x"})
    assert changed == {**made, "metadata": {"room": "x"}}
    sent = standin.requests[-1]
    assert (sent.method, sent.body) == ("POST", {"metadata": {"room": "x"}})
    gone = await call("delete_message", **ids)
    assert gone == {"id": made["id"], "object": "thread.message.deleted", "deleted": True}
    assert standin.requests[-1].method == "DELETE"
    with pytest.raises(ServiceValidationError, match="404"):
        await call("get_message", **ids)
