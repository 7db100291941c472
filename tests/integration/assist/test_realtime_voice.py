"""Realtime voice: three entities that share one session."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import io
import re
from typing import Any
import wave

from homeassistant.components import conversation, tts
from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
import probatio
import pytest

from custom_components.openai_api.assist import realtime_session, realtime_turn, stt_live
from tests.integration.conftest import CANARY
from tests.integration.llm_api import add_api
from tests.integration.waiting import wait_for

from .voice import (
    SILENCE,
    SPEECH,
    AddService,
    Satellite,
    add_pipeline,
    microphone,
    speak,
    transcribe,
)
from .voice_server import Answer, VoiceServer, tone

WAV = {"preferred_format": "wav"}
DEEP = {"voice": "cedar", "transcription_model": "t-1"}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts."""
    monkeypatch.setattr(stt_live, "_END_OF_SPEECH_TIMEOUT", 0.2)
    monkeypatch.setattr(stt_live, "_TRANSCRIPT_TIMEOUT", 1.0)
    monkeypatch.setattr(stt_live, "_NO_SPEECH_TIMEOUT", 0.5)
    monkeypatch.setattr(realtime_turn, "_EVENT_TIMEOUT", 3.0)


type AddRealtime = Callable[..., Any]


@pytest.fixture
def add_realtime(hass: HomeAssistant, add_service: AddService) -> AddRealtime:
    """Return a function that sets up realtime voice and returns a satellite of its pipeline."""

    async def begin(engines: dict[str, Any] | None = None, /, **options: Any) -> Satellite:
        await add_service(("realtime", {**DEEP, **options}))
        return Satellite(hass, await add_pipeline(hass, **(engines or {})), output="wav_plain")

    return begin


def sound_of(satellite: Satellite) -> bytes:
    """Return the samples that a satellite has got."""
    with wave.open(io.BytesIO(satellite.sound)) as found:
        assert found.getnchannels() == 1
    return satellite.sound[44:]


