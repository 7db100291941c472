"""Voices: from a recording, and from a description."""

from pathlib import Path

from openai import AsyncOpenAI
import pytest

from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
EXISTS = hasattr(AsyncOpenAI(api_key="unused").audio, "voices")
newer = pytest.mark.skipif(not EXISTS, reason="this SDK makes no voices")


@newer
async def test_voice_from_recording(standin: StandIn, call: Call, media_folder: Path) -> None:
    (media_folder / "me.wav").write_bytes(b"RIFF")
    made = await call(
        "create_voice", name="Me", audio_sample=str(media_folder / "me.wav"), consent="cons_1"
    )
    assert (made["object"], made["type"]) == ("audio.voice", "audio_sample")
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/audio/voices")
    assert {part.name: part.filename or part.data for part in sent.body} == {
        "name": "Me",
        "consent": "cons_1",
        "audio_sample": "me.wav",
    }


@newer
async def test_voice_from_description(standin: StandIn, call: Call) -> None:
    made = await call(
        "create_voice", name="Butler", type="prompt", prompt="Calm", script_hint="Tea, sir?"
    )
    assert made["type"] == "prompt"
    assert {part.name: part.data for part in standin.requests[-1].body} == {
        "name": "Butler",
        "type": "prompt",
        "prompt": "Calm",
        "script_hint": "Tea, sir?",
    }
