"""Answers in the form of another method: a chat completion for a response, and so on.

Gateways translate between the APIs, and some send what their provider has sent. The object keeps its
own keys; the keys of the method that was called are added.
"""

from collections.abc import Iterator
import re
from typing import Final

import orjson

from ..statuses import cut_reason
from ..types import Json
from .answer_objects import objects_in

_RESPONSES: Final = frozenset({"responses.create", "beta.responses.create"})
_PICTURES: Final = ("images", "artifacts", "output", "result", "image")
_LISTS: Final = {
    "embeddings.create": ("embeddings", "embedding"),
    "images.create_variation": _PICTURES,
    "images.edit": _PICTURES,
    "images.generate": _PICTURES,
}
"""The other keys of what these methods return in `data`."""
_TRANSCRIPTS: Final = ("text", "transcript", "transcription", "DisplayText")
"""The keys of the text of a transcript."""
_TRANSCRIPTS_WITHIN: Final = ("result", "data", "output")
"""The keys of the text, or of what it is in."""
_EMPTY: Final = frozenset({"combinedPhrases", "output", "result", "results"})
"""Keys of objects whose text may be empty, too."""
_WRAPPINGS: Final = ("segments", "combinedPhrases", "results", "response", "choices", "message")
_OUTCOMES: Final = frozenset(
    {"", "ok", "okay", "success", "succeeded", "done", "error", "fail", "failed", "failure"}
)
"""Words that are no text where they may be a status."""
_FAILED: Final = frozenset(
    {"error", "fail", "failed", "failure", "cancelled", "canceled", "expired", "timeout"}
)
_PENDING: Final = frozenset(
    {"queued", "pending", "submitted", "starting", "running", "processing", "in_progress"}
)
"""What the status of a transcription says that has none, or not yet."""
_STATUSES: Final = ("status", "RecognitionStatus")
_MAX_DEPTH: Final = 6
_MIN_PICTURE_LENGTH: Final = 64
"""Characters of base64: what is shorter is a word such as "error"."""
_BASE64: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_MIN_PICTURE_LENGTH}}}")
_ADDRESSES: Final = ("data:", "http:", "https")


def adapt(method: str, answer: Json) -> Json:
    """Return an answer with the keys of the SDK method that was called.

    Returns `{"output": […], "status": …, …}`, `{"choices": […], …}` or `{"data": […], …}`; the
    answer itself if it has them, or nothing that could become of them.
    """
    if isinstance(only := answer.get("choices"), dict):
        answer = {**answer, "choices": [only]}
    choices = objects_in(answer.get("choices"))
    if method in _RESPONSES:
        if answer.get("output") is None and choices and (output := list(_items(choices))):
            status = _status(choices) if answer.get("status") is None else {}
            return {**answer, **status, "output": output}
    elif method == "chat.completions.create":
        if answer.get("choices") is None and (message := _message(answer)):
            return {**answer, "choices": [_choice(message, answer)]}
        if any(choice.get("message") is None for choice in choices):
            return {**answer, "choices": [_with_message(choice) for choice in choices]}
    elif method in _LISTS:
        return _with_data(answer, _LISTS[method])
    elif method == "moderations.create":
        results = answer if "flagged" in answer else answer.get("results")
        return {**answer, "results": [results]} if isinstance(results, dict) else answer
    elif method == "completions.create":
        if answer.get("choices") is None and (message := _message(answer)):
            choices = [_choice(message, answer)]
        if any(choice.get("text") is None for choice in choices):
            return {**answer, "choices": [_with_text(choice) for choice in choices]}
    return answer


def text_of(content: object) -> str:
    """Return the text of a message's content, which may be a part or a list of parts."""
    parts = content if isinstance(content, list) else [content]
    return "".join(text for part in parts if (text := text_in(part)) is not None)


