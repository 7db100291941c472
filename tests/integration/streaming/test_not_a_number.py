"""NaN and Infinity, which servers in Python write into their JSON, become null."""

from typing import Any

import pytest

from tests.resilience.raw_server import RawServer, answer

from ..conftest import Call
from .host import CHAT, chunk, event, stream

WORDS = ["NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("count", [3, 200_000], ids=["small", "large"])
async def test_embedding(raw: RawServer, call: Call, word: str, count: int) -> None:
    numbers = ", ".join(["0.5"] * (count - 1) + [word])
    body = '{"object": "list", "data": [{"index": 0, "embedding": [@]}]}'.replace("@", numbers)
    raw.play([answer(body.encode())])
    found = await call("create_embedding", model="m", input="Hello")
    assert found["data"][0]["embedding"] == [0.5] * (count - 1) + [None]


@pytest.mark.parametrize("word", WORDS)
async def test_embedding_that_begins_with_none(raw: RawServer, call: Call, word: str) -> None:
    raw.play(
        [answer(('{"data": [{"index": 0, "embedding": [@, 0.5]}]}').replace("@", word).encode())]
    )
    found = await call("create_embedding", model="m", input="Hello")
    assert found["data"][0]["embedding"] == [None, 0.5]


@pytest.mark.parametrize("word", WORDS)
async def test_log_probability(raw: RawServer, call: Call, word: str) -> None:
    body = (
        '{"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",'
        ' "message": {"role": "assistant", "content": "NaN is no number"},'
        ' "logprobs": {"content": [{"token": "NaN", "logprob": @}]}}]}'
    ).replace("@", word)
    raw.play([answer(body.encode())])
    choice = (await call("create_chat_completion", **CHAT))["choices"][0]
    assert choice["logprobs"]["content"] == [{"token": "NaN", "logprob": None}]
    assert choice["message"]["content"] == "NaN is no number"


@pytest.mark.parametrize("word", WORDS)
async def test_stream(raw: RawServer, call: Call, events: Any, word: str) -> None:
    fired = events("openai_api_stream_event")
    first = '{"id": "c", "choices": [{"index": 0, "delta": {"content": "Hello"}, "p": @}]}'
    raw.play(stream(event(first.replace("@", word).encode()), chunk({}, "stop")))
    found = await call("create_chat_completion", stream=True, **CHAT)
    assert found["choices"][0]["message"]["content"] == "Hello"
    assert fired[0].data["event"]["choices"][0]["p"] is None
