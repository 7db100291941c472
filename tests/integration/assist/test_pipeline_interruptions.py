"""Turns of a pipeline that are interrupted at each stage."""

import asyncio
from collections.abc import Awaitable, Callable
import json

from aiohttp import web
from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.openai_api.const import DOMAIN
from tests.integration.conftest import CANARY
from tests.integration.waiting import wait_for

from .answers import SSE, call_event, completed, sse
from .conftest import Ask, is_error, speech
from .test_agent_websocket import AddAgent, add_agent
from .voice import SILENCE, SPEECH, Satellite
from .voice_home import AddHome, refused, stream
from .voice_server import ScriptedBody, VoiceServer, tone
from .websocket_service import Service

__all__ = ["add_agent"]

SUNNY = "It is sunny outside."


async def begin(service: VoiceServer, satellite: Satellite, stage: str) -> asyncio.Task[None]:
    """Begin a turn, and return it once it has come to a stage at which the service stops."""
    match stage:
        case "listening":
            service.upload = service.never
        case "thinking":
            service.heads = [stream(30)]
        case "answering":
            service.heads = [stream("It is", 30)]
        case "speaking":
            service.sounds = [ScriptedBody([tone(0.1), 30])]
    turn = asyncio.create_task(satellite.say(SPEECH, SILENCE))
    match stage:
        case "listening":
            await wait_for(lambda: service.uploads)
        case "speaking":
            await wait_for(lambda: satellite.sound)
        case _:
            await wait_for(lambda: service.questions)
    await asyncio.sleep(0.05)
    assert not turn.done()
    return turn


async def assert_works(service: VoiceServer, satellite: Satellite) -> None:
    """Have the next turn answered."""
    service.upload = None
    service.heads.clear()
    service.sounds.clear()
    service.speeches.clear()
    await satellite.say(SPEECH, SILENCE)
    assert [one["input"] for one in service.speeches] == [SUNNY]
    assert len(satellite.sound) > 20_000


STAGES = ["listening", "thinking", "answering", "speaking"]


@pytest.mark.parametrize("stage", STAGES)
async def test_pipeline_satellite_disconnects(
    service: VoiceServer, add_home: AddHome, stage: str
) -> None:
    satellite = await add_home()
    turn = await begin(service, satellite, stage)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    # Home Assistant itself loads a sound to its end, or for as long as the service may be silent.
    await wait_for(lambda: service.running == 0, 20)
    assert service.lost == (stage != "listening")
    await assert_works(service, satellite)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("way", ["unload", "reload", "remove"])
async def test_pipeline_entry_removed_ends_turn(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome, stage: str, way: str
) -> None:
    satellite = await add_home()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    turn = await begin(service, satellite, stage)
    match way:
        case "unload":
            assert await hass.config_entries.async_unload(entry.entry_id)
        case "reload":
            assert await hass.config_entries.async_reload(entry.entry_id)
        case _:
            await hass.config_entries.async_remove(entry.entry_id)
    try:
        async with asyncio.timeout(20):
            await turn
    except HomeAssistantError:
        # The sound breaks off, or there is no mouth any more.
        assert stage != "listening"
    assert satellite.kinds()[-1] == "run-end"
    if stage == "listening":
        assert satellite.error["code"] == "stt-stream-failed"
    if way == "remove":
        assert hass.states.get("conversation.kitchen") is None
        return
    if way == "unload":
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await assert_works(service, satellite)


@pytest.mark.parametrize("kind", ["conversation", "stt", "tts"])
async def test_pipeline_subentry_removed_finishes_turn(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome, kind: str
) -> None:
    satellite = await add_home()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    (subentry,) = (one for one in entry.subentries.values() if one.subentry_type == kind)
    more = asyncio.Event()

    async def answer() -> web.Response:
        await more.wait()
        return web.json_response({"text": "Is it sunny"})

    match kind:
        case "stt":
            service.upload = answer
        case "conversation":
            service.heads = [stream(0.3, SUNNY)]
        case _:
            service.sounds = [ScriptedBody([tone(0.1), 0.3, tone(0.1)])]
    turn = asyncio.create_task(satellite.say(SPEECH, SILENCE))
    asked = {"stt": service.uploads, "conversation": service.questions, "tts": service.speeches}
    await wait_for(lambda: asked[kind])
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await hass.async_block_till_done()
    more.set()
    async with asyncio.timeout(20):
        await turn
    assert hass.states.get(f"{kind}.kitchen") is None
    assert satellite.speech == SUNNY
    assert len(satellite.sound) > (9_000 if kind == "tts" else 20_000)


EAR_FAULTS: dict[str, Callable[[], Awaitable[web.Response]] | None] = {
    "silent": None,
    "web_page": lambda: _answer("<html>Sign in</html>", "text/html"),
    "odd": lambda: _answer('{"text": {"a": 7}}', "application/json"),
    "key_revoked": lambda: _answer('{"error": {"message": "no key"}}', "application/json", 401),
    "model_gone": lambda: _answer('{"error": {"message": "no model"}}', "application/json", 404),
    "quota_gone": lambda: _answer(
        '{"error": {"code": "insufficient_quota"}}', "application/json", 429
    ),
}


async def _answer(text: str, content_type: str, status: int = 200) -> web.Response:
    """Answer an upload."""
    return web.Response(text=text, content_type=content_type, status=status)


