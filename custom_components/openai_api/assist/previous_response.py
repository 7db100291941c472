"""What a service remembers of a conversation, and what it therefore need not be sent again."""

from dataclasses import dataclass
from typing import Final

import orjson

from ..types import Json

# What the model itself has said, which the service knows from its own response.
_OWN: Final = frozenset({"function_call", "reasoning"})


@dataclass(frozen=True)
class Memory:
    """What a service knows on a connection: its last response, and what led to it."""

    key: str
    response_id: str
    settings: bytes
    """The request without its input."""
    items: tuple[int, ...]
    """Hashes of the items that were ours."""


def parts(body: Json) -> tuple[bytes, list[Json]]:
    """Return a request without its input, and its input: `(JSON, [item, …])`.

    The prompt becomes the first item: as `instructions` it would have to be sent each time.
    """
    settings = {key: value for key, value in body.items() if key not in {"input", "stream"}}
    items = list(body["input"])
    if prompt := settings.pop("instructions", None):
        items.insert(0, {"type": "message", "role": "developer", "content": prompt})
    return orjson.dumps(settings), items


def new_items(
    memory: Memory | None, key: str, settings: bytes, items: list[Json]
) -> list[Json] | None:
    """Return the items that the service does not know; None if everything must be sent.

    They are the last of `items`, each an item of a Responses `input`: `[{"type": …}, …]`.
    """
    if memory is None or memory.key != key or memory.settings != settings:
        return None
    known = list(memory.items)
    index = 0
    while index < len(items) and known:
        if not is_model_item(items[index]) and item_hash(items[index]) != known.pop(0):
            return None
        index += 1
    if known:
        return None
    # What follows is what the service has answered.
    while index < len(items) and is_model_item(items[index]):
        index += 1
    return items[index:] or None


def is_model_item(item: Json) -> bool:
    """Tell whether an item is the model's own."""
    return item.get("role") == "assistant" or item.get("type") in _OWN


def item_hash(item: Json) -> int:
    """Return a hash of an item, to recognize it without keeping it."""
    return hash(orjson.dumps(item))
