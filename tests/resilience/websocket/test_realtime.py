"""Conversations with a host that gets the events themselves wrong."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, override

from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
import pytest
import voluptuous as vol

from custom_components.openai_api.realtime import tools
from tests.integration.waiting import wait_for

from .connection_driver import ConnectionDriver, Json, only_realtime

pytestmark = only_realtime
DELTA: Json = {
    "type": "response.output_audio.delta",
    "response_id": "r-1",
    "item_id": "i-1",
    "content_index": 0,
}
DONE: Json = {**DELTA, "type": "response.output_audio.done"}
CREATED: Json = {"type": "response.created", "response": {"id": "r-1"}}
OVER: Json = {
    "type": "response.done",
    "response": {"id": "r-1", "status": "completed", "usage": {"input_tokens": 3}},
}


class FailingTool(llm.Tool):
    """Does what the test wants, which may be nothing, for ever."""

    name = "fickle"
    description = "Does something."
    parameters = vol.Schema({})
    integration = "openai_api"

    def __init__(self) -> None:
        """Answer at once."""
        self.error: BaseException | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.result: Any = {"done": True}

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> llm.ToolResult:
        """Answer, fail or hang."""
        await self.gate.wait()
        if self.error:
            raise self.error
        return llm.ToolResult(data=self.result)


class FailingTools(llm.API):
    """Offers that tool."""

    tool: FailingTool

    @override
    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        """Return the tool."""
        return llm.APIInstance(self, "Be careful.", llm_context, [self.tool])


@pytest.fixture
async def tool(hass: HomeAssistant) -> AsyncGenerator[FailingTool]:
    """Return a tool that conversations may use."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    api = FailingTools(hass=hass, id="fickle", name="Fickle")
    api.tool = FailingTool()
    llm.async_register_api(hass, api)
    yield api.tool
    api.tool.gate.set()


def function_call(call_id: str, arguments: str = "{}") -> Json:
    """Return the event of a tool call."""
    item = {
        "id": f"item-{call_id}",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": "fickle",
        "arguments": arguments,
    }
    return {"type": "response.output_item.done", "response_id": "r-1", "item": item}


def kinds(driver: ConnectionDriver, *wanted: str) -> list[Json]:
    """Return the notices of these kinds."""
    return [notice for notice in driver.notices if notice["type"] in wanted]


async def answers(driver: ConnectionDriver, call_id: str) -> str:
    """Return the output of a tool call that was sent to the server."""
    received = driver.host.peers[-1].received

    def found() -> list[str]:
        items = [event.get("item") or {} for event in received]
        return [item["output"] for item in items if item.get("call_id") == call_id]

    await wait_for(found)
    return found()[0]


async def test_tool_exception_is_sent_as_output(
    driver: ConnectionDriver, tool: FailingTool
) -> None:
    """The model gets the error, and may go on."""
    await driver.connect(llm_hass_api=["fickle"])
    peer = await driver.host.peers.reach(1)
    errors = [ValueError("x"), KeyError("x"), RuntimeError(), TimeoutError(), RecursionError()]
    for count, error in enumerate(errors, 1):
        tool.error, name = error, f"raises-{count}"
        await peer.send_events(OVER, function_call(name), function_call(name))
        assert type(error).__name__ in await answers(driver, name)
        # A call that comes twice is made once.
        assert len(kinds(driver, "function_call")) == len(kinds(driver, "tool_result")) == count
    tool.error = None
    await peer.send_events(OVER, function_call("f-2", "[" * 100_000))
    assert "error" in await answers(driver, "f-2")
    await peer.send_events(OVER, function_call("f-3", "[1]"))
    assert await answers(driver, "f-3") == '{"done":true}'
    await driver.assert_sends_and_receives()


async def test_tool_result_not_json(driver: ConnectionDriver, tool: FailingTool) -> None:
    tool.result = {"what": object()}
    await driver.connect(llm_hass_api=["fickle"])
    peer = await driver.host.peers.reach(1)
    await peer.send_events(function_call("f-1"))
    assert "error" in await answers(driver, "f-1")
    await driver.assert_sends_and_receives()


async def test_tool_schema_not_json_raises(driver: ConnectionDriver, tool: FailingTool) -> None:
    """What no JSON can hold is left out; the rest of the conversation works."""
    tool.description = object()  # type: ignore[assignment]
    await driver.connect(llm_hass_api=["fickle"])
    (update,) = [
        event
        for event in (await driver.host.peers.reach(1)).received
        if event["type"] == "session.update"
    ] or [None]
    assert update is None or update["session"]["tools"] == []
    await driver.assert_sends_and_receives()


