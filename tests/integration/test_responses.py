"""Responses: asked, streamed, stored, and managed."""

from collections.abc import Callable
from typing import Any

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


@pytest.mark.parametrize(
    "output",
    [
        [{"type": "message", "role": "assistant", "content": "Hello"}],
        [{"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
        [{"type": "message", "content": [{"type": "text", "text": "Hello"}]}],
        {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
        "Hello",
    ],
)
async def test_output_text_in_other_shapes(standin: StandIn, call: Call, output: Any) -> None:
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": output}
    standin.fail(Fault(path="/responses", status=200, body=body))
    answer = await call("create_model_response", model="m-1", input="Hi")
    assert answer["output_text"] == "Hello"
    assert answer["output"] == output
