"""What a realtime response consists of, and the events that deliver it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from tests.standin import answers, media
from tests.standin.wire import Json, new_id

AUDIO_CHUNKS = 4


def new_response(session: Json, asked: Json, conversation: str | None) -> Json:
    """Return a response that has just begun."""
    output = {**session["audio"]["output"], **(asked.get("audio") or {}).get("output", {})}
    return {
        "object": "realtime.response",
        "id": new_id("resp_"),
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": conversation,
        "output_modalities": asked.get("output_modalities") or session["output_modalities"],
        "max_output_tokens": asked.get("max_output_tokens") or session["max_output_tokens"],
        "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
        "usage": None,
        "metadata": asked.get("metadata"),
    }


def new_items(settings: Json, prompt: str, *, may_call: bool) -> list[Json]:
    """Return the items that answer a prompt, complete."""
    base = {"object": "realtime.item", "status": "completed"}
    tools = (
        answers.wanted_tools(settings.get("tools"), settings.get("tool_choice"), prompt, True)
        if may_call
        else []
    )
    if tools:
        return [
            {
                **base,
                "id": new_id("item_"),
                "type": "function_call",
                "name": tool["name"],
                "call_id": new_id("call_"),
                "arguments": answers.arguments(tool, prompt),
            }
            for tool in tools
        ]
    text = answers.echo(prompt)
    spoken = "audio" in settings["output_modalities"]
    part = (
        {"type": "output_audio", "transcript": text}
        if spoken
        else {"type": "output_text", "text": text}
    )
    return [
        {
            **base,
            "id": new_id("item_"),
            "type": "message",
            "role": "assistant",
            "content": [part],
        }
    ]


def begun(item: Json) -> Json:
    """Return an item as it looks before anything is said."""
    empty: Json = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    return {**item, "status": "in_progress", **empty}


def item_events(place: Json, item: Json, audio_format: Json) -> Iterator[Json]:
    """Yield the events between an item's beginning and its end."""
    if item["type"] == "function_call":
        yield from _argument_events(place, item)
        return
    for index, part in enumerate(item["content"]):
        inside = {**place, "content_index": index}
        spoken = part["type"] == "output_audio"
        kind, text = ("audio", "transcript") if spoken else ("text", "text")
        event_part: Json = {"type": kind, text: ""}
        yield {"type": "response.content_part.added", **inside, "part": event_part}
        yield from (_audio_events if spoken else _text_events)(inside, part, audio_format)
        event_part = {"type": kind, text: part[text]}
        yield {"type": "response.content_part.done", **inside, "part": event_part}


def _argument_events(place: Json, item: Json) -> Iterator[Json]:
    """Yield the events of a function call."""
    kind = "response.function_call_arguments"
    call = {**place, "call_id": item["call_id"]}
    for piece in answers.pieces(item["arguments"]):
        yield {"type": f"{kind}.delta", **call, "delta": piece}
    done = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": f"{kind}.done", **call, **done}


def _text_events(place: Json, part: Json, _: Json) -> Iterator[Json]:
    """Yield the events of a written answer."""
    for piece in answers.pieces(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": piece}
    yield {"type": "response.output_text.done", **place, "text": part["text"]}


def _audio_events(place: Json, part: Json, audio_format: Json) -> Iterator[Json]:
    """Yield the events of a spoken answer: sound and words side by side."""
    transcript = part["transcript"]
    sound = media.tone(media.spoken_seconds(transcript), audio_format["type"])
    # A chunk must not cut a sample in two.
    size = len(sound) // AUDIO_CHUNKS // 2 * 2 + 2
    words = answers.pieces(transcript)
    share = -(-len(words) // AUDIO_CHUNKS)
    for index in range(AUDIO_CHUNKS):
        if spoken := "".join(words[index * share : (index + 1) * share]):
            kind = "response.output_audio_transcript.delta"
            yield {"type": kind, **place, "delta": spoken}
        chunk = base64.b64encode(sound[index * size : (index + 1) * size]).decode()
        yield {"type": "response.output_audio.delta", **place, "delta": chunk}
    yield {"type": "response.output_audio.done", **place}
    kind = "response.output_audio_transcript.done"
    yield {"type": kind, **place, "transcript": transcript}


def usage(prompt: str, items: list[Json]) -> Json:
    """Count tokens."""
    heard = answers.tokens(prompt)
    spoken = sum(answers.tokens(_said(item, "transcript")) for item in items)
    written = sum(answers.tokens(_said(item, "text")) for item in items)
    none = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    return {
        "total_tokens": heard + spoken + written,
        "input_tokens": heard,
        "output_tokens": spoken + written,
        "input_token_details": {
            **none,
            "text_tokens": heard,
            "cached_tokens": 0,
            "cached_tokens_details": none,
        },
        "output_token_details": {"text_tokens": written, "audio_tokens": spoken},
    }


def _said(item: Json, key: str) -> str:
    """Return what an item says in one form."""
    if item["type"] == "function_call":
        return str(item["arguments"]) if key == "text" else ""
    parts: list[Any] = item.get("content", [])
    return " ".join(part.get(key) or "" for part in parts)