@pytest.mark.parametrize("name", EAR_FAULTS)
async def test_pipeline_stt_error_ends_turn(
    service: VoiceServer, add_home: AddHome, name: str
) -> None:
    satellite = await add_home()
    service.upload = EAR_FAULTS[name] or service.never
    async with asyncio.timeout(20):
        await satellite.say(SPEECH, SILENCE)
    assert satellite.kinds()[-2:] == ["error", "run-end"]
    assert satellite.error["code"] == "stt-stream-failed"
    assert not service.questions
    await assert_works(service, satellite)


async def test_pipeline_empty_transcript_sends_no_request(
    service: VoiceServer, add_home: AddHome
) -> None:
    satellite = await add_home()
    service.texts = ["\0 \x07"]
    await satellite.say(SPEECH, SILENCE)
    assert satellite.error["code"] == "stt-no-text-recognized"
    assert not service.questions
    await assert_works(service, satellite)


async def test_pipeline_two_satellites_in_one_conversation(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome
) -> None:
    first = await add_home()
    await first.write("Hi")
    second = Satellite(hass, first.pipeline_id, output=first.output)
    second.conversation_id = first.conversation_id
    service.heads = [stream(0.3, "To the first. ", "All is well.")]
    service.speeches.clear()
    turn = asyncio.create_task(first.write("A"))
    await wait_for(lambda: len(service.questions) == 2)
    async with asyncio.timeout(20):
        await second.write("B")
        await turn

    assert first.speech == "To the first. All is well."
    assert first.sound
    if second.kinds()[-2] == "error":
        # Home Assistant lets a conversation have one turn at a time.
        assert second.error["code"] == "intent-busy"
    else:
        assert second.speech == SUNNY
    await second.write("Again")
    assert second.speech == SUNNY
    assert len(second.sound) > 20_000


async def test_pipeline_two_satellites_in_own_conversations(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome
) -> None:
    first = await add_home()
    second = Satellite(hass, first.pipeline_id, output=first.output)
    service.heads = [
        lambda body: stream(0.2, f"You said {body['input'][-1]['content']}."),
        lambda body: stream(f"You said {body['input'][-1]['content']}."),
    ]
    async with asyncio.timeout(20):
        await asyncio.gather(first.write("A"), second.write("B"))
    assert (first.speech, second.speech) == ("You said A.", "You said B.")
    assert {one["input"] for one in service.speeches} == {first.speech, second.speech}
    assert first.conversation_id != second.conversation_id


IN_THE_SECOND_ROUND = {
    "key_revoked": (
        refused(401, f"Incorrect API key provided: {CANARY}"),
        "does not accept the key",
    ),
    "model_gone": (
        refused(404, "The model 'm-1' does not exist", "model_not_found"),
        "does not have the model m-1",
    ),
    "quota_gone": (refused(429, "No credit", "insufficient_quota"), "quota at the AI service"),
    "silent": (ScriptedBody([30], SSE), "does not answer in time"),
    "dropped": (ScriptedBody([0.05, None], SSE), "cannot be reached"),
}


@pytest.mark.parametrize("name", IN_THE_SECOND_ROUND)
async def test_pipeline_error_after_tool_call(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome, name: str
) -> None:
    satellite = await add_home(llm_hass_api=["assist"])
    told = async_capture_events(hass, "openai_api_turn_event")
    await satellite.write("Hi")
    tool = str(service.questions[0]["tools"][0]["name"])
    fault, expected = IN_THE_SECOND_ROUND[name]
    service.heads = [ScriptedBody(sse([call_event(tool, "{}"), completed()]), SSE), fault, fault]
    async with asyncio.timeout(20):
        await satellite.write("Do it")

    assert expected in " ".join(one["input"] for one in service.speeches)
    assert CANARY not in json.dumps(service.speeches)
    assert len(satellite.sound) > 44
    await hass.async_block_till_done()
    failed = [turn.data for turn in told if turn.data["ended"] == "failed"]
    assert [(turn["kind"], turn["tools"]) for turn in failed] == [("conversation", [tool])]
    flows = [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()]
    assert (SOURCE_REAUTH in flows) is (name == "key_revoked")
    issues = [key for domain, key in ir.async_get(hass).issues if domain == DOMAIN]
    # That something is spoken shows that there is quota left.
    assert len(issues) == (name == "model_gone"), issues
    service.heads.clear()
    await satellite.write("Again")
    assert satellite.speech == SUNNY


async def test_pipeline_socket_lost_between_turns_reconnects(
    remote: Service, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent()
    first = await ask("A")
    for socket in remote.open:
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.abort()
    result = await ask("B", conversation_id=first.conversation_id)
    assert not is_error(result)
    assert speech(result) == "Hello there"
    (_, body) = remote.requests[-1]
    assert [item["role"] for item in body["input"]] == ["developer", "user", "assistant", "user"]


# Home Assistant's own, which looks after old sounds.
@pytest.mark.parametrize("expected_lingering_timers", [True])
async def test_pipeline_home_assistant_stop_during_turn(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome
) -> None:
    satellite = await add_home(patience=60)
    turn = await begin(service, satellite, "answering")
    async with asyncio.timeout(20):
        await hass.async_stop(force=True)
        await asyncio.gather(turn, return_exceptions=True)
    assert satellite.data(PipelineEventType.RUN_END) is not None
