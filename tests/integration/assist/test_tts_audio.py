"""Audio formats: detection, conversion and joining."""

import struct
from typing import Any
from unittest.mock import patch

import audioop
from homeassistant.components import tts
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.openai_api.assist import tts_request
from custom_components.openai_api.assist.pcm import Converter, PcmFormat
from custom_components.openai_api.assist.tts_format import Mp3Joiner

from .test_tts_speech import WAV, _Conversion, samples
from .voice import AddService, speak, text_stream
from .voice_server import ScriptedBody, VoiceServer, mp3, tone

type Json = dict[str, Any]
SECONDS = 0.1


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a WAV file."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def wave_of(*chunks: bytes, start: bytes = b"RIFF") -> bytes:
    """Return a WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return start + struct.pack("<I", len(body)) + body


def shape(rate: int, channels: int, bits: int, tag: int = 1, more: bytes = b"") -> bytes:
    """Return the chunk that says what a WAV file holds."""
    frame = channels * bits // 8
    content = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)
    return chunk(b"fmt ", content + more)


EXTENSIBLE = struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
FILES: dict[str, bytes] = {
    "chunk_in_front": wave_of(
        chunk(b"LIST", b"odd"), shape(24_000, 1, 16), chunk(b"data", tone(SECONDS))
    ),
    "extensible": wave_of(shape(24_000, 1, 16, 0xFFFE, EXTENSIBLE), chunk(b"data", tone(SECONDS))),
    "larger_than_4_gb": wave_of(
        shape(24_000, 1, 16),
        b"data" + struct.pack("<I", 0xFFFFFFFF) + tone(SECONDS),
        start=b"RF64",
    ),
    "length_unknown": wave_of(shape(24_000, 1, 16), chunk(b"data", b"") + tone(SECONDS)),
}


@pytest.mark.parametrize("name", FILES)
async def test_wav_chunks_header_is_removed(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, name: str
) -> None:
    await add_service(("tts", {}))
    file = FILES[name]
    service.sounds = [ScriptedBody([file[:30], 0.01, file[30:50], 0.01, file[50:]], "audio/wav")]
    assert samples(await speak(hass, "Hello there.", WAV)) == ((24_000, 1, 2), tone(SECONDS))


@pytest.mark.parametrize("is_extensible", [False, True])
@pytest.mark.parametrize("code", ["f", "d"])
async def test_float_wav_is_converted(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    code: str,
    is_extensible: bool,
) -> None:
    await add_service(("tts", {}))
    numbers = [value / 32_767 for (value,) in struct.iter_unpack("<h", tone(SECONDS))]
    # Out of range, and none at all: nothing of that is to be heard as a crack.
    content = struct.pack(f"<{len(numbers) + 3}{code}", *numbers, 2.0, -2.0, float("nan"))
    tag, more = 3, b""
    if is_extensible:
        tag, more = 0xFFFE, struct.pack("<HHIH", 22, 32, 4, 3) + bytes(14)
    bits = struct.calcsize(code) * 8
    file = wave_of(shape(24_000, 1, bits, tag, more), chunk(b"data", content))
    service.sounds = [
        ScriptedBody([file[:30], 0.01, file[30:1001], 0.01, file[1001:]], "audio/wav")
    ]

    found, sound = samples(await speak(hass, "Hello there.", WAV))
    assert found == (24_000, 1, 2)
    assert sound == tone(SECONDS) + struct.pack("<3h", 32_767, -32_767, 0)


BROKEN: dict[str, bytes] = {
    "samples_first": wave_of(chunk(b"data", tone(SECONDS))),
    "half_a_format": wave_of(chunk(b"fmt ", bytes(4)), chunk(b"data", tone(SECONDS))),
    "no_pcm": wave_of(shape(24_000, 1, 16, 3), chunk(b"data", tone(SECONDS))),
    "extensible_of_nothing": wave_of(shape(24_000, 1, 16, 0xFFFE), chunk(b"data", tone(SECONDS))),
    "twelve_bits": wave_of(shape(24_000, 1, 12), chunk(b"data", tone(SECONDS))),
    "too_fast": wave_of(shape(999_000, 1, 16), chunk(b"data", tone(SECONDS))),
    "another_riff": b"RIFF\x04\x00\x00\x00AVI " + bytes(40),
    "endless_header": wave_of(chunk(b"LIST", bytes(70_000))),
    "endless_chunk": wave_of(b"LIST\xff\xff\xff\x7f" + bytes(70_000)),
}


async def test_wav_invalid_raises(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    keys = {}
    for name, file in BROKEN.items():
        service.sounds = [ScriptedBody([file], "audio/wav")]
        with pytest.raises(HomeAssistantError) as raised:
            await speak(hass, f"Hello {name}.", WAV)
        keys[name] = raised.value.translation_key
    assert keys == dict.fromkeys(BROKEN, "assist_bad_sound")


@pytest.mark.skipif(hasattr(tts, "PcmFormat"), reason="Home Assistant converts nothing itself")
async def test_wav_formats_are_converted(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    for rate, channels, width in ((8_000, 1, 1), (22_050, 2, 2), (48_000, 1, 3), (44_100, 2, 4)):
        sound = audioop.lin2lin(tone(SECONDS, rate), 2, width)
        if width == 1:
            sound = audioop.bias(sound, 1, 128)
        if channels == 2:
            sound = audioop.tostereo(sound, width, 1, 1)
        file = wave_of(shape(rate, channels, width * 8), chunk(b"data", sound))
        # A piece may end in the middle of a sample.
        service.sounds = [ScriptedBody([file[:101], 0.01, file[101:]], "audio/wav")]
        wanted = {**WAV, "preferred_sample_rate": 16_000}
        with patch.object(tts, "_async_convert_audio", kept := _Conversion()):
            await speak(hass, f"Hello {rate}.", wanted)
        found, converted = samples(kept.content)
        assert found == (48_000, 2, 2)
        assert abs(len(converted) / 192_000 - SECONDS) < 0.005
        assert abs(audioop.rms(converted, 2) - audioop.rms(tone(SECONDS), 2)) < 300


@pytest.mark.parametrize("width", [1, 3, 4])
def test_converter_sample_widths_round_trip(width: int) -> None:
    plain, other = PcmFormat(), PcmFormat(24_000, 2, width)
    sound = tone(SECONDS)
    there, back = Converter(plain, other), Converter(other, plain)
    wide = there.feed(sound[:1001]) + there.feed(sound[1001:])
    assert len(wide) == len(sound) // 2 * other.frame_size
    assert audioop.rms(audioop.add(back.feed(wide), audioop.mul(sound, 2, -1), 2), 2) < 200


def test_converter_same_format_joins_frames() -> None:
    converter = Converter(PcmFormat(), PcmFormat())
    assert converter.feed(b"abc") == b"ab"
    assert converter.feed(b"") == b""
    assert converter.feed(b"d") == b"cd"
    assert converter.feed(b"ef") == b"ef"


def test_converter_invalid_format_raises() -> None:
    with pytest.raises(ValueError, match="cannot become"):
        Converter(PcmFormat(channels=3), PcmFormat())


PCM = tone(SECONDS)
CALLED: dict[str, tuple[ScriptedBody, tuple[int, int, int]]] = {
    "rate_and_channels": (
        ScriptedBody(PCM, 'audio/L16; rate="16000"; channels=2'),
        (16_000, 2, 2),
    ),
    "a_shape_that_makes_no_sense": (ScriptedBody(PCM, "audio/pcm;rate=1"), (24_000, 1, 2)),
    "no_name": (ScriptedBody(PCM, "application/octet-stream"), (24_000, 1, 2)),
}


async def test_raw_audio_format_from_content_type(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    for name, (sound, wanted) in CALLED.items():
        service.sounds = [sound]
        assert samples(await speak(hass, f"Hello {name}.", WAV)) == (wanted, PCM), name


async def test_audio_type_from_signature(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"audio_format": "mp3"}))
    aac = b"\xff\xf1" + bytes(40)
    for content, content_type, extension in (
        (b"fLaC" + bytes(40), "audio/mpeg", "flac"),
        (b"OggS" + bytes(40), "audio/mpeg", "ogg"),
        (b"ID3" + bytes(80), "application/octet-stream", "mp3"),
        (mp3(tagged=False), "", "mp3"),
        (aac, "audio/aac", "aac"),
    ):
        service.sounds = [ScriptedBody(content, content_type)]
        stream = tts.async_create_stream(hass, "tts.kitchen", "en", {"preferred_format": extension})
        stream.async_set_message(f"Hello {extension} {content_type}.")
        found = b"".join([chunk async for chunk in stream.async_stream_result()])
        assert found[-40:] == content[-40:]
        assert stream.extension == extension


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ScriptedBody(PCM), ScriptedBody(b"fLaC" + bytes(40))),
        (ScriptedBody(PCM), ScriptedBody([PCM, 0.01, b"x" * 2000])),
    ],
)
async def test_audio_of_different_types_is_not_joined(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    first: ScriptedBody,
    second: ScriptedBody,
) -> None:
    monkeypatch.setattr(
        "custom_components.openai_api.assist.tts_request._MAX_AUDIO_BYTES", len(PCM) + 999
    )
    await add_service(("tts", {"sentences_ahead": 1}))
    service.sounds = [first, second]
    with pytest.raises(HomeAssistantError):
        await speak(hass, "It is sunny outside. Take the jacket along with you, please.", WAV)
    assert "could not be spoken to its end" in caplog.text


def fed(*chunks: bytes) -> bytes:
    """Return what is left of an MP3 in the middle of others."""
    joiner = Mp3Joiner()
    return b"".join(map(joiner.feed, chunks)) + joiner.finish()


def one_by_one(content: bytes) -> list[bytes]:
    """Return the bytes of a file, each for itself."""
    return [content[at : at + 1] for at in range(len(content))]


def tag(flags: int) -> bytes:
    """Return a tag with ten bytes of content."""
    return b"ID3\x04\x00" + bytes([flags, 0, 0, 0, 10]) + bytes(10)


def test_mp3_joiner_keeps_frames() -> None:
    frames = mp3(tagged=False)
    footer = b"3DI\x04\x00\x10\x00\x00\x00\x0a"
    assert fed(*one_by_one(mp3())) == frames
    assert fed(*one_by_one(frames)) == frames
    assert fed(tag(16) + footer + frames) == frames
    assert fed(tag(0), frames[:50], frames[50:]) == frames
    # Too short for a frame, or no frame at all.
    assert fed(b"\xff\xf3") == b"\xff\xf3"
    assert fed(b"ID3") == b""
    assert fed(b"\xff\xf3\xff\xff" + bytes(9)) == b"\xff\xf3\xff\xff" + bytes(9)


async def test_voices_chosen_first(
    hass: HomeAssistant, add_service: AddService, hass_ws_client: WebSocketGenerator
) -> None:
    await add_service(("tts", {"voice": "ada"}))
    client = await hass_ws_client(hass)
    question = {"type": "tts/engine/voices", "engine_id": "tts.kitchen", "language": "en"}
    await client.send_json_auto_id(question)
    voices = (await client.receive_json())["result"]["voices"]
    names = [voice["voice_id"] for voice in voices]
    assert names[0] == "ada"
    assert "alloy" in names


async def test_text_instead_of_audio_raises(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    service.sounds = [ScriptedBody([b"no sound " * 5000] * 4, "text/plain")]
    with pytest.raises(HomeAssistantError) as raised:
        await speak(hass, "Hello there.", WAV)
    assert raised.value.translation_key in {"assist_bad_sound", "bad_answer"}


async def test_unexpected_exception_ends_audio(
    hass: HomeAssistant, add_service: AddService, caplog: pytest.LogCaptureFixture
) -> None:
    await add_service(("tts", {}))
    with (
        patch.object(tts_request, "detect_container", side_effect=ZeroDivisionError),
        pytest.raises(HomeAssistantError) as raised,
    ):
        await speak(hass, "Hello there.", WAV)
    assert raised.value.translation_key == "assist_failed"
    assert "A text could not be spoken" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_text_stream_broken_is_spoken_so_far(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))

    async def texts() -> Any:
        yield "It is sunny outside. And"
        raise HomeAssistantError("The model is gone")

    with pytest.raises(HomeAssistantError, match="The model is gone"):
        await speak(hass, texts(), WAV)
    assert [speech["input"] for speech in service.speeches] == ["It is sunny outside."]


LONG = "wordswithoutanyplacetobreathe"
TEXTS: dict[str, tuple[Json, list[str], str]] = {
    "table": ({}, ["| one | two ", "| three |\n| - | - |\n", "Done."], "one, two, three Done."),
    "open_bracket": ({}, ["Wait for [the b", "us] and go."], "Wait for [the bus] and go."),
    "link": ({}, ["Look at [this](htt", "ps://x.y/z) page."], "Look at this page."),
    "picture": ({}, ["Look: ![a cat](https://x.y", "/z) here."], "Look: a cat here."),
    "only_marks": ({}, ["Yes.\n", "… ***\n", "… \n", "No."], "Yes. No."),
    "no_end": ({}, [LONG * 40], LONG * 40),
    "clauses": (
        {"first_piece": "clause"},
        ["When it rains in the evening, we shall all stay at home. Fine."],
        "When it rains in the evening, we shall all stay at home. Fine.",
    ),
    "no_clause": ({"first_piece": "clause"}, ["Fine"], "Fine"),
}


@pytest.mark.parametrize("name", TEXTS)
async def test_text_chunks_are_joined(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, name: str
) -> None:
    options, texts, wanted = TEXTS[name]
    await add_service(("tts", {"sentences_ahead": 1, **options}))
    service.sounds = [ScriptedBody(PCM)] * 5
    await speak(hass, text_stream(*texts), WAV)
    words = " ".join(speech["input"] for speech in service.speeches).split()
    assert "".join(words) == "".join(wanted.split())


async def test_aac_is_asked_for_and_not_converted(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    frame = b"\xff\xf1\x50\x80\x04\x1f\xfc" + bytes(25)
    service.sounds = [ScriptedBody(frame * 3, "audio/aac"), ScriptedBody(frame, "audio/aac")]
    text = "Hello there. This is another sentence."
    assert await speak(hass, text, {"preferred_format": "aac"}) == frame * 4
    assert {speech["response_format"] for speech in service.speeches} == {"aac"}
