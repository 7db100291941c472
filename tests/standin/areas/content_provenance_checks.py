"""Content provenance checks: pictures and recordings with the marks of a model."""

from __future__ import annotations

from tests.standin.routing import Call, Route
from tests.standin.wire import Json, invalid, now


async def create(call: Call) -> Json:
    """Look for marks in a file; here a mark is its own name."""
    part, data = call.form.file("file")
    kind = (part.content_type or "").partition("/")[0]
    if kind not in ("image", "audio"):
        raise invalid("The file is neither an image nor an audio file.", "file")
    results = [_result("synthid", data)]
    if kind == "image":
        found = _result("c2pa", data)
        state = "trusted" if found["outcome"] == "detected" else "not_present"
        results.insert(0, found | {"validation_state": state})
    return {"object": "content_provenance_check", "created_at": now(), "results": results}


def _result(mark: str, data: bytes) -> Json:
    """Return whether a mark is in the data."""
    return {"type": mark, "outcome": "detected" if mark.encode() in data else "not_detected"}


ROUTES = (Route("POST", "/content_provenance_checks", create),)
