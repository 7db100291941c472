"""Text-to-speech: requests, and the audio that a listener gets."""

import asyncio
import io
import json
from typing import Any
from unittest.mock import patch
import wave

from homeassistant.components import tts
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.integration.conftest import CANARY

from .voice import AddService, speak, text_stream
from .voice_server import RATE, ScriptedBody, VoiceServer, mp3, tone, wav

WAV: dict[str, Any] = {"preferred_format": "wav"}


def samples(content: bytes) -> tuple[tuple[int, int, int], bytes]:
    """Return rate, channels and width of a WAV stream, and its samples."""
    with wave.open(io.BytesIO(content)) as sound:
        shape = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
    return shape, content[44:]


async def test_text_spoken_by_sentences(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"voice": "marin", "instructions": "Cheerful", "speed": 1.5}))
    text = "It is sunny. " * 2 + "Take **the** [jacket](https://x.y/z) along 😀."
    content = await speak(hass, text, WAV)
    # Two are asked for at a time: either may arrive first.
    service.speeches.sort(key=lambda speech: len(speech["input"]))
    assert [speech["input"] for speech in service.speeches] == [
        "It is sunny.",
        "It is sunny. Take the jacket along.",
    ]
    assert service.speeches[0] == {
        "model": "m-1",
        "voice": "marin",
        "instructions": "Cheerful",
        "speed": 1.5,
        "input": "It is sunny.",
        "response_format": "pcm",
    }
    shape, sound = samples(content)
    assert shape == (RATE, 1, 2)
    assert sound == b"".join(tone(len(one["input"]) / 15) for one in service.speeches)


