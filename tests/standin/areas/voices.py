"""Voices: made from a recording or from a description."""

from __future__ import annotations

from tests.standin.routing import Call, Route, one_of
from tests.standin.state import Kind
from tests.standin.wire import Json, new_id, now

VOICES = Kind(name="voice")


async def create(call: Call) -> Json:
    """Keep a voice."""
    form = call.form
    kind = one_of("type", form.text("type", "audio_sample"), ("audio_sample", "prompt"))
    if kind == "prompt":
        form.need("prompt")
    else:
        form.file("audio_sample")
        form.need("consent")
    return call.collection(VOICES).add(
        {
            "id": new_id("voice_"),
            "object": "audio.voice",
            "created_at": now(),
            "name": form.need("name"),
            "type": kind,
        }
    )


ROUTES = (Route("POST", "/audio/voices", create),)