@pytest.fixture(autouse=True)
def _plain_wav(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let satellites take a WAV of any shape, which no ffmpeg converts."""
    create = tts.async_create_stream

    def plain(hass: Any, engine: str, language: Any = None, options: Any = None) -> Any:
        options = {k: v for k, v in (options or {}).items() if not k.startswith("preferred")}
        return create(hass, engine, language, {**options, **WAV})

    monkeypatch.setattr(tts, "async_create_stream", plain)


async def test_voice_turn(
    service: VoiceServer, add_realtime: AddRealtime, caplog: pytest.LogCaptureFixture
) -> None:
    satellite = await add_realtime()
    await satellite.say(SPEECH)
    assert satellite.kinds() == [
        "run-start",
        "stt-start",
        "stt-end",
        "intent-start",
        "intent-end",
        "tts-start",
        "tts-end",
        "run-end",
    ]
    assert satellite.text == "Turn on the light"
    assert satellite.speech == "It is sunny outside."
    # It is the model's own voice, from the beginning to the end.
    assert sound_of(satellite) == tone(0.5)
    assert not service.speeches
    assert not service.uploads
    # The satellite was offered it before the first word.
    words = [
        index
        for index, event in enumerate(satellite.events)
        if (event.data or {}).get("chat_log_delta", {}).get("content", "").strip()
    ]
    assert satellite.fetched_at is not None
    assert satellite.fetched_at <= words[0]
    session = service.peer.session
    assert session["audio"]["output"]["voice"] == "cedar"
    assert session["audio"]["input"]["transcription"] == {"model": "t-1", "language": "en"}
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
    }
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field"}
    assert "smart home" in session["instructions"].lower() or session["instructions"]
    assert service.peer.query == {"model": "m-1"}
    # The model answers by itself: nobody has asked it to.
    assert not service.peer.events("response.create")
    assert CANARY not in caplog.text


async def test_turn_event_without_text(
    add_realtime: AddRealtime, events: Callable[[str], list[Any]]
) -> None:
    satellite = await add_realtime()
    found = events("openai_api_turn_event")
    await satellite.say(SPEECH)
    (event,) = found
    assert event.data["kind"] == "realtime"
    assert event.data["ended"] == "done"
    assert event.data["transport"] == "realtime"
    assert event.data["output_tokens"] == 5
    assert event.data["first_piece_ms"] >= 0
    assert "sunny" not in str(event.data)


async def test_second_turn_in_same_session(service: VoiceServer, add_realtime: AddRealtime) -> None:
    satellite = await add_realtime()
    service.answers = [Answer("Which light?"), Answer("Done.")]
    await satellite.say(SPEECH)
    output = satellite.data(PipelineEventType.INTENT_END)["intent_output"]
    assert output["continue_conversation"]
    first = satellite.conversation_id
    await satellite.say(SPEECH)
    assert satellite.conversation_id == first
    assert satellite.speech == "Done."
    assert len(service.peers) == 1


@pytest.mark.parametrize(
    ("choice", "words", "expected"),
    [
        ("always", "Done.", True),
        ("never", "Which one?", False),
        ("when_asked", "Done.", False),
        ("when_asked", "هل أشغل الضوء؟", True),
        ("when_asked", 'He asked: "Why?"', False),
    ],
)
async def test_continue_conversation(
    service: VoiceServer, add_realtime: AddRealtime, choice: str, words: str, expected: bool
) -> None:
    satellite = await add_realtime(continue_conversation=choice)
    service.answers = [Answer(words)]
    await satellite.say(SPEECH)
    output = satellite.data(PipelineEventType.INTENT_END)["intent_output"]
    assert output["continue_conversation"] is expected


async def test_server_detects_end_of_speech(add_realtime: AddRealtime) -> None:
    satellite = await add_realtime(end_of_speech="host")
    await satellite.say(SPEECH, SILENCE, 30)
    assert satellite.text == "Turn on the light"
    assert sound_of(satellite) == tone(0.5)


async def test_home_assistant_detects_end_of_speech(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime(end_of_speech="home")
    await satellite.say(SPEECH)
    assert sound_of(satellite) == tone(0.5)
    kinds = [event["type"] for event in service.peer.received if event["type"] != "session.update"]
    assert kinds[-2:] == ["input_audio_buffer.commit", "response.create"]
    assert service.peer.session["audio"]["input"]["turn_detection"] is None


async def test_pause_within_speech_is_one_turn(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    service.texts = ["Turn on", "the kitchen light"]
    service.answers = [Answer("What?", pause=0.2), Answer("It is on.")]
    await satellite.say(SPEECH, SILENCE, 0.1, SPEECH)
    assert satellite.text == "Turn on the kitchen light"
    assert satellite.speech == "It is on."


class Tool(llm.Tool):
    """A tool of the home that takes a while."""

    name = "test_tool"
    description = "Does it."
    parameters = probatio.Schema({probatio.Optional("room"): str})

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.running = self.most = 0

    async def async_call(self, hass: Any, tool_input: llm.ToolInput, llm_context: Any) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.05)
        self.running -= 1
        self.calls.append(dict(tool_input.tool_args))
        return llm.ToolResult(data={"done": True})


@pytest.fixture
def tool(hass: HomeAssistant) -> Tool:
    """Return a tool, whose API is called `test`."""
    found = Tool()

    add_api(hass, "test", found)
    return found


async def test_llm_tool_call(service: VoiceServer, add_realtime: AddRealtime, tool: Tool) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    service.answers = [
        Answer("One moment.", calls=[("test_tool", '{"room": "a"}'), ("test_tool", "{}")]),
        Answer("It is done."),
    ]
    await satellite.say(SPEECH)
    assert satellite.speech == "It is done."
    # Both at once, and what they brought is told before the model goes on.
    assert tool.most == 2
    assert {"room": "a"} in tool.calls
    results = service.peer.events("conversation.item.create")
    assert [one["item"]["type"] for one in results] == ["function_call_output"] * 2
    assert '"done"' in results[0]["item"]["output"]
    assert len(service.peer.events("response.create")) == 1
    # Both answers are heard.
    assert sound_of(satellite) == tone(0.5) * 2
    (offered,) = service.peer.session["tools"]
    assert offered["name"] == "test_tool"
    assert offered["type"] == "function"


@pytest.mark.parametrize("name", ["Guten Morgen", "x" * 80, "a.b"])
async def test_llm_tool_with_invalid_name(
    service: VoiceServer, add_realtime: AddRealtime, tool: Tool, name: str
) -> None:
    tool.name = name
    satellite = await add_realtime(llm_hass_api=["test"])
    service.answers = [Answer("One moment.")]
    await satellite.say(SPEECH)
    (offered,) = service.peer.session["tools"]
    assert re.fullmatch("[A-Za-z0-9_-]{1,64}", offered["name"])

    service.answers = [Answer("", calls=[(offered["name"], '{"room": "a"}')]), Answer("Done.")]
    await satellite.say(SPEECH)
    assert satellite.speech == "Done."
    assert tool.calls == [{"room": "a"}]


@pytest.mark.parametrize("arguments", ["{", "[]", '"x"', "17"])
async def test_tool_arguments_not_an_object(
    service: VoiceServer, add_realtime: AddRealtime, tool: Tool, arguments: str
) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    service.answers = [Answer("", calls=[("test_tool", arguments)]), Answer("Sorry.")]
    await satellite.say(SPEECH)
    assert satellite.speech == "Sorry."
    assert not tool.calls
    (result,) = service.peer.events("conversation.item.create")
    assert "no JSON object" in result["item"]["output"]


@pytest.mark.parametrize("more", ['"room": "%d"', '"on": true'])
async def test_burst_about_one_thing(
    service: VoiceServer, add_realtime: AddRealtime, tool: Tool, more: str
) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    texts = [f'{{"name": "Lamp", {more.replace("%d", str(number))}}}' for number in range(200)]
    service.answers = [
        Answer("Wait.", calls=[("test_tool", text) for text in texts]),
        Answer("Enough."),
    ]
    await satellite.say(SPEECH)
    assert len(tool.calls) == 10


async def test_tool_round_limit(
    service: VoiceServer, add_realtime: AddRealtime, tool: Tool
) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    arguments = [f'{{"n": {number // 2}}}' for number in range(9)]
    service.answers = [Answer("", calls=[("test_tool", text)]) for text in arguments]
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."
    assert len(tool.calls) == 9
    assert service.asked[-1] == {"tool_choice": "none"}


async def test_same_tool_call_in_every_round_is_rejected(
    service: VoiceServer, add_realtime: AddRealtime, tool: Tool
) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    service.answers = [Answer("", calls=[("test_tool", "{}")]) for _ in range(5)]
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."
    assert len(tool.calls) == 3
    results = service.peer.events("conversation.item.create")
    assert "3 times already" in results[-1]["item"]["output"]


async def test_wake_word_interrupts_response(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    service.answers = [Answer("A long story that goes on and on.", linger=4, seconds=4)]
    await satellite.ask(SPEECH)
    await wait_for(lambda: len(satellite.sound) > 1000)
    listening = satellite._listening
    assert listening is not None
    # The answer is still being made: somebody asks something else.
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."
    assert sound_of(satellite) == tone(0.5)
    assert len(service.peers) == 1
    assert service.peer.events("response.cancel")
    (cut,) = service.peer.events("conversation.item.truncate")
    assert 0 < cut["audio_end_ms"] < 4000
    async with asyncio.timeout(5):
        await listening


async def test_wake_word_during_request(service: VoiceServer, add_realtime: AddRealtime) -> None:
    satellite = await add_realtime(llm_hass_api=[])
    service.answers = [Answer("A long story.", pause=0.5, seconds=4)]
    task = asyncio.create_task(satellite.ask(SPEECH))
    await wait_for(lambda: service.peers and service.peer.tasks)
    await wait_for(lambda: "intent-start" in satellite.kinds())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."
    assert sound_of(satellite) == tone(0.5)


async def test_satellite_waits_for_end_of_speech(add_realtime: AddRealtime) -> None:
    satellite = await add_realtime()
    satellite.is_player = False
    await satellite.say(SPEECH)
    assert sound_of(satellite) == tone(0.5)


async def test_speak_immediately_option_off(add_realtime: AddRealtime) -> None:
    satellite = await add_realtime(speak_at_once=False)
    await satellite.say(SPEECH)
    assert sound_of(satellite) == tone(0.5)
    assert satellite.speech == "It is sunny outside."
    deltas = [(event.data or {}).get("chat_log_delta", {}) for event in satellite.events]
    assert not any("tool_calls" in delta for delta in deltas)


async def test_other_stt_entity(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("realtime", DEEP), ("stt", {"title": "Ear", "transport": "upload"}))
    satellite = Satellite(hass, await add_pipeline(hass, stt_engine="stt.ear"), output="wav")
    await satellite.say(SPEECH)
    # In writing in, spoken out.
    (item,) = service.peer.events("conversation.item.create")
    assert item["item"]["content"] == [{"type": "input_text", "text": "Turn on the light"}]
    assert satellite.speech == "It is sunny outside."
    assert sound_of(satellite) == tone(0.5)


async def test_other_tts_entity(
    hass: HomeAssistant, service: VoiceServer, add_service: AddService
) -> None:
    await add_service(("realtime", DEEP), ("tts", {"title": "Mouth"}))
    satellite = Satellite(hass, await add_pipeline(hass, tts_engine="tts.mouth"), output="wav")
    await satellite.say(SPEECH)
    assert [speech["input"] for speech in service.speeches] == ["It is sunny outside."]
    assert sound_of(satellite) == tone(20 / 15)


async def test_stt_without_agent(
    service: VoiceServer, add_realtime: AddRealtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime_session, "_UNCLAIMED_TIMEOUT", 0.2)
    satellite = await add_realtime({"conversation_engine": "conversation.home_assistant"})
    service.answers = [Answer("A long story that nobody wants.", pause=0.2, seconds=2)]
    await satellite.say(SPEECH)
    # What the home itself answers is read aloud, and the model is stopped.
    assert [speech["input"] for speech in service.speeches] == [satellite.speech]
    assert service.speeches[0]["voice"] == "cedar"
    await wait_for(lambda: service.peer.events("response.cancel"))


async def test_stt_without_pipeline(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime()
    assert (await transcribe(hass, microphone(SPEECH))).text == "Turn on the light"
    await asyncio.sleep(0.1)
    assert not service.asked
    detection = service.peer.received[0]["session"]["audio"]["input"]["turn_detection"]
    assert detection["create_response"] is False


async def test_announcement_voice(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime()
    await speak(hass, "Dinner is ready.", WAV)
    assert service.speeches[0]["voice"] == "cedar"
    assert service.speeches[0]["model"] == "gpt-4o-mini-tts"
    assert not service.peers


async def test_text_turn(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime()
    result = await conversation.async_converse(
        hass, "Hello", None, Context(), agent_id="conversation.kitchen"
    )
    assert result.response.speech["plain"]["speech"] == "It is sunny outside."
    # Nobody hears it, so no sound is made.
    assert service.asked == [{"output_modalities": ["text"]}]


async def test_silence(add_realtime: AddRealtime) -> None:
    satellite = await add_realtime()
    await satellite.ask(SILENCE)
    assert satellite.error["code"] == "stt-no-text-recognized"
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."


async def test_new_session_has_history(service: VoiceServer, add_realtime: AddRealtime) -> None:
    satellite = await add_realtime(keep_open=0)
    await satellite.say(SPEECH)
    await wait_for(lambda: service.peer.ws.closed)
    await satellite.say(SPEECH)
    assert len(service.peers) == 2
    items = [event["item"] for event in service.peer.events("conversation.item.create")]
    assert [(item["role"], item["content"][0]["text"]) for item in items] == [
        ("user", "Turn on the light"),
        ("assistant", "It is sunny outside."),
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"refuses_sockets": 404},
        {"drops_after": ["session.update"]},
        {"drops_after": ["input_audio_buffer.append"]},
        {"refused": {"session.update": {"message": "unknown voice", "code": "x"}}},
        {"is_silent": True},
    ],
)
async def test_error_while_listening(
    service: VoiceServer, add_realtime: AddRealtime, fault: dict[str, Any]
) -> None:
    satellite = await add_realtime()
    for name, value in fault.items():
        setattr(service, name, list(value) if isinstance(value, list) else value)
    before = service.refuses_sockets, service.refused
    await satellite.ask(SPEECH)
    # The same sound is uploaded, so that the question is not lost; then it is tried once more.
    assert satellite.text == "Turn on the light"
    assert service.uploads
    service.refuses_sockets, service.refused, service.is_silent = None, {}, False
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."
    assert before


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            Answer("", status="failed", details={"error": {"message": "GPU is gone"}}),
            "has a problem",
        ),
        (
            Answer("", status="incomplete", details={"reason": "content_filter"}),
            "refused to answer",
        ),
        (Answer("", status="incomplete", details={"reason": "max_output_tokens"}), "no answer"),
        (Answer(""), "no answer"),
        (Answer("It is very warm today.", drops_at=3, pause=0.2), "lost"),
    ],
)
async def test_error_while_responding(
    service: VoiceServer,
    add_realtime: AddRealtime,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    told: str,
) -> None:
    satellite = await add_realtime()
    service.answers = [answer]
    with suppress(HomeAssistantError):
        await satellite.say(SPEECH)
    assert told in satellite.speech
    assert CANARY not in caplog.text
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."
    assert sound_of(satellite) == tone(0.5)


async def test_text_only_model_is_spoken_by_tts(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    service.answers = [Answer("It is sunny.", has_sound=False)]
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny."
    assert [speech["input"] for speech in service.speeches] == ["It is sunny."]


async def test_changed_options_apply_to_next_turn(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    await satellite.say(SPEECH)
    (entry,) = hass.config_entries.async_entries("openai_api")
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "voice": "marin", "prompt": "You are a pirate."}
    )
    await hass.async_block_till_done()
    await satellite.say(SPEECH)
    assert service.peer.session["audio"]["output"]["voice"] == "marin"
    assert "pirate" in service.peer.session["instructions"]
    assert sound_of(satellite) == tone(0.5)


async def test_concurrent_conversations(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    other = Satellite(hass, satellite.pipeline_id)
    service.answers = [Answer("One two three."), Answer("One two three.")]
    await asyncio.gather(satellite.say(SPEECH), other.say(SPEECH))
    assert satellite.conversation_id != other.conversation_id
    assert satellite.speech == other.speech == "One two three."
    assert sound_of(satellite) == sound_of(other) == tone(0.5)
    assert len(service.peers) == 2


@pytest.mark.parametrize("how", ["unload", "remove"])
async def test_unload_during_turn(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime, how: str
) -> None:
    satellite = await add_realtime()
    service.answers = [Answer("A long story that goes on.", pause=0.3, seconds=3)]
    task = asyncio.create_task(satellite.say(SPEECH))
    await wait_for(lambda: satellite.sound)
    (entry,) = hass.config_entries.async_entries("openai_api")
    if how == "unload":
        assert await hass.config_entries.async_unload(entry.entry_id)
    else:
        (subentry_id,) = entry.subentries
        hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    async with asyncio.timeout(8):
        await asyncio.gather(task, return_exceptions=True)
    await wait_for(lambda: service.peer.ws.closed)
