"""Joins the deltas of messages, in the forms in which servers split them."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from ..types import Json
from .tool_calls import join_tool_calls

type Pieces = dict[str, list[Any]]
"""The pieces of the values of an object by key, in their order."""

_REPLACED_KEYS = frozenset({"id", "type", "role", "index", "name", "format", "status", "object"})
"""The keys whose texts are whole in every delta, so that the last one counts."""
_MERGED_TYPES = frozenset({"text", "thinking", "reasoning"})
"""The types of content parts that servers split into several of the same type."""
_WHOLE_TYPES = frozenset({"reasoning.encrypted"})
"""The types of entries that are never split, and must not be joined."""


def accumulate_delta(pieces: Pieces, delta: Mapping[str, Any]) -> None:
    """Append the values of a delta, `{key: piece}`, to the pieces that came before."""
    for key, value in delta.items():
        if (values := pieces.get(key)) is None:
            pieces[key] = [value]
        else:
            values.append(value)


def join_delta(pieces: Pieces) -> Json:
    """Return the object that the pieces add up to: `{key: joined value}`."""
    return {key: _join(key, values) for key, values in pieces.items()}


def _join(key: str, values: list[Any]) -> Any:
    """Return the value that the pieces of a key add up to."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    if key == "tool_calls":
        return join_tool_calls(list(_objects(present)), join_objects)
    if key == "content" or key.startswith("reasoning_content"):
        return _join_content(present)
    if all(isinstance(value, str) for value in present):
        if key in _REPLACED_KEYS:
            return next((value for value in reversed(present) if value), present[-1])
        return "".join(present)
    if all(isinstance(value, dict) for value in present):
        return _join_audio(present) if key == "audio" else join_objects(present)
    if all(isinstance(value, list) for value in present):
        return _join_items([item for value in present for item in value])
    return next((value for value in reversed(present) if value != ""), present[-1])


def join_objects(values: list[Json]) -> Json:
    """Return the object that pieces of it add up to: `{key: joined value}`."""
    if len(values) == 1:
        return values[0]
    pieces: Pieces = {}
    for value in values:
        accumulate_delta(pieces, value)
    return join_delta(pieces)


def _objects(values: list[Any]) -> Iterator[Json]:
    """Yield the objects in lists; an object stands for a list of one."""
    for value in values:
        items = value if isinstance(value, list) else [value]
        yield from (item for item in items if isinstance(item, dict))


def _join_content(values: list[Any]) -> Any:
    """Return the content of a message: a text, or a list of parts if any piece was one."""
    if all(isinstance(value, str) for value in values):
        return "".join(values)
    parts: list[Any] = []
    for value in values:
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str):
                if part:
                    parts.append({"type": "text", "text": part})
            elif part is not None:
                parts.append(part)
    return _join_items(parts)


def _join_items(items: list[Any]) -> list[Any]:
    """Return a list whose pieces are joined: those of one index, or neighbours."""
    entries: list[list[Any]] = []
    by_index: dict[int, list[Any]] = {}
    for item in items:
        entry: list[Any] | None = None
        if isinstance(item, dict):
            index = item.get("index")
            if isinstance(index, int):
                entry = by_index.get(index)
                if entry is not None and item == entry[-1] and _begins(item):
                    # The same image again.
                    continue
                if entry is not None and (_begins(item) or not _is_same(entry, item)):
                    entry = None
            elif entries and _is_next(entries[-1], item):
                entry = entries[-1]
            if entry is None:
                entries.append(entry := [])
                if isinstance(index, int):
                    by_index[index] = entry
            elif item.get("type") in _WHOLE_TYPES:
                # A repeated entry, or another one with the same index.
                if [item] not in entries:
                    entries.append([item])
                continue
            entry.append(item)
        else:
            entries.append([item])
    return [entry[0] if len(entry) == 1 else join_objects(entry) for entry in entries]


def _is_same(entry: list[Any], item: Json) -> bool:
    """Return whether a piece may belong to an entry of the same index."""
    return all(
        not item.get(key) or not old.get(key) or item[key] == old[key]
        for old in entry[:1] + entry[-1:]
        for key in ("type", "id")
    )


def _begins(item: Json) -> bool:
    """Return whether an item can only be the first piece of an entry, because it has a URL."""
    picture = item.get("image_url")
    address = picture.get("url") if isinstance(picture, dict) else picture
    return isinstance(address, str) and address[:5].lower() in ("data:", "http:", "https")


def _is_next(entry: list[Any], item: Json) -> bool:
    """Return whether a part without an index continues the part before it."""
    last = entry[-1]
    return (
        isinstance(last, dict)
        and not isinstance(last.get("index"), int)
        and item.get("type") in _MERGED_TYPES
        and last.get("type") == item["type"]
        and item.keys() <= {"type", item["type"], "text"}
        and last.keys() <= {"type", item["type"], "text"}
    )


def _join_audio(values: list[Json]) -> Json:
    """Return the audio of a message: `data` is joined as bytes, the rest like any object."""
    joined = join_objects([{k: v for k, v in value.items() if k != "data"} for value in values])
    data = [value["data"] for value in values if isinstance(value.get("data"), str)]
    return {**joined, "data": join_base64(data)} if data else joined


def join_base64(pieces: list[str]) -> str:
    """Return base64 for the bytes of all pieces.

    Each piece is base64 of its own, padded or not; or they are parts of one text, split anywhere.
    Invalid base64 is returned as the joined text.
    """
    pieces = [stripped for piece in pieces if (stripped := "".join(piece.split()))]
    if len(pieces) == 1:
        return pieces[0]
    text = "".join(pieces)
    is_cut = all("=" not in piece for piece in pieces[:-1]) and len(text.rstrip("=")) % 4 != 1
    are_aligned = all(len(piece) % 4 == 0 for piece in pieces[:-1])
    try:
        if is_cut and (are_aligned or len(text) % 4 == 0):
            base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
            return text + "=" * (-len(text) % 4)
        parts = [
            base64.b64decode(piece + "=" * (-len(piece) % 4), validate=True) for piece in pieces
        ]
    except binascii.Error:
        return text
    return base64.b64encode(b"".join(parts)).decode()
