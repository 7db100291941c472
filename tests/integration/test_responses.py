"""Responses: asked, streamed, stored, and managed."""

from collections.abc import Callable
import sys
from types import FrameType
from typing import Any

import aiohttp
from homeassistant.core import Event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")


async def test_response_is_complete(standin: StandIn, call: Call) -> None:
    answer = await call("create_model_response", model="m-1", input="Hello", temperature="0.5")

    assert answer["object"] == "response"
    assert answer["output_text"] == answer["output"][0]["content"][0]["text"]
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/responses")
    assert sent.body == {"model": "m-1", "input": "Hello", "temperature": 0.5}


async def test_stream_events_fired_and_response_returned(
    call: Call, events: Callable[[str], list[Event]], entry: MockConfigEntry
) -> None:
    fired = events("openai_api_stream_event")

    answer = await call("create_model_response", model="m-1", input="Hello there", stream=True)

    assert [event.data["sequence"] for event in fired] == list(range(len(fired)))
    assert fired[0].data["event_type"] == "response.created"
    assert fired[-1].data["event_type"] == "response.completed"
    assert {event.data["stream_id"] for event in fired} == {answer["stream_id"]}
    assert {event.data["config_entry_id"] for event in fired} == {entry.entry_id}
    assert (
        answer["output_text"]
        == fired[-1].data["event"]["response"]["output"][0]["content"][0]["text"]
    )


async def test_response_call_depth(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[list[str]] = []
    send = aiohttp.ClientSession._request

    def looked_at(*args: Any, **kwargs: Any) -> Any:
        frame: FrameType | None = sys._getframe(1)
        ways.append([])
        while frame is not None:
            if "/custom_components/openai_api/" in frame.f_code.co_filename:
                ways[-1].append(frame.f_code.co_qualname)
            frame = frame.f_back
        return send(*args, **kwargs)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", looked_at)
    await call("create_model_response", model="m-1", input="Hello")

    (way,) = ways
    assert way[-1] == "_async_handle_call"
    assert len(way) <= 9, "\n".join(reversed(way))


@pytest.mark.parametrize(
    "output",
    [
        [{"type": "message", "role": "assistant", "content": "Hello"}],
        [{"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
        [{"type": "message", "content": [{"type": "text", "text": "Hello"}]}],
        {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
        "Hello",
        [{"type": "message", "content": ["Hel", "lo"]}],
        [{"type": "message", "content": {"type": "output_text", "text": "Hello"}}],
        [{"type": "message", "content": [{"type": "output_text", "text": {"text": "Hello"}}]}],
        [{"type": "message", "content": [{"type": "text", "text": {"value": "Hello"}}]}],
        [{"type": "message", "content": [{"type": "output_text", "text": ["Hel", "lo"]}]}],
        [{"type": "message", "content": [{"type": "output_text", "content": "Hello"}]}],
        [{"type": "message", "content": [{"text": "Hello"}]}],
        [{"type": "message", "content": [{"output_text": "Hello"}]}],
    ],
)
async def test_output_text_shapes(standin: StandIn, call: Call, output: Any) -> None:
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": output}
    standin.fail(Fault(path="/responses", status=200, body=body))
    answer = await call("create_model_response", model="m-1", input="Hi")
    assert answer["output_text"] == "Hello"
    assert answer["output"] == output
