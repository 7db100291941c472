"""Speech that comes as text is decoded; a text, in whatever encoding, is no speech."""

import base64
import json
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.integration.conftest import Call
from tests.standin import media
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import encode, names

pytestmark = pytest.mark.usefixtures("entry")

SAY = {"model": "tts-1", "voice": "alloy", "input": "Dinner"}
PCM = media.tone(0.1)
WAV = media.wav(PCM)
MP3 = b"\xff\xfb\x90\x00" + bytes(400)


async def say(standin: StandIn, call: Call, body: Any, label: str, **data: Any) -> Any:
    """Let the host answer a request to speak with a body, and return what the action does."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    standin.fail(Fault(path="/audio/speech", status=200, body=content, content_type=label))
    return await call("create_speech", **{**SAY, **data})


ENCODED: dict[str, Any] = {
    "audio": {"audio": encode(WAV)},
    "data": {"code": 0, "data": encode(WAV)},
    "data.audio": {"data": {"audio": encode(WAV), "status": 2}, "base_resp": {"status_code": 0}},
    "audio.data": {"audio": {"data": encode(WAV), "format": "wav"}},
    "audioContent": {"audioContent": encode(WAV)},
    "audio_base64": {"audio_base64": encode(WAV), "alignment": {"characters": ["D"]}},
    "hexadecimal": {"data": {"audio": WAV.hex()}},
    "data URL in JSON": {"url": f"data:audio/wav;base64,{encode(WAV)}"},
    "data URL": f"data:audio/wav;base64,{encode(WAV)}".encode(),
    "base64": encode(WAV).encode(),
    "base64 on lines": base64.encodebytes(WAV),
    "base64 in quotes": encode(WAV),
    "a list": {"data": [{"b64_json": encode(WAV)}]},
    "a chat completion": {
        "choices": [{"message": {"role": "assistant", "audio": {"data": encode(WAV)}}}]
    },
    "UTF-16": json.dumps({"audio": encode(WAV)}).encode("utf-16"),
}


async def test_encoded_speech_is_decoded(
    standin: StandIn, call: Call, subtests: pytest.Subtests
) -> None:
    for case, text in ENCODED.items():
        with subtests.test(case):
            for label in ("application/json", "audio/mpeg"):
                for data in ({}, {"stream_format": "sse"}):
                    answer = await say(standin, call, text, label, **data)
                    assert Path(answer["path"]).read_bytes() == WAV
                    assert Path(answer["path"]).suffix == ".wav"
                    assert answer["media_content_type"] == "audio/wav"


async def test_encoded_pcm_only_if_requested(standin: StandIn, call: Call) -> None:
    answer = await say(
        standin, call, {"audio": encode(PCM)}, "application/json", response_format="pcm"
    )
    assert Path(answer["path"]).read_bytes() == PCM
    assert Path(answer["path"]).suffix == ".pcm"
    with pytest.raises(HomeAssistantError):
        await say(standin, call, {"audio": encode(PCM)}, "application/json")


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "data": "5f2c9a0be1d34c7f8a90b1c2d3e4f506"},
        {"status": "processing", "result": "3f2504e04f8941d39a0c0305e82c3301"},
        {"file": "/data/outputs/speech1234"},
    ],
)
async def test_id_or_path_is_no_pcm(standin: StandIn, call: Call, body: Any) -> None:
    with pytest.raises(HomeAssistantError):
        await say(standin, call, body, "application/json", response_format="pcm")


NO_SPEECH: dict[str, Any] = {
    "UTF-16": "Voice not found".encode("utf-16"),
    "UTF-16, big": b"\xfe\xff" + "Voice not found".encode("utf-16-be"),
    "UTF-16 without a mark": "Voice not found".encode("utf-16-le"),
    "UTF-16 JSON": json.dumps({"error": {"message": "Voice not found"}}).encode("utf-16"),
    "UTF-16 page": "<html><body>Voice not found</body></html>".encode("utf-16-be"),
    "UTF-32": "Voice not found".encode("utf-32"),
    "Latin": "Voice not found: für Übung".encode("latin-1"),
    "a zero at the end": b'{"error": {"message": "Voice not found"}}\0',
    "colours": b"\x1b[31mVoice not found\x1b[0m",
    "base64 of a text": {"audio": encode(b"Voice not found")},
    "JSON without audio": {"audio": None, "message": "Voice not found"},
    "an address": {"url": "http://127.0.0.1:9/voice.mp3", "message": "Voice not found"},
}
OTHER_FILES: dict[str, bytes] = {
    "a picture": media.png(8, 8, "garden"),
    "a GIF": b"GIF89a" + bytes(40),
    "gzip": b"\x1f\x8b\x08" + bytes(40),
    "an archive": b"PK\x03\x04" + bytes(40),
    "a document": b"%PDF-1.7\n\x80" + bytes(40),
}


@pytest.mark.parametrize("case", [*NO_SPEECH, *OTHER_FILES])
async def test_text_or_other_file_as_speech_raises(
    standin: StandIn, call: Call, media_folder: Path, case: str
) -> None:
    body = NO_SPEECH.get(case) or OTHER_FILES[case]
    for label in ("application/json", "audio/mpeg", "audio/pcm", "text/plain"):
        with pytest.raises(HomeAssistantError) as caught:
            await say(standin, call, body, label)
        assert caught.value.translation_key in ("bad_answer", "host_error")
        if case in NO_SPEECH and "base64" not in case:
            assert "Voice not found" in str(caught.value)
    assert names(media_folder / "openai_api") == set()


@pytest.mark.parametrize(
    "body",
    [
        PCM,
        bytes(400),
        b"\xff\xfe" + PCM,
        b"\xfe\xff" + PCM,
        b"\xff\xfe\x00\x00" + PCM,
        # Quiet samples that are all above zero.
        b"(\0)\0'\0&\0" * 200,
        b"{\0" * 800,
        b"m\0n\0o\0" * 400,
        # Quiet samples, some of them below zero.
        b" \0!\0\xff\xff\0\0" * 200,
    ],
)
async def test_pcm_that_begins_like_a_text(standin: StandIn, call: Call, body: bytes) -> None:
    answer = await say(standin, call, body, "audio/pcm", response_format="pcm")
    assert Path(answer["path"]).read_bytes() == body


async def test_mp3_is_kept(standin: StandIn, call: Call) -> None:
    answer = await say(standin, call, MP3, "text/plain")
    assert Path(answer["path"]).read_bytes() == MP3


async def test_garbled_sound_of_chat_is_said(standin: StandIn, call: Call, caplog: Any) -> None:
    message = {"role": "assistant", "content": "Hi", "audio": {"id": "a", "data": "?"}}
    body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    standin.fail(Fault(path="/chat/completions", status=200, body=body))
    answer = await call(
        "create_chat_completion", model="m", messages=[{"role": "user", "content": "Hi"}]
    )
    assert answer["media"] == []
    assert "audio that cannot be read" in caplog.text
