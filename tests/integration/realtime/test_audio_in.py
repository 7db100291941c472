"""What the model is given to hear: base64 as it is, recordings in the session's format."""

import base64
from contextlib import suppress
import io
from itertools import pairwise
import math
from pathlib import Path
import struct
import time
from typing import Any
import wave

import audioop
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from hypothesis import example, given, strategies as st
import pytest

from custom_components.openai_api.realtime.audio import convert, decode, pieces, rate_of
from custom_components.openai_api.websocket import reconnect
from tests.integration.conftest import raises_key
from tests.integration.fuzzing import inputs
from tests.integration.waiting import wait_for

from .driver import Json, RealtimeDriver

PCM: Json = {"type": "audio/pcm", "rate": 24000}
PCM16: Json = {"type": "audio/pcm", "rate": 16000}
ULAW: Json = {"type": "audio/pcmu"}
ALAW: Json = {"type": "audio/pcma"}
PITCH = 400


def tone(rate: int, width: int = 2, channels: int = 1, seconds: float = 0.5) -> bytes:
    """Return a WAV file of half a second of a tone."""
    peak = (1 << (8 * width - 1)) // 3
    frames = bytearray()
    for index in range(round(rate * seconds)):
        value = round(peak * math.sin(math.tau * PITCH * index / rate))
        # Single bytes are unsigned in WAV files.
        raw = bytes([value + 128]) if width == 1 else value.to_bytes(width, "little", signed=True)
        frames += raw * channels
    return wav(bytes(frames), rate, width, channels)


def wav(frames: bytes, rate: int, width: int, channels: int) -> bytes:
    """Return a WAV file."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return target.getvalue()


def pcm_of(sound: bytes, audio_format: Json) -> bytes:
    """Return sound of a session's format as 16-bit samples."""
    match audio_format["type"]:
        case "audio/pcmu":
            return audioop.ulaw2lin(sound, 2)
        case "audio/pcma":
            return audioop.alaw2lin(sound, 2)
    return sound


def pitch(samples: bytes, rate: int) -> float:
    """Return how often a tone swings in a second."""
    values = struct.unpack(f"<{len(samples) // 2}h", samples)
    swings = sum(1 for before, after in pairwise(values) if before < 0 <= after)
    return swings / (len(values) / rate)


@pytest.mark.parametrize(
    "audio_format", [PCM, PCM16, ULAW, ALAW], ids=["24k", "16k", "pcmu", "pcma"]
)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100])
def test_audio_converted_to_session_format(
    rate: int, width: int, channels: int, audio_format: Json
) -> None:
    sound = convert("door.WAV", tone(rate, width, channels), audio_format)
    wanted = rate_of(audio_format)
    bytes_each = 1 if audio_format in (ULAW, ALAW) else 2
    assert abs(len(sound) / bytes_each / wanted - 0.5) < 0.001
    samples = pcm_of(sound, audio_format)
    assert abs(pitch(samples, wanted) - PITCH) <= 3
    # A third of the loudest; silence, noise or a doubled channel would be elsewhere.
    assert 0.28 * 32767 < audioop.max(samples, 2) < 0.36 * 32767
    assert abs(audioop.avg(samples, 2)) < 600


def test_audio_in_session_format_is_unchanged() -> None:
    frames = bytes(range(256)) * 4
    assert convert("a.wav", wav(frames, 24000, 2, 1), PCM) == frames
    for name in ("a.pcm", "a.raw", "A.ULAW", "a.alaw"):
        assert convert(name, b"\1\2\3", ULAW) == b"\1\2\3"


def test_stereo_is_mixed_to_mono() -> None:
    frames = struct.pack("<hh", 1000, 3000) * 100
    assert convert("a.wav", wav(frames, 24000, 2, 2), PCM) == struct.pack("<h", 2000) * 100


def chunk(kind: bytes, rate: int, bits: int, *, tag: int = 1, channels: int = 1) -> bytes:
    """Return a WAV file with a header that may be nonsense."""
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + header
    return b"RIFF" + struct.pack("<I", 99) + body + b"data" + struct.pack("<I", 64) + kind


