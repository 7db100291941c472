"""Realtime: client secrets, calls, and the WebSocket's beginning and end."""

from __future__ import annotations

import json

from tests.standin.records import SocketSession
from tests.standin.routing import Call, Route, SocketRoute, check, missing, need, one_of
from tests.standin.state import Kind
from tests.standin.wire import Json, Reply, empty_reply, invalid, new_id, not_found, now

from .realtime_conversation import Conversation
from .realtime_session import new_session

SECRETS = Kind(name="client secret")
CALLS = Kind(name="call")
DEFAULT_SECONDS = 600
ENDED = ("hung_up", "rejected", "referred")


async def create_secret(call: Call) -> Json:
    """Mint a client secret for one session configuration."""
    config = check(call.json, "session", dict) or {}
    one_of("session.type", config.get("type", "realtime"), ("realtime", "transcription"))
    expires_after = check(call.json, "expires_after", dict) or {}
    seconds = expires_after.get("seconds", DEFAULT_SECONDS)
    if not isinstance(seconds, int) or not 10 <= seconds <= 7_200:
        raise invalid(
            "Invalid 'expires_after.seconds': expected 10 to 7200.", "expires_after.seconds"
        )
    value, expires_at = new_id("ek_"), now() + seconds
    session = new_session(config)
    call.state.secrets[value] = expires_at
    call.collection(SECRETS).add({"id": value, "session": session})
    return {"value": value, "expires_at": expires_at, "session": session}


def _phone_call(call: Call) -> Json:
    """Return a call that is not over; any id rings until it is answered."""
    calls = call.collection(CALLS)
    identifier = call.ids["call_id"]
    if identifier not in calls:
        calls.add({"id": identifier, "status": "ringing", "session": {}})
    found = calls.get(identifier)
    if found["status"] in ENDED:
        raise not_found("call", identifier)
    return found


def sdp_answer(offer: str) -> str:
    """Return the other half of an offer, refusing what is none."""
    if not offer.startswith("v=0"):
        raise invalid("The offer is no SDP.", "sdp")
    return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=stand-in\r\nt=0 0\r\n"


async def create_call(call: Call) -> Reply:
    """Begin a conversation over WebRTC; the id of the call is in a header."""
    if isinstance(body := call.request.body, bytes):
        # Without any settings, the offer is the whole body.
        offer, session = body.decode(), {}
    else:
        offer = call.form.need("sdp")
        session = json.loads(call.form.text("session", "{}"))
    if not isinstance(session, dict):
        raise invalid("Expected an object.", "session", "invalid_type")
    answer = sdp_answer(offer)
    begun = call.collection(CALLS).add(
        {"id": new_id("rtc_"), "status": "accepted", "session": session}
    )
    return Reply(
        status=201,
        body=answer.encode(),
        content_type="application/sdp",
        headers={"Location": f"/v1/realtime/calls/{begun['id']}"},
    )


async def accept(call: Call) -> Reply:
    """Take a call with a session configuration."""
    one_of("type", need(call.json, "type", str), ("realtime",))
    _phone_call(call).update(status="accepted", session=call.json)
    return empty_reply()


async def hang_up(call: Call) -> Reply:
    """End a call and the WebSocket that listens to it."""
    await _end(call, "hung_up")
    return empty_reply()


async def refer(call: Call) -> Reply:
    """Pass a call on."""
    need(call.json, "target_uri", str)
    await _end(call, "referred")
    return empty_reply()


async def reject(call: Call) -> Reply:
    """Turn a call down."""
    check(call.json, "status_code", int)
    await _end(call, "rejected")
    return empty_reply()


async def _end(call: Call, status: str) -> None:
    """End a call."""
    _phone_call(call)["status"] = status
    for socket in call.standin.sockets:
        if socket.request.param("call_id") == call.ids["call_id"] and not socket.closed:
            await socket.close(1000, "The call ended")


def _config(call: Call) -> tuple[Json, str | None]:
    """Return a connection's configuration and model, or refuse the handshake."""
    model = call.request.param("model")
    if identifier := call.request.param("call_id"):
        calls = call.collection(CALLS)
        if identifier in calls and calls.get(identifier)["status"] in ENDED:
            raise not_found("call", identifier)
        return (calls.get(identifier)["session"] if identifier in calls else {}), model
    bearer = call.request.headers.get("Authorization", "").removeprefix("Bearer ")
    if bearer in call.collection(SECRETS):
        config: Json = call.collection(SECRETS).get(bearer)["session"]
        return config, model or config["model"]
    if not model:
        raise missing("model")
    return {}, model


def admit(call: Call) -> None:
    """Refuse a handshake that names no session."""
    _config(call)


async def converse(call: Call, socket: SocketSession) -> None:
    """Serve one connection until it ends."""
    conversation = Conversation(call, socket, new_session(*_config(call)))
    try:
        await conversation.emit("session.created", session=conversation.session)
        async for frame in socket.frames():
            await conversation.take(frame)
    finally:
        conversation.stop()


ROUTES = (
    Route("POST", "/realtime/client_secrets", create_secret),
    Route("POST", "/realtime/calls", create_call),
    Route("POST", "/realtime/calls/{call_id}/accept", accept),
    Route("POST", "/realtime/calls/{call_id}/hangup", hang_up),
    Route("POST", "/realtime/calls/{call_id}/refer", refer),
    Route("POST", "/realtime/calls/{call_id}/reject", reject),
)
SOCKETS = (SocketRoute("/realtime", converse, admit),)
