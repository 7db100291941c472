"""Transcription by upload."""

from dataclasses import replace
import io
import json
from typing import Any
import wave

from aiohttp import web
from homeassistant.components import stt
from homeassistant.components.tts.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers import area_registry as ar
from homeassistant.util.language import matches
import pytest

from tests.integration.conftest import CANARY

from .voice import METADATA, SPEECH, AddService, microphone, transcribe
from .voice_server import VoiceServer, tone, wav

UPLOAD = {"transport": "upload"}


def recording(content: bytes) -> tuple[tuple[int, int, int], bytes]:
    """Return rate, channels and width of a WAV file, and its samples."""
    with wave.open(io.BytesIO(content)) as sound:
        shape = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
        return shape, sound.readframes(sound.getnframes())


async def test_speech_uploaded_as_wav(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    ar.async_get(hass).async_create("Wintergarten")
    await add_service(("stt", {**UPLOAD, "prompt": "Ask Ada."}))
    service.texts = ["  Turn on\nthe light. "]
    result = await transcribe(hass, microphone(SPEECH))
    assert result == stt.SpeechResult("Turn on the light.", stt.SpeechResultState.SUCCESS)
    (upload,) = service.uploads
    assert recording(upload.pop("file")) == ((16_000, 1, 2), SPEECH)
    assert upload == {
        "filename": "speech.wav",
        "model": "m-1",
        "language": "en",
        "prompt": "Ask Ada. Wintergarten",
        "response_format": "json",
    }
    assert not service.peers


async def test_options_switched_off_are_not_sent(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", {**UPLOAD, "names_of_things": False, "send_language": False}))
    await transcribe(hass, microphone(SPEECH))
    assert service.uploads[0].keys() == {"file", "filename", "model", "response_format"}


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("is_file", [True, False])
async def test_recording_formats(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    rate: int,
    channels: int,
    is_file: bool,
) -> None:
    await add_service(("stt", UPLOAD))
    samples = tone(0.5, rate)
    if channels == 2:
        samples = b"".join(samples[at : at + 2] * 2 for at in range(0, len(samples), 2))
    sound = wav(samples, rate, channels=channels) if is_file else samples
    metadata = stt.SpeechMetadata(
        language="en",
        format=METADATA.format,
        codec=METADATA.codec,
        bit_rate=METADATA.bit_rate,
        sample_rate=stt.AudioSampleRates(rate),
        channel=stt.AudioChannels(channels),
    )
    await transcribe(hass, microphone(sound), metadata=metadata)
    shape, found = recording(service.uploads[0]["file"])
    assert shape == (16_000, 1, 2)
    assert abs(len(found) - len(tone(0.5, 16_000))) <= 8


@pytest.mark.parametrize("text", ["", " [BLANK_AUDIO]\n", "(silence)", "[Music] [Applause]"])
async def test_silence_has_no_text(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, text: str
) -> None:
    await add_service(("stt", UPLOAD))
    service.texts = [text]
    result = await transcribe(hass, microphone(SPEECH))
    assert result == stt.SpeechResult("", stt.SpeechResultState.SUCCESS)


@pytest.mark.parametrize(
    "echo",
    [
        "Diele, Garten, Küche.",
        "garten, küche, wohn",
        "Ask Ada about the weather.",
        "Ask Ada about the weather. Diele, Garten, Küche, Wohnzimmer",
    ],
)
@pytest.mark.parametrize("said", ["", "Turn on the light."])
async def test_prompt_echo_is_transcribed_again(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, echo: str, said: str
) -> None:
    for name in ("Diele", "Garten", "Küche", "Wohnzimmer"):
        ar.async_get(hass).async_create(name)
    await add_service(("stt", {**UPLOAD, "prompt": "Ask Ada about the weather."}))
    service.texts = [echo, said]
    result = await transcribe(hass, microphone(SPEECH))

    assert result == stt.SpeechResult(said, stt.SpeechResultState.SUCCESS)
    assert ["prompt" in upload for upload in service.uploads] == [True, False]


@pytest.mark.parametrize(
    "said", ["Küche", "Küche, Diele", "Turn on Garten, Küche", "Garten, Küche, please", "weather"]
)
async def test_names_in_prompt_are_recognized(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, said: str
) -> None:
    for name in ("Diele", "Garten", "Küche", "Wohnzimmer"):
        ar.async_get(hass).async_create(name)
    await add_service(("stt", {**UPLOAD, "prompt": "Ask Ada about the weather."}))
    service.texts = [said]

    assert (await transcribe(hass, microphone(SPEECH))).text == said
    assert len(service.uploads) == 1


async def test_short_recording_is_not_sent(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", UPLOAD))
    assert (await transcribe(hass, microphone(SPEECH[:640]))).text == ""
    assert not service.uploads


def answering(body: Any, content_type: str = "application/json", status: int = 200) -> Any:
    """Return what answers an upload so."""

    async def answer() -> web.Response:
        return web.Response(body=body, content_type=content_type, status=status)

    return answer


@pytest.mark.parametrize(
    "body",
    [
        b'{"transcript": "Hello"}',
        b'{"data": {"text": "Hello"}}',
        b'{"segments": [{"text": " Hello"}]}',
    ],
)
async def test_text_under_other_keys(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, body: bytes
) -> None:
    await add_service(("stt", UPLOAD))
    service.upload = answering(body)
    assert (await transcribe(hass, microphone(SPEECH))).text == "Hello"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answering(b'{"error": {"message": "GPU is gone"}}'), "GPU is gone"),
        (answering(b'{"words": "Hello", "a": 1}'), "no text of what was said, only: a, words"),
        (answering(b'{"text": {"a": 7}}'), "no text of what was said, only: text"),
        (answering(b"{}"), "did not return what was said"),
        (answering(b"<html>Sign in</html>", "text/html"), "Sign in"),
        (answering(b""), "empty"),
        (answering(b'{"error": {"message": "no"}}', status=401), "key"),
        (answering(b'{"error": {"message": "no such model"}}', status=404), "no such model"),
        (answering(b"oh no", "text/plain", 500), "500"),
        (answering(b'{"error": {"message": "No audio file"}}', status=400), "No audio file"),
    ],
)
async def test_error_is_logged(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
    answer: Any,
    told: str,
) -> None:
    await add_service(("stt", UPLOAD))
    service.upload = answer
    result = await transcribe(hass, microphone(SPEECH))
    assert result == stt.SpeechResult(None, stt.SpeechResultState.ERROR)
    assert told in caplog.text
    assert CANARY not in caplog.text
    service.upload = None
    assert (await transcribe(hass, microphone(SPEECH))).text == "Turn on the light"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (422, "No speech detected in audio. Please try again."),
        (400, "No speech was found in the recording"),
        (500, "No clip timestamps found. Set 'vad_filter' to True or provide 'clip_timestamps'."),
        (200, "no_speech_detected"),
        (400, "Audio file is too short. Minimum audio length is 0.1 seconds."),
    ],
)
async def test_silence_told_as_error_has_no_text(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
    status: int,
    message: str,
) -> None:
    await add_service(("stt", UPLOAD))
    service.upload = answering(json.dumps({"error": {"message": message}}).encode(), status=status)
    result = await transcribe(hass, microphone(SPEECH))

    assert result == stt.SpeechResult("", stt.SpeechResultState.SUCCESS)
    assert not [one for one in caplog.records if one.levelname in {"ERROR", "WARNING"}]


