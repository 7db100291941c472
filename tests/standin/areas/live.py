"""Live sessions: begun over WebRTC, gone on with, and the phone calls in them."""

from __future__ import annotations

from tests.standin import media
from tests.standin.routing import Call, Route, check, need, one_of
from tests.standin.state import Kind
from tests.standin.wire import Json, Reply, empty_reply, invalid, new_id, not_found

from .realtime import sdp_answer

SESSIONS = Kind(name="live session")
ONE = "/live/sessions/{session_id}"


def _begin(call: Call, settings: Json) -> Json:
    """Answer an offer with a session of its own."""
    transport = need(call.json, "transport", dict)
    one_of("transport.type", need(transport, "type", str), ("webrtc",))
    session = call.collection(SESSIONS).add(
        {"id": new_id("live_"), "status": "live", "settings": settings}
    )
    answer = sdp_answer(need(transport, "sdp", str))
    return {"session": {"id": session["id"]}, "transport": {"type": "webrtc", "sdp": answer}}


async def create(call: Call) -> Json:
    """Begin a session."""
    settings = need(call.json, "session", dict)
    need(settings, "model", str)
    return _begin(call, settings)


async def fork(call: Call) -> Json:
    """Go on with a stored session."""
    before = call.collection(SESSIONS).get(call.ids["session_id"])["settings"]
    if not before.get("store"):
        raise invalid("The session was not stored.", None)
    return _begin(call, {**before, **(check(call.json, "session", dict) or {})})


def _phone_call(call: Call) -> Json:
    """Return a session with a phone call that is not over; any id rings at first."""
    sessions, identifier = call.collection(SESSIONS), call.ids["session_id"]
    if identifier not in sessions:
        sessions.add({"id": identifier, "status": "ringing", "settings": {}})
    found = sessions.get(identifier)
    if found["status"] == "over":
        raise not_found(SESSIONS.name, identifier)
    return found


async def accept(call: Call) -> Reply:
    """Take a phone call."""
    settings = need(call.json, "session", dict)
    one_of("session.type", need(settings, "type", str), ("live",))
    need(settings, "model", str)
    _phone_call(call).update(status="live", settings=settings)
    return empty_reply()


async def hang_up(call: Call) -> Reply:
    """End a phone call."""
    _phone_call(call)["status"] = "over"
    return empty_reply()


async def refer(call: Call) -> Reply:
    """Pass a phone call on."""
    need(call.json, "target_uri", str)
    return await hang_up(call)


async def reject(call: Call) -> Reply:
    """Turn a phone call away."""
    if not 300 <= need(call.json, "status_code", int) <= 699:
        raise invalid("Invalid 'status_code': expected 300 to 699.", "status_code")
    return await hang_up(call)


async def recording(call: Call) -> Reply:
    """Return what was said in a stored session."""
    if not call.collection(SESSIONS).get(call.ids["session_id"])["settings"].get("store"):
        raise not_found("recording", call.ids["session_id"])
    return Reply(body=media.wav(media.tone(1)), content_type="audio/wav")


ROUTES = (
    Route("POST", "/live/sessions", create),
    Route("POST", f"{ONE}/fork", fork),
    Route("POST", f"{ONE}/accept", accept),
    Route("POST", f"{ONE}/hangup", hang_up),
    Route("POST", f"{ONE}/refer", refer),
    Route("POST", f"{ONE}/reject", reject),
    Route("GET", f"{ONE}/content", recording),
)
