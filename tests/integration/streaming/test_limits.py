"""How long a stream may take: until the next event, and as a whole."""

import time
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, ScriptItem, Step

from ..conftest import Call, raises_key
from .host import ASK, CHAT, chunk, event, named, stream

HELLO = event(chunk({"role": "assistant", "content": "Hello"}))
SIGNS: dict[str, bytes] = {
    "comments": b": still there\n\n",
    "lone comments": b": still there\n",
    "events without data": b"event: ping\n\n",
    "empty data": b"data:\n\n",
    "pings": event({"type": "ping"}, "ping"),
    "pings with words": b"event: ping\ndata: 2026-11-28 12:00:00\n\n",
    "heartbeats with a word": b"event: heartbeat\ndata: alive\n\n",
    "keepalives": event({"type": "keepalive", "sequence_number": 3}, "keepalive"),
    "a byte of an event each": b"x",
}


async def test_keep_alive_does_not_extend_timeout(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, sign in SIGNS.items():
        with subtests.test(case):
            head, _, _ = stream()
            start: list[ScriptItem] = [head, HELLO]
            if case == "a byte of an event each":
                start.append(b"data: ")
            signs: list[ScriptItem] = [sign, 0.1] * 40
            raw.play([*start, *signs, Step.HOLD])
            began = time.monotonic()
            with raises_key("timed_out") as caught:
                await call("create_chat_completion", stream=True, timeout=0.6, **CHAT)
            assert "0.6 s" in str(caught.value)
            assert time.monotonic() - began < 3


async def test_timeout_restarts_with_each_event(raw: RawServer, call: Call) -> None:
    head, *_ = stream()
    steps: list[ScriptItem] = [b": hi\n\n", 0.3, HELLO, 0.3] * 4
    raw.play([head, *steps, event(chunk({}, "stop")), Step.CLOSE])
    answer = await call("create_chat_completion", stream=True, timeout=1, **CHAT)
    assert answer["choices"][0]["message"]["content"] == "Hello" * 4


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("create_chat_completion", {**CHAT, "stream": True}),
        ("create_model_response", {**ASK, "stream": True}),
        ("stream_model_response", ASK),
        ("create_completion", {"model": "m", "prompt": "x", "stream": True}),
    ],
)
async def test_stream_max_wait_exceeded(raw: RawServer, call: Call, action: str, data: Any) -> None:
    head, *_ = stream()
    steps: list[ScriptItem] = [named("x", delta="Hi"), 0.1] * 100
    raw.play([head, *steps, Step.HOLD])
    began = time.monotonic()
    with raises_key("stream_too_long") as caught:
        await call(action, max_wait_seconds=1, **data)
    assert "within 1 s" in str(caught.value)
    assert 0.9 < time.monotonic() - began < 4


async def test_max_wait_exceeded_without_stream(raw: RawServer, call: Call) -> None:
    raw.play([Step.HOLD])
    with pytest.raises(HomeAssistantError, match="within 1 s"):
        await call("create_chat_completion", max_wait_seconds=1, **CHAT)


async def test_stream_within_max_wait(raw: RawServer, call: Call) -> None:
    raw.play(stream(HELLO, chunk({}, "stop")))
    answer = await call("create_chat_completion", stream=True, max_wait_seconds=5, **CHAT)
    assert answer["choices"][0]["message"]["content"] == "Hello"