@pytest.mark.parametrize(
    "content",
    [
        b"ID3\4\0\0 not a recording of this kind",
        b"",
        b"RIFF",
        wav(b"", 24000, 2, 1),
        wav(b"\0" * 24, 24000, 2, 3),
        chunk(b"\0" * 64, 24000, 32, tag=3),
        chunk(b"\0" * 64, 24000, 40),
        chunk(b"\0" * 64, 0, 16),
        chunk(b"\0" * 64, 1, 16),
        chunk(b"\0" * 64, 24000, 0),
        chunk(b"\0" * 64, 24000, 16, channels=0),
    ],
    ids=[
        "mp3",
        "empty",
        "torn",
        "silent",
        "three",
        "float",
        "40-bit",
        "0-hz",
        "1-hz",
        "0-bit",
        "0",
    ],
)
def test_unsupported_audio_is_rejected(content: bytes) -> None:
    with raises_key("audio_kind_unknown", ServiceValidationError) as caught:
        convert("song.wav", content, PCM)
    assert caught.value.translation_placeholders == {"name": "song.wav"}


def test_truncated_wav_is_sent() -> None:
    whole = wav(struct.pack("<h", 500) * 100, 24000, 2, 1)
    assert convert("a.wav", whole[:-3], PCM) == struct.pack("<h", 500) * 98


@example(changes=[(27, 128)], cut=0)
@inputs(50)
@given(
    st.lists(st.tuples(st.integers(0, 43), st.integers(0, 255)), max_size=6),
    st.integers(0, 60),
)
@example([(24, 1), (25, 0)], 0)
def test_wav_fuzz(changes: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(tone(8000, seconds=0.005))
    for place, value in changes:
        content[place] = value
    with suppress(ServiceValidationError):
        assert isinstance(convert("a.wav", bytes(content[: len(content) - cut]), ULAW), bytes)


@given(st.binary(min_size=1, max_size=200_000))
@inputs(10)
def test_iter_chunks_covers_audio(sound: bytes) -> None:
    found = [base64.b64decode(piece) for piece in pieces(sound)]
    assert b"".join(found) == sound
    assert all(len(piece) <= 48 * 1024 for piece in found)


ODD_RATES: list[Any] = [None, 0, -5, "x", [1], {}, True]


@pytest.mark.parametrize(
    ("audio_format", "rate"),
    [(PCM, 24000), (PCM16, 16000), (ULAW, 8000), (ALAW, 8000), ({}, 24000)]
    + [({"type": "audio/pcm", "rate": odd}, 24000) for odd in ODD_RATES]
    + [({"type": ["odd"]}, 24000)],
)
def test_sample_rate_by_format(audio_format: Json, rate: int) -> None:
    assert rate_of(audio_format) == rate


@pytest.mark.parametrize("text", ["", "   ", "ab", "*", "ÄÄÄÄ", "AAAA=AAA", "not base64 at all!"])
def test_invalid_base64_is_rejected(text: str) -> None:
    with raises_key("audio_not_base64", ServiceValidationError):
        decode(text)


def appended(frames: list[Json]) -> bytes:
    """Return the sound in frames that hold nothing else."""
    assert {frame["type"] for frame in frames} <= {"input_audio_buffer.append"}
    return b"".join(base64.b64decode(frame["audio"]) for frame in frames)


@pytest.mark.parametrize("commit", [None, False, True])
async def test_base64_audio_is_unchanged(script: RealtimeDriver, commit: bool | None) -> None:
    sound = bytes(range(256)) * 3
    text = base64.encodebytes(sound).decode()
    answer = await script.call(
        "send_realtime_audio", audio=text, **({} if commit is None else {"commit": commit})
    )
    assert answer["size"] == len(sound)
    frames = await script.sent()
    assert frames == [
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(sound).decode()},
        *([{"type": "input_audio_buffer.commit"}] if commit else []),
    ]