async def test_first_audio_before_text_is_complete(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    more = asyncio.Event()

    async def texts() -> Any:
        yield "The light is on. An"
        await more.wait()
        yield "d the door is shut."

    stream = tts.async_create_stream(hass, "tts.kitchen", "en", WAV)
    stream.async_set_message_stream(texts())
    chunks = stream.async_stream_result()
    async with asyncio.timeout(5):
        first = await anext(chunks) + await anext(chunks)
    assert len(first) > 44
    assert len(service.speeches) == 1
    more.set()
    rest = b"".join([chunk async for chunk in chunks])
    assert [speech["input"] for speech in service.speeches] == [
        "The light is on.",
        "And the door is shut.",
    ]
    assert len(first + rest) == 44 + len(tone(16 / 15)) + len(tone(21 / 15))


async def test_audio_streamed_while_generated(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    begin, end = tone(0.1), tone(0.2)
    service.sounds = [ScriptedBody([begin, 0.5, end])]
    stream = tts.async_create_stream(hass, "tts.kitchen", "en", WAV)
    stream.async_set_message("Hello there")
    start = asyncio.get_running_loop().time()
    found, first = b"", 0.0
    async for chunk in stream.async_stream_result():
        found += chunk
        if len(found) >= 44 + len(begin) and not first:
            first = asyncio.get_running_loop().time() - start
    assert first < 0.4
    assert samples(found)[1] == begin + end


@pytest.mark.parametrize(
    ("sound", "is_joined"),
    [
        # Far faster than it is played, and slower.
        ([tone(0.1)] * 60, True),
        ([tone(0.02), 0.04] * 5, False),
    ],
    ids=["fast", "slow"],
)
async def test_small_chunks_are_joined_during_playback(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    sound: list[Any],
    is_joined: bool,
) -> None:
    await add_service(("tts", {}))
    # So that each chunk is read on its own.
    service.sounds = [
        ScriptedBody([part for item in sound for part in ((item, 0.001) if is_joined else (item,))])
    ]
    stream = tts.async_create_stream(hass, "tts.kitchen", "en", WAV)
    stream.async_set_message("Hello there")
    header, *chunks = [chunk async for chunk in stream.async_stream_result()]
    assert len(header) == 44
    assert b"".join(chunks) == b"".join(part for part in sound if isinstance(part, bytes))
    count = sum(isinstance(part, bytes) for part in sound)
    if is_joined:
        assert len(chunks) < count / 2
        # Nobody waits for the first.
        assert len(chunks[0]) == len(tone(0.1))
    else:
        assert len(chunks) == count


async def test_mp3_is_unchanged(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    content = await speak(hass, "One thing. Another thing is here. And a third one is here, too.")
    assert {speech["response_format"] for speech in service.speeches} == {"mp3"}
    assert len(service.speeches) == 2
    # Neither tags nor counts of frames stand between the two: a player would stop there.
    assert b"Info" not in content
    assert content.count(b"\xff\xf3\x44\xc4") == 6


async def test_concurrent_request_limit(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"sentences_ahead": 2}))
    text = " ".join(
        f"Sentence number {number} is long enough to be spoken alone, I think so."
        for number in range(9)
    )

    def sound(request: Any) -> ScriptedBody:
        return ScriptedBody([0.05, tone(0.01 * (int(request["input"].split()[2]) + 1))])

    service.sounds = [sound] * 9
    content = await speak(hass, text, WAV)
    assert service.most_running == 2
    order = [int(one["input"].split()[2]) for one in service.speeches]
    # Two that are asked for at once may arrive in either order; they are heard in theirs.
    places = [sorted(order).index(number) for number in order]
    assert all(abs(place - index) <= 1 for index, place in enumerate(places)), order
    assert samples(content)[1] == b"".join(tone(0.01 * (number + 1)) for number in sorted(order))


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        ('{"error": {"message": "unknown", "param": "response_format"}}', 400),
        ('{"detail": "Unsupported response_format: pcm"}', 422),
        ('{"error": "format pcm is not supported"}', 500),
    ],
)
async def test_pcm_unsupported_requests_wav(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, refusal: str, status: int
) -> None:
    await add_service(("tts", {}))

    def answer(body: dict[str, Any]) -> ScriptedBody:
        if body["response_format"] == "pcm":
            return ScriptedBody(refusal, "application/json", status)
        return ScriptedBody(wav(tone(0.1, 22_050), 22_050), "audio/x-wav")

    service.sounds = [answer] * 5
    shape, sound = samples(await speak(hass, "Hello there.", WAV))
    assert (shape, sound) == ((22_050, 1, 2), tone(0.1, 22_050))
    await speak(hass, "Hello again.", WAV)
    assert [one["response_format"] for one in service.speeches] == ["pcm", "wav", "wav"]


@pytest.mark.parametrize(
    ("chosen", "wanted", "asked"),
    [
        # Browsers and apps want MP3, which Home Assistant then makes of it.
        ("auto", {}, ["mp3", "wav", "wav"]),
        ("opus", WAV, ["opus", "mp3", "wav", "wav"]),
        ("flac", {}, ["flac", "mp3", "wav", "wav"]),
        ("aac", {}, ["aac", "mp3", "wav", "wav"]),
    ],
)
async def test_wav_only_service_is_asked_for_wav(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    chosen: str,
    wanted: dict[str, Any],
    asked: list[str],
) -> None:
    await add_service(("tts", {"audio_format": chosen}))
    refusal = {"error": {"message": "response_format must be one of [wav]"}}

    def answer(body: dict[str, Any]) -> ScriptedBody:
        if body["response_format"] != "wav":
            return ScriptedBody(json.dumps(refusal), "application/json", 400)
        return ScriptedBody(wav(tone(0.1)), "audio/wav")

    service.sounds = [answer] * 9
    with patch.object(tts, "_async_convert_audio", _Conversion()):
        for text in ("Hello there.", "Hello again."):
            assert await speak(hass, text, wanted)
    assert [one["response_format"] for one in service.speeches] == asked