def text_in(part: object) -> str | None:
    """Return the text of a content part, None if there is none.

    Some servers send the text without an object, in an object or a list of its own, or under the
    type of the part.
    """
    if not isinstance(part, dict):
        return part if isinstance(part, str) else None
    text = part.get("text")
    if isinstance(text, list) and all(isinstance(item, str) for item in text):
        return "".join(text)
    for key in ("value", "text"):
        text = text.get(key, text) if isinstance(text, dict) else text
    if isinstance(text, str):
        return text
    keys = ("content", "output_text") if "text" in str(part.get("type", "text")) else ()
    return next((part[key] for key in keys if isinstance(part.get(key), str)), None)


def _said(choice: Json) -> Json:
    """Return the message in a choice of whatever form."""
    for key in ("message", "delta"):
        if isinstance(message := choice.get(key), dict):
            return message
    text = choice.get("text")
    return {"role": "assistant", "content": text if isinstance(text, str) else None}


def _with_message(choice: Json) -> Json:
    """Return a choice with the message of a chat completion."""
    has_other = isinstance(choice.get("delta"), dict) or isinstance(choice.get("text"), str)
    if choice.get("message") is not None or not has_other:
        return choice
    return {**choice, "message": _said(choice)}


def _with_text(choice: Json) -> Json:
    """Return a choice with the text of a text completion."""
    has_message = any(isinstance(choice.get(key), dict) for key in ("message", "delta"))
    if choice.get("text") is not None or not has_message:
        return choice
    return {**choice, "text": text_of(_said(choice).get("content"))}


def _items(choices: list[Json]) -> Iterator[Json]:
    """Yield the output items of a response for the choices of a completion."""
    for choice in choices:
        message = _said(choice)
        parts: list[Json] = []
        if text := text_of(message.get("content")):
            parts.append({"type": "output_text", "text": text, "annotations": []})
        if isinstance(refusal := message.get("refusal"), str) and refusal:
            parts.append({"type": "refusal", "refusal": refusal})
        if parts:
            status = "incomplete" if cut_reason(choice.get("finish_reason")) else "completed"
            yield {"type": "message", "role": "assistant", "status": status, "content": parts}
        for call in objects_in(message.get("tool_calls")):
            yield from _function_call(call.get("function"), call.get("id"))
        yield from _function_call(message.get("function_call"), None)


def _function_call(function: object, call_id: object) -> Iterator[Json]:
    """Yield the function call of a response for that of a message."""
    if isinstance(function, dict):
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = orjson.dumps(arguments).decode()
        yield {
            "type": "function_call",
            "status": "completed",
            "call_id": call_id,
            "name": function.get("name"),
            "arguments": arguments or "",
        }


def _status(choices: list[Json]) -> Json:
    """Return the status of a response for the choices of a completion."""
    reasons = [
        reason for item in choices if (reason := cut_reason(item.get("finish_reason"))) is not None
    ]
    if not reasons:
        return {"status": "completed"}
    return {"status": "incomplete", "incomplete_details": {"reason": reasons[0]}}


def _message(response: Json) -> Json:
    """Return the message of a chat completion for a response, an empty one if it says nothing."""
    items = objects_in(response.get("output"))
    texts = [text_of(item.get("content")) for item in items if item.get("type") == "message"]
    if not items and isinstance(text := response.get("output_text"), str):
        texts = [text]
    calls = [
        {
            "id": item.get("call_id") or item.get("id"),
            "type": "function",
            "function": {"name": item.get("name"), "arguments": item.get("arguments") or ""},
        }
        for item in items
        if item.get("type") == "function_call"
    ]
    text = "".join(texts)
    if not text and not calls:
        return {}
    message: Json = {"role": "assistant", "content": text or None}
    return {**message, "tool_calls": calls} if calls else message


def _choice(message: Json, response: Json) -> Json:
    """Return the choice of a chat completion with a message."""
    reason = "tool_calls" if "tool_calls" in message else "stop"
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        cause = details.get("reason") if isinstance(details, dict) else None
        reason = "content_filter" if cause == "content_filter" else "length"
    return {"index": 0, "message": message, "finish_reason": reason}


