"""Streams: whole, cut, garbled, slow, and not there at all."""

import asyncio
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.streaming.sse import EventTooLarge, SSEDecoder
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data, raises_key

ASK = {"model": "m-1", "input": "Hello there", "stream": True}
CHAT = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
STREAM = b'\xef\xbb\xbf: hi\r\nevent: a\r\ndata: {"x":\r\ndata: "\xc3\xbc"}\r\n\r\nid: 1\ndata:y\n\n\rdata: z\r\r'
EVENTS = [("a", '{"x":\n"ü"}'.encode()), ("", b"y"), ("", b"z")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_sse_decoder_chunking(size: int) -> None:
    decoder = SSEDecoder()
    found = [
        event
        for start in range(0, len(STREAM), size)
        for event in decoder.feed(STREAM[start : start + size])
    ]
    assert found == EVENTS
    assert decoder.feed(b"") == []


def test_sse_decoder_size_limit() -> None:
    decoder = SSEDecoder()
    chunk = b"x" * 1024**2
    started = time.monotonic()
    with pytest.raises(EventTooLarge):
        for _ in range(100):
            decoder.feed(chunk)
    assert time.monotonic() - started < 2, "a long line must not be copied again and again"


async def test_chat_stream_accumulated(entry: MockConfigEntry, call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    whole = await call("create_chat_completion", **CHAT)
    streamed = await call("create_chat_completion", stream="true", n=2, **CHAT)

    assert {event.data["event_type"] for event in fired} == {"chat.completion.chunk"}
    assert streamed["object"] == "chat.completion"
    assert [choice["index"] for choice in streamed["choices"]] == [0, 1]
    message = whole["choices"][0]["message"]
    for choice in streamed["choices"]:
        assert choice["message"]["content"] == message["content"]
        assert choice["message"]["role"] == "assistant"
        assert choice["finish_reason"] == "stop"


async def test_chat_stream_tool_calls_accumulated(entry: MockConfigEntry, call: Call) -> None:
    tool = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
    asked = {"model": "m", "tools": [tool], "messages": [{"role": "user", "content": "get_time"}]}
    whole = await call("create_chat_completion", **asked)
    streamed = await call(
        "create_chat_completion", stream=True, stream_options={"include_usage": True}, **asked
    )

    def calls(answer: Any) -> list[Any]:
        return [item["function"] for item in answer["choices"][0]["message"]["tool_calls"]]

    assert calls(streamed) == calls(whole)
    assert streamed["usage"]["total_tokens"] > 0
    assert streamed["choices"][0]["finish_reason"] == "tool_calls"


async def test_chat_stream_without_finish_reason(
    standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    body = (
        'data: {"id": "c", "choices": [{"delta": {"content": "Hi"}}]}\n\n'
        'data: {"choices": [{"index": 0, "delta": {"content": "!", "refusal": null}, '
        '"logprobs": {"content": [{"token": "!"}]}}]}\n\ndata: [DONE]\n\n'
    )
    standin.fail(Fault(path="/chat", status=200, body=body, content_type="text/event-stream"))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["content"] == "Hi!"
    assert answer["choices"][0]["logprobs"] == {"content": [{"token": "!"}]}


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        pytest.param(Fault(drop="body"), "stream_cut", id="dropped"),
        pytest.param(Fault(cut_after=500), "stream_cut", id="cut"),
        pytest.param(Fault(cut_after=0), "stream_cut", id="nothing"),
        pytest.param(
            Fault(status=200, body="data: {\n\n", content_type="text/event-stream"),
            "stream_garbled",
            id="garbled",
        ),
        pytest.param(
            Fault(
                status=200,
                body='data: {"error": {"message": "Overloaded", "code": "busy"}}\n\n',
                content_type="text/event-stream",
            ),
            "stream_error",
            id="error object",
        ),
        pytest.param(
            Fault(
                status=200,
                body='event: error\ndata: {"type": "error", "message": "Overloaded"}\n\n',
                content_type="text/event-stream",
            ),
            "stream_error",
            id="error event",
        ),
        pytest.param(Fault(status=429, body={"error": {"message": "x"}}), "rate_limited", id="429"),
        pytest.param(Fault(hang=True), "timed_out", id="no answer"),
    ],
)
async def test_stream_failures(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call, fault: Fault, key: str
) -> None:
    await add_entry(hass, entry_data(standin, max_retries=0, timeout=1.0))
    standin.fail(fault)
    with raises_key(key):
        await call("create_model_response", **ASK)
    assert (await call("create_model_response", **ASK))["status"] == "completed"


async def test_stream_truncated_at_every_event(
    standin: StandIn, entry: MockConfigEntry, call: Call, events: Any
) -> None:
    fired = events("openai_api_stream_event")
    await call("create_model_response", **ASK)
    blocks = [b"data: " + orjson.dumps(event.data["event"]) + b"\n\n" for event in fired]
    # The last item may end a stream, too; before it, nothing does.
    ends = [event.data["event_type"] for event in fired].index("response.output_item.done")
    for count in range(ends + 1):
        fired.clear()
        standin.fail(
            Fault(
                path="/responses",
                status=200,
                body=b"".join(blocks[:count]),
                content_type="text/event-stream",
            )
        )
        with raises_key("stream_cut"):
            await call("create_model_response", **ASK)
        assert len(fired) == count


async def test_stream_answered_with_json(
    standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(path="/responses", status=200, body={"id": "r", "output": []}))
    answer = await call("create_model_response", **ASK)
    assert answer["id"] == "r"
    assert answer["output_text"] == ""
    assert answer["stream_id"]


async def test_stream_cancelled_with_script(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, events: Any
) -> None:
    fired = events("openai_api_stream_event")
    standin.pace = 0.05
    task = hass.async_create_task(call("create_model_response", **ASK))
    while not fired:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    count = len(fired)
    await asyncio.sleep(0.2)
    assert len(fired) == count


async def test_stream_outlives_timeout(
    standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    standin.pace = 0.15
    answer = await call("create_model_response", timeout=1, **ASK)
    assert answer["status"] == "completed"


async def test_unload_cancels_streams(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, events: Any
) -> None:
    fired = events("openai_api_stream_event")
    standin.pace = 0.1
    task = hass.async_create_task(call("create_model_response", **ASK))
    while not fired:
        await asyncio.sleep(0.01)
    await hass.config_entries.async_unload(entry.entry_id)
    with raises_key("unloaded"):
        await task


async def test_create_or_resume_response(
    standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    asked = await call("stream_model_response", model="m", input="Hello")
    assert standin.requests[-1].body["stream"] is True
    followed = await call("stream_model_response", response_id=asked["id"], starting_after=3)

    assert followed["output_text"] == asked["output_text"]
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("GET", f"/responses/{asked['id']}")
    assert (sent.param("stream"), sent.param("starting_after")) == ("true", "3")
    with pytest.raises(ServiceValidationError, match="model, temperature"):
        await call("stream_model_response", response_id="r", model="m", temperature=1)
    with pytest.raises(ServiceValidationError, match="model"):
        await call("stream_model_response", input="Hello")
    with pytest.raises(ServiceValidationError, match="input"):
        await call("stream_model_response", model="m")
