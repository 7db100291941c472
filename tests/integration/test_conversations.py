"""Conversations: begun, filled, read and deleted."""

from homeassistant.exceptions import ServiceValidationError
import pytest

from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
HELLO = {"type": "message", "role": "user", "content": "Hello"}


async def test_conversation_lifecycle(standin: StandIn, call: Call) -> None:
    made = await call("create_conversation", items=[HELLO], metadata={"room": "kitchen"})
    assert made["object"] == "conversation"
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/conversations")
    assert sent.body == {"items": [HELLO], "metadata": {"room": "kitchen"}}

    path = f"/conversations/{made['id']}"
    assert await call("get_conversation", conversation_id=made["id"]) == made
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("GET", path, None)

    changed = await call("modify_conversation", conversation_id=made["id"], metadata={"room": "x"})
    assert changed == {**made, "metadata": {"room": "x"}}
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", path, {"metadata": {"room": "x"}})

    gone = await call("delete_conversation", conversation_id=made["id"])
    assert gone == {"id": made["id"], "object": "conversation.deleted", "deleted": True}
    assert (standin.requests[-1].method, standin.requests[-1].path) == ("DELETE", path)
    with pytest.raises(ServiceValidationError, match="404"):
        await call("get_conversation", conversation_id=made["id"])


async def test_conversation_update_metadata_null(standin: StandIn, call: Call) -> None:
    made = await call("create_conversation", metadata={"room": "kitchen"}, items=None)
    assert standin.requests[-1].body == {"items": None, "metadata": {"room": "kitchen"}}
    count = len(standin.requests)
    with pytest.raises(Exception, match="metadata"):
        await call("modify_conversation", conversation_id=made["id"])
    assert len(standin.requests) == count

    changed = await call("modify_conversation", conversation_id=made["id"], metadata=None)
    assert standin.requests[-1].body == {"metadata": None}
    assert changed["metadata"] == {}


async def test_conversation_items(standin: StandIn, call: Call) -> None:
    conversation_id = (await call("create_conversation"))["id"]
    path = f"/conversations/{conversation_id}/items"
    added = await call(
        "create_conversation_item",
        conversation_id=conversation_id,
        items=[HELLO, {**HELLO, "content": "Again"}, {**HELLO, "content": "And again"}],
        include=["message.input_image.image_url"],
    )
    assert added["object"] == "list"
    assert len(added["data"]) == 3
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", path)
    assert sent.query == [("include[]", "message.input_image.image_url")]
    assert list(sent.body) == ["items"]

    found = await call(
        "get_conversation_item",
        conversation_id=conversation_id,
        item_id=added["first_id"],
        include="reasoning.encrypted_content",
    )
    assert found == added["data"][0]
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("GET", f"{path}/{added['first_id']}")
    assert sent.query == [("include[]", "reasoning.encrypted_content")]

    page = await call(
        "list_conversation_items", conversation_id=conversation_id, limit=2, order="asc"
    )
    assert page["data"] == added["data"][:2]
    assert page["has_more"] is True
    whole = await call(
        "list_conversation_items",
        conversation_id=conversation_id,
        limit=2,
        order="asc",
        include=["code_interpreter_call.outputs"],
        all_pages=True,
    )
    assert whole["data"] == added["data"]
    assert whole["has_more"] is False
    assert ("after", page["last_id"]) in standin.requests[-1].query
    assert ("include[]", "code_interpreter_call.outputs") in standin.requests[-1].query

    left = await call(
        "delete_conversation_item", conversation_id=conversation_id, item_id=added["first_id"]
    )
    assert left["id"] == conversation_id
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("DELETE", f"{path}/{added['first_id']}")
    page = await call("list_conversation_items", conversation_id=conversation_id)
    assert len(page["data"]) == 2
