"""Conversations and their items."""

from __future__ import annotations

from typing import Any

from tests.standin.routing import Call, Route, check, need, resource_routes
from tests.standin.state import Collection, Kind
from tests.standin.wire import Json, invalid, new_id, now

from .responses import input_items

CONVERSATIONS = Kind(name="conversation", deleted="conversation.deleted")
ITEMS = Kind(name="conversation item")
MAX_ITEMS = 20


def items_of(call: Call) -> Collection:
    """Return the items of the conversation in the path."""
    conversation = call.collection(CONVERSATIONS).get(call.ids["conversation_id"])
    return call.collection(ITEMS, conversation["id"])


def _checked(items: list[Any]) -> list[Json]:
    """Return new items with ids, refusing what is none, and too many."""
    if len(items) > MAX_ITEMS:
        raise invalid(
            f"Invalid 'items': expected at most {MAX_ITEMS}.", "items", "array_above_max_length"
        )
    return input_items({"input": items})


async def create(call: Call) -> Json:
    """Begin a conversation."""
    items = _checked(check(call.json, "items", list) or [])
    conversation = call.collection(CONVERSATIONS).add(
        {
            "id": new_id("conv_"),
            "object": "conversation",
            "created_at": now(),
            "metadata": check(call.json, "metadata", dict) or {},
        }
    )
    for item in items:
        call.collection(ITEMS, conversation["id"]).add(item)
    return conversation


async def update(call: Call) -> Json:
    """Replace the metadata of a conversation."""
    if "metadata" not in call.json:
        need(call.json, "metadata")
    metadata = check(call.json, "metadata", dict) or {}
    return call.collection(CONVERSATIONS).update(
        call.ids["conversation_id"], {"metadata": metadata}
    )


async def add_items(call: Call) -> Json:
    """Add items to a conversation, and return them as a list."""
    kept = items_of(call)
    items = [kept.add(item) for item in _checked(need(call.json, "items", list))]
    return {
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": False,
    }


async def list_items(call: Call) -> Json:
    """List the items of a conversation."""
    return items_of(call).page(call.request)


async def delete_item(call: Call) -> Json:
    """Remove an item, and return the conversation."""
    items_of(call).delete(call.ids["item_id"])
    return call.collection(CONVERSATIONS).get(call.ids["conversation_id"])


ROUTES = (
    Route("POST", "/conversations", create),
    Route("POST", "/conversations/{conversation_id}", update),
    *resource_routes(CONVERSATIONS, "/conversations/{conversation_id}", "retrieve", "delete"),
    Route("POST", "/conversations/{conversation_id}/items", add_items),
    Route("GET", "/conversations/{conversation_id}/items", list_items),
    Route("DELETE", "/conversations/{conversation_id}/items/{item_id}", delete_item),
    *resource_routes(ITEMS, "/conversations/{conversation_id}/items/{item_id}", "retrieve"),
)
