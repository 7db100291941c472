"""Realtime turns with unusual events, errors and session configurations."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from homeassistant.components import conversation
from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.helpers import chat_session, device_registry as dr, entity_registry as er, llm
import pytest

from custom_components.openai_api.assist import realtime_turn
from tests.integration.llm_api import BrokenApi, add_api
from tests.integration.waiting import wait_for

from .test_realtime_voice import (
    AddRealtime,
    Tool,
    _hurried,
    _plain_wav,
    add_realtime,
    sound_of,
    tool,
)
from .voice import SPEECH, Satellite
from .voice_server import Answer, VoiceServer, tone

__all__ = ["_hurried", "_plain_wav", "add_realtime", "tool"]

type Json = dict[str, Any]
SUNNY = "It is sunny outside."


async def write(hass: HomeAssistant, text: str = "Hello", conversation_id: Any = None) -> Any:
    """Ask the agent in writing."""
    return await conversation.async_converse(
        hass, text, conversation_id, Context(), agent_id="conversation.kitchen", language="en"
    )


def said(result: Any) -> str:
    """Return what is answered."""
    return str(result.response.speech["plain"]["speech"])


async def test_session_config_from_subentry(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime(
        turn_detection="semantic_vad",
        eagerness="low",
        voice="",
        max_output_tokens=500,
        noise_reduction="near_field",
        extra_session={
            "truncation": "auto",
            "audio": {"input": {"transcription": {"prompt": "Kitchen"}}},
        },
    )
    assert said(await write(hass)) == SUNNY
    session = service.peer.session
    assert session["max_output_tokens"] == 500
    assert session["truncation"] == "auto"
    heard = session["audio"]["input"]
    assert heard["transcription"] == {"model": "t-1", "language": "en", "prompt": "Kitchen"}
    assert heard["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }
    assert heard["noise_reduction"] == {"type": "near_field"}
    assert "voice" not in session["audio"]["output"]


async def test_session_language_without_short_code(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime(turn_detection="semantic_vad")
    await conversation.async_converse(
        hass, "Hello", None, Context(), agent_id="conversation.kitchen", language="x-klingon"
    )
    heard = service.peer.session["audio"]["input"]
    assert heard["transcription"] == {"model": "t-1"}
    assert "eagerness" not in heard["turn_detection"]


async def test_agent_supports_every_language(
    hass: HomeAssistant, add_realtime: AddRealtime
) -> None:
    await add_realtime()
    found = conversation.async_get_conversation_languages(hass, "conversation.kitchen")
    assert found == "*"


@pytest.mark.parametrize(
    "raised", [ValueError("Oops"), TimeoutError(), KeyError("x"), asyncio.CancelledError()]
)
async def test_tool_error_sent_to_model(
    service: VoiceServer, add_realtime: AddRealtime, tool: Tool, raised: BaseException
) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    service.answers = [Answer("", calls=[("test_tool", "{}")]), Answer("It failed.")]
    with patch.object(Tool, "async_call", side_effect=raised):
        await satellite.say(SPEECH)
    assert satellite.speech == "It failed."
    (result,) = service.peer.events("conversation.item.create")
    assert result["item"]["type"] == "function_call_output"
    assert '"error":true' in result["item"]["output"]


@pytest.mark.parametrize("value", [2**70, "half \ud83d", "word " * 500_000])
async def test_tool_result_not_json(
    service: VoiceServer, add_realtime: AddRealtime, tool: Tool, value: Any
) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    service.answers = [Answer("", calls=[("test_tool", "{}")]), Answer("It is done.")]
    with patch.object(Tool, "async_call", return_value=llm.ToolResult(data={"value": value})):
        await satellite.say(SPEECH)
    assert satellite.speech == "It is done."
    (result,) = service.peer.events("conversation.item.create")
    assert result["item"]["output"].startswith('{"data":')
    assert len(result["item"]["output"]) < 300_000
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."


async def test_control_characters_removed_and_surrogates_joined(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    service.texts = ["Is it\0 sunny"]
    service.answers = [Answer("It\0 is \x1bsunny \ud83d", has_sound=False)]
    await satellite.say(SPEECH)
    assert satellite.text == "Is it sunny"
    # Half a sign is no reason to lose the words.
    assert satellite.speech.startswith("It is sunny")
    await satellite.say(SPEECH)
    assert satellite.speech == "It is sunny outside."


@pytest.mark.parametrize("api_id", ["gone", "broken"])
async def test_missing_llm_api_is_an_error(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime, api_id: str
) -> None:
    told: list[Event] = []
    hass.bus.async_listen("openai_api_turn_event", told.append)
    add_api(hass, "broken", kind=BrokenApi)
    satellite = await add_realtime(llm_hass_api=[api_id])
    result = await write(hass)
    assert result.response.response_type.value == "error"
    await satellite.say(SPEECH)
    assert satellite.text == "Turn on the light"
    assert (
        satellite.data(PipelineEventType.INTENT_END)["intent_output"]["response"]["response_type"]
        == "error"
    )
    ended = [event.data["ended"] for event in told if event.data["kind"] == "realtime"]
    assert ended == ["failed", "failed"]
    assert not service.peers


async def test_session_lost_before_response_reconnects(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime()
    first = await write(hass, "Good morning")
    service.drops_after = ["response.create"]
    assert said(await write(hass, "Hello", first.conversation_id)) == SUNNY
    assert len(service.peers) == 2
    items = [event["item"] for event in service.peer.events("conversation.item.create")]
    assert [item["content"][0]["text"] for item in items] == ["Good morning", SUNNY, "Hello"]


@pytest.mark.parametrize("by_voice", [True, False])
@pytest.mark.parametrize("keep_open", [0, 300])
async def test_model_is_told_what_others_have_said(
    hass: HomeAssistant,
    service: VoiceServer,
    add_realtime: AddRealtime,
    by_voice: bool,
    keep_open: int,
) -> None:
    satellite = await add_realtime(keep_open=keep_open)

    async def ask() -> None:
        if by_voice:
            await satellite.say(SPEECH)
        else:
            await satellite.write("Turn on the light")
        assert satellite.speech == SUNNY

    # As a satellite does that begins a conversation.
    with (
        chat_session.async_get_chat_session(hass, None) as chat,
        conversation.async_get_chat_log(hass, chat) as log,
    ):
        log.async_add_assistant_content_without_tools(
            conversation.AssistantContent("assist_satellite.hall", "Shall I dim the light?")
        )
    satellite.conversation_id = chat.conversation_id
    await ask()
    question = "Who answers this?"
    result = await conversation.async_converse(
        hass, question, chat.conversation_id, Context(), language="en"
    )
    await ask()

    texts = [
        event["item"]["content"][0]["text"]
        for peer in service.peers
        for event in peer.events("conversation.item.create")
    ]
    own = ["Turn on the light", SUNNY] if keep_open == 0 else []
    asked = [] if by_voice else ["Turn on the light"]
    start, others = ["Shall I dim the light?"], [question, said(result)]
    again = start if keep_open == 0 else []
    assert texts == [*start, *asked, *again, *own, *others, *asked]
    assert len(service.peers) == (2 if keep_open == 0 else 1)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("", status="cancelled", details={"reason": "other"}), "interrupted"),
        (
            Answer("One two", events=[{"type": "error", "error": "GPU is gone"}], pause=0.3),
            "has a problem",
        ),
        (
            Answer("Never to its end", pause=0.5, seconds=0),
            "does not answer in time",
        ),
        (Answer("", status="failed", details={"error": "none"}), "has a problem"),
        (Answer("", status="failed"), "has a problem"),
    ],
)
async def test_failed_response_is_reported(
    hass: HomeAssistant,
    service: VoiceServer,
    add_realtime: AddRealtime,
    events: Callable[[str], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    told: str,
) -> None:
    monkeypatch.setattr(realtime_turn, "_EVENT_TIMEOUT", 0.2)
    reports = events("openai_api_turn_event")
    await add_realtime()
    service.answers = [answer]
    result = await write(hass)
    assert told in said(result)
    assert said(await write(hass, "Again", result.conversation_id)) == SUNNY
    await hass.async_block_till_done()
    assert [report.data["ended"] for report in reports] == ["failed", "done"]


async def test_response_timeout(
    hass: HomeAssistant,
    service: VoiceServer,
    add_realtime: AddRealtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(realtime_turn, "_EVENT_TIMEOUT", 0.1)
    await add_realtime()
    service.is_silent = True
    result = await write(hass)
    assert "does not answer in time" in said(result)
    service.is_silent = False
    assert said(await write(hass)) == SUNNY


ODD: dict[str, Json] = {
    "no_item": {"type": "response.output_item.done", "item": 5},
    "message": {"type": "response.output_item.done", "item": {"type": "message"}},
    "garbled_sound": {"type": "response.output_audio.delta", "delta": "a"},
    "new": {"type": "response.new"},
    "another_response": {"type": "response.output_text.delta", "response_id": "r", "delta": "No"},
    "done_without_a_response": {"type": "response.done", "response": 5},
    "harmless": {"type": "error", "error": {"code": "response_cancel_not_active"}},
    # As Grok and Qwen say it.
    "harmless_in_words": {
        "type": "error",
        "error": {"code": "", "message": "Cancellation failed: no active response found"},
    },
    "too_late": {"type": "error", "error": {"event_id": "truncate_4", "message": "x"}},
}


async def test_malformed_events_are_ignored(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    refused = {"type": "error", "error": {"event_id": "clear_1"}}
    service.greeting = ["no JSON", [1], {"type": ["error"]}, refused]
    service.answers = [Answer(events=list(ODD.values()))]
    await satellite.say(SPEECH)
    assert satellite.speech == SUNNY
    assert sound_of(satellite) == tone(0.5)
    assert len(service.peers) == 1


async def test_response_without_deltas(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime, tool: Tool
) -> None:
    await add_realtime(llm_hass_api=["test"])
    call = {"type": "function_call", "call_id": "c", "name": "test_tool", "arguments": "{}"}
    parts = [{"type": "output_audio", "transcript": "It is"}, 5, {"text": " done."}, {"text": ""}]
    done = {"type": "response.output_audio_transcript.done", "transcript": "Bye."}
    service.answers = [
        Answer("", output=[5, call]),
        Answer("", output=[{"type": "message", "content": parts}]),
        Answer("", events=[done, done]),
    ]
    result = await write(hass)
    assert said(result) == "It is done."
    assert tool.calls == [{}]
    assert said(await write(hass, "Bye", result.conversation_id)) == "Bye."


PART: Json = {"item_id": "i", "content_index": 0}
CALL: Json = {"type": "function_call", "call_id": "c", "name": "test_tool", "arguments": "{}"}
TOLD: dict[str, Answer] = {
    "older names": Answer(
        "",
        events=[
            {"type": "response.audio_transcript.delta", "delta": "It is", **PART},
            {"type": "response.audio_transcript.delta", "delta": " sunny.", **PART},
            {"type": "response.audio_transcript.done", "transcript": "It is sunny.", **PART},
        ],
    ),
    "older names, text": Answer(
        "", events=[{"type": "response.text.delta", "delta": "It is sunny.", **PART}]
    ),
    "both names": Answer(
        "",
        events=[
            {"type": f"response.{name}.delta", "delta": "It is sunny.", **PART}
            for name in ("audio_transcript", "output_audio_transcript")
        ],
    ),
    "no id of the response": Answer(
        "",
        events=[
            {"type": "response.output_text.delta", "delta": "It is sunny.", "response_id": None}
        ],
    ),
    "the second item at its end": Answer(
        "",
        events=[
            {"type": "response.output_text.delta", "delta": "It is", **PART},
            {"type": "response.output_text.done", "text": "It is", **PART},
            {
                "type": "response.output_item.done",
                "item": {"id": "j", "type": "message", "content": [{"text": " sunny."}]},
            },
        ],
    ),
    "the rest in the whole text": Answer(
        "",
        events=[
            {"type": "response.output_text.delta", "delta": "It is", **PART},
            {"type": "response.output_text.done", "text": "It is sunny.", **PART},
        ],
    ),
}


@pytest.mark.parametrize("case", TOLD)
async def test_response_events_of_servers(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime, tool: Tool, case: str
) -> None:
    await add_realtime(llm_hass_api=["test"])
    service.answers = [TOLD[case]]
    assert said(await write(hass)) == "It is sunny."


@pytest.mark.parametrize(
    "ends",
    [
        ["response.completed"],
        ["response.completed", "response.done"],
        ["response.done", "response.completed"],
    ],
)
async def test_end_of_response_under_another_name(
    hass: HomeAssistant,
    service: VoiceServer,
    add_realtime: AddRealtime,
    tool: Tool,
    ends: list[str],
) -> None:
    service.response_ends = ends
    await add_realtime(llm_hass_api=["test"])
    service.answers = [
        Answer("", calls=[("test_tool", "{}")]),
        Answer("It is sunny."),
        Answer("Bye."),
    ]
    async with asyncio.timeout(5):
        first = await write(hass)
        assert said(first) == "It is sunny."
        assert said(await write(hass, "Bye", first.conversation_id)) == "Bye."
    assert len(service.asked) == 3


@pytest.mark.parametrize("where", ["output", "arguments"])
async def test_call_after_streamed_text(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime, tool: Tool, where: str
) -> None:
    await add_realtime(llm_hass_api=["test"])
    arguments = {"call_id": "c", "name": "test_tool", "arguments": '{"room": "a"}'}
    ended = {"type": "response.function_call_arguments.done", "item_id": "f", **arguments}
    service.answers = [
        Answer("One moment.", output=[CALL]) if where == "output" else Answer("", events=[ended]),
        Answer("It is done."),
    ]
    assert said(await write(hass)).endswith("It is done.")
    assert tool.calls == [{} if where == "output" else {"room": "a"}]


async def test_older_audio_event_names(service: VoiceServer, add_realtime: AddRealtime) -> None:
    satellite = await add_realtime()
    sound = tone(0.2)
    delta = base64.b64encode(sound).decode()
    service.answers = [
        Answer(
            "",
            events=[
                {"type": "response.audio_transcript.delta", "delta": SUNNY, **PART},
                {"type": "response.audio.delta", "delta": delta, **PART},
                {"type": "response.audio.done", **PART},
            ],
        )
    ]
    await satellite.say(SPEECH)
    assert satellite.speech == SUNNY
    assert len(sound_of(satellite)) == pytest.approx(len(sound), abs=2000)


async def test_audio_without_text_is_an_answer(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    sound = tone(0.2)
    delta = base64.b64encode(sound).decode()
    event = {"type": "response.output_audio.delta", "delta": delta, **PART}
    service.answers = [Answer("", events=[event])]
    await satellite.say(SPEECH)

    assert "error" not in satellite.kinds()
    assert satellite.speech == ""
    assert len(sound_of(satellite)) == pytest.approx(len(sound), abs=2000)


@pytest.mark.parametrize("is_spoken", [True, False])
async def test_empty_answer_after_tool(
    hass: HomeAssistant,
    service: VoiceServer,
    add_realtime: AddRealtime,
    tool: Tool,
    is_spoken: bool,
) -> None:
    satellite = await add_realtime(llm_hass_api=["test"])
    service.answers = [Answer("", calls=[("test_tool", "{}")]), Answer("")]
    if is_spoken:
        await satellite.say(SPEECH)
        assert satellite.speech == ""
    else:
        assert said(await write(hass)) == ""
    assert tool.calls == [{}]


async def test_empty_answer_without_tool_raises(
    hass: HomeAssistant, add_realtime: AddRealtime, service: VoiceServer
) -> None:
    await add_realtime()
    service.answers = [Answer("")]

    assert said(await write(hass)) == "The AI service gave no answer."


async def test_rejected_session_config_is_resent(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime()
    error = {"event_id": "session_1", "message": "unknown voice"}
    service.answers = [Answer("One two", events=[{"type": "error", "error": error}], pause=0.3)]
    result = await write(hass)
    assert "has a problem" in said(result)
    before = len(service.peers)
    assert said(await write(hass, "Again", result.conversation_id)) == SUNNY
    assert len(service.peers) == before + 1
    assert service.peer.events("session.update")


async def test_options_changed_during_response(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite = await add_realtime()
    service.answers = [Answer("One two three four.", pause=0.03)]
    task = asyncio.create_task(satellite.say(SPEECH))
    await wait_for(lambda: satellite.sound)
    (entry,) = hass.config_entries.async_entries("openai_api")
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "voice": "marin"}
    )
    await task
    assert satellite.speech == "One two three four."
    assert len(service.peers) == 1


class Asked(llm.API):
    """Takes down which device its tools are for."""

    devices: list[str | None]

    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        self.devices.append(llm_context.device_id)
        return llm.APIInstance(self, "", llm_context, tools=[])


async def test_session_opened_in_advance_for_satellite(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    api = Asked(hass=hass, id="asked", name="Asked")
    api.devices = []
    llm.async_register_api(hass, api)
    await add_realtime(llm_hass_api=["asked"])
    (entry,) = hass.config_entries.async_entries("openai_api")
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("test", "hall")}
    )
    er.async_get(hass).async_get_or_create(
        "assist_satellite", "test", "hall", suggested_object_id="hall", device_id=device.id
    )
    # Outside of a conversation there is nothing to prepare.
    await conversation.async_prepare_agent(hass, "conversation.kitchen", "en")
    assert not service.peers
    for satellite, found in (("hall", device.id), ("unknown", None)):
        hass.states.async_set(f"assist_satellite.{satellite}", "listening")
        extra: Json = {}
        if satellite == "unknown":
            hass.states.async_set("assist_satellite.hall", "idle")
        with chat_session.async_get_chat_session(hass, None, **extra):
            await conversation.async_prepare_agent(hass, "conversation.kitchen", "en")
            count = len(service.peers)
            # It is there already.
            await conversation.async_prepare_agent(hass, "conversation.kitchen", "en")
        assert len(service.peers) == count
        assert api.devices[-1] == found
    assert len(service.peers) == 2


async def test_session_opened_in_advance_error(
    hass: HomeAssistant, service: VoiceServer, add_realtime: AddRealtime
) -> None:
    await add_realtime()
    service.refuses_sockets = 404
    with chat_session.async_get_chat_session(hass, None) as session:
        await conversation.async_prepare_agent(hass, "conversation.kitchen", "en")
        conversation_id = session.conversation_id
    assert not service.peers
    service.refuses_sockets = None
    assert said(await write(hass, "Hello", conversation_id)) == SUNNY


async def test_server_turn_detection_falls_back_to_upload(
    service: VoiceServer, add_realtime: AddRealtime
) -> None:
    satellite: Satellite = await add_realtime(end_of_speech="host")
    service.refuses_sockets = 404
    await satellite.ask(SPEECH)
    assert satellite.text == "Turn on the light"
    assert len(service.uploads) == 1
