"""Accumulates the events of a model response."""

from typing import Any

import orjson

from ..statuses import is_known_end
from ..types import Json
from .answer_forms import adapt
from .base import AnswerError, StreamAccumulator
from .chat import ChatCompletionAccumulator
from .tool_calls import are_no_arguments, is_object

_FINAL = frozenset(
    {
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
        "response.done",
    }
)
_BEGINNINGS = frozenset({"response.created", "response.queued", "response.in_progress"})


class ResponseAccumulator(StreamAccumulator):
    """The last event of a model response has the whole of it.

    If it lacks the output, or is missing, the output is made of the items that were streamed.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._base: Json = {}
        self._final: Json | None = None
        self._items: dict[object, Json] = {}
        self._open: dict[object, Json] = {}
        self._item: object = None
        self._part: object = None
        """The content part of the last text delta, within `_item`."""
        self._deltas: dict[object, dict[object, list[str]]] = {}
        """The text deltas by item and part."""
        self._add_delta = self._deltas.setdefault(None, {}).setdefault(None, []).append
        self._texts: dict[object, dict[object, str]] = {}
        """The texts by item and part."""
        self._parts: dict[object, dict[object, Json]] = {}
        """The complete content parts, by item and part."""
        self._arguments: dict[object, list[str]] = {}
        self._chunks: ChatCompletionAccumulator | None = None
        """The chunks of a chat completion, which some gateways send instead."""

    def add(self, event: Json) -> None:
        """Add the next event; raises AnswerError for an event that is an error."""
        event_type = event.get("type")
        if event_type == "response.output_text.delta":
            try:
                # Nearly all deltas belong to the same part as the one before.
                if event["output_index"] != self._item or event["content_index"] != self._part:
                    self._begin_part(event)
            except KeyError:
                self._begin_part(event)
            self._add_delta(event["delta"] if "delta" in event else event.get("text") or "")
        elif event_type in _FINAL:
            self._end(event)
        elif event_type == "response.output_item.done":
            self._add_item(event)
        elif event_type in _BEGINNINGS:
            if isinstance(response := event.get("response"), dict):
                self._base = response
        elif event_type == "response.error":
            raise AnswerError(event)
        elif event_type is None and event.get("object") == "response":
            # The whole object in the only event.
            self._final, self.is_complete = event, True
        else:
            self._add_piece(event_type, event)

    def _add_piece(self, event_type: object, event: Json) -> None:
        """Add the next event about a part of an item."""
        match event_type:
            case "response.output_item.added":
                if isinstance(item := event.get("item"), dict):
                    self._open[_key(event)] = item
            case "response.function_call_arguments.delta":
                self._arguments.setdefault(_key(event), []).append(event.get("delta") or "")
            case "response.function_call_arguments.done":
                if arguments := event.get("arguments"):
                    whole = (
                        arguments
                        if isinstance(arguments, str)
                        else orjson.dumps(arguments).decode()
                    )
                    self._arguments[_key(event)] = [whole]
            case "response.output_text.done":
                texts = self._texts.setdefault(_key(event), {})
                texts[event.get("content_index")] = event.get("text") or ""
            case "response.content_part.added":
                part = event.get("part")
                if isinstance(part, dict) and _texts_of({"content": [part]}):
                    # A part that is whole at once.
                    self._parts.setdefault(_key(event), {}).setdefault(
                        event.get("content_index"), part
                    )
            case "response.content_part.done":
                if isinstance(part := event.get("part"), dict):
                    self._parts.setdefault(_key(event), {})[event.get("content_index")] = part
            case "response.refusal.delta":
                parts = self._parts.setdefault(_key(event), {})
                before = parts.get(event.get("content_index"), {}).get("refusal") or ""
                refusal = f"{before}{event.get('delta') or ''}"
                parts[event.get("content_index")] = {"type": "refusal", "refusal": refusal}
            case "response.refusal.done":
                part = {"type": "refusal", "refusal": event.get("refusal")}
                self._parts.setdefault(_key(event), {})[event.get("content_index")] = part
            case None if "choices" in event:
                self._chunks = self._chunks or ChatCompletionAccumulator()
                self._chunks.add(event)
                self.is_complete = self._chunks.is_complete

    def _begin_part(self, event: Json) -> None:
        """Switch to the content part of a text delta."""
        self._item, self._part = event.get("output_index"), event.get("content_index")
        parts = self._deltas.setdefault(_key(event), {})
        self._add_delta = parts.setdefault(self._part, []).append

    def _end(self, event: Json) -> None:
        """Add the last event."""
        response = event.get("response")
        if not isinstance(response, dict):
            if not isinstance(event.get("output"), list):
                response = {} if self._items or self._joined_texts() else None
            else:
                response = {key: value for key, value in event.items() if key != "type"}
        if response is not None:
            status = str(event["type"]).rpartition(".")[2].replace("done", "completed")
            if "id" not in response:
                response = {**self._base, "status": status, **response}
            reported = response.get("status")
            if not isinstance(reported, str) or not is_known_end(reported):
                # Some servers repeat the response of the first event, or leave the status out.
                response = {**response, "status": status}
            self._final, self.is_final, self.is_complete = response, True, True

    def _add_item(self, event: Json) -> None:
        """Add a complete item."""
        item, key = event["item"], _key(event)
        self._open.pop(key, None)
        if not isinstance(item, dict):
            raise TypeError(item)
        old = self._items.get(key)
        if key is None or (old is not None and _is_another(old, item)):
            # Some servers give every item the same index.
            key = (key, len(self._items))
        self._items[key] = item

    def result(self, *, ended: bool) -> Json | None:
        """Return the API's `response`, or None if it is not complete."""
        if (final := self._final) is not None:
            return self._completed(final)
        if self._chunks is not None and not self._items:
            whole = self._chunks.result(ended=ended)
            return None if whole is None else adapt("responses.create", whole)
        if not ended and (self._open or not self._items):
            return None
        output = self._output()
        if not output or output[-1].get("type") == "reasoning" or any(map(_is_cut, output)):
            return None
        status = self._base.get("status")
        if not isinstance(status, str) or not is_known_end(status):
            status = "completed"
        return {"object": "response", **self._base, "status": status, "output": output}

    def _completed(self, final: Json) -> Json:
        """Return what the last event holds, with what was streamed where that lacks it."""
        output = final.get("output")
        if not isinstance(output, list) or not _says_something(output):
            streamed = self._output()
            return (
                {**final, "output": streamed}
                if streamed and (not output or _says_something(streamed))
                else final
            )
        if not any(map(_lacks_arguments, output)):
            return final
        calls = {
            _name(item): item
            for item in self._output()
            if not are_no_arguments(item.get("arguments"))
        }
        filled = [
            calls.get(_name(item), item) if _lacks_arguments(item) else item for item in output
        ]
        return {**final, "output": filled}

    def _output(self) -> list[Json]:
        """Return the items that were streamed, in order."""
        items, texts = {**self._open, **self._items}, self._joined_texts()
        kinds = [item.get("type", "message") for item in items.values()]
        for key in (*texts, *self._parts):
            # The texts are those of the only message, whatever they are labelled with.
            if key not in items and kinds != ["message"]:
                items[key] = {"type": "message", "role": "assistant", "status": "completed"}
        keys = sorted(items, key=_order)
        return [self._filled(key, items[key], texts, is_only=len(items) == 1) for key in keys]

    def _joined_texts(self) -> dict[object, dict[object, str]]:
        """Return the texts that were streamed, by item and part."""
        joined: dict[object, dict[object, str]] = {
            key: {part: "".join(map(_text_in, pieces)) for part, pieces in parts.items() if pieces}
            for key, parts in self._deltas.items()
            if any(parts.values())
        }
        for key, parts in self._texts.items():
            joined[key] = {**joined.get(key, {}), **parts}
        return joined

    def _filled(
        self,
        key: object,
        item: Json,
        texts: dict[object, dict[object, str]],
        *,
        is_only: bool,
    ) -> Json:
        """Return an item, completed by the deltas of it."""
        item_type = item.get("type")
        if item_type == "message" and not _texts_of(item):
            parts = texts.get(key) or (next(iter(texts.values()), {}) if is_only else {})
            whole = self._parts.get(key) or (
                next(iter(self._parts.values()), {}) if is_only else {}
            )
            content = {
                part: {"type": "output_text", "text": text, "annotations": []}
                for part, text in parts.items()
            } | {part: value for part, value in whole.items() if _texts_of({"content": [value]})}
            if _texts_of({"content": list(content.values())}):
                return {
                    **item,
                    "content": [value for _, value in sorted(content.items(), key=_part_order)],
                }
        if _lacks_arguments(item):
            pieces = self._arguments.get(key) or (
                next(iter(self._arguments.values()), []) if is_only else []
            )
            return {**item, "arguments": "".join(pieces) or item.get("arguments") or ""}
        return item