async def test_plain_text_transcript(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", UPLOAD))
    service.upload = answering(b" The light.\n", "text/plain")
    assert (await transcribe(hass, microphone(SPEECH))).text == "The light."


@pytest.mark.parametrize(
    "body",
    [
        b"[00:00:00.000 --> 00:00:02.000]   Turn on the light.\n",
        b"1\n00:00:00,000 --> 00:00:02,000\nTurn on\n\n2\n00:00:02,000 --> 00:00:03,000\nthe light.\n",
        b"WEBVTT\n\n00:00.000 --> 00:02.000 align:start\nTurn on the light.\n",
        b'{"text": "<|en|><|NEUTRAL|><|Speech|><|woitn|>Turn on the light."}',
        b'{"text": "<|startoftranscript|><|en|><|0.00|> Turn on the light.<|2.00|><|endoftext|>"}',
        b'{"text": "language English<asr_text>Turn on the light."}',
        b'{"text": "[00:00.000 --> 00:01.000] Turn on\\n[00:01.000 --> 00:02.000] the light."}',
    ],
)
async def test_model_markers_are_removed(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, body: bytes
) -> None:
    await add_service(("stt", UPLOAD))
    service.upload = answering(body, "application/json" if body[:1] == b"{" else "text/plain")
    assert (await transcribe(hass, microphone(SPEECH))).text == "Turn on the light."


@pytest.mark.parametrize(
    "text", ["WEBVTT is a format of subtitles.", "Wake me at 00:01 or 00:02.", "WEBVTT"]
)
async def test_text_like_markers_is_kept(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, text: str
) -> None:
    await add_service(("stt", UPLOAD))
    service.texts = [text]
    assert (await transcribe(hass, microphone(SPEECH))).text == text.removesuffix("WEBVTT")


@pytest.mark.parametrize("text", ["<|nospeech|><|EMO_UNKNOWN|>", "language None<asr_text>"])
async def test_model_markers_alone_are_silence(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, text: str
) -> None:
    await add_service(("stt", UPLOAD))
    service.texts = [text]
    assert (await transcribe(hass, microphone(SPEECH))).text == ""


async def test_recording_not_audio(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", UPLOAD))
    assert (await transcribe(hass, microphone(b"RIFF" + bytes(400)))).text == ""
    assert not service.uploads


async def test_wav_header_in_chunks(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", UPLOAD))
    file = wav(SPEECH + b"\x01\x00", 16_000)

    async def sent() -> Any:
        for part in (b"", file[:20], file[20:50], file[50:]):
            yield part

    assert (await transcribe(hass, sent())).text == "Turn on the light"
    assert recording(service.uploads[0]["file"]) == ((16_000, 1, 2), SPEECH + b"\x01\x00")


async def test_recording_size_limit(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(
        "custom_components.openai_api.assist.microphone._MAX_BYTES", len(SPEECH) // 2
    )
    await add_service(("stt", UPLOAD))
    assert (await transcribe(hass, microphone(SPEECH))).text == "Turn on the light"
    _, samples = recording(service.uploads[0]["file"])
    assert len(samples) == len(SPEECH) // 2
    assert "the rest is not heard" in caplog.text


async def test_prompt_entity_names_limit(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    for number in range(9):
        ar.async_get(hass).async_create(f"{number} {'x' * 120}")
    ar.async_get(hass).async_create("Hall")
    await add_service(("stt", UPLOAD))
    await transcribe(hass, microphone(SPEECH))
    prompt = str(service.uploads[0]["prompt"])
    assert len(prompt) <= 800
    names = prompt.split(", ")
    # What is short enough still fits in behind.
    assert (names[0][0], names[-1], len(names)) == ("0", "Hall", 7)


@pytest.mark.parametrize("own", [1, 300, 799, 900])
async def test_prompt_with_option_limit(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, own: int
) -> None:
    for number in range(99):
        ar.async_get(hass).async_create(f"Area {number:02}")
    await add_service(("stt", {**UPLOAD, "prompt": "x" * own}))
    await transcribe(hass, microphone(SPEECH))
    prompt = str(service.uploads[0]["prompt"])
    assert prompt.startswith("x" * own)
    assert len(prompt) <= max(own, 800)
    assert set(map(len, filter(None, prompt[own:].strip().split(", ")))) <= {7}


@pytest.mark.parametrize(
    ("option", "message", "status"),
    [
        ("prompt", "Prompt parameter is not supported: `prompt`", 400),
        ("prompt", "prompt: Extra inputs are not permitted", 422),
        ("language", "language 'en' is not supported by this model", 400),
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
    await add_service(("stt", {**UPLOAD, "prompt": "Ask Ada."}))

    async def refuse() -> web.Response:
        service.upload = None
        return web.json_response({"error": {"message": message}}, status=status)

    service.upload = refuse
    service.texts = ["Hello.", "Again."]
    assert (await transcribe(hass, microphone(SPEECH))).text == "Hello."
    assert (await transcribe(hass, microphone(SPEECH))).text == "Again."

    sent = [{"prompt", "language"} & upload.keys() for upload in service.uploads]
    rest = {"prompt", "language"} - {option}
    assert sent == [{"prompt", "language"}, rest, rest]
    assert caplog.text.count("does not take") == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_busy_service_is_asked_again(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, status: int
) -> None:
    await add_service(("stt", UPLOAD), timeout=30.0, max_retries=0)

    async def refuse() -> web.Response:
        if len(service.uploads) == 2:
            service.upload = None
        return web.json_response({"error": {"message": "busy"}}, status=status)

    service.upload = refuse
    assert (await transcribe(hass, microphone(SPEECH))).text == "Turn on the light"
    first, *others = [upload["file"] for upload in service.uploads]
    assert others == [first] * 2


async def test_rejected_language_keeps_other_languages(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", UPLOAD))

    async def refuse() -> web.Response:
        service.upload = None
        error = {"message": "language 'cy' is not supported by this model"}
        return web.json_response({"error": error}, status=400)

    service.upload = refuse
    welsh = replace(METADATA, language="cy")
    for metadata in (welsh, METADATA, welsh):
        await transcribe(hass, microphone(SPEECH), metadata=metadata)
    assert [upload.get("language") for upload in service.uploads] == ["cy", None, "en", None]


async def test_option_is_kept_if_rejected_without_it_as_well(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", UPLOAD))
    service.upload = answering(b'{"error": {"message": "This is a language model"}}', status=400)
    result = await transcribe(hass, microphone(SPEECH))
    assert result.result is stt.SpeechResultState.ERROR
    service.upload = None
    await transcribe(hass, microphone(SPEECH))
    assert service.uploads[-1]["language"] == "en"


@pytest.mark.parametrize("kind", ["stt", "tts"])
async def test_every_language_of_home_assistant_is_supported(
    hass: HomeAssistant, add_service: AddService, kind: str
) -> None:
    await add_service((kind, {}))
    entity = (
        stt.async_get_speech_to_text_entity(hass, "stt.kitchen")
        if kind == "stt"
        else hass.data[DATA_COMPONENT].get_entity("tts.kitchen")
    )
    assert entity is not None
    others = {"km", "my", "yo", "zh-Hant", "de-CH", "es-419"}
    missing = {
        language
        for language in {*LANGUAGES, *others}
        if not matches(language, entity.supported_languages)
    }
    assert not missing
