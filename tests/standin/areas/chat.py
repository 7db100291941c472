"""Chat completions: create, stream, and the stored ones."""

from __future__ import annotations

import base64
from collections.abc import Iterator
import re
from typing import Any

from tests.standin import answers, media
from tests.standin.reasoning import check_sampling, check_token_limits
from tests.standin.routing import Call, Route, check, need, one_of, resource_routes, within
from tests.standin.state import Kind
from tests.standin.wire import Json, Reply, invalid, new_id, now, sse_chunks_reply

COMPLETIONS = Kind(name="chat completion", deleted="chat.completion.deleted", order="asc")
MESSAGES = Kind(name="message", order="asc")
ROLES = ("developer", "system", "user", "assistant", "tool", "function")
ECHOED = ("temperature", "top_p", "seed", "tools", "tool_choice", "response_format", "user")
METADATA = re.compile(r"metadata\[(.+)\]")


async def create(call: Call) -> Reply | Json:
    """Complete a chat."""
    body = call.json
    need(body, "model", str)
    messages = need(body, "messages", list)
    _check(messages)
    within(body, "temperature", 0, 2)
    within(body, "top_p", 0, 1)
    within(body, "n", 1, 128)
    check_sampling(body, is_chat=True)
    check_token_limits(body)
    prompt = _prompt(messages)
    choices = [_choice(body, messages, prompt, index) for index in range(body.get("n") or 1)]
    completion: Json = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": now(),
        "model": body["model"],
        "choices": choices,
        "usage": _usage(messages, choices),
        "service_tier": "default",
        "system_fingerprint": "fp_standin",
    }
    if body.get("store"):
        _store(call, completion, messages)
    if body.get("stream"):
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return sse_chunks_reply(call.paced(_chunks(completion, with_usage=with_usage)))
    return completion


def _check(messages: list[Any]) -> None:
    """Refuse messages that are none."""
    if not messages:
        raise invalid("Invalid 'messages': empty array.", "messages", "empty_array")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise invalid("Expected an object.", f"messages[{index}]", "invalid_type")
        one_of(f"messages[{index}].role", str(message.get("role")), ROLES)
        check(message, "content", str, list)


def _text(message: Json) -> str:
    """Return a message's text."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part["text"]) for part in content if part.get("type") == "text")


def _prompt(messages: list[Json]) -> str:
    """Return what the user said last."""
    return next((_text(m) for m in reversed(messages) if m["role"] == "user"), "")


def _choice(body: Json, messages: list[Json], prompt: str, index: int) -> Json:
    """Let the model speak or call functions."""
    message: Json = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    reason = "stop"
    tools: list[Json] = []
    if messages[-1]["role"] == "tool":
        text = answers.echo(f"the tool answered {_text(messages[-1])}")
    else:
        parallel = body.get("parallel_tool_calls") is not False
        tools = answers.wanted_tools(body.get("tools"), body.get("tool_choice"), prompt, parallel)
        turns = sum(earlier["role"] == "assistant" for earlier in messages) + 1
        parts = _parts(messages[-1]) or []
        kinds = [part["type"] for part in parts if part["type"] != "text"]
        text = answers.structured(body.get("response_format"), prompt) or answers.echo(
            prompt, turns, kinds
        )
    if tools:
        reason = "tool_calls"
        message["tool_calls"] = [
            {
                "id": new_id("call_"),
                "type": "function",
                "function": {
                    "name": tool["name"],
                    "arguments": answers.arguments(tool, prompt),
                },
            }
            for tool in tools
        ]
    else:
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        if limit is not None and answers.tokens(text) > limit:
            text, reason = text[: limit * 4], "length"
        message["content"] = text
        if "audio" in (body.get("modalities") or ()):
            message |= {"content": None, "audio": _audio(text)}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": reason}


def _parts(message: Json) -> list[Json] | None:
    """Return a message's content where it comes in parts."""
    content = message.get("content")
    return content if isinstance(content, list) else None


def _audio(text: str) -> Json:
    """Speak a text."""
    sound = media.wav(media.tone(media.spoken_seconds(text)))
    return {
        "id": new_id("audio_"),
        "data": base64.b64encode(sound).decode(),
        "expires_at": now() + 3_600,
        "transcript": text,
    }