def _text_in(piece: object) -> str:
    """Return the text of a delta, which some servers send as an object."""
    text = piece.get("text") if isinstance(piece, dict) else piece
    return text if isinstance(text, str) else ""


def _name(item: Json) -> object:
    """Return the id of an item."""
    return item.get("id") or item.get("call_id")


def _is_another(old: Json, item: Json) -> bool:
    """Return whether an item is another one than that of the same index."""
    return _name(old) != _name(item) or (_name(item) is None and old != item)


def _lacks_arguments(item: object) -> bool:
    """Return whether this is a function call without arguments."""
    return (
        isinstance(item, dict)
        and item.get("type") == "function_call"
        and are_no_arguments(item.get("arguments"))
    )


def _key(event: Json) -> object:
    """Return the key of the item that an event is about."""
    key = event.get("output_index", event.get("item_id"))
    return key if key is None or isinstance(key, int | str) else str(key)


def _order(key: object) -> tuple[float, float]:
    """Return the sort key of an item: by its index, then by its arrival."""
    first, second = key if isinstance(key, tuple) else (key, -1)
    return (first if isinstance(first, int) else float("inf"), second)


def _part_order(part: tuple[object, Any]) -> int:
    """Return the sort key of a content part."""
    return part[0] if isinstance(part[0], int) else 0


def _texts_of(item: Json) -> list[str]:
    """Return the texts of a message, refusals included."""
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") or part.get("refusal") for part in parts if isinstance(part, dict)]
    return [text for text in texts if isinstance(text, str) and text]


def _says_something(output: object) -> bool:
    """Return whether an output has more than empty messages and reasoning."""
    items = output if isinstance(output, list) else []
    return any(
        not isinstance(item, dict)
        or item.get("type") not in ("message", "reasoning")
        or _texts_of(item)
        for item in items
    )


def _is_cut(item: Json) -> bool:
    """Return whether an item is a function call with incomplete arguments."""
    arguments = item.get("arguments")
    return (
        item.get("type") == "function_call"
        and isinstance(arguments, str)
        and bool(arguments.strip())
        and not is_object(arguments)
    )