async def test_mp3_only_service_is_converted(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    # It does not even say so: whatever it is asked for, it sends that.
    service.sounds = [ScriptedBody(mp3(), "audio/mpeg")]
    with patch.object(tts, "_async_convert_audio", _kept := _Conversion()):
        await speak(hass, "Hello there.", WAV)
    assert _kept.source == "mp3"
    assert _kept.content.count(b"\xff\xf3\x44\xc4") == 3


class _Conversion:
    """Stands in for ffmpeg, and keeps what it is given."""

    def __init__(self) -> None:
        self.source: str | None = None
        self.content = b""
        self.options: dict[str, Any] = {}

    async def __call__(self, hass: Any, source: str, audio: Any, **options: Any) -> Any:
        self.source, self.options = source, options
        async for chunk in audio:
            self.content += chunk
        # Home Assistant writes tags into what it takes for MP3.
        yield mp3(tagged=False)


async def test_whole_files_only(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    sound = tone(0.3)
    # All at once after a while, with a true length and a chunk behind the samples.
    file = wav(sound) + b"LIST\x04\x00\x00\x00abcd"
    service.sounds = [
        ScriptedBody([0.2, file], "audio/wav"),
        ScriptedBody([0.2, file], "audio/wav"),
    ]
    shape, found = samples(await speak(hass, "Hello there. How are you?", WAV))
    assert shape == (RATE, 1, 2)
    assert found == sound * 2


@pytest.mark.skipif(hasattr(tts, "PcmFormat"), reason="Home Assistant converts nothing itself")
async def test_satellite_before_2026_11_gets_stereo_at_48_khz(
    hass: HomeAssistant, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    wanted = {**WAV, "preferred_sample_rate": 16_000, "preferred_sample_channels": 1}
    with patch.object(tts, "_async_convert_audio", kept := _Conversion()):
        await speak(hass, "Hello there.", wanted)
    shape, sound = samples(kept.content)
    assert shape == (48_000, 2, 2)
    assert kept.options["to_sample_rate"] == 16_000
    assert abs(len(sound) / 192_000 - 12 / 15) < 0.01


@pytest.mark.skipif(not hasattr(tts, "PcmFormat"), reason="Every WAV is converted before 2026.11")
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [2, 4])
async def test_preferred_wav_format_needs_no_ffmpeg(
    hass: HomeAssistant, add_service: AddService, rate: int, channels: int, width: int
) -> None:
    await add_service(("tts", {}))
    wanted = {
        **WAV,
        "preferred_sample_rate": rate,
        "preferred_sample_channels": channels,
        "preferred_sample_bytes": width,
    }
    with patch.object(tts, "_async_convert_audio", side_effect=AssertionError):
        shape, sound = samples(await speak(hass, "Hello there.", wanted))
    assert shape == (rate, channels, width)
    assert abs(len(sound) / (rate * channels * width) - 12 / 15) < 0.01


async def test_action_options_override_and_change_cache_key(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"voice": "marin", "speed": 1.0}))
    await speak(hass, "Hello there.")
    await speak(hass, "Hello there.")
    assert len(service.speeches) == 1
    await speak(hass, "Hello there.", {"voice": "voice_abc1", "speed": "2", "model": "m-2"})
    assert service.speeches[1]["voice"] == {"id": "voice_abc1"}
    assert service.speeches[1]["speed"] == 2.0
    assert service.speeches[1]["model"] == "m-2"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"extra_body": {"emotion": "calm"}}),
        ({"extra_body": {"emotion": "calm"}}, {"extra_body": {"emotion": "glad"}}),
        ({"clean_text": True}, {"clean_text": False}),
    ],
)
async def test_changed_settings_change_cache_key(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    entry = await add_service(("tts", {"voice": "marin", **before}))
    await speak(hass, "Hello there.")
    await speak(hass, "Hello there.")
    assert len(service.speeches) == 1
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, **after})
    await speak(hass, "Hello there.")

    assert len(service.speeches) == 2


async def test_subentry_change_applies_immediately(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    entry = await add_service(("tts", {"voice": "marin"}))
    await speak(hass, "Hello there.")
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "voice": "cedar"}
    )
    await hass.async_block_till_done()
    # It is not taken from the cache of what was spoken before.
    await speak(hass, "Hello there.")
    assert [one["voice"] for one in service.speeches] == ["marin", "cedar"]