async def test_tool_timeout_is_sent_as_output(
    driver: ConnectionDriver, tool: FailingTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The conversation goes on meanwhile, and after the time limit the model gets an error."""
    monkeypatch.setattr(tools, "_PATIENCE", 0.3)
    tool.gate.clear()
    await driver.connect(llm_hass_api=["fickle"])
    peer = await driver.host.peers.reach(1)
    await peer.send_events(function_call("f-1"))
    await wait_for(lambda: kinds(driver, "function_call"))
    await driver.assert_sends_and_receives()
    assert "TimeoutError" in await answers(driver, "f-1")
    assert kinds(driver, "tool_result")[0]["result"]["error"] == "TimeoutError"
    tool.gate.set()
    await peer.send_events(OVER, function_call("f-2"))
    assert await answers(driver, "f-2") == '{"done":true}'


async def test_tool_hanging_is_cancelled_on_unload(
    driver: ConnectionDriver, tool: FailingTool
) -> None:
    tool.gate.clear()
    await driver.connect(llm_hass_api=["fickle"])
    peer = await driver.host.peers.reach(1)
    await peer.send_events(function_call("f-1"))
    await wait_for(lambda: kinds(driver, "function_call"))
    await peer.close(1000)
    await driver.wait_for_state("disconnected")
    # That nothing is left of it after the entry is unloaded is seen at the end of every test.


async def test_session_config_rejected_keeps_connection(driver: ConnectionDriver) -> None:
    """The server reports errors; the conversation goes on."""
    peer = await driver.accepted_peer()
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "No such voice"}
    for number in range(3):
        await driver.call("update_realtime_session_config", session={"voice": f"v-{number}"})
        await peer.send_events({"type": "error", "event_id": "e", "error": error})
    await wait_for(lambda: len(kinds(driver, "error")) == 3)
    assert kinds(driver, "error")[0]["error"]["error"] == error
    await driver.assert_sends_and_receives()


async def test_session_config_rejected_closes_connection(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    await driver.call("update_realtime_session_config", session={"voice": "v"})
    await peer.send_events({"type": "error", "error": {"code": "invalid_value"}})
    await peer.close(1008, b"Bad session")
    ended = await driver.wait_for_state("disconnected")
    assert (ended["code"], ended["error"]) == (1008, "Bad session")
    assert len(kinds(driver, "error")) == 1
    await driver.assert_reconnects()


async def test_connection_lost_during_audio(driver: ConnectionDriver, media_folder: Path) -> None:
    """Nothing half is saved, nothing is left that waits for more, and the next answer is whole."""
    peer = await driver.accepted_peer()
    await peer.send_events(
        CREATED, *[{**DELTA, "delta": base64.b64encode(bytes(480)).decode()}] * 5
    )
    await wait_for(lambda: len(kinds(driver, "audio")) == 5)
    peer.reset()
    await driver.wait_for_state("connected", 2)
    peer = await driver.host.peers.reach(2)
    assert not list(media_folder.rglob("*.wav"))
    await driver.call("interrupt_realtime_response")
    assert not kinds(driver, "audio_interrupted")
    await peer.send_events(
        CREATED, {**DELTA, "delta": base64.b64encode(bytes(480)).decode()}, DONE, OVER
    )
    await wait_for(lambda: kinds(driver, "audio_done"))
    (done,) = kinds(driver, "audio_done")
    assert done["size"] == 480 + 44
    await driver.assert_sends_and_receives()


async def test_invalid_base64_audio_is_skipped(driver: ConnectionDriver) -> None:
    """What is no base64 is left out; the rest of the answer is saved."""
    peer = await driver.accepted_peer()
    good = base64.b64encode(bytes(480)).decode()
    garbled = [good[:-1], good[:-3], "A", "=", "====", "ü", "\ud7ff", "!", "", " ", good + "A"]
    await peer.send_events(
        CREATED, *[{**DELTA, "delta": piece} for piece in (good, *garbled, good)]
    )
    odd: list[Any] = [None, 1, [], {}, True]
    await peer.send_events(*({**DELTA, "delta": piece} for piece in odd), DONE, OVER)
    await wait_for(lambda: kinds(driver, "audio_done"))
    (done,) = kinds(driver, "audio_done")
    assert done["size"] >= 2 * 480 + 44
    await driver.assert_sends_and_receives()


async def test_duplicate_events(driver: ConnectionDriver) -> None:
    peer = await driver.accepted_peer()
    good = {**DELTA, "delta": base64.b64encode(bytes(48)).decode()}
    await peer.send_events(*[CREATED] * 2, *[good] * 2, *[DONE] * 2, *[OVER] * 3)
    await wait_for(lambda: len(kinds(driver, "turn_done")) == 3)
    assert len(kinds(driver, "turn_started")) == 2
    await wait_for(lambda: len(kinds(driver, "audio_done")) == 2)
    await driver.assert_sends_and_receives()


async def test_events_for_unknown_items(driver: ConnectionDriver) -> None:
    """Items and responses that never were."""
    peer = await driver.accepted_peer()
    unknown = {"item_id": "x", "response_id": "x", "content_index": 7}
    told = [
        {"type": kind, **unknown}
        for kind in (
            "conversation.item.deleted",
            "conversation.item.truncated",
            "conversation.item.input_audio_transcription.completed",
            "conversation.item.input_audio_transcription.failed",
            "response.output_audio.done",
            "response.output_audio_transcript.delta",
            "response.output_text.delta",
            "response.mcp_call.in_progress",
            "mcp_list_tools.in_progress",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
        )
    ]
    told += [{"type": "response.done", "response": {"id": "x"}}, {"type": "response.done"}]
    await peer.send_events(*told)
    await wait_for(lambda: len(driver.raw) == len(told))
    assert [data["event"] for data in driver.raw] == told
    await driver.assert_sends_and_receives()


async def test_invalid_sample_rates(driver: ConnectionDriver) -> None:
    piece = base64.b64encode(bytes(480)).decode()
    for count, rate in enumerate((1e300, 1e9, -1, 0, True, "24000", None), 1):
        odd = {"type": "audio/pcm", "rate": rate}
        audio = {"input": {"format": odd}, "output": {"format": odd}}
        await driver.connect(session={"audio": audio})
        peer = await driver.host.peers.reach(count)
        await peer.send_events(CREATED, {**DELTA, "delta": piece})
        await wait_for(lambda: len(kinds(driver, "audio")) == count)  # noqa: B023
        await peer.send_events({"type": "input_audio_buffer.speech_started"}, DONE, OVER)
        await wait_for(lambda: len(kinds(driver, "audio_done")) == count)  # noqa: B023
        assert kinds(driver, "audio_done")[-1]["size"] == 480 + 44, rate
        await driver.assert_sends_and_receives()
        await driver.close()
