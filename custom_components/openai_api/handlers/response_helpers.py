"""Adds to the API's objects what people reach for, and looks whether they are what was asked for."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import chain, islice
import re
from typing import Any

import orjson

from ..exceptions import api_error
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
"""What some hosts leave of a model's own marks."""
_LONGEST_MARK = 64
_MOST_FENCES = 20
_ENDED_WHOLE = ("stop", "tool_calls", "function_call")
"""The reasons to finish of an answer that is not cut."""
_SHOWN = 200
_TEXT_TYPES = ("output_text", "text")
"""What hosts call the text in a message of a response."""


def _iter_objects(value: Any) -> Iterator[Json]:
    """Yield the objects in a list, none where a host sends something else in its place."""
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _content_parts(response: Json) -> Iterator[Json]:
    """Yield the parts of the messages that a response has put out."""
    output = response.get("output")
    if isinstance(output, str):
        yield {"type": "output_text", "text": output}
    for item in _iter_objects([output] if isinstance(output, dict) else output):
        if item.get("type", "message") == "message":
            if isinstance(content := item.get("content"), str):
                yield {"type": "output_text", "text": content}
            yield from _iter_objects(content)


def add_output_text(response: Json) -> Json:
    """Add `output_text`: all the text of the answer, in one piece."""
    texts = [
        part["text"]
        for part in _content_parts(response)
        if part.get("type") in _TEXT_TYPES and isinstance(part.get("text"), str)
    ]
    return {"output_text": "".join(texts), **response}


def add_parsed(response: Json) -> Json:
    """Add `output_parsed`, and what it came from: the JSON in the texts and in tool calls."""
    # A streamed response is on the bus by now, and is not to change there.
    response, parsed = deepcopy(response), None
    for part in _content_parts(response):
        if part.get("type") in _TEXT_TYPES:
            part["parsed"] = load(part.get("text"))
            parsed = part["parsed"] if parsed is None else parsed
    for item in _iter_objects(response.get("output")):
        if item.get("type") == "function_call":
            item["parsed_arguments"] = load(item.get("arguments"))
    return {"output_parsed": parsed, **add_output_text(response)}


def add_parsed_messages(completion: Json) -> Json:
    """Add `parsed` to every message: the JSON in its text, and in its tool calls."""
    completion = deepcopy(completion)
    for choice in _iter_objects(completion.get("choices")):
        if not isinstance(message := choice.get("message"), dict):
            continue
        message["parsed"] = load(_text_of(message.get("content")))
        for call in _iter_objects(message.get("tool_calls")):
            if isinstance(function := call.get("function"), dict):
                function["parsed_arguments"] = load(function.get("arguments"))
    return completion


def load(value: object) -> Any:
    """Return the JSON in a text; None where there is none, as in a refusal.

    It may stand in a fence of backticks, and behind the thoughts of a model. What is an object
    or a list already stays as it is.
    """
    if not isinstance(value, str):
        return value if isinstance(value, dict | list) else None
    bare = _bare(value)
    fences = chain(islice(_FENCE.finditer(bare), _MOST_FENCES), _WIDEST_FENCE.finditer(bare))
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
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in _iter_objects(content) if part.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def check_response(_: Mapping[str, Any], response: Json) -> None:
    """Raise `call_cut` if a response that is called complete breaks off within a tool call."""
    if response.get("status", "completed") != "completed":
        return
    for item in _iter_objects(response.get("output")):
        if item.get("type") == "function_call" and item.get("status", "completed") == "completed":
            _check_arguments(item)


def check_parsed(data: Mapping[str, Any], response: Json) -> None:
    """Raise `call_cut`, or `form_ignored` if a response has not the form that was asked for.

    A refusal, a tool call and an answer that was cut are none of a host that ignores the form.
    """
    check_response(data, response)
    if response.get("status", "completed") != "completed":
        return
    text = data.get("text")
    form = _form(text.get("format") if isinstance(text, dict) else None)
    output = list(_iter_objects(response.get("output")))
    if form is None or any(str(item.get("type")).endswith("_call") for item in output):
        return
    parts = list(_content_parts(response))
    if any(part.get("type") == "refusal" for part in parts):
        return
    texts = [part.get("text") for part in parts if part.get("type") in _TEXT_TYPES]
    if any(_fits(form, text) for text in texts):
        return
    if output:
        raise _ignored(form, next((text for text in texts if isinstance(text, str)), ""))


def check_completion(_: Mapping[str, Any], completion: Json) -> None:
    """Raise `call_cut` if a completion that is called complete breaks off within a tool call."""
    for choice in _iter_objects(completion.get("choices")):
        message = choice.get("message")
        if choice.get("finish_reason") not in _ENDED_WHOLE or not isinstance(message, dict):
            continue
        for call in _iter_objects(message.get("tool_calls")):
            if isinstance(function := call.get("function"), dict):
                _check_arguments(function)
        if isinstance(function := message.get("function_call"), dict):
            _check_arguments(function)


def check_parsed_messages(data: Mapping[str, Any], completion: Json) -> None:
    """Raise `call_cut`, or `form_ignored` if a message has not the form that was asked for."""
    check_completion(data, completion)
    asked = data.get("response_format")
    form = _form(asked)
    if form is None:
        return
    for choice in _iter_objects(completion.get("choices")):
        message = choice.get("message")
        if choice.get("finish_reason") != "stop" or not isinstance(message, dict):
            continue
        if message.get("tool_calls") or message.get("function_call") or message.get("refusal"):
            continue
        text = _text_of(message.get("content"))
        if not _fits(form, text):
            raise _ignored(form, text if isinstance(text, str) else "")


def _check_arguments(call: Json) -> None:
    """Raise `call_cut` if the arguments of a call are no whole JSON."""
    arguments = call.get("arguments")
    if not isinstance(arguments, str) or not arguments.strip():
        return
    try:
        orjson.loads(arguments)
    except orjson.JSONDecodeError:
        name = call.get("name")
        raise api_error(
            "call_cut",
            name=name[:_SHOWN] if isinstance(name, str) else "–",
            arguments=arguments[-_SHOWN:],
        ) from None


def _form(asked: object) -> Json | None:
    """Return the JSON schema of a form that was asked for, None for one that is none of JSON."""
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
    """Return whether a text is JSON of a form."""
    value = load(text)
    if value is None and not (isinstance(text, str) and text.strip() == "null"):
        return False
    return mismatch(form, value) is None


def _ignored(form: Json, text: str) -> Exception:
    """Return the error for an answer that has another form than was asked for."""
    value = load(text)
    reason = "–" if value is None else mismatch(form, value) or "–"
    start = " ".join(text.split())
    start = f"{start[:_SHOWN]}…" if len(start) > _SHOWN else start
    return api_error("form_ignored", reason=reason, start=start)
