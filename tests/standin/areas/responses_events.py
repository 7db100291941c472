"""The event sequence of a response, for event streams and WebSockets alike."""

from __future__ import annotations

from collections.abc import Iterator

from tests.standin.answers import pieces
from tests.standin.wire import Json


def events(final: Json, *, queued: bool = False) -> Iterator[Json]:
    """Yield the numbered events that lead to a finished response."""
    for number, event in enumerate(_unnumbered(final, queued)):
        yield {"type": event.pop("type"), "sequence_number": number, **event}


def _unnumbered(final: Json, queued: bool) -> Iterator[Json]:
    """Yield the events of a response in order."""
    begun = {**final, "status": "in_progress", "output": [], "usage": None}
    begun |= {"completed_at": None, "incomplete_details": None}
    if queued:
        waiting = {**begun, "status": "queued"}
        yield {"type": "response.created", "response": waiting}
        yield {"type": "response.queued", "response": waiting}
    else:
        yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(final["output"]):
        yield from _item(index, item)
    yield {"type": f"response.{final['status']}", "response": final}


def _item(index: int, item: Json) -> Iterator[Json]:
    """Yield the events of one output item."""
    call = item["type"] == "function_call"
    empty: Json = {"arguments": ""} if call else {"content": []}
    added = {**item, "status": "in_progress", **empty}
    yield {"type": "response.output_item.added", "output_index": index, "item": added}
    place = {"item_id": item["id"], "output_index": index}
    if call:
        yield from _arguments(place, item)
    else:
        for number, part in enumerate(item["content"]):
            yield from _text({**place, "content_index": number}, part)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _arguments(place: Json, item: Json) -> Iterator[Json]:
    """Yield the events of a function call's arguments."""
    kind = "response.function_call_arguments"
    for piece in pieces(item["arguments"]):
        yield {"type": f"{kind}.delta", **place, "delta": piece}
    yield {
        "type": f"{kind}.done",
        **place,
        "name": item["name"],
        "arguments": item["arguments"],
    }


def _text(place: Json, part: Json) -> Iterator[Json]:
    """Yield the events of a text part."""
    started = {**part, "text": ""}
    yield {"type": "response.content_part.added", **place, "part": started}
    for piece in pieces(part["text"]):
        yield {
            "type": "response.output_text.delta",
            **place,
            "delta": piece,
            "logprobs": [],
        }
    yield {
        "type": "response.output_text.done",
        **place,
        "text": part["text"],
        "logprobs": [],
    }
    yield {"type": "response.content_part.done", **place, "part": part}
