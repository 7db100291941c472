"""Speech is saved and played, and speech is turned into text."""

import io
from pathlib import Path
from typing import Any
import wave

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.integration.conftest import Call, raises_key
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import SPEAK, part

pytestmark = pytest.mark.usefixtures("entry")


async def test_speech_saved_and_playable(
    hass: HomeAssistant, media_folder: Path, call: Call, hass_client_no_auth: ClientSessionGenerator
) -> None:
    answer = await call("create_speech", **SPEAK)

    path = Path(answer["path"])
    assert path.parent == media_folder / "openai_api"
    assert answer["media_content_type"] == "audio/wav"
    assert answer["size"] == path.stat().st_size
    with wave.open(str(path)) as sound:
        assert sound.getnframes() > 0

    media = await media_source.async_resolve_media(hass, answer["media_content_id"], None)
    assert media.path == path
    assert media.mime_type == "audio/wav"

    client = await hass_client_no_auth()
    response = await client.get(answer["url"])
    assert response.status == 200
    assert await response.read() == path.read_bytes()
    assert (await client.get(answer["url"].partition("?")[0])).status == 401


async def test_speech_streamed(call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    whole = await call("create_speech", **SPEAK)
    pieces = await call("create_speech", stream_format="sse", **SPEAK)

    assert [event.data["event_type"] for event in fired][-1] == "speech.audio.done"
    assert Path(pieces["path"]).read_bytes() == Path(whole["path"]).read_bytes()
    assert pieces["stream_id"] == fired[0].data["stream_id"]
    assert "audio" not in pieces


async def test_speech_with_invalid_base64(standin: StandIn, call: Call) -> None:
    body = (
        'data: {"type":"speech.audio.delta","audio":"x"}\n\ndata: {"type":"speech.audio.done"}\n\n'
    )
    standin.fail(Fault(path="/audio", status=200, body=body, content_type="text/event-stream"))
    with raises_key("stream_garbled"):
        await call("create_speech", stream_format="sse", **SPEAK)


@pytest.mark.parametrize("kind", ["json", "text", "srt", "vtt", "verbose_json"])
async def test_transcription_formats(standin: StandIn, call: Call, kind: str) -> None:
    speech = await call("create_speech", **SPEAK)
    answer = await call(
        "create_transcription",
        model="whisper-1",
        file=speech["media_content_id"],
        response_format=kind,
        language="de",
    )
    assert answer["text"]
    assert part(standin, "file").content_type == "audio/wav"
    with wave.open(io.BytesIO(part(standin, "file").data)) as sound:
        assert sound.getnframes()


async def test_transcription_streamed(call: Call, events: Any) -> None:
    speech = await call("create_speech", **SPEAK)
    fired = events("openai_api_stream_event")
    answer = await call(
        "create_transcription", model="m", file=speech["media_content_id"], stream=True
    )
    assert fired[-1].data["event_type"] == "transcript.text.done"
    assert answer["text"] == fired[-1].data["event"]["text"]


async def test_translation(call: Call) -> None:
    speech = await call("create_speech", **SPEAK)
    assert (await call("create_translation", model="whisper-1", file=speech["path"]))["text"]


SEGMENTS = [
    {"id": 0, "start": 0, "end": 1.5, "text": " Hello.", "speaker": "A"},
    {"id": 1, "start": 1.5, "end": 3.25, "text": " "},
    {"id": 2, "start": 3661.0625, "end": 3662, "text": "Good\nbye"},
]
SUBTITLES = {
    "srt": (
        "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n2\n01:01:01,062 --> 01:01:02,000\nGood\nbye\n"
    ),
    "vtt": (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello.\n\n"
        "01:01:01.062 --> 01:01:02.000\nGood\nbye\n"
    ),
}


@pytest.mark.parametrize("form", SUBTITLES)
@pytest.mark.parametrize("action", ["create_transcription", "create_translation"])
async def test_subtitles_of_segments(
    standin: StandIn, media_folder: Path, call: Call, action: str, form: str
) -> None:
    """Some servers answer with JSON, whatever was asked for."""
    (media_folder / "a.wav").write_bytes(b"RIFF1234WAVE")
    data = {"model": "whisper-1", "file": str(media_folder / "a.wav"), "response_format": form}
    body = {"text": "Hello. Good bye", "segments": SEGMENTS}
    standin.fail(Fault(path="/audio", status=200, body=body))
    found = await call(action, **data)
    assert found == {"text": SUBTITLES[form], "segments": SEGMENTS}


@pytest.mark.parametrize(
    "body",
    [
        {"text": "Hello"},
        {"text": "Hello", "segments": [{"text": "Hello"}]},
        {"text": "Hello", "segments": [{"text": "Hello", "start": "0", "end": 1}]},
        {"text": "Hello", "segments": [{"text": "Hello", "start": -1, "end": 1}]},
        {"text": "Hello", "segments": []},
        {"text": "1\n00:00:00,000 --> 00:00:01,000\nHello\n", "segments": SEGMENTS},
    ],
)
async def test_subtitles_without_times_are_text(
    standin: StandIn, media_folder: Path, call: Call, body: dict[str, Any]
) -> None:
    (media_folder / "a.wav").write_bytes(b"RIFF1234WAVE")
    data = {"model": "whisper-1", "file": str(media_folder / "a.wav"), "response_format": "srt"}
    standin.fail(Fault(path="/audio", status=200, body=body))
    assert (await call("create_transcription", **data))["text"] == body["text"]
