"""Sounds and videos are what their first bytes say, whatever the host calls them."""

import base64
import json
from pathlib import Path
from typing import Any

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.integration.conftest import Call, raises_key
from tests.standin import media
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import names

pytestmark = pytest.mark.usefixtures("entry")

SAY = {"model": "tts-1", "voice": "alloy", "input": "Dinner"}
PCM = media.tone(0.2)
WAV = media.wav(PCM)
MP3 = b"\xff\xfb\x90\x00" + bytes(400)
FLAC = b"fLaC\0\0\0\x22" + bytes(60)
OPUS = b"OggS\0\x02" + bytes(20) + b"\x01\x13OpusHead" + bytes(40)
AAC = (bytes.fromhex("fff150800c1ffc") + bytes(89)) * 3
MP4 = b"\0\0\0\x20ftypisom\0\0\2\0" + bytes(60)
WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + bytes(60)
LABELS = (
    "audio/mpeg",
    "audio/mp3",
    "audio/x-mpeg",
    "audio/wav",
    "audio/x-flac",
    "audio/L16; rate=24000",
    "application/octet-stream",
    "binary/octet-stream",
    "text/plain",
    "Audio/MP3; charset=utf-8",
)


async def say(standin: StandIn, call: Call, body: bytes, label: str, /, **data: Any) -> Any:
    """Return what `create_speech` says of a body that the host labels somehow."""
    standin.fail(Fault(path="/audio/speech", status=200, body=body, content_type=label))
    return await call("create_speech", **{**SAY, **data})


@pytest.mark.parametrize(
    ("body", "suffix", "kind"),
    [
        (MP3, ".mp3", "audio/mpeg"),
        (media.mp3(0.5), ".mp3", "audio/mpeg"),
        (b"ID3\x04\0\0\0\0\0\0" + bytes(40), ".mp3", "audio/mpeg"),
        (WAV, ".wav", "audio/wav"),
        (FLAC, ".flac", "audio/flac"),
        (OPUS, ".opus", "audio/opus"),
        (AAC, ".aac", "audio/aac"),
    ],
    ids=["frame", "frames", "tag", "wav", "flac", "opus", "aac"],
)
async def test_speech_suffix_from_signature(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    body: bytes,
    suffix: str,
    kind: str,
    subtests: pytest.Subtests,
) -> None:
    for label in LABELS:
        if body is MP3 and "L16" in label:
            # A single frame could be PCM by chance.
            continue
        with subtests.test(label):
            answer = await say(standin, call, body, label)
            assert Path(answer["path"]).suffix == suffix
            assert answer["media_content_type"] == kind
            found = await media_source.async_resolve_media(hass, answer["media_content_id"], None)
            assert found.mime_type == kind
            assert Path(answer["path"]).read_bytes() == body


@pytest.mark.parametrize(
    ("label", "response_format", "suffix"),
    [
        ("audio/L16;rate=24000;channels=1", None, ".pcm"),
        ("audio/pcm", "pcm", ".pcm"),
        ("application/octet-stream", "pcm", ".pcm"),
        ("audio/mpeg", "pcm", ".pcm"),
        ("application/json", "pcm", ".pcm"),
        ("application/octet-stream", "opus", ".opus"),
        ("application/octet-stream", None, ".mp3"),
        ("audio/aacp", None, ".aac"),
        ("audio/x-unheard-of", "wav", ".wav"),
    ],
)
async def test_speech_suffix_from_content_type_or_format(
    standin: StandIn, call: Call, label: str, response_format: str | None, suffix: str
) -> None:
    data = {} if response_format is None else {"response_format": response_format}
    answer = await say(standin, call, bytes(400) + PCM, label, **data)
    assert Path(answer["path"]).suffix == suffix


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        # A sample rate, a version, a bit rate and a layer that there are none of.
        ("fff1fc800c1ffc", ".pcm"),
        ("ffeb9000", ".pcm"),
        ("fffbf000", ".pcm"),
        ("ffff9000", ".pcm"),
        # A bit rate that the header does not tell.
        ("fffb0000", ".mp3"),
    ],
)
async def test_speech_beginning_like_mpeg_frame(
    standin: StandIn, call: Call, start: str, suffix: str
) -> None:
    body = bytes.fromhex(start) + bytes(400)
    label, wanted = (
        ("audio/L16", "pcm") if suffix == ".pcm" else ("application/octet-stream", "mp3")
    )
    answer = await say(standin, call, body, label, response_format=wanted)
    assert Path(answer["path"]).suffix == suffix


@pytest.mark.parametrize(
    ("filename", "body", "expected"),
    [
        ("tts.mp3", WAV, "tts.wav"),
        ("tts.wav", MP3, "tts.mp3"),
        ("Dinner at 7.30", MP3, "Dinner_at_7.30.mp3"),
        ("tts", FLAC, "tts.flac"),
        ("tts.WAVE", WAV, "tts.WAVE"),
        ("tts.ogg", OPUS, "tts.ogg"),
        ("tts.mp3", bytes(400), "tts.mp3"),
    ],
)
async def test_filename_suffix_from_signature(
    standin: StandIn, call: Call, filename: str, body: bytes, expected: str
) -> None:
    answer = await say(standin, call, body, "audio/mpeg", filename=filename)
    assert Path(answer["path"]).name == expected


