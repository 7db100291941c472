"""Safety: alerts about requests, and cases against people; any id is known."""

from __future__ import annotations

from tests.standin.routing import Call, Route
from tests.standin.wire import Json, not_found, now


def _known(call: Call, prefix: str, what: str) -> str:
    """Return the id in the path, refusing one of another kind."""
    if not (identifier := call.ids["id"]).startswith(prefix):
        raise not_found(what, identifier)
    return identifier


async def alert(call: Call) -> Json:
    """Return an alert."""
    return {
        "id": _known(call, "alert_", "safety alert"),
        "object": "safety.alert",
        "created_at": now(),
        "error_type": "potentially_unintended_data_access",
        "model": "gpt-5",
        "reason": "The request read data that it was not asked about.",
        "request_id": "req_standin",
        "request_paused": True,
        "response_id": "resp_standin",
    }


async def case(call: Call) -> Json:
    """Return a case."""
    return {
        "id": _known(call, "case_", "safety case"),
        "object": "safety.case",
        "created_at": now(),
        "entity_identifier": "somebody",
        "notice": {"type": "warning"},
        "reason": None,
    }


ROUTES = (Route("GET", "/safety/alerts/{id}", alert), Route("GET", "/safety/cases/{id}", case))
