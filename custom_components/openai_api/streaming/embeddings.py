"""Embeddings as lists of numbers, in the order of their texts, however a server sends them."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from itertools import chain
import struct
from typing import Any

from ..types import Json

_FLOAT = 4
"""Bytes of one number, as the API encodes them: 32 bits, little-endian."""


def with_numbers(answer: Json) -> Json:
    """Return the answer of the method `embeddings.create` with numbers for each text; blocks.

    Returns `{"data": [{"embedding": [number, …], "index": …, …}, …], …}`. Some servers send base64
    though numbers were requested, a list in a list, or the embeddings in another order.
    """
    if not isinstance(data := answer.get("data"), list):
        return answer
    items = [_with_list(item) if isinstance(item, dict) else item for item in data]
    if _are_places([item.get("index") if isinstance(item, dict) else None for item in items]):
        items.sort(key=lambda item: item["index"])
    return {**answer, "data": items}


def has_numbers(answer: Mapping[str, Any]) -> bool:
    """Return whether any text has an embedding.

    What other keys hold may be one, too: vectors of each token, for example.
    """
    data = answer.get("data")
    return isinstance(data, list) and any(
        map(_says_something, chain.from_iterable(map(_vectors, data)))
    )


def _vectors(item: object) -> Iterable[object]:
    """Return what may be an embedding in an item of the list of embeddings."""
    if not isinstance(item, dict):
        return []
    if "embedding" in item:
        return [item["embedding"]]
    return [value for value in item.values() if isinstance(value, list)]


def _says_something(embedding: object) -> bool:
    """Return whether this is an embedding, in base64 or as numbers."""
    if isinstance(embedding, list):
        # Single numbers are null where the server has sent NaN.
        return any(number is not None for number in embedding)
    return bool(embedding)


def _with_list(item: Json) -> Json:
    """Return an embedding whose numbers are a list, unless it is something else."""
    embedding = item.get("embedding")
    if isinstance(embedding, str):
        try:
            packed = b64decode(embedding + "=" * (-len(embedding) % 4), validate=True)
            numbers = struct.unpack(f"<{len(packed) // _FLOAT}f", packed)
        except ValueError, struct.error:
            return item
        return {**item, "embedding": list(numbers)}
    if isinstance(embedding, list) and len(embedding) == 1 and isinstance(embedding[0], list):
        return {**item, "embedding": embedding[0]}
    return item


def _are_places(indexes: list[object]) -> bool:
    """Return whether these are the numbers from 0 on, each once."""
    numbers: list[Any] = [index for index in indexes if index.__class__ is int]
    return len(numbers) == len(indexes) and sorted(numbers) == list(range(len(indexes)))