def _said(choice: Json) -> str:
    """Return all that a choice says."""
    message = choice["message"]
    calls = "".join(call["function"]["arguments"] for call in message.get("tool_calls", ()))
    return (message["content"] or "") + calls


def _usage(messages: list[Json], choices: list[Json]) -> Json:
    """Count tokens."""
    heard = sum(answers.tokens(_text(message)) for message in messages)
    said = sum(answers.tokens(_said(choice)) for choice in choices)
    return {
        "prompt_tokens": heard,
        "completion_tokens": said,
        "total_tokens": heard + said,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chunks(completion: Json, *, with_usage: bool) -> Iterator[Json]:
    """Yield a completion in the chunks it is streamed in."""
    base = {
        **{key: completion[key] for key in ("id", "created", "model", "service_tier")},
        "object": "chat.completion.chunk",
        "system_fingerprint": completion["system_fingerprint"],
        **({"usage": None} if with_usage else {}),
    }
    for choice in completion["choices"]:
        for delta in _deltas(choice["message"]):
            yield {**base, "choices": [_delta_choice(choice, delta, None)]}
        yield {**base, "choices": [_delta_choice(choice, {}, choice["finish_reason"])]}
    if with_usage:
        yield {**base, "choices": [], "usage": completion["usage"]}


def _delta_choice(choice: Json, delta: Json, reason: str | None) -> Json:
    """Return a choice of a chunk."""
    return {
        "index": choice["index"],
        "delta": delta,
        "logprobs": None,
        "finish_reason": reason,
    }


def _deltas(message: Json) -> Iterator[Json]:
    """Yield what each chunk adds to a message."""
    yield {"role": "assistant", "content": None if "tool_calls" in message else ""}
    for piece in answers.pieces(message["content"] or ""):
        yield {"content": piece}
    for index, tool_call in enumerate(message.get("tool_calls", ())):
        function = {"name": tool_call["function"]["name"], "arguments": ""}
        yield {"tool_calls": [{**tool_call, "index": index, "function": function}]}
        for piece in answers.pieces(tool_call["function"]["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _store(call: Call, completion: Json, messages: list[Json]) -> None:
    """Keep a completion and its messages."""
    settings = {name: call.json.get(name) for name in ECHOED}
    stored = {**settings, **completion, "metadata": call.json.get("metadata") or {}}
    call.collection(COMPLETIONS).add(stored)
    kept = call.collection(MESSAGES, completion["id"])
    for index, message in enumerate(messages):
        kept.add(
            {
                **message,
                "id": f"{completion['id']}-{index}",
                "content": _text(message),
                "content_parts": _parts(message),
            }
        )


async def list_stored(call: Call) -> Json:
    """List the stored completions, of a model or with certain metadata."""
    model = call.request.param("model")
    wanted = {
        match[1]: value for name, value in call.request.query if (match := METADATA.fullmatch(name))
    }

    def keep(item: Json) -> bool:
        metadata: dict[str, str] = item["metadata"]
        return model in (None, item["model"]) and wanted.items() <= metadata.items()

    return call.collection(COMPLETIONS).page(call.request, keep)


async def update(call: Call) -> Json:
    """Replace the metadata of a stored completion."""
    metadata = need(call.json, "metadata", dict)
    identifier = call.ids["completion_id"]
    return call.collection(COMPLETIONS).update(identifier, {"metadata": metadata})


async def list_messages(call: Call) -> Json:
    """List the messages of a stored completion."""
    identifier = call.ids["completion_id"]
    call.collection(COMPLETIONS).get(identifier)
    return call.collection(MESSAGES, identifier).page(call.request)


ROUTES = (
    Route("POST", "/chat/completions", create),
    Route("GET", "/chat/completions", list_stored),
    Route("POST", "/chat/completions/{completion_id}", update),
    *resource_routes(COMPLETIONS, "/chat/completions/{completion_id}", "retrieve", "delete"),
    Route("GET", "/chat/completions/{completion_id}/messages", list_messages),
)
