"""A realtime session's configuration and the items of its conversation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.standin.routing import check, missing, need, one_of
from tests.standin.wire import Json, invalid, new_id, now

LIFETIME = 3_600
PCM = {"type": "audio/pcm", "rate": 24_000}
DEFAULTS: Json = {
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "include": None,
    "audio": {
        "input": {
            "format": PCM,
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": PCM, "voice": "marin", "speed": 1.0},
    },
}
# Only these are merged key by key; anything else is replaced as a whole.
MERGED = ("audio", "input", "output")
PARTS = {
    "user": ("input_text", "input_audio", "input_image"),
    "system": ("input_text",),
    "assistant": ("output_text", "output_audio"),
}
ITEM_TYPES = (
    "message",
    "function_call",
    "function_call_output",
    "mcp_approval_response",
    "mcp_approval_request",
    "mcp_call",
    "mcp_list_tools",
)


def new_session(config: Json, model: str | None = None) -> Json:
    """Return a session configured so far."""
    kind = config.get("type", "realtime")
    session: Json = {
        "type": kind,
        "object": f"realtime.{'' if kind == 'realtime' else 'transcription_'}session",
        "id": new_id("sess_"),
        "model": model or config.get("model") or "gpt-realtime",
        "expires_at": now() + LIFETIME,
        **deepcopy(DEFAULTS),
    }
    merge(session, {key: value for key, value in config.items() if key != "model"})
    return session


def merge(session: Json, changes: Json) -> None:
    """Change a configuration."""
    for key, value in changes.items():
        if key in MERGED and isinstance(value, dict):
            session[key] = dict(session.get(key) or {})
            merge(session[key], value)
        else:
            session[key] = value


def update(session: Json, changes: Json) -> None:
    """Apply a client's session.update."""
    kind = need(changes, "type", str)
    one_of("session.type", kind, ("realtime", "transcription"))
    if kind != session["type"]:
        raise invalid("The session type cannot be changed.", "session.type")
    if changes.get("model", session["model"]) != session["model"]:
        raise invalid("The model cannot be changed.", "session.model", "cannot_update_model")
    check(changes, "tools", list)
    check(changes, "instructions", str)
    for modality in check(changes, "output_modalities", list) or ():
        one_of("session.output_modalities", modality, ("text", "audio"))
    merge(session, changes)


def new_item(given: Any) -> Json:
    """Return a client's item, completed and checked."""
    if not isinstance(given, dict):
        raise missing("item")
    kind = one_of("item.type", str(given.get("type")), ITEM_TYPES)
    item = {"id": new_id("item_"), "object": "realtime.item", "status": "completed"}
    item |= deepcopy(given)
    if kind == "message":
        role = one_of("item.role", str(item.get("role")), PARTS)
        for index, part in enumerate(need(item, "content", list)):
            one_of(f"item.content[{index}].type", str(part.get("type")), PARTS[role])
    elif kind == "function_call_output":
        need(item, "call_id", str)
        need(item, "output", str)
    elif kind == "mcp_approval_response":
        need(item, "approval_request_id", str)
        need(item, "approve", bool)
    return item


def heard(item: Json) -> str:
    """Return what an item says, spoken or written."""
    if item["type"].endswith("_output"):
        return f"the tool answered {item['output']}"
    texts = [part.get("text") or part.get("transcript") for part in item.get("content", ())]
    return " ".join(text for text in texts if text)