async def test_voice_rejected_and_voice_required(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    await speak(hass, "Hello there.")
    assert "voice" not in service.speeches[0]
    error = '{"error": {"message": "Missing required parameter: \'voice\'", "param": "voice"}}'
    service.sounds = [ScriptedBody(error, "application/json", 400)]
    await speak(hass, "Hello again.")
    assert service.speeches[2]["voice"] == "alloy"


@pytest.mark.parametrize(
    ("option", "message", "status"),
    [
        ("instructions", "`instructions` is not supported with tts-1", 400),
        ("instructions", "body -> instructions: Extra inputs are not permitted", 422),
        ("speed", "speed must be 1 for this model", 400),
    ],
)
async def test_rejected_option_is_left_out(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
    option: str,
    message: str,
    status: int,
) -> None:
    options = {"instructions": "Cheerful", "speed": 1.2}
    await add_service(("tts", options))
    error = json.dumps({"error": {"message": message}})
    service.sounds = [ScriptedBody(error, "application/json", status)]
    await speak(hass, "Hello there.")
    await speak(hass, "Hello again.")

    sent = [options.keys() & speech.keys() for speech in service.speeches]
    rest = options.keys() - {option}
    assert sent == [options.keys(), rest, rest]
    assert caplog.text.count("does not take") == 1


@pytest.mark.parametrize(
    ("message", "status"),
    [
        # As Groq, OpenAI and servers of Chatterbox and SpeechT5 say it.
        ("Input is too long: 90 characters, at most 60 are allowed", 400),
        ("[{'type': 'string_too_long', 'msg': 'String should have at most 60 characters'}]", 400),
        ("Text exceeds maximum length of 60 characters", 422),
        ("input too long", 413),
        ("The text exceeds the limit", 500),
    ],
)
async def test_too_long_text_is_spoken_in_segments(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, message: str, status: int
) -> None:
    await add_service(("tts", {}))
    refused: list[str] = []

    def answer(body: dict[str, Any]) -> ScriptedBody:
        if len(body["input"]) > 60:
            refused.append(body["input"])
            return ScriptedBody(
                json.dumps({"error": {"message": message}}), "application/json", status
            )
        return ScriptedBody(wav(tone(0.01 * len(body["input"].split()))), "audio/wav")

    service.sounds = [answer] * 40
    text = (
        "It will be sunny in the morning, with some clouds over the hills and a light wind later on. "
        "In the evening, it may rain a little, so take a jacket along if you want to go out with him."
    )
    _, sound = samples(await speak(hass, text, WAV))
    said = [speech["input"] for speech in service.speeches if speech["input"] not in refused]
    # Two that are asked for at once may arrive in either order; they are heard in theirs.
    said.sort(key=text.index)
    assert " ".join(said) == text
    assert sound == b"".join(tone(0.01 * len(one.split())) for one in said)
    # It is remembered.
    count = len(refused)
    await speak(hass, f"So {text}", WAV)
    assert len(refused) == count


async def test_instructions_too_long_are_no_text_too_long(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"instructions": "Speak slowly."}))

    def answer(body: dict[str, Any]) -> ScriptedBody:
        if "instructions" in body:
            error = json.dumps({"error": {"message": "The instructions are too long"}})
            return ScriptedBody(error, "application/json", 400)
        return ScriptedBody(wav(tone(0.1)), "audio/wav")

    service.sounds = [answer] * 10
    text = "It will be sunny in the morning, with some clouds over the hills."
    await speak(hass, text, WAV)
    assert [speech["input"] for speech in service.speeches] == [text, text]


