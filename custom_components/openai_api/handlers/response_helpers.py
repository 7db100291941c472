"""Adds joined texts and parsed JSON to the API's objects, and checks their structure."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import chain, islice
import re
from typing import Any

import orjson

from ..exceptions import ErrorSettings, StructureIgnored, ToolCallIncomplete, sanitize
from ..statuses import cut_reason
from ..streaming.answer_forms import text_in
from ..streaming.answer_objects import objects_in
from ..types import Json
from .schemas import mismatch

_THOUGHTS = re.compile(
    r"\A\s*(?:<((?:\w+:)?(?:think|thinking|thought|reasoning))>.*?</\1>|\[THINK\].*?\[/THINK\]|◁think▷.*?◁/think▷)"
    r"|\A.*?</think>|\A.*<\|channel\|>final<\|message\|>",
    re.DOTALL | re.IGNORECASE,
)
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*\r?\n?(.*?)(?:\1|\Z)", re.DOTALL)
_WIDEST_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*\r?\n?(.*)\1", re.DOTALL)
"""For texts in the JSON that have fences of their own."""
_MARK = re.compile(r"(?:<\|\w+\|>|</s>|<end_of_turn>)\Z")
"""Special tokens of models that some servers leave in the text."""
_LONGEST_MARK = 64
_MAX_FENCES = 20
_MAX_SHOWN = 200
_TEXT_TYPES = ("output_text", "text")
"""What hosts call the text in a message of a response."""


def _content_parts(response: Json) -> Iterator[Json]:
    """Yield the content parts of the messages in the output of a response."""
    output = response.get("output")
    if isinstance(output, str):
        yield {"type": "output_text", "text": output}
    for item in objects_in([output] if isinstance(output, dict) else output):
        if item.get("type", "message") == "message":
            yield from _parts_of(item.get("content"))


def _parts_of(content: object) -> Iterator[Json]:
    """Yield the parts in the content of a message; a text is a part, too."""
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield {"type": "output_text", "text": part}
        elif isinstance(part, dict):
            yield part


def _texts(parts: Iterable[Json]) -> Iterator[str]:
    """Yield the texts in content parts, not those of a refusal."""
    for part in parts:
        if part.get("type", "text") in _TEXT_TYPES and (text := text_in(part)) is not None:
            yield text


def add_output_text(response: Json) -> Json:
    """Return a model response with all of its text.

    Returns `{"output_text": …, …}`: the API's object, the texts joined without a separator.
    """
    texts = list(_texts(_content_parts(response)))
    if isinstance(output_text := response.get("output_text"), str) and (output_text or not texts):
        return response
    return {**response, "output_text": "".join(texts)}


def add_parsed(response: Json) -> Json:
    """Return a model response with the JSON in its texts and function calls.

    Returns `{"output_parsed": …, "output_text": …, …}`: the API's object, in which text parts have
    `parsed` and function calls `parsed_arguments`. Each is None where there is no JSON.
    """
    # A streamed response has been fired as an event, whose data must not change.
    response, parsed = deepcopy(response), None
    for part in _content_parts(response):
        if part.get("type", "text") in _TEXT_TYPES:
            part["parsed"] = load(text_in(part))
            parsed = part["parsed"] if parsed is None else parsed
    for item in objects_in(response.get("output")):
        if item.get("type") == "function_call":
            item["parsed_arguments"] = load(item.get("arguments"))
    response = add_output_text(response)
    # Some servers cut one text into several.
    parsed = load(response.get("output_text")) if parsed is None else parsed
    return {"output_parsed": parsed, **response}


def add_parsed_messages(completion: Json) -> Json:
    """Return a chat completion with the JSON in its messages and function calls.

    Returns the API's `chat.completion`, in which messages have `parsed` and the functions of tool
    calls `parsed_arguments`. Each is None where there is no JSON.
    """
    completion = deepcopy(completion)
    for choice in objects_in(completion.get("choices")):
        if not isinstance(message := choice.get("message"), dict):
            continue
        message["parsed"] = load(_text_of(message.get("content")))
        for call in objects_in(message.get("tool_calls")):
            if isinstance(function := call.get("function"), dict):
                function["parsed_arguments"] = load(function.get("arguments"))
    return completion


def load(value: object) -> Any:
    """Return the JSON in a text; None where there is none, as in a refusal.

    Reasoning before it and a Markdown fence around it are ignored. An object or a list is returned
    as it is.
    """
    if not isinstance(value, str):
        return value if isinstance(value, dict | list) else None
    bare = _bare(value)
    fences = chain(islice(_FENCE.finditer(bare), _MAX_FENCES), _WIDEST_FENCE.finditer(bare))
    for text in (value, bare, bare.strip("` \n"), *(match[2] for match in fences)):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
    return None


def _bare(text: str) -> str:
    """Return a text without a model's own marks and thoughts."""
    bare = text.strip().removeprefix("\ufeff")
    if (mark := _MARK.search(bare[-_LONGEST_MARK:])) is not None:
        bare = bare[: -len(mark[0])]
    # Looking for thoughts takes long where a text begins with some that have no end.
    if any(mark in bare for mark in ("</", "[/", "<|", "◁/")):
        bare = _THOUGHTS.sub("", bare, count=1)
    return bare


