"""Realtime sessions as the retired beta makes them, and secrets for translations."""

from __future__ import annotations

from tests.standin.routing import Call, Route, check, need, one_of, within
from tests.standin.wire import Json, invalid, new_id, now

from .realtime import DEFAULT_SECONDS

FORMATS = ("pcm16", "g711_ulaw", "g711_alaw")
SESSION: Json = {
    "input_audio_format": "pcm16",
    "input_audio_transcription": None,
    "modalities": ["text", "audio"],
    "turn_detection": {"type": "server_vad"},
}


def _secret(call: Call, options: Json) -> Json:
    """Mint a short-lived secret."""
    expires_after = check(options, "expires_after", dict) or {}
    seconds = expires_after.get("seconds", DEFAULT_SECONDS)
    if not isinstance(seconds, int) or not 10 <= seconds <= 7_200:
        raise invalid(
            "Invalid 'expires_after.seconds': expected 10 to 7200.", "expires_after.seconds"
        )
    value, expires_at = new_id("ek_"), now() + seconds
    call.state.secrets[value] = expires_at
    return {"value": value, "expires_at": expires_at}


def _session(call: Call, **defaults: object) -> Json:
    """Return a session as its body wants it, with a secret."""
    body = call.json
    for name in ("input_audio_format", "output_audio_format"):
        if kind := check(body, name, str):
            one_of(name, kind, FORMATS)
    check(body, "modalities", list)
    options = check(body, "client_secret", dict) or {}
    return {**SESSION, **defaults, **body, "client_secret": _secret(call, options)}


async def create(call: Call) -> Json:
    """Make a session for a conversation."""
    within(call.json, "temperature", 0.6, 1.2)
    within(call.json, "speed", 0.25, 1.5)
    return _session(call, output_audio_format="pcm16", voice="alloy", tools=[], tool_choice="auto")


async def create_transcription(call: Call) -> Json:
    """Make a session for writing down what is said."""
    return _session(call)


async def create_translation_secret(call: Call) -> Json:
    """Mint a secret for one translation."""
    session = need(call.json, "session", dict)
    need(session, "model", str)
    return {
        **_secret(call, call.json),
        "session": {"id": new_id("sess_"), "type": "translation", **session},
    }


ROUTES = (
    Route("POST", "/realtime/sessions", create),
    Route("POST", "/realtime/transcription_sessions", create_transcription),
    Route("POST", "/realtime/translations/client_secrets", create_translation_secret),
)
