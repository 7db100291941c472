"""Completions: going on with a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.standin import answers
from tests.standin.routing import Call, Route, check, missing, need, within
from tests.standin.wire import Json, Reply, invalid, new_id, now, sse_chunks_reply


async def create(call: Call) -> Reply | Json:
    """Go on with one text or several."""
    body = call.json
    need(body, "model", str)
    if "prompt" not in body:
        raise missing("prompt")
    within(body, "temperature", 0, 2)
    within(body, "top_p", 0, 1)
    within(body, "n", 1, 128)
    prompts = _prompts(check(body, "prompt", str, list))
    count = body.get("n") or 1
    if (body.get("best_of") or count) < count:
        raise invalid("'best_of' must be at least 'n'.", "best_of")
    choices = [
        _choice(body, prompt, index)
        for index, prompt in enumerate(prompt for prompt in prompts for _ in range(count))
    ]
    heard = sum(answers.tokens(prompt) for prompt in prompts)
    said = sum(answers.tokens(choice["text"]) for choice in choices)
    completion: Json = {
        "id": new_id("cmpl-"),
        "object": "text_completion",
        "created": now(),
        "model": body["model"],
        "choices": choices,
        "usage": {
            "prompt_tokens": heard,
            "completion_tokens": said,
            "total_tokens": heard + said,
        },
    }
    if body.get("stream"):
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return sse_chunks_reply(call.paced(_chunks(completion, with_usage=with_usage)))
    return completion


def _prompts(given: Any) -> list[str]:
    """Return the texts to go on with; tokens are as good as their numbers."""
    if given is None or isinstance(given, str):
        return [given or ""]
    if not given:
        raise invalid("Invalid 'prompt': empty array.", "prompt", "empty_array")
    if isinstance(given[0], int):
        return [" ".join(map(str, given))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in given]


def _choice(body: Json, prompt: str, index: int) -> Json:
    """Go on with a text."""
    text, reason = answers.echo(prompt), "stop"
    stop = body.get("stop") or []
    for end in [stop] if isinstance(stop, str) else stop:
        text = text.partition(end)[0]
    limit = body.get("max_tokens")
    if limit is not None and answers.tokens(text) > limit:
        text, reason = text[: limit * 4], "length"
    if body.get("echo"):
        text = prompt + text
    choice: Json = {"text": text, "index": index, "logprobs": None, "finish_reason": reason}
    if body.get("logprobs") is not None:
        choice["logprobs"] = _likelihood(answers.pieces(text), 0)
    return choice


def _likelihood(pieces: list[str], start: int) -> Json:
    """Return how likely each piece of a text was, and where it stands."""
    offsets = [start + len("".join(pieces[:index])) for index in range(len(pieces))]
    return {
        "tokens": pieces,
        "token_logprobs": [-0.5] * len(pieces),
        "top_logprobs": [{piece: -0.5} for piece in pieces],
        "text_offset": offsets,
    }


def _chunks(completion: Json, *, with_usage: bool) -> Iterator[Json]:
    """Yield a completion in the chunks it is streamed in."""
    base = {key: completion[key] for key in ("id", "object", "created", "model")}
    if with_usage:
        base["usage"] = None
    for choice in completion["choices"]:
        place = 0
        for piece in answers.pieces(choice["text"]):
            logprobs = choice["logprobs"] and _likelihood([piece], place)
            place += len(piece)
            part = {"text": piece, "index": choice["index"], "logprobs": logprobs}
            yield {**base, "choices": [{**part, "finish_reason": None}]}
        last = {"text": "", "index": choice["index"], "logprobs": None}
        yield {**base, "choices": [{**last, "finish_reason": choice["finish_reason"]}]}
    if with_usage:
        yield {**base, "choices": [], "usage": completion["usage"]}


ROUTES = (Route("POST", "/completions", create),)