@pytest.mark.parametrize(
    ("label", "body", "suffix"),
    [
        ("video/mp4", MP4, ".mp4"),
        ("application/octet-stream", MP4, ".mp4"),
        ("audio/mp4", MP4, ".m4a"),
        ("audio/x-m4a", MP4, ".m4a"),
        ("audio/webm", WEBM, ".weba"),
        ("application/octet-stream", WEBM, ".webm"),
        ("application/octet-stream", b"OggS\0\x02" + bytes(20) + b"\x80theora", ".ogv"),
        ("application/octet-stream", b"OggS\0\x02" + bytes(20) + b"\x01vorbis", ".ogg"),
        ("application/octet-stream", b"\x1aE\xdf\xa3matroska" + bytes(60), ".mkv"),
        ("application/octet-stream", b"FORM\0\0\0\x20AIFFCOMM" + bytes(40), ".aiff"),
        ("application/octet-stream", b"BM\x80" + bytes(60), ".bmp"),
        ("text/plain", "Grüße".encode("cp1252") + b" from the kitchen", ".txt"),
        ("image/jpg", b"\xff\xd8\xff\xe0" + bytes(40), ".jpg"),
        ("text/csv", b"a,b\n1,2\n", ".csv"),
        ("application/json", b'{"error": {"message": "of a batch"}}', ".json"),
        ("application/x-ndjson", b'{"a": 1}\n', ".jsonl"),
    ],
)
async def test_downloaded_file_suffix(
    standin: StandIn, call: Call, label: str, body: bytes, suffix: str
) -> None:
    standin.fail(Fault(path="/content", status=200, body=body, content_type=label))
    answer = await call("download_file", file_id="file-1")
    assert Path(answer["path"]).suffix == suffix
    assert Path(answer["path"]).read_bytes() == body


@pytest.mark.parametrize(
    ("body", "label", "key", "words"),
    [
        ('{"error": {"message": "voice not found"}}', "application/json", "host_error", "voice"),
        ('{"error": "voice not found"}', "audio/mpeg", "host_error", "voice not found"),
        ('{"detail": "no such voice"}', "application/octet-stream", "host_error", "no such voice"),
        ('\n {"message": "no voice"}', "text/plain", "host_error", "no voice"),
        ("<!DOCTYPE html><p>Sign in</p>", "text/html", "bad_answer", "Sign in"),
        (
            "Not enough credit: \u00e4\u00f6\u00fc",
            "text/plain; charset=utf-8",
            "bad_answer",
            "credit",
        ),
        ("Internal error", "audio/mpeg", "bad_answer", "Internal error"),
        ('{"error": ' + '"x"' * 30_000, "application/json", "bad_answer", "x"),
    ],
    ids=["json", "labelled", "detail", "message", "page", "text", "words", "long"],
)
@pytest.mark.parametrize("stream_format", [None, "sse"])
async def test_speech_text_response_raises(
    standin: StandIn,
    call: Call,
    media_folder: Path,
    body: str,
    label: str,
    key: str,
    words: str,
    stream_format: str | None,
) -> None:
    data = {} if stream_format is None else {"stream_format": stream_format}
    with raises_key(key) as caught:
        await say(standin, call, body.encode(), label, **data)
    assert words in str(caught.value)
    assert not list((media_folder / "openai_api").iterdir())


@pytest.mark.parametrize(
    ("body", "label"),
    [(WAV, "audio/wav"), (MP3, "application/octet-stream"), (OPUS, "text/plain")],
)
async def test_speech_stream_answered_without_stream(
    standin: StandIn, call: Call, body: bytes, label: str
) -> None:
    answer = await say(standin, call, body, label, stream_format="sse", filename="tts")
    assert Path(answer["path"]).read_bytes() == body
    assert answer["stream_id"]
    assert answer["size"] == len(body)


@pytest.mark.parametrize("label", ["text/event-stream", "text/plain", "audio/mpeg"])
async def test_speech_stream_not_requested(standin: StandIn, call: Call, label: str) -> None:
    pieces = [WAV[:1001], WAV[1001:]]
    events: list[dict[str, Any]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
        for piece in pieces
    ]
    events.append({"type": "speech.audio.done"})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    answer = await say(standin, call, body.encode(), label)
    assert Path(answer["path"]).read_bytes() == WAV
    assert Path(answer["path"]).suffix == ".wav"


async def test_speech_stream_not_requested_error_raises(
    standin: StandIn, call: Call, media_folder: Path
) -> None:
    body = b'data: {"error": {"message": "voice not found"}}\n\n'
    with pytest.raises(HomeAssistantError, match="voice not found"):
        await say(standin, call, body, "text/event-stream")
    assert names(media_folder / "openai_api") == set()