async def test_text_rejected_at_any_length_raises(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    error = json.dumps({"error": {"message": "input too long"}})
    service.sounds = [ScriptedBody(error, "application/json", 400)] * 40
    with pytest.raises(HomeAssistantError, match="input too long"):
        await speak(hass, "It will be sunny in the morning, with some clouds over the hills.", WAV)
    assert len(service.speeches) < 5


async def test_rejected_speed_keeps_other_speeds(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"speed": 1.2}))
    error = json.dumps({"error": {"message": "speed must be between 0.7 and 1.2"}})
    service.sounds = [ScriptedBody(error, "application/json", 400)]
    await speak(hass, "Hello there.", {"speed": 3})
    await speak(hass, "Hello again.")
    assert [speech.get("speed") for speech in service.speeches] == [3, None, 1.2]


async def test_option_rejected_for_concurrent_sentences_is_left_out(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"speed": 1.2, "advanced": {"sentences_ahead": 2}}))
    error = json.dumps({"error": {"message": "speed must be 1 for this model"}})
    # Both have been sent before either is refused.
    service.sounds = [ScriptedBody([0.3, error], "application/json", 400)] * 2
    text = "This is the first of the sentences. And here is a second one, which is as long. "
    assert await speak(hass, text_stream(text))
    assert ["speed" in speech for speech in service.speeches] == [True, True, False, False]


JSON = "application/json"


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (ScriptedBody('{"error": {"message": "GPU is gone"}}', JSON), "GPU is gone"),
        (ScriptedBody('{"error": {"message": "GPU is gone"}}', "audio/mpeg"), "GPU is gone"),
        (
            ScriptedBody('{"error": {"message": "GPU is gone"}}'.encode("utf-16"), "audio/mpeg"),
            "GPU is gone",
        ),
        (ScriptedBody("Voice not found".encode("utf-16"), "audio/pcm"), "Voice not found"),
        (
            ScriptedBody(b"\xfe\xff" + "Voice not found".encode("utf-16-be"), "audio/mpeg"),
            "Voice not found",
        ),
        (ScriptedBody("Voice not found", "audio/mpeg"), "Voice not found"),
        (ScriptedBody("Voice not found", "audio/pcm"), "Voice not found"),
        (ScriptedBody('{"status": "ok"}', JSON), "expected file|is not audio"),
        (ScriptedBody("<html><body>Sign in</body></html>", "text/html"), "Sign in"),
        (ScriptedBody("no sound today", "text/plain"), "expected file|is not audio"),
        (ScriptedBody(b"", "audio/mpeg"), "no answer|empty response"),
        (ScriptedBody(b"", "audio/pcm"), "no answer|empty response"),
        (ScriptedBody(b"RIFF", "audio/wav"), "expected file|is not audio"),
        (ScriptedBody(wav(b"", channels=7), "audio/wav"), "expected file|is not audio"),
        (ScriptedBody('{"error": {"message": "no key"}}', JSON, 401), "key"),
        (ScriptedBody('{"error": {"message": "no such model"}}', JSON, 404), "no such model"),
        (ScriptedBody('{"error": {"message": "slow down"}}', JSON, 429), "slow down"),
        (ScriptedBody("oh no", "text/plain", 503), "503"),
        (ScriptedBody([30], "audio/mpeg"), "in time|within"),
        (ScriptedBody([None], "audio/mpeg"), "reached"),
    ],
)
async def test_error_is_raised(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
    sound: ScriptedBody,
    expected: str,
) -> None:
    await add_service(("tts", {"patience": 1}))
    # A busy service is tried three times.
    service.sounds = [sound] * (
        3 if sound.status in {429, 503} else 2 if sound.body == [None] else 1
    )
    with pytest.raises(HomeAssistantError, match=expected):
        await speak(hass, "Hello there.")
    assert CANARY not in caplog.text
    assert await speak(hass, "Hello again.")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_busy_service_is_asked_again(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, status: int
) -> None:
    await add_service(("tts", {}), timeout=30.0, max_retries=0)
    service.sounds = [ScriptedBody('{"error": {"message": "busy"}}', JSON, status)] * 2
    assert await speak(hass, "Hello there.")
    assert [speech["input"] for speech in service.speeches] == ["Hello there."] * 3


