"""Turns of an agent session, streamed."""

from dataclasses import replace
from uuid import uuid4

from .. import stream_runner
from ..action import ActionCall
from ..action_request import async_fetch, async_request_json
from ..api.request import Operation
from ..exceptions import validation_error
from ..types import Json

_METHODS = "beta.agents.sessions"


async def async_take_turn(request: ActionCall) -> Json:
    """Send input to an idle agent session, and return the session at the end of its turn.

    The events are streamed before the input is sent, so that none is missed. Returns the API's
    `agent.session` with `turn`, `output_text` and `stream_id`. Raises ServiceValidationError
    "agent_session_busy" unless the session is idle, and what `stream_runner.async_run` raises. SDK
    methods: `beta.agents.sessions.retrieve`, `.events.create` and `.events.stream`.
    """
    session_id, agent_input = request.data["session_id"], request.data["input"]
    session = await async_request_json(
        _turn_request(request, "retrieve", {"session_id": session_id})
    )
    if session.get("status") != "idle":
        raise validation_error("agent_session_busy", status=session.get("status") or "unknown")
    if isinstance(agent_input, str):
        agent_input = [{"role": "user", "content": [{"type": "input_text", "text": agent_input}]}]
    submit = _turn_request(
        request,
        "events.create",
        {
            "session_id": session_id,
            "events": [{"type": "agent.session.input.message", "input": agent_input}],
            # A request that is sent again must not start a second turn.
            "idempotency_key": request.data.get("idempotency_key") or str(uuid4()),
        },
        body=True,
    )
    follow = _turn_request(request, "events.stream", {"session_id": session_id})
    return await stream_runner.async_run(follow, opened=lambda: async_fetch(submit))


def _turn_request(
    request: ActionCall, method: str, data: Json, *, body: bool = False
) -> ActionCall:
    """Return the call of one of the SDK methods that a turn needs."""
    left_out = set() if body else {"extra_body"}
    return replace(
        request,
        operation_override=Operation(method=f"{_METHODS}.{method}", has_body=body),
        data=data,
        options={key: value for key, value in request.options.items() if key not in left_out},
    )