async def test_long_audio_is_chunked(script: RealtimeDriver) -> None:
    sound = bytes(range(250)) * 800
    await script.call("send_realtime_audio", audio=base64.b64encode(sound).decode(), commit=True)
    *frames, last = await script.sent()
    assert last == {"type": "input_audio_buffer.commit"}
    assert len(frames) == 5
    assert appended(frames) == sound


@pytest.mark.parametrize(
    ("session", "audio_format"),
    [
        ({}, PCM),
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, ULAW),
        ({"input_audio_format": "g711_alaw"}, ALAW),
        ({"audio": {"input": {"format": PCM16}}}, PCM16),
    ],
)
async def test_file_is_converted_to_session_format(
    silent: None, talk: RealtimeDriver, media_folder: Path, session: Json, audio_format: Json
) -> None:
    await talk.connect(session=session)
    content = tone(44100, 2, 2, 0.1)
    (media_folder / "door.wav").write_bytes(content)
    expected = convert("door.wav", content, audio_format)
    media = "media-source://media_source/local/door.wav"
    for audio in (
        str(media_folder / "door.wav"),
        media,
        {"media_content_id": media, "media_content_type": "audio/wav"},
    ):
        await talk.call("send_realtime_audio", audio=audio)
        assert appended(await talk.sent()) == expected


async def test_input_format_after_session_update(
    script: RealtimeDriver, media_folder: Path
) -> None:
    content = tone(8000, seconds=0.1)
    (media_folder / "door.wav").write_bytes(content)
    await script.call("update_realtime_session_config", session={"input_audio_format": "g711_ulaw"})
    await script.sent()
    await script.call("send_realtime_audio", audio=str(media_folder / "door.wav"))
    assert appended(await script.sent()) == convert("door.wav", content, ULAW)


@pytest.mark.parametrize(
    ("audio", "key"),
    [
        ("nonsense!", "audio_not_base64"),
        ("/media/door", "audio_not_base64"),
        ("/etc/passwd.wav", "path_not_allowed"),
        ("FOLDER/none.wav", "file_missing"),
        ("FOLDER/song.mp3", "audio_kind_unknown"),
        ("FOLDER/empty.wav", "file_empty"),
        ("media-source://nonsense/none", "media_not_found"),
        ({"media_content_id": "FOLDER/song.mp3", "media_content_type": "x"}, "audio_kind_unknown"),
    ],
)
async def test_invalid_audio_sends_nothing(
    script: RealtimeDriver, media_folder: Path, audio: Any, key: str
) -> None:
    (media_folder / "song.mp3").write_bytes(b"ID3 a song")
    (media_folder / "empty.wav").write_bytes(b"")
    where = str(media_folder)
    if isinstance(audio, dict):
        audio = {name: value.replace("FOLDER", where) for name, value in audio.items()}
    else:
        audio = audio.replace("FOLDER", where)
    with raises_key(key, ServiceValidationError):
        await script.call("send_realtime_audio", audio=audio, commit=True)
    assert await script.sent() == []


async def test_connection_lost_while_reading_file(
    script: RealtimeDriver, media_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (media_folder / "door.wav").write_bytes(tone(24000, seconds=0.1))
    session = script.session
    loop = script.hass.loop

    def slow(name: str, content: bytes, audio_format: Json) -> bytes:
        loop.call_soon_threadsafe(session.abort)
        while not script.states:
            time.sleep(0.001)
        return content

    monkeypatch.setattr("custom_components.openai_api.handlers.realtime.convert", slow)
    monkeypatch.setattr(reconnect, "INITIAL_DELAY", 0.5)
    monkeypatch.setattr(reconnect, "MAX_DELAY", 0.5)
    task = script.hass.async_create_task(
        script.call("send_realtime_audio", audio=str(media_folder / "door.wav"))
    )
    reopened = await script.standin.wait_for_socket(2)
    await wait_for(task.done)
    assert isinstance(task.exception(), HomeAssistantError)
    # A line that is new knows nothing of the recording.
    await reopened.wait_for(2)
    script.reopened()
    assert {frame["type"] for frame in await script.sent()} == {"session.update"}
