"""The items of a conversation, and how it is replaced by another one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import validation_error
from ..types import Json

_LONGEST = 2000
"""Items: older ones are dropped here, though the server may still have them."""
_AUDIO = frozenset({"audio", "input_audio", "output_audio"})
_MCP = frozenset({"mcp_call", "mcp_tool_call", "mcp_approval_request"})
_COMPARED = ("type", "role", "status", "content", "name", "arguments", "output", "call_id")


@dataclass(slots=True)
class History:
    """The items of a conversation in order, without their audio."""

    items: list[Json] = field(default_factory=list)
    leaving: set[str] = field(default_factory=set)
    """The ids of items whose deletion was sent, and which the server has not confirmed."""

    def update(self, item: Mapping[str, Any], previous: str | None, *, is_placed: bool) -> Json:
        """Insert or replace an item, and return it as it is stored.

        Returns `{"item_id": …, "type": …, …}`: the API's item without audio, its `id` as `item_id`.
        `is_placed` says whether the server named the item before it; None is the front.
        """
        kept = _without_sound(item)
        if kept["item_id"] is None:
            # Without an id it can never be replaced or removed.
            return kept
        index = self._find(kept["item_id"])
        if index is not None:
            _keep_transcripts(self.items[index], kept)
            self.items[index] = kept
        elif is_placed and previous is None:
            self.items.insert(0, kept)
        elif is_placed and (before := self._find(previous)) is not None:
            self.items.insert(before + 1, kept)
        else:
            self.items.append(kept)
        del self.items[:-_LONGEST]
        return kept

    def transcribe(self, item_id: str, transcript: str) -> None:
        """Add the transcript of the input audio to an item."""
        index = self._find(item_id)
        parts = self.items[index].get("content") if index is not None else None
        for part in parts or []:
            if part.get("type") == "input_audio":
                part["transcript"] = transcript

    def remove(self, item_id: str) -> None:
        """Remove an item."""
        self.items = [item for item in self.items if item.get("item_id") != item_id]
        self.leaving.discard(item_id)

    def note_sent(self, events: Sequence[Json]) -> None:
        """Take note of the events of `diff`, which were sent and are not confirmed yet."""
        for event in events:
            if event["type"] == "conversation.item.delete":
                self.leaving.add(event["item_id"])
            else:
                self.leaving.discard(event["item"]["id"])

    def clear(self) -> None:
        """Drop everything: the connection is lost."""
        self.items.clear()
        self.leaving.clear()

    def _find(self, item_id: str | None) -> int | None:
        """Return the index of an item, None if there is none."""
        return next(
            (at for at, item in enumerate(self.items) if item.get("item_id") == item_id), None
        )


def _without_sound(item: Mapping[str, Any]) -> Json:
    """Return an item without audio, its id as `item_id`."""
    kept = {key: value for key, value in item.items() if key not in {"id", "object"}}
    kept["item_id"] = item.get("item_id") or item.get("id")
    if isinstance(content := item.get("content"), list):
        kept["content"] = _parts(content, lambda key, _: key != "audio")
    return kept


def _parts(content: Sequence[Any], is_kept: Callable[[str, Any], bool]) -> list[Any]:
    """Return the parts of a message with the keys and values that are kept."""
    return [
        {key: value for key, value in part.items() if is_kept(key, value)}
        if isinstance(part, Mapping)
        else part
        for part in content
    ]


def _keep_transcripts(old: Json, new: Json) -> None:
    """Keep the transcripts: servers leave them out of an item that was truncated."""
    for before, after in zip(old.get("content") or [], new.get("content") or [], strict=False):
        if (
            isinstance(after, dict)
            and isinstance(before, dict)
            and after.get("type") in _AUDIO
            and not after.get("transcript")
            and before.get("transcript")
        ):
            after["transcript"] = before["transcript"]


def normalize(items: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Return a wanted history with the keys of the API.

    Takes `item_id`, `itemId` or `id`. Returns `[{"item_id": …, "type": …, …}]`, `type` being
    `message` by default. Raises ServiceValidationError "history_invalid" for an item without an id,
    a duplicate id, or a message without `role` or `content`.
    """
    found = []
    for item in items:
        item_id = item.get("item_id") or item.get("itemId") or item.get("id")
        if not isinstance(item_id, str) or not item_id:
            raise validation_error("history_invalid", reason="item_id")
        kind = item.get("type", "message")
        if not isinstance(kind, str):
            raise validation_error("history_invalid", reason="type")
        if kind == "message" and not (
            item.get("role") in ("user", "assistant", "system") and _is_content(item.get("content"))
        ):
            raise validation_error("history_invalid", reason="role, content")
        rest = {
            key: value
            for key, value in item.items()
            if key not in {"id", "itemId", "previousItemId", "previous_item_id"}
        }
        if isinstance(content := item.get("content"), list):
            # Other clients keep audio that they do not have as null.
            rest["content"] = _parts(content, lambda key, value: (key, value) != ("audio", None))
        found.append({**rest, "item_id": item_id, "type": kind})
    if len({item["item_id"] for item in found}) != len(found):
        raise validation_error("history_invalid", reason="item_id")
    return found