@pytest.mark.parametrize(
    "body",
    [[tone(0.1), None], [tone(0.1), 30], [wav(tone(0.1)), None]],
)
async def test_error_during_audio_ends_stream(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
    body: Any,
) -> None:
    await add_service(("tts", {"patience": 1}))
    service.sounds = [ScriptedBody(body, "audio/wav" if body[0][:4] == b"RIFF" else "audio/pcm")]
    stream = tts.async_create_stream(hass, "tts.kitchen", "en", WAV)
    stream.async_set_message("Hello there.")
    found = b""
    with pytest.raises(HomeAssistantError):
        async with asyncio.timeout(8):
            async for chunk in stream.async_stream_result():
                found += chunk
    assert found[44:] == tone(0.1)
    assert "could not be spoken to its end" in caplog.text
    assert await speak(hass, "Hello again.", WAV)


@pytest.mark.parametrize("text", ["", "   "])
async def test_empty_text_raises(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, text: str
) -> None:
    await add_service(("tts", {}))
    with pytest.raises(HomeAssistantError, match="nothing to say"):
        await speak(hass, text_stream(text))
    assert not service.speeches


@pytest.mark.parametrize("text", ["😀 🎉", "```\ncode\n```", "***", "…"])
async def test_text_without_words_is_silence(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    await add_service(("tts", {}))
    sound = await speak(hass, text_stream(text), WAV)
    assert sound[:4] == b"RIFF"
    assert len(sound) > 44
    assert not any(sound[44:])
    assert not service.speeches
    assert "ERROR" not in caplog.text


async def test_speed_out_of_range_raises(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {}))
    for speed in ("fast", 9, -1):
        with pytest.raises(HomeAssistantError, match="is not a valid speed"):
            await speak(hass, "Hello there.", {"speed": speed})
    assert not service.speeches


async def test_text_stream_timeout(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await add_service(("tts", {}))
    monkeypatch.setattr("custom_components.openai_api.assist.tts_speech._TEXT_TIMEOUT", 0.3)
    with pytest.raises(HomeAssistantError, match="in time"):
        await speak(hass, text_stream("The light is on. And", 30), WAV)
    assert [speech["input"] for speech in service.speeches] == ["The light is on."]


async def test_unload_ends_audio(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    entry = await add_service(("tts", {}))
    service.sounds = [ScriptedBody([tone(0.1), 30])]
    stream = tts.async_create_stream(hass, "tts.kitchen", "en", WAV)
    stream.async_set_message("Hello there.")
    chunks = stream.async_stream_result()
    await anext(chunks)
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError):
        async with asyncio.timeout(5):
            async for _ in chunks:
                pass


async def test_unload_before_first_sentence_is_an_error(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    entry = await add_service(("tts", {}))
    task = asyncio.create_task(speak(hass, text_stream("It is", 30)))
    await asyncio.sleep(0.1)
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError, match="stopped or reloaded"):
        await task


async def test_first_clause_is_spoken_first(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"first_piece": "clause"}))
    await speak(
        hass, "It is sunny outside, with eighteen degrees, and a light wind from the west.", WAV
    )
    # They are asked for at the same time.
    assert {speech["input"] for speech in service.speeches} == {
        "It is sunny outside, with eighteen degrees,",
        "and a light wind from the west.",
    }


async def test_markup_option_keeps_markup(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"clean_text": False, "extra_body": {"lang": "de"}}))
    await speak(hass, "[laughs] *Hello* 😀 there.")
    assert service.speeches[0]["input"] == "[laughs] *Hello* 😀 there."
    assert service.speeches[0]["lang"] == "de"


async def test_flac_is_one_file(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("tts", {"audio_format": "flac"}))
    service.sounds = [ScriptedBody(b"fLaC" + bytes(100), "audio/flac")]
    with patch.object(tts, "_async_convert_audio", kept := _Conversion()):
        await speak(hass, "One. Two is here. Three is here, too.")
    assert kept.source == "flac"
    assert [speech["input"] for speech in service.speeches] == [
        "One. Two is here. Three is here, too."
    ]
