"""Moderations: whatever names a category is flagged for it."""

from __future__ import annotations

from typing import Any

from tests.standin.routing import Call, Route, need
from tests.standin.wire import Json, invalid, new_id

TEXT_AND_IMAGE = (
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "violence",
    "violence/graphic",
)
TEXT_ONLY = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "sexual/minors",
)


def _result(text: str, *, image: bool) -> Json:
    """Judge one input."""
    categories = (*TEXT_AND_IMAGE, *TEXT_ONLY)
    flags = {name: name in text.lower() for name in categories}
    shown = ["text", "image"] if image else ["text"]
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": {name: 0.98 if flag else 0.0001 for name, flag in flags.items()},
        "category_applied_input_types": {
            name: shown if name in TEXT_AND_IMAGE else ["text"] for name in categories
        },
    }


def _results(given: Any) -> list[Json]:
    """Judge a text, several texts, or the parts of one multimodal input."""
    if isinstance(given, str):
        return [_result(given, image=False)]
    if given and all(isinstance(item, str) for item in given):
        return [_result(item, image=False) for item in given]
    if not given or not all(isinstance(item, dict) for item in given):
        raise invalid("Invalid type for 'input'.", "input", "invalid_type")
    text = " ".join(str(part.get("text", "")) for part in given)
    image = any(part.get("type") == "image_url" for part in given)
    return [_result(text, image=image)]


async def create(call: Call) -> Json:
    """Judge the inputs."""
    results = _results(need(call.json, "input", str, list))
    model = call.json.get("model") or "omni-moderation-latest"
    return {"id": new_id("modr-"), "model": model, "results": results}


ROUTES = (Route("POST", "/moderations", create),)