def _is_content(content: object) -> bool:
    """Return whether this is a list of parts."""
    return isinstance(content, list) and all(isinstance(part, Mapping) for part in content)


def _is_same(old: Json, new: Json) -> bool:
    """Return whether two items are equal; the status is compared only if the new one has it."""
    return all(old.get(key) == new.get(key) for key in _COMPARED if key != "status" or key in new)


def diff(
    old: Sequence[Json], new: Sequence[Json], leaving: Collection[str] = ()
) -> tuple[list[Json], list[str]]:
    """Return the client events that turn one history into another, and what was skipped.

    Both are lists as `normalize` returns them. `leaving` are the ids of items of the old one that
    will be gone when the events arrive, so that nothing can be placed behind them. Returns `([event, …], [item id, …])`:
    `conversation.item.delete` and `conversation.item.create` events, and the ids of function calls,
    which are not created. Raises ServiceValidationError "history_unsupported" for audio of the
    assistant and for MCP items that would have to be created: servers refuse those.
    """
    known = {item["item_id"]: item for item in old}
    wanted = {item["item_id"] for item in new}
    changed = [
        item
        for item in new
        if item["item_id"] not in known or not _is_same(known[item["item_id"]], item)
    ]
    for item in changed:
        kinds = {item["type"], known.get(item["item_id"], item).get("type")}
        if kinds & _MCP:
            raise validation_error("history_unsupported", item_id=item["item_id"])
        if item.get("role") == "assistant" and any(
            part.get("type") in _AUDIO for part in item.get("content") or []
        ):
            raise validation_error("history_unsupported", item_id=item["item_id"])
    anew = {item["item_id"] for item in changed}
    gone = [item_id for item_id in known if item_id not in wanted or item_id in anew]
    events: list[Json] = [{"type": "conversation.item.delete", "item_id": one} for one in gone]
    skipped: list[str] = []
    kept = {item_id for item_id in wanted if item_id not in anew and item_id not in leaving}
    last_kept = max((at for at, item in enumerate(new) if item["item_id"] in kept), default=-1)
    previous = "root"
    for at, item in enumerate(new):
        item_id = item["item_id"]
        if item_id not in anew:
            previous = item_id if item_id in kept else previous
        elif item["type"] != "message":
            skipped.append(item_id)
        else:
            # Only an item before one that stays needs its place.
            placed = {"previous_item_id": previous} if at < last_kept else {}
            events.append({"type": "conversation.item.create", **placed, "item": _message(item)})
            previous = item_id
    return events, skipped


def _message(item: Json) -> Json:
    """Return a message as `conversation.item.create` takes it."""
    message = {
        "type": "message",
        "role": item["role"],
        "content": item["content"],
        "id": item["item_id"],
    }
    if item["role"] != "system" and item.get("status"):
        message["status"] = item["status"]
    return message
