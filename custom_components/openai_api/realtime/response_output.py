"""The output of realtime responses, whatever events a server tells it in.

OpenAI sends every item in pieces, at its end, and at the end of the response. Others leave out some
of these, the indexes, or the ids.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ..streaming.answer_objects import objects_in
from ..streaming.tool_calls import are_no_arguments, is_object, is_same_object
from ..types import Json

MAX_CHARACTERS: Final = 1_000_000
"""Of the texts of one response: more is passed on, and not kept."""
_MAX_ITEMS: Final = 200
_DELTAS: Final = {
    "response.output_text.delta": "text",
    "response.output_audio_transcript.delta": "transcript",
}
TEXT_ENDS: Final = {
    "response.output_text.done": "text",
    "response.output_audio_transcript.done": "transcript",
}
"""The events at the end of a text, and the key of the text in its part."""
_NOT_WHOLE: Final = frozenset({"incomplete", "failed", "cancelled"})
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})

type Additions = list[str | Json]
"""Texts that have not come before, and function calls that are whole."""


@dataclass(slots=True)
class _Part:
    """A content part of a message."""

    key: str
    """`text` or `transcript`."""
    index: int
    pieces: list[str] = field(default_factory=list)
    is_done: bool = False

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)


@dataclass(slots=True, eq=False)
class _Item:
    """An item so far."""

    index: int | None
    data: Json = field(default_factory=dict)
    """What the server has told of it."""
    parts: list[_Part] = field(default_factory=list)
    current: dict[int, _Part] = field(default_factory=dict)
    """The latest part of each index: some servers give all of them the same."""
    arguments: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    has_whole_arguments: bool = False
    is_done: bool = False
    is_reported: bool = False
    """Whether it is a call that was passed on."""

    def may_be(self, item_type: str) -> bool:
        """Return whether it can be of this type."""
        own = self.data.get("type") or ("function_call" if self.arguments else None)
        return own in (None, item_type) and not (item_type == "function_call" and self.parts)

    def part(self, index: int, key: str) -> _Part:
        """Return the content part that a text belongs to."""
        part = self.current.get(index)
        if part is None or part.is_done or part.key != key:
            part = self.current[index] = _Part(key, index)
            self.parts.append(part)
        return part


class ResponseOutput:
    """The output of one response."""

    def __init__(self) -> None:
        """Start empty."""
        self._items: list[_Item] = []
        self._by_name: dict[str, _Item] = {}
        self._by_index: dict[int, _Item] = {}
        self._at_the_end: set[str] = set()
        """The ids in the output of the response."""
        self._last: _Item | None = None
        self._place: tuple[object, ...] = ()
        """Of the last text: nearly all belong to the same part as the one before."""
        self._add_text: Callable[[str], None] = list[str]().append
        self._size = 0

    def take(self, event_type: str, event: Json) -> Additions:
        """Take a server event with its present name; return what is new in it."""
        if (key := _DELTAS.get(event_type)) is not None:
            piece = event.get("delta")
            if not isinstance(piece, str) or not piece:
                return []
            place = (
                event_type,
                event.get("item_id"),
                event.get("output_index"),
                event.get("content_index"),
            )
            if place != self._place:
                part = self._item(event, "message").part(_content_index(event), key)
                self._place, self._add_text = place, part.pieces.append
            if self._size < MAX_CHARACTERS:
                self._size += len(piece)
                self._add_text(piece)
            return [piece]
        if (key := TEXT_ENDS.get(event_type)) is not None:
            return self._end_text(event, key)
        match event_type:
            case "response.output_item.added":
                return self._begin_item(event)
            case "response.output_item.done":
                if isinstance(item := event.get("item"), dict):
                    return self._end_item(self._item(event, str(item.get("type"))), item)
            case "response.function_call_arguments.delta":
                if isinstance(piece := event.get("delta"), str):
                    self._keep(self._item(event, "function_call"), piece)
            case "response.function_call_arguments.done":
                self._end_arguments(event)
            case "response.content_part.added" | "response.content_part.done":
                return self._take_part(event)
        return []

    def finish(self, response: Json) -> Additions:
        """Take the response at its end; return what has not come before.

        Function calls that had no event of their own are whole only if the response is.
        """
        news: Additions = []
        is_whole = response.get("status") not in _NOT_WHOLE
        output = items if isinstance(items := response.get("output"), list) else []
        self._at_the_end = {name for item in objects_in(output) for name in _names({"item": item})}
        for position, item in enumerate(output):
            if not isinstance(item, dict):
                continue
            is_call = item.get("type") == "function_call"
            if is_whole or not is_call or item.get("status") == "completed":
                news += self._end_item(self._at_end(position, item), item)
        if is_whole:
            for item in self._items:
                call = self._call(item)
                if call is None or not call.get("name"):
                    continue
                if item.has_whole_arguments or is_object(call["arguments"]):
                    item.is_reported = True
                    news.append(call)
        return news

    def output(self, response: Json) -> list[Json]:
        """Return the output of a response that has ended: what its end lacks, was streamed.

        Returns the API's items, `[{"type": "message", "content": […], …}, {"type":
        "function_call", "name": …, "arguments": …, …}]`.
        """
        output = response.get("output")
        if not isinstance(output, list) or not any(output):
            return [self._whole(item) for item in self._sorted()]
        return [
            self._whole(self._at_end(position, item))
            if isinstance(item, dict) and _lacks_content(item)
            else item
            for position, item in enumerate(output)
        ]

    def _keep(self, place: _Part | _Item, piece: str) -> None:
        """Add a piece of a text or of arguments."""
        if self._size < MAX_CHARACTERS:
            self._size += len(piece)
            (place.pieces if isinstance(place, _Part) else place.arguments).append(piece)

    def _item(self, event: Json, item_type: str, *, is_new: bool = False) -> _Item:
        """Return the item of a type that an event is about."""
        names, index = _names(event), event.get("output_index")
        index = index if isinstance(index, int) else None
        for name in names:
            if (item := self._by_name.get(name)) is not None and not _is_another(item, event):
                return self._linked(item, names, index)
        item = self._by_index.get(index) if index is not None else None
        if index is None and not names:
            item = self._last
        if item is None or item.is_done or not item.may_be(item_type) or (is_new and item.data):
            item = self._made(index)
        elif names and item.names:
            # Another name than before: another item.
            item = self._made(index)
        return self._linked(item, names, index)

    def _made(self, index: int | None) -> _Item:
        """Return a new item."""
        item = _Item(index)
        if len(self._items) < _MAX_ITEMS:
            self._items.append(item)
        return item

    def _linked(self, item: _Item, names: list[str], index: int | None) -> _Item:
        """Return an item, which is found by these from now on."""
        for name in names:
            self._by_name[name] = item
            item.names.add(name)
        if index is not None:
            self._by_index[index] = item
            item.index = index if item.index is None else item.index
        if item is not self._last:
            self._last, self._place = item, ()
        return item

    def _at_end(self, position: int, item: Json) -> _Item:
        """Return the item that stands at a position in the output of the response."""
        names, item_type = _names({"item": item}), str(item.get("type") or "message")
        for name in names:
            if (known := self._by_name.get(name)) is not None:
                return known
        ordered = self._sorted()
        known = ordered[position] if position < len(ordered) else None
        if known is not None and known.may_be(item_type) and not (names and known.names):
            return self._linked(known, names, known.index)
        # Some servers give items other ids at the end.
        gone = [old for old in self._items if old.names and not old.names & self._at_the_end]
        same = (old for old in gone if names and old.may_be(item_type) and _is_begun(old, item))
        return self._linked(next(same, None) or self._made(position), names, position)

    def _begin_item(self, event: Json) -> Additions:
        """Take the beginning of an item."""
        if not isinstance(item := event.get("item"), dict):
            return []
        known = self._item(event, str(item.get("type")), is_new=True)
        known.data = {**item, **known.data}
        is_whole = item.get("status") == "completed" and is_object(str(item.get("arguments")))
        return self._end_item(known, item) if is_whole else []

    def _end_item(self, known: _Item, item: Json) -> Additions:
        """Take an item that is whole."""
        self._place = ()
        if isinstance(function := item.get("function"), dict):
            # As chat completions have it.
            item = {**item, **function}
        known.data |= {key: value for key, value in item.items() if value not in _EMPTY}
        if item.get("type") == "function_call":
            if item.get("status") in _NOT_WHOLE:
                return []
            known.is_done = True
            if (call := self._call(known)) is None:
                return []
            known.is_reported = True
            return [call]
        known.is_done = True
        return list(self._missing_texts(known, item))

    def _missing_texts(self, known: _Item, item: Json) -> Iterator[str]:
        """Yield the texts of a message that were not streamed."""
        streamed = [
            (index, key, text)
            for index, part in enumerate(objects_in(item.get("content")))
            for key in ("transcript", "text")
            if isinstance(text := part.get(key), str) and text
        ]
        parts = sorted(known.parts, key=lambda part: part.index)
        if len(parts) != len(streamed):
            by_index = {part.index: part for part in parts}
            aligned = [by_index.get(index) for index, _, _ in streamed]
        else:
            aligned = list(parts)
        for (index, key, text), part in zip(streamed, aligned, strict=True):
            place = known.part(index, key) if part is None else part
            yield from self._complete(place, text)

    def _complete(self, part: _Part, text: str) -> Iterator[str]:
        """Yield what a part lacks of its whole text."""
        before, part.is_done = part.text, True
        self._place = ()
        if text.startswith(before) and len(text) > len(before) and self._size < MAX_CHARACTERS:
            self._keep(part, text[len(before) :])
            yield text[len(before) :]

    def _end_text(self, event: Json, key: str) -> Additions:
        """Take the end of a text, with the whole of it."""
        text = event.get(key) or event.get("transcript") or event.get("text")
        item, index = self._item(event, "message"), _content_index(event)
        part = item.current.get(index)
        if part is None or part.key != key:
            part = item.part(index, key)
        return list(self._complete(part, text if isinstance(text, str) else ""))

    def _take_part(self, event: Json) -> Additions:
        """Take a content part, whose text may have come before."""
        if not isinstance(part := event.get("part"), dict):
            return []
        for key in ("transcript", "text"):
            if isinstance(text := part.get(key), str) and text:
                return self._end_text({**event, key: text}, key)
        return []

    def _end_arguments(self, event: Json) -> None:
        """Take the end of the arguments of a function call."""
        item = self._item(event, "function_call")
        names = {key: event[key] for key in ("call_id", "name") if event.get(key)}
        item.data = {"type": "function_call", **item.data, **names}
        item.has_whole_arguments = True
        if (arguments := event.get("arguments")) and isinstance(arguments, str):
            item.arguments = []
            self._keep(item, arguments)

    @staticmethod
    def _call(item: _Item) -> Json | None:
        """Return a function call with its arguments as text; None if it was passed on."""
        data = item.data
        if data.get("type") != "function_call" or item.is_reported:
            return None
        return {"status": "completed", **data, "arguments": _arguments(item)}

    def _sorted(self) -> list[_Item]:
        """Return the items in order: by their index, then by their arrival."""
        return sorted(
            self._items, key=lambda item: float("inf") if item.index is None else item.index
        )

    def _whole(self, item: _Item) -> Json:
        """Return an item with what was streamed of it."""
        data = item.data
        if data.get("type") == "function_call" or item.arguments:
            return {"type": "function_call", **data, "arguments": _arguments(item)}
        if not item.parts or not _lacks_content(data):
            return data
        name = next((name for name, known in self._by_name.items() if known is item), None)
        kinds = {"text": "output_text", "transcript": "output_audio"}
        content = [
            {"type": kinds[part.key], part.key: part.text}
            for part in sorted(item.parts, key=lambda part: part.index)
        ]
        base = {"id": name, "type": "message", "role": "assistant", "status": "completed"}
        return {**base, **data, "content": content}


def _is_another(streamed: _Item, event: Json) -> bool:
    """Return whether an event is about another call than an item of the same id."""
    item = event.get("item")
    call_id = item.get("call_id") if isinstance(item, dict) else event.get("call_id")
    known = streamed.data.get("call_id")
    return streamed.is_done and bool(call_id) and bool(known) and call_id != known


def _is_begun(known: _Item, item: Json) -> bool:
    """Return whether an item so far is the beginning of an item of the response."""
    if item.get("type") == "function_call":
        arguments = _arguments(_Item(None, item))
        is_same = are_no_arguments(arguments) or is_same_object(arguments, _arguments(known))
        return is_same and known.data.get("name", item.get("name")) == item.get("name")
    texts = (part.get("transcript") or part.get("text") for part in objects_in(item.get("content")))
    text = "".join(part.text for part in known.parts)
    return bool(text) and "".join(map(str, texts)).startswith(text)


def _content_index(event: Json) -> int:
    """Return the index of the content part that an event is about."""
    index = event.get("content_index")
    return index if isinstance(index, int) else 0


def _names(event: Json) -> list[str]:
    """Return the ids of the item that an event is about."""
    item = event.get("item")
    within = [item.get("id"), item.get("call_id")] if isinstance(item, dict) else []
    ids = [event.get("item_id"), event.get("call_id"), *within]
    return [name for name in ids if isinstance(name, str) and name]


def _lacks_content(item: Json) -> bool:
    """Return whether an item has neither texts nor arguments."""
    if item.get("type") == "function_call":
        return are_no_arguments(item.get("arguments"))
    parts = objects_in(item.get("content"))
    return item.get("type", "message") == "message" and not any(
        part.get("text") or part.get("transcript") for part in parts
    )


def _arguments(item: _Item) -> str:
    """Return the arguments of a function call as text."""
    complete, streamed = item.data.get("arguments"), "".join(item.arguments)
    if is_object(streamed) and are_no_arguments(complete):
        return streamed
    if isinstance(complete, dict):
        return orjson.dumps(complete).decode()
    if not isinstance(complete, str) or (not is_object(complete) and is_object(streamed)):
        return streamed
    return complete or streamed
