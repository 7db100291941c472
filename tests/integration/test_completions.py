"""Text completions: whole, streamed, and several at once."""

from typing import Any

import pytest

from custom_components.openai_api.streaming.accumulators import CompletionAccumulator
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
RICH: dict[str, Any] = {
    "model": "m-1",
    "prompt": ["One", "Two"],
    "best_of": 2,
    "echo": None,
    "frequency_penalty": 0.5,
    "logit_bias": {"50256": -100},
    "logprobs": 1,
    "max_tokens": 50,
    "n": 1,
    "presence_penalty": -0.5,
    "seed": 7,
    "stop": ["!"],
    "stream": False,
    "stream_options": None,
    "suffix": "the end",
    "temperature": 0.2,
    "top_p": 0.9,
    "user": "anna",
}


async def test_completion_parameters_are_sent(standin: StandIn, call: Call) -> None:
    answer = await call("create_completion", **RICH)

    assert [choice["text"] for choice in answer["choices"]] == ["You said: One", "You said: Two"]
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/completions", RICH)


@pytest.mark.parametrize(
    "prompt", ["Once upon a time", None, [1, 2, 3], [[1, 2], [3]], '["a", "b"]', "[1]"]
)
async def test_completion_prompt_formats(standin: StandIn, call: Call, prompt: Any) -> None:
    answer = await call("create_completion", model="m-1", prompt=prompt)
    assert answer["object"] == "text_completion"
    assert standin.requests[-1].body == {"model": "m-1", "prompt": prompt}


async def test_completion_stream_accumulated(standin: StandIn, call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    data = {"model": "m-1", "prompt": ["Hello you", "Hi"], "logprobs": 1}
    whole = await call("create_completion", **data)
    streamed = await call(
        "create_completion", **data, stream=True, stream_options={"include_usage": True}
    )

    assert {event.data["event_type"] for event in fired} == {"text_completion"}
    assert {event.data["stream_id"] for event in fired} == {streamed.pop("stream_id")}
    own = ("id", "created")
    assert {key: streamed[key] for key in whole if key not in own} == {
        key: whole[key] for key in whole if key not in own
    }
    assert standin.requests[-1].body["stream"] is True


def test_completion_stream_truncated_raises() -> None:
    chunks = CompletionAccumulator()
    assert chunks.result(ended=True) is None
    chunks.add({"id": "c", "choices": [{"text": "Once", "index": 0, "finish_reason": None}]})
    assert chunks.result(ended=False) is None
    whole = chunks.result(ended=True)
    assert whole is not None
    assert whole["choices"] == [
        {"text": "Once", "index": 0, "finish_reason": None, "logprobs": None}
    ]
    chunks.add({"choices": [{"text": "", "index": 0, "finish_reason": "stop"}]})
    assert chunks.result(ended=False) is not None
