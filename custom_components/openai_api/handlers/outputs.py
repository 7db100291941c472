"""Adds to the API's objects what people reach for, as the vendor's own SDKs do."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson

from ..model import Json


def _objects(value: Any) -> Iterator[Json]:
    """Yield the objects in a list, none where a host sends something else in its place."""
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _parts(response: Json) -> Iterator[Json]:
    """Yield the parts of the messages that a response has put out."""
    for item in _objects(response.get("output")):
        if item.get("type") == "message":
            yield from _objects(item.get("content"))


def add_output_text(response: Json) -> Json:
    """Add `output_text`: all the text of the answer, in one piece."""
    texts = [
        part["text"]
        for part in _parts(response)
        if part.get("type") == "output_text" and isinstance(part.get("text"), str)
    ]
    return {"output_text": "".join(texts), **response}


def add_parsed(response: Json) -> Json:
    """Add `output_parsed`, and what it came from: the JSON in the texts and in tool calls."""
    # A streamed response is on the bus by now, and is not to change there.
    response, parsed = deepcopy(response), None
    for part in _parts(response):
        if part.get("type") == "output_text":
            part["parsed"] = _load(part.get("text"))
            parsed = part["parsed"] if parsed is None else parsed
    for item in _objects(response.get("output")):
        if item.get("type") == "function_call":
            item["parsed_arguments"] = _load(item.get("arguments"))
    return {"output_parsed": parsed, **add_output_text(response)}


def add_parsed_messages(completion: Json) -> Json:
    """Add `parsed` to every message: the JSON in its text, and in its tool calls."""
    completion = deepcopy(completion)
    for choice in _objects(completion.get("choices")):
        if not isinstance(message := choice.get("message"), dict):
            continue
        message["parsed"] = _load(message.get("content"))
        for call in _objects(message.get("tool_calls")):
            if isinstance(function := call.get("function"), dict):
                function["parsed_arguments"] = _load(function.get("arguments"))
    return completion


def _load(text: object) -> Any:
    """Return the JSON in a text; None where there is none, as in a refusal."""
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None
