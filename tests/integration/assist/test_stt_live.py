"""Live transcription."""

import asyncio
import base64
from copy import copy
from typing import Any

from homeassistant.components import stt
from homeassistant.core import HomeAssistant
import pytest

from custom_components.openai_api.assist import stt_live
from tests.integration.conftest import CANARY
from tests.integration.waiting import wait_for

from .voice import METADATA, SILENCE, SPEECH, AddService, microphone, transcribe
from .voice_server import VoiceServer, tone

SUCCESS = stt.SpeechResultState.SUCCESS
TAIL = 24_000 * 2 * 7 // 10


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts."""
    monkeypatch.setattr(stt_live, "_END_OF_SPEECH_TIMEOUT", 0.2)
    monkeypatch.setattr(stt_live, "_TRANSCRIPT_TIMEOUT", 0.5)
    monkeypatch.setattr(stt_live, "_NO_SPEECH_TIMEOUT", 0.5)


def appended(service: VoiceServer) -> bytes:
    """Return the sound that the service was sent."""
    events = service.peer.events("input_audio_buffer.append")
    return b"".join(base64.b64decode(event["audio"]) for event in events)


async def test_home_assistant_detects_end_of_speech(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", {"noise_reduction": "near_field", "prompt": "Ada."}))
    entity = stt.async_get_speech_to_text_entity(hass, "stt.kitchen")
    assert entity is not None
    assert entity.audio_processing.requires_external_vad
    result = await transcribe(hass, microphone(SPEECH, SILENCE))
    assert result == stt.SpeechResult("Turn on the light", SUCCESS)
    peer = service.peer
    assert peer.query == {"intent": "transcription"}
    assert peer.received[0] == {
        "type": "session.update",
        "session": {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "transcription": {"model": "m-1", "language": "en", "prompt": "Ada."},
                    "turn_detection": None,
                    "noise_reduction": {"type": "near_field"},
                }
            },
        },
    }
    assert abs(len(appended(service)) - 96_000) < 200
    assert peer.received[-1]["type"] == "input_audio_buffer.commit"
    assert not service.uploads


async def test_audio_streamed_during_speech(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", {}))
    more = asyncio.Event()

    async def speech() -> Any:
        yield SPEECH
        await more.wait()
        yield SPEECH

    task = asyncio.create_task(transcribe(hass, speech()))
    await wait_for(lambda: service.peers and len(appended(service)) >= 43_000)
    assert not service.peer.events("input_audio_buffer.commit")
    more.set()
    assert (await task).text == "Turn on the light"


@pytest.mark.parametrize("lag", [0, 0.3])
async def test_both_detect_end_of_speech(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    monkeypatch: pytest.MonkeyPatch,
    lag: float,
) -> None:
    """What is said after a pause may arrive when the first part is understood already."""
    monkeypatch.setattr(stt_live, "_END_OF_SPEECH_TIMEOUT", 5.0)
    await add_service(("stt", {"end_of_speech": "both"}))
    # What is said in two pieces is one text.
    service.texts = ["Turn on the light,", "please."]
    service.lag = lag
    result = await transcribe(hass, microphone(SPEECH, SILENCE, SPEECH))
    assert result == stt.SpeechResult("Turn on the light, please.", SUCCESS)
    # A service counts sound, not time: silence lets it notice the end at once.
    assert appended(service).endswith(bytes(TAIL))
    assert not service.peer.events("input_audio_buffer.commit")


async def test_speech_sent_in_larger_pieces_than_silence(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    """Each message costs much, but the service must detect the end of speech without delay."""
    await add_service(("stt", {"end_of_speech": "both"}))
    tenth = 16_000 * 2 // 10
    sound = SPEECH[: 9 * tenth] + SILENCE[: 4 * tenth]
    await transcribe(hass, microphone(sound, pace=0.004))
    events = service.peer.events("input_audio_buffer.append")
    # The last is the silence that lets the service notice the end.
    *sizes, tail = [round(len(base64.b64decode(event["audio"])) / 4800) for event in events]
    assert (sum(sizes), tail) == (13, 7)
    # 3, 3, 3, 1, 1, 1, 1 unless this machine is busy.
    assert sizes[0] >= 3
    assert sizes[-1] == 1


async def test_both_do_not_wait_for_complete_transcript(
    hass: HomeAssistant, add_service: AddService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stt_live, "_END_OF_SPEECH_TIMEOUT", 30.0)
    await add_service(("stt", {"end_of_speech": "both"}))
    async with asyncio.timeout(20):
        result = await transcribe(hass, microphone(SPEECH, SILENCE[:24_000]))
    assert result == stt.SpeechResult("Turn on the light", SUCCESS)


async def test_server_detects_end_of_speech(hass: HomeAssistant, add_service: AddService) -> None:
    await add_service(("stt", {"end_of_speech": "host"}))
    entity = stt.async_get_speech_to_text_entity(hass, "stt.kitchen")
    assert entity is not None
    assert not entity.audio_processing.requires_external_vad
    # The microphone stays open: only the service ends it.
    result = await transcribe(hass, microphone(SPEECH, SILENCE, 30))
    assert result == stt.SpeechResult("Turn on the light", SUCCESS)


async def test_server_detects_no_speech(hass: HomeAssistant, add_service: AddService) -> None:
    await add_service(("stt", {"end_of_speech": "host"}))
    result = await transcribe(hass, microphone(SILENCE, 30))
    assert result == stt.SpeechResult("", SUCCESS)


@pytest.mark.parametrize("end", ["home", "both"])
async def test_silence_has_no_text(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService, end: str
) -> None:
    await add_service(("stt", {"end_of_speech": end}))
    result = await transcribe(hass, microphone(SILENCE))
    assert result == stt.SpeechResult("", SUCCESS)
    assert service.peer.events("input_audio_buffer.commit")


async def test_server_without_end_of_speech_gets_commit(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", {"end_of_speech": "both"}))
    service.hears_ends = False
    result = await transcribe(hass, microphone(SPEECH))
    assert result == stt.SpeechResult("Turn on the light", SUCCESS)
    assert service.peer.events("input_audio_buffer.commit")


@pytest.mark.parametrize("end", ["home", "both", "host"])
@pytest.mark.parametrize(
    "fault",
    [
        {"refuses_sockets": 404},
        {"drops_after": ["session.update"]},
        {"drops_after": ["input_audio_buffer.append"]},
        {"refused": {"session.update": {"message": "no transcription here", "code": "x"}}},
        {"texts": ["!"]},
        {"is_silent": True},
    ],
)
async def test_error_falls_back_to_upload(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    fault: dict[str, Any],
    end: str,
) -> None:
    await add_service(("stt", {"end_of_speech": end}))
    for name, value in fault.items():
        setattr(service, name, copy(value))
    silence = bytes(2 * 16_000 * 2)
    result = await transcribe(hass, microphone(SPEECH, silence, *([30] if end == "host" else [])))
    assert result == stt.SpeechResult("Turn on the light", SUCCESS)
    (upload,) = service.uploads
    sound = upload["file"][44:]
    assert sound.startswith(SPEECH)
    if end != "host":
        assert sound == SPEECH + silence


async def test_rejected_session_is_not_retried(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("stt", {"end_of_speech": "host"}))
    service.refuses_sockets = 404
    await transcribe(hass, microphone(SPEECH, SILENCE, SILENCE, 30))
    service.refuses_sockets = None
    entity = stt.async_get_speech_to_text_entity(hass, "stt.kitchen")
    assert entity is not None
    assert entity.audio_processing.requires_external_vad
    await transcribe(hass, microphone(SPEECH))
    assert len(service.uploads) == 2
    assert not service.peers


async def test_live_only_without_response(
    hass: HomeAssistant,
    service: VoiceServer,
    add_service: AddService,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await add_service(("stt", {"transport": "live"}))
    service.is_silent = True
    result = await transcribe(hass, microphone(SPEECH))
    assert result.result is stt.SpeechResultState.ERROR
    assert "did not return what was said" in caplog.text
    assert CANARY not in caplog.text
    service.is_silent = False
    assert (await transcribe(hass, microphone(SPEECH))).text == "Turn on the light"


async def test_connections_are_closed(hass: HomeAssistant, add_service: AddService) -> None:
    entry = await add_service(("stt", {}))
    await transcribe(hass, microphone(SPEECH))
    await wait_for(lambda: not entry.runtime_data.connections)


async def test_cancelled_run_closes_connection(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    entry = await add_service(("stt", {}))
    task = asyncio.create_task(transcribe(hass, microphone(SPEECH, 30)))
    await wait_for(lambda: service.peers and appended(service))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wait_for(lambda: not entry.runtime_data.connections)


async def test_partial_transcripts(hass: HomeAssistant, add_service: AddService) -> None:
    if not hasattr(stt, "PartialSpeechResult"):
        pytest.skip("Home Assistant asks for them since 2026.11")
    await add_service(("stt", {}))
    entity: Any = stt.async_get_speech_to_text_entity(hass, "stt.kitchen")
    found = [
        one.text
        async for one in entity.async_process_audio_stream_with_progress(
            METADATA, microphone(SPEECH)
        )
    ]
    assert found == ["Turn", "Turn on", "Turn on the", "Turn on the light", "Turn on the light"]


async def test_unload_during_speech(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    entry = await add_service(("stt", {}))
    task = asyncio.create_task(transcribe(hass, microphone(SPEECH, 1)))
    await wait_for(lambda: service.peers and appended(service))
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert (await task).result is stt.SpeechResultState.ERROR
    assert tone(0.1)