def _with_data(answer: Json, keys: tuple[str, ...]) -> Json:
    """Return an answer whose `data` is a list of objects: embeddings or pictures."""
    objects = answer.get("data")
    if "data" not in answer:
        objects = next((answer[key] for key in keys if answer.get(key)), None)
        if objects is None and keys is _PICTURES:
            messages = [_said(choice) for choice in objects_in(answer.get("choices"))]
            objects = [image for message in messages for image in objects_in(message.get("images"))]
    if isinstance(objects, list) and objects and isinstance(objects[0], dict):
        return answer if "data" in answer else {**answer, "data": objects}
    if isinstance(objects, dict) and not _is_wrapping(objects, keys):
        return {**answer, "data": [objects]}
    values: list[object] = objects if isinstance(objects, list) else [objects]
    if keys is _PICTURES:
        data: list[Json] = [
            {"url" if _is_address(item) else "b64_json": item}
            for item in values
            if isinstance(item, str) and (_is_address(item) or _BASE64.match(item.lstrip()))
        ]
    else:
        vectors = [values] if values and _is_number(values[0]) else values
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
            if isinstance(vector, list) and vector and _is_number(vector[0])
        ]
    return {**answer, "data": data} if data else answer


def _is_wrapping(answer: Json, keys: tuple[str, ...]) -> bool:
    """Return whether an object has the answer in it."""
    return "data" in answer or any(isinstance(answer.get(key), list | dict) for key in keys[:-1])


def _is_address(text: str) -> bool:
    """Return whether a text is a URL."""
    return text[:5].lower() in _ADDRESSES


def _is_number(value: object) -> bool:
    """Return whether this is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def transcript_in(answer: object, depth: int = 0) -> str | None:
    """Return the text of a transcript of whatever form, None if there is none.

    Silence is an empty text: `text` that is null, or no segments.
    """
    if isinstance(answer, str):
        return answer if (inner := _inner_transcript(answer, depth)) is None else inner
    if isinstance(answer, list) and depth < _MAX_DEPTH:
        texts = [transcript_in(item, depth + 1) for item in answer]
        known = [text for text in texts if text is not None]
        return _joined(known) if len(known) == len(answer) else None
    if not isinstance(answer, dict) or depth >= _MAX_DEPTH:
        return None
    statuses = {str(answer.get(key)).lower() for key in _STATUSES}
    if not statuses.isdisjoint(_FAILED):
        return None
    is_silent, is_pending = False, not statuses.isdisjoint(_PENDING)
    for key in (*_TRANSCRIPTS, *_TRANSCRIPTS_WITHIN, *_WRAPPINGS, "content"):
        if key not in answer or not _may_hold(key, value := answer[key], depth):
            continue
        if is_pending and key not in _TRANSCRIPTS:
            continue
        text = str(value) if _is_number(value) else transcript_in(value, depth + 1)
        if text:
            return text
        is_empty = text is not None and (key in ("segments", "data") or (key in _EMPTY and value))
        is_silent = is_silent or (key in _TRANSCRIPTS and value in (None, "")) or is_empty
    return "" if is_silent and not is_pending else None


def _inner_transcript(text: str, depth: int) -> str | None:
    """Return the text of a transcript that a server put into a text as JSON, None for others."""
    if text[:1] not in ("{", "[") or depth >= _MAX_DEPTH:
        return None
    try:
        return transcript_in(orjson.loads(text), depth + 1)
    except orjson.JSONDecodeError:
        return None


def _may_hold(key: str, value: object, depth: int) -> bool:
    """Return whether what an object has under a key can be, or hold, a transcript."""
    if key in _TRANSCRIPTS:
        return True
    if key in _TRANSCRIPTS_WITHIN and isinstance(value, str):
        return value.strip().lower() not in _OUTCOMES and not _is_address(value)
    # Only that of a message is its text.
    return isinstance(value, dict | list) or (key == "content" and depth > 0)


def _joined(texts: list[str]) -> str:
    """Return the texts of segments as one: most servers leave the space between them in the text."""
    joined = ""
    for text in texts:
        needs_space = joined[-1:].isascii() and joined[-1:].strip() and text[:1].strip()
        joined += f" {text}" if needs_space and text[:1].isascii() else text
    return joined