def _text_of(content: object) -> object:
    """Return the text in the content of a message, which may be a list of parts."""
    return "".join(_texts(_parts_of(content))) if isinstance(content, list) else content


def check_response(_: Mapping[str, Any], response: Json, settings: ErrorSettings) -> None:
    """Raise ToolCallIncomplete if a completed response ends within the arguments of a call."""
    if response.get("status", "completed") != "completed":
        return
    for item in objects_in(response.get("output")):
        if item.get("type") == "function_call" and item.get("status", "completed") == "completed":
            _check_arguments(item, settings)


def check_parsed(data: Mapping[str, Any], response: Json, settings: ErrorSettings) -> None:
    """Raise ToolCallIncomplete, or StructureIgnored if a response lacks the requested structure.

    A refusal, a tool call and an incomplete response are allowed.
    """
    check_response(data, response, settings)
    if response.get("status", "completed") != "completed":
        return
    text = data.get("text")
    form = _form(text.get("format") if isinstance(text, dict) else None)
    output = objects_in(response.get("output"))
    if form is None or any(str(item.get("type")).endswith("_call") for item in output):
        return
    parts = list(_content_parts(response))
    if any(part.get("type") == "refusal" for part in parts):
        return
    texts = list(_texts(parts))
    # Some servers cut one text into several.
    texts = [*texts, "".join(texts)]
    if any(_fits(form, text) for text in texts):
        return
    if output:
        raise _ignored(form, next(iter(texts), ""), settings)


def check_completion(_: Mapping[str, Any], completion: Json, settings: ErrorSettings) -> None:
    """Raise ToolCallIncomplete if a completed message ends within the arguments of a call."""
    for choice in objects_in(completion.get("choices")):
        message = choice.get("message")
        if cut_reason(choice.get("finish_reason")) or not isinstance(message, dict):
            continue
        for call in objects_in(message.get("tool_calls")):
            if isinstance(function := call.get("function"), dict):
                _check_arguments(function, settings)
        if isinstance(function := message.get("function_call"), dict):
            _check_arguments(function, settings)


def check_parsed_messages(
    data: Mapping[str, Any], completion: Json, settings: ErrorSettings
) -> None:
    """Raise ToolCallIncomplete, or StructureIgnored if a message lacks the requested structure.

    A refusal, a tool call and an incomplete message are allowed.
    """
    check_completion(data, completion, settings)
    asked = data.get("response_format")
    form = _form(asked)
    if form is None:
        return
    for choice in objects_in(completion.get("choices")):
        message = choice.get("message")
        if cut_reason(choice.get("finish_reason")) or not isinstance(message, dict):
            continue
        if message.get("tool_calls") or message.get("function_call") or message.get("refusal"):
            continue
        text = _text_of(message.get("content"))
        if not _fits(form, text):
            raise _ignored(form, text if isinstance(text, str) else "", settings)


def _check_arguments(call: Json, settings: ErrorSettings) -> None:
    """Raise ToolCallIncomplete if the arguments of a call are not complete JSON."""
    arguments = call.get("arguments")
    if not isinstance(arguments, str) or not arguments.strip():
        return
    try:
        orjson.loads(arguments)
    except orjson.JSONDecodeError:
        name = call.get("name")
        raise ToolCallIncomplete(
            name=sanitize(name[:_MAX_SHOWN], settings) if isinstance(name, str) else "function",
            arguments=sanitize(arguments[-_MAX_SHOWN:], settings),
        ) from None


def _form(asked: object) -> Json | None:
    """Return the JSON Schema of the requested structure, None if it is not JSON."""
    if not isinstance(asked, dict):
        return None
    if asked.get("type") == "json_object":
        return {"type": "object"}
    if asked.get("type") != "json_schema":
        return None
    within = asked.get("json_schema")
    schema = within.get("schema") if isinstance(within, dict) else asked.get("schema")
    return schema if isinstance(schema, dict) else {}


def _fits(form: Json, text: object) -> bool:
    """Return whether a text is JSON with a structure."""
    value = load(text)
    if value is None and not (isinstance(text, str) and text.strip() == "null"):
        return False
    return mismatch(form, value) is None


def _ignored(form: Json, text: str, settings: ErrorSettings) -> StructureIgnored:
    """Return the error for a response with another structure."""
    value = load(text)
    # What is no JSON at all is another value at the root.
    reason = (value is not None and mismatch(form, value)) or "$"
    start = " ".join(text.split())
    start = f"{start[:_MAX_SHOWN]}…" if len(start) > _MAX_SHOWN else start
    return StructureIgnored(reason=sanitize(reason, settings), start=sanitize(start, settings))
