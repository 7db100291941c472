"""The previous response of a WebSocket connection, and which items are new after it."""

from dataclasses import dataclass
from typing import Final

import orjson

from ..types import Json

# The output of the model, which the service has in the previous response.
_MODEL_ITEM_TYPES: Final = frozenset({"function_call", "reasoning"})


@dataclass(frozen=True)
class PreviousResponse:
    """The last response on a connection, and the request that led to it."""

    key: str
    response_id: str
    parameters: bytes
    """The request without its input."""
    item_hashes: tuple[int, ...]
    """Hashes of the input items that are not output of the model."""


def split_request(body: Json) -> tuple[bytes, list[Json]]:
    """Return a request without its input, and its input: `(JSON, [item, …])`.

    The prompt becomes the first item: as `instructions` it would have to be sent each time.
    """
    parameters = {key: value for key, value in body.items() if key not in {"input", "stream"}}
    items = list(body["input"])
    if instructions := parameters.pop("instructions", None):
        items.insert(0, {"type": "message", "role": "developer", "content": instructions})
    return orjson.dumps(parameters), items


def new_items(
    previous: PreviousResponse | None, key: str, parameters: bytes, items: list[Json]
) -> list[Json] | None:
    """Return the items after the previous response; None if everything must be sent.

    They are the last of `items`, each an item of a Responses `input`: `[{"type": …}, …]`.
    """
    if previous is None or previous.key != key or previous.parameters != parameters:
        return None
    known = list(previous.item_hashes)
    index = 0
    while index < len(items) and known:
        if not is_model_item(items[index]) and item_hash(items[index]) != known.pop(0):
            return None
        index += 1
    if known:
        return None
    # The response itself.
    while index < len(items) and is_model_item(items[index]):
        index += 1
    return items[index:] or None


def is_model_item(item: Json) -> bool:
    """Return whether an item is output of the model."""
    return item.get("role") == "assistant" or item.get("type") in _MODEL_ITEM_TYPES


def item_hash(item: Json) -> int:
    """Return a hash of an item, to compare it without storing it."""
    return hash(orjson.dumps(item))
