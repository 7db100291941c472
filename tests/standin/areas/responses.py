"""Responses: create, stream, background, retrieve, compact and count."""

from __future__ import annotations

from collections.abc import AsyncIterator
import re
from typing import Any

from tests.standin import answers
from tests.standin.reasoning import check_sampling
from tests.standin.routing import Call, Route, check, missing, need, one_of, resource_routes, within
from tests.standin.state import Kind
from tests.standin.wire import Json, Reply, invalid, new_id, now, sse_reply

from .responses_events import events

RESPONSES = Kind(name="response", deleted="response")
INPUT_ITEMS = Kind(name="input item")
ACTIVE = ("queued", "in_progress")

# What a request may leave out and the response then spells out.
DEFAULTS: Json = {
    "background": False,
    "conversation": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
MERGED = ("reasoning", "text")
ROLES = ("user", "assistant", "system", "developer")


def input_items(body: Json) -> list[Json]:
    """Return the input as items with ids, refusing what is none."""
    given = check(body, "input", str, list)
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    items: list[Json] = []
    for index, item in enumerate(given or ()):
        if not isinstance(item, dict):
            raise invalid("Expected an object.", f"input[{index}]", "invalid_type")
        kind = item.get("type", "message")
        filled = {"id": new_id(f"{kind[:3]}_"), "type": kind, "status": "completed", **item}
        if kind == "message":
            filled["content"] = _content(filled, f"input[{index}]")
        items.append(filled)
    return items


def _content(message: Json, name: str) -> list[Json]:
    """Return a message's content as parts."""
    role = one_of(f"{name}.role", str(message.get("role")), ROLES)
    content = message.get("content")
    if isinstance(content, str):
        kind = "output_text" if role == "assistant" else "input_text"
        return [{"type": kind, "text": content}]
    if not isinstance(content, list):
        raise missing(f"{name}.content")
    return content


def respond(call: Call, body: Json, cached: dict[str, Json] | None = None) -> Json:
    """Answer a request with a finished response, which is not stored yet.

    The cache holds unstored responses that a WebSocket connection remembers.
    """
    if body.get("prompt") is None:
        need(body, "model", str)
        if body.get("input") is None and body.get("previous_response_id") is None:
            need(body, "input", str, list)
    within(body, "temperature", 0, 2)
    within(body, "top_p", 0, 1)
    check_sampling(body)
    if (limit := check(body, "max_output_tokens", int)) is not None and limit < 16:
        raise invalid(
            "Invalid 'max_output_tokens': expected a value of at least 16.",
            "max_output_tokens",
            "integer_below_min_value",
        )
    items = input_items(body)
    past = _history(call, body, cached or {})
    asked = "\n".join(_texts(items))
    output = _output(body, items, len(past) + 1)
    created = now()
    response: Json = {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": created,
        "status": "completed",
        "completed_at": created,
        "error": None,
        "incomplete_details": None,
        "model": body.get("model") or "gpt-5",
        "output": output,
        **_settings(body),
    }
    spoken = "".join(_spoken(item) for item in output)
    if limit is not None and answers.tokens(spoken) > limit:
        _shorten(response, limit)
        spoken = "".join(_spoken(item) for item in output)
    remembered = sum(turn["usage"]["total_tokens"] for turn in past)
    instructed = answers.tokens(str(body.get("instructions") or ""))
    heard = answers.tokens(asked) + remembered + instructed
    said = answers.tokens(spoken)
    response["usage"] = {
        "input_tokens": heard,
        "input_tokens_details": {"cached_tokens": remembered, "cache_write_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": heard + said,
    }
    _remember_input(call, response, items)
    return response


def _settings(body: Json) -> Json:
    """Echo the request's settings, completed with the defaults."""
    settings = {
        name: default if body.get(name) is None else body[name]
        for name, default in DEFAULTS.items()
    }
    for name in MERGED:
        settings[name] = {**DEFAULTS[name], **settings[name]}
    if isinstance(settings["conversation"], str):
        settings["conversation"] = {"id": settings["conversation"]}
    if settings["service_tier"] == "auto":
        settings["service_tier"] = "default"
    return settings


def _history(call: Call, body: Json, cached: dict[str, Json]) -> list[Json]:
    """Return the earlier responses of the conversation, newest first."""
    stored = call.collection(RESPONSES)
    past: list[Json] = []
    identifier = check(body, "previous_response_id", str)
    while identifier is not None:
        if identifier in cached:
            past.append(cached[identifier])
        elif identifier in stored:
            past.append(stored.get(identifier))
        elif not past:
            raise invalid(
                f"Previous response with id '{identifier}' not found.",
                "previous_response_id",
                "previous_response_not_found",
            )
        else:
            break
        identifier = past[-1]["previous_response_id"]
    return past


def _output(body: Json, items: list[Json], turn: int) -> list[Json]:
    """Let the model speak or call functions."""
    last = items[-1] if items else {}
    prompt = " ".join(_texts(item for item in items if item.get("role") == "user"))
    if str(last.get("type")).endswith("_output"):
        prompt = f"the tool answered {last.get('output')}"
    else:
        parallel = body.get("parallel_tool_calls") is not False
        choice = body.get("tool_choice")
        tools = answers.wanted_tools(body.get("tools"), choice, prompt, parallel)
        if tools:
            return [
                {
                    "id": new_id("fc_"),
                    "type": "function_call",
                    "status": "completed",
                    "call_id": new_id("call_"),
                    "name": tool["name"],
                    "arguments": answers.arguments(tool, prompt),
                }
                for tool in tools
            ]
    text = answers.structured((body.get("text") or {}).get("format"), prompt)
    if text is None:
        text = answers.echo(prompt, turn, _attachments(items))
    return [
        {
            "id": new_id("msg_"),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
        }
    ]


def _texts(items: Any) -> list[str]:
    """Collect the texts of message items."""
    return [
        str(part["text"])
        for item in items
        if isinstance(item.get("content"), list)
        for part in item["content"]
        if isinstance(part, dict) and part.get("text") is not None
    ]


def _attachments(items: list[Json]) -> list[str]:
    """Name the parts of messages that are no text."""
    kinds = [
        str(part["type"]).removeprefix("input_")
        for item in items
        if isinstance(item.get("content"), list)
        for part in item["content"]
        if isinstance(part, dict) and part.get("text") is None and "type" in part
    ]
    return [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]


def _spoken(item: Json) -> str:
    """Return what an output item says."""
    if item["type"] == "function_call":
        return str(item["arguments"])
    return "".join(part["text"] for part in item["content"])


def _shorten(response: Json, limit: int) -> None:
    """Stop a response where its token limit is reached."""
    response["status"] = "incomplete"
    response["completed_at"] = None
    response["incomplete_details"] = {"reason": "max_output_tokens"}
    left = limit * 4
    for item in response["output"]:
        item["status"] = "incomplete"
        if item["type"] == "function_call":
            item["arguments"] = item["arguments"][:left]
        else:
            item["content"][0]["text"] = item["content"][0]["text"][:left]
        left -= len(_spoken(item))


def _remember_input(call: Call, response: Json, items: list[Json]) -> None:
    """Keep the input items of a response that will be stored."""
    if response["store"] is False:
        return
    kept = call.collection(INPUT_ITEMS, response["id"])
    for item in items:
        kept.add(item)


async def create(call: Call) -> Reply | Json:
    """Answer, stream, or begin in the background."""
    body = call.json
    final = respond(call, body)
    background = body.get("background") is True
    if background and final["store"] is False:
        raise invalid("Background mode requires 'store' to be true.", "background")
    response = final
    if background:
        response = {**final, "status": "queued", "completed_at": None}
        response |= {"output": [], "usage": None, "incomplete_details": None}
        call.collection(RESPONSES).add(response, {"status": "in_progress"}, final)
    elif final["store"]:
        call.collection(RESPONSES).add(final)
    if body.get("stream"):
        return sse_reply(call.paced(events(final, queued=background)))
    return dict(response)


async def retrieve(call: Call) -> Reply | Json:
    """Return a response, or stream it from some event on."""
    stored = call.collection(RESPONSES)
    if call.request.param("stream") != "true":
        return stored.advance(call.ids["response_id"])
    final = stored.settle(call.ids["response_id"])
    start = call.request.param("starting_after") or "-1"
    if not re.fullmatch(r"-?\d+", start):
        raise invalid("Invalid type for 'starting_after'.", "starting_after", "invalid_type")

    async def rest() -> AsyncIterator[Json]:
        async for event in call.paced(events(final, queued=final["background"])):
            if event["sequence_number"] > int(start):
                yield event

    return sse_reply(rest())


async def cancel(call: Call) -> Json:
    """Cancel a response that runs in the background."""
    stored = call.collection(RESPONSES)
    response = stored.get(call.ids["response_id"])
    if not response["background"]:
        raise invalid("Cannot cancel a synchronous response.", "response_id")
    if response["status"] in ACTIVE:
        stored.forget_later(response["id"])
        response["status"] = "cancelled"
    return response


async def list_input_items(call: Call) -> Json:
    """List what a response was asked."""
    identifier = call.ids["response_id"]
    call.collection(RESPONSES).get(identifier)
    return call.collection(INPUT_ITEMS, identifier).page(call.request)


async def compact(call: Call) -> Json:
    """Compact a conversation: the user's messages and an opaque rest."""
    body = call.json
    need(body, "model", str)
    if body.get("input") is None and body.get("previous_response_id") is None:
        raise invalid("One of 'input' and 'previous_response_id' is required.", "input")
    items = input_items(body)
    for turn in _history(call, body, {}):
        kept = call.collection(INPUT_ITEMS, turn["id"])
        items = [*kept, *items]
    heard = answers.tokens("\n".join(_texts(items)))
    return {
        "id": new_id("resp_"),
        "object": "response.compaction",
        "created_at": now(),
        "output": [
            *(item for item in items if item.get("role") == "user"),
            {
                "id": new_id("cmp_"),
                "type": "compaction",
                "encrypted_content": new_id("gAAAAAB"),
            },
        ],
        "usage": {
            "input_tokens": heard,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 16,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": heard + 16,
        },
    }


async def count_input_tokens(call: Call) -> Json:
    """Count the tokens of an input."""
    body = call.json
    texts = [*_texts(input_items(body)), str(body.get("instructions") or "")]
    counted = sum(answers.tokens(text) for text in texts)
    counted += sum(turn["usage"]["total_tokens"] for turn in _history(call, body, {}))
    return {"object": "response.input_tokens", "input_tokens": counted}


ROUTES = (
    Route("POST", "/responses", create),
    Route("POST", "/responses/compact", compact),
    Route("POST", "/responses/input_tokens", count_input_tokens),
    Route("GET", "/responses/{response_id}", retrieve),
    *resource_routes(RESPONSES, "/responses/{response_id}", "delete"),
    Route("POST", "/responses/{response_id}/cancel", cancel),
    Route("GET", "/responses/{response_id}/input_items", list_input_items),
)
