"""Turns of an agent's session that are followed as they happen."""

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from .. import requests, streams
from ..errors import refusal
from ..model import Json

if TYPE_CHECKING:
    from ..requests import Request

_METHODS = "beta.agents.sessions"


async def async_take_turn(request: Request) -> Json:
    """Say something in a session that is at rest, and return what comes of it.

    The session is listened to before anything is said, so that no event is missed.
    """
    session_id, said = request.data["session_id"], request.data["input"]
    session = await requests.async_ask(_step(request, "retrieve", {"session_id": session_id}))
    if session.get("status") != "idle":
        raise refusal("agent_session_busy", status=session.get("status", "–"))
    if isinstance(said, str):
        said = [{"role": "user", "content": [{"type": "input_text", "text": said}]}]
    submit = _step(
        request,
        "events.create",
        {
            "session_id": session_id,
            "events": [{"type": "agent.session.input.message", "input": said}],
            # A request that is tried again must not be a second question.
            "idempotency_key": request.data.get("idempotency_key") or str(uuid4()),
        },
        body=True,
    )
    follow = _step(request, "events.stream", {"session_id": session_id})
    return await streams.async_run(follow, opened=lambda: requests.async_fetch(submit))


def _step(request: Request, method: str, data: Json, *, body: bool = False) -> Request:
    """Return the request for one of the methods that a turn is made of."""
    left_out = set() if body else {"extra_body"}
    return replace(
        request,
        action=replace(request.action, method=f"{_METHODS}.{method}", body=body),
        data=data,
        options={key: value for key, value in request.options.items() if key not in left_out},
    )
