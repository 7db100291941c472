"""Streams that are cut, garbled, silent, endless, or none at all."""

import asyncio
from collections.abc import Callable
import json
import random
import re
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from hypothesis import given, strategies as st
import pytest

from custom_components.openai_api.const import DOMAIN, EVENT_STREAM
from custom_components.openai_api.streaming import sse
from tests.integration.fuzzing import inputs
from tests.integration.waiting import wait_for

from .raw_server import (
    GOOD,
    RIGHT,
    Script,
    ScriptItem,
    Step,
    answer,
    chunked,
    error,
)
from .raw_server_fixture import ASK, RawServerFixture, assert_localized

STREAM = "stream_model_response"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def event(data: Any, name: str | None = None, end: str = "\n") -> bytes:
    """Return the bytes of an event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    lines = [*([f"event: {name}"] if name else []), f"data: {text}", "", ""]
    return end.join(lines).encode()


CREATED = event({"type": "response.created"})
DELTA = event({"type": "response.output_text.delta", "delta": "Grüße 🏡"})
DONE = event({"type": "response.completed", "response": GOOD})
WHOLE = CREATED + DELTA + DONE


def stream(*pieces: ScriptItem) -> Script:
    """Return a script for a stream that ends when the connection is closed."""
    return [HEAD, *pieces, Step.CLOSE]


SIGNS_OF_LIFE: list[ScriptItem] = [b": still there\n\n", 0.05] * 25
STREAMS: dict[str, tuple[Script, str | dict[str, Any]]] = {
    "whole": (stream(WHOLE), RIGHT),
    "in chunks": ([chunked(CREATED, DELTA, DONE, kind="text/event-stream") + b"0\r\n\r\n"], RIGHT),
    "nothing": (stream(), "stream_cut"),
    "cut between events": (stream(CREATED, DELTA), "stream_cut"),
    "cut before its last line end": (stream(WHOLE[:-1]), RIGHT),
    "reset": ([HEAD, CREATED, 0.02, Step.RESET], "stream_cut"),
    "cut in a chunk": (
        [chunked(CREATED, kind="text/event-stream") + b"ff\r\nda", Step.CLOSE],
        "stream_cut",
    ),
    "cut between chunks": (
        [chunked(CREATED, kind="text/event-stream"), Step.CLOSE],
        "stream_cut",
    ),
    "an error page in the midst": (stream(CREATED, answer(error(), 500)), "stream_error"),
    "an error page in the midst of chunks": (
        [chunked(CREATED, kind="text/event-stream") + answer(error(), 500), Step.CLOSE],
        "cannot_connect",
    ),
    "no answer": ([Step.HOLD], "timed_out"),
    "silent from the start": ([HEAD, Step.HOLD], "timed_out"),
    "silent in the midst": ([HEAD, CREATED, Step.HOLD], "timed_out"),
    "silent in an event": ([HEAD, DELTA[:30], Step.HOLD], "timed_out"),
    "slow": (
        stream(*(step for byte in WHOLE[:60] for step in (bytes([byte]), 0.01)), WHOLE[60:]),
        RIGHT,
    ),
    "byte by byte": (stream(*(bytes([byte]) for byte in WHOLE)), RIGHT),
    "goes on after its end": ([HEAD, WHOLE, event("[DONE]"), Step.HOLD], RIGHT),
    "bytes after its end": (stream(WHOLE, event("[DONE]"), b"\x00garbage"), RIGHT),
    "comments": (stream(b": hi\n:\n\n", CREATED, b":x\n", DONE, b": bye\n\n"), RIGHT),
    "CRLF": (stream(WHOLE.replace(b"\n", b"\r\n")), RIGHT),
    "CR": (stream(WHOLE.replace(b"\n", b"\r")), RIGHT),
    "CRLF in halves": (
        stream(*(step for byte in WHOLE.replace(b"\n", b"\r\n") for step in (bytes([byte]), 0))),
        RIGHT,
    ),
    "byte order mark": (stream(b"\xef\xbb\xbf", WHOLE), RIGHT),
    "byte order mark in halves": (stream(b"\xef\xbb", 0.02, b"\xbf", DONE), RIGHT),
    "ids and times to come back": (stream(b"id: 1\nretry: 5\nfoo: bar\nbaz\n", WHOLE), RIGHT),
    "no space behind the colon": (stream(WHOLE.replace(b"data: ", b"data:")), RIGHT),
    "data over several lines": (
        stream(b'data: {"type": "response.completed",\ndata: "response":\ndata: {"id": 7}}\n\n'),
        {"id": 7},
    ),
    "no data": (stream(b"event: ping\n\n", b"data\n\n", b"data:\n\ndata: \n\n", WHOLE), RIGHT),
    "DONE and more": (stream(WHOLE, event("[DONE] ")), RIGHT),
    "DONE without a space": (stream(WHOLE, b"data:[DONE]\n\n"), RIGHT),
    "DONE too soon": (stream(CREATED, event("[DONE]"), DONE), "stream_cut"),
    "no type": (stream(event({"x": 1}), WHOLE), RIGHT),
    "type that is none": (stream(event({"type": ["response.completed"]})), "stream_garbled"),
    "no object": (stream(*map(event, ("17", "null", '"text"', "[1]", "true")), WHOLE), RIGHT),
    "no JSON": (stream(CREATED, event("Oops")), "stream_garbled"),
    "half a JSON": (stream(CREATED, event('{"type": ')), "stream_garbled"),
    "Latin-1": (stream(b'data: {"x": "\xe4"}\n\n'), "stream_cut"),
    "deep": (stream(event("[" * 5000 + "]" * 5000)), "stream_garbled"),
    "last event without a response": (stream(event({"type": "response.completed"})), "stream_cut"),
    "error event": (stream(CREATED, event({"type": "error", "message": "No"})), "stream_error"),
    "error by name": (stream(CREATED, event({"message": "No"}, "error")), "stream_error"),
    "error by name alone": (stream(CREATED, event({}, "error")), "stream_error_untold"),
    "error object": (stream(CREATED, event(error())), "stream_error"),
    "error in words": (stream(CREATED, event({"error": "No"})), "stream_error"),
    "error that is a number": (stream(CREATED, event({"error": 17})), "stream_error"),
    "error that is none": (stream(event({"error": None}), WHOLE), RIGHT),
    "10 MB": (stream(event({"type": "x", "delta": "x" * 10**7}), WHOLE), RIGHT),
    "JSON": ([answer()], RIGHT),
    "JSON in time": ([answer()[:200], 0.2, answer()[200:]], RIGHT),
    "JSON that stops": ([answer()[:-9], Step.HOLD], "timed_out"),
    "JSON that trickles": (
        [answer()[:200], *(step for byte in answer()[200:] for step in (bytes([byte]), 0.05))],
        "timed_out",
    ),
    "JSON with an error": ([answer(error())], "host_error"),
    "page": ([answer(b"<html>Sign in</html>", kind="text/html")], "bad_answer"),
    "500": ([answer(error(), 500)], "server_error"),
    "500 as a stream": ([answer(event(error()), 500, kind="text/event-stream")], "server_error"),
    "500 that trickles": (
        [answer(b"", 500, length=99), *(step for _ in range(99) for step in (b"x", 0.05))],
        "timed_out",
    ),
    "no type of content": (stream(WHOLE)[1:], "cannot_connect"),
    "gzip that is none": (
        [HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n" + WHOLE, Step.CLOSE],
        "cannot_connect",
    ),
}


async def test_stream_malformed_bodies(
    raw_server: RawServerFixture, subtests: pytest.Subtests
) -> None:
    for name, (script, expected) in STREAMS.items():
        with subtests.test(name):
            text = await raw_server.assert_survives([script], expected, STREAM, **ASK)
            assert text.isprintable()


async def test_stream_keep_alive_times_out(raw_server: RawServerFixture) -> None:
    script = stream(CREATED, *SIGNS_OF_LIFE[:20], DONE)
    await raw_server.assert_survives([script], RIGHT, STREAM, timeout=1, **ASK)


async def test_stream_error_messages(raw_server: RawServerFixture) -> None:
    script = stream(CREATED, event(error("Overloaded", code="busy", param="model")))
    text = await raw_server.assert_survives([script], "stream_error", STREAM, **ASK)
    assert "Overloaded (code: busy, param: model)" in text
    text = await raw_server.assert_survives(
        [[HEAD, Step.HOLD]], "timed_out", STREAM, timeout=0.7, **ASK
    )
    assert "within 0.7 s" in text


async def test_stream_truncated_at_every_byte(
    raw_server: RawServerFixture, events: Callable[[str], list[Event]]
) -> None:
    fired = events(EVENT_STREAM)
    for length in range(len(CREATED + DELTA) + 20):
        fired.clear()
        await raw_server.assert_survives([stream(WHOLE[:length])], "stream_cut", STREAM, **ASK)
        # An event whose JSON is whole counts, though its blank line is missing.
        assert len(fired) == WHOLE[:length].count(b"}\n") + WHOLE[:length].endswith(b"}")


async def test_stream_split_at_every_byte(
    raw_server: RawServerFixture, events: Callable[[str], list[Event]]
) -> None:
    fired = events(EVENT_STREAM)
    whole = (CREATED + DELTA + DONE).replace(b"\n", b"\r\n")
    for length in range(len(CREATED), len(CREATED + DELTA) + 20):
        fired.clear()
        await raw_server.assert_survives(
            [stream(whole[:length], 0.001, whole[length:])], RIGHT, STREAM, **ASK
        )
        assert [item.data["event"].get("delta") for item in fired] == [None, "Grüße 🏡", None]


async def test_stream_event_size_limit(
    raw_server: RawServerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 2**20)
    large = b"x" * 2**19
    for script in (
        stream(CREATED, b"data: ", large, large, large, large, Step.HOLD),
        stream(CREATED, *[b"data: x\n" * 1000] * 200, Step.HOLD),
        stream(CREATED, *[b": x\n" * 1000] * 400, Step.HOLD),
    ):
        await raw_server.assert_survives([script], "stream_garbled", STREAM, timeout=5, **ASK)


async def test_stream_cancelled_with_script(
    hass: HomeAssistant, raw_server: RawServerFixture, events: Callable[[str], list[Event]]
) -> None:
    fired = events(EVENT_STREAM)
    action = {
        "action": f"{DOMAIN}.{STREAM}",
        "data": {"config_entry_id": raw_server.entry.entry_id, **ASK},
        "response_variable": "answer",
    }
    assert await async_setup_component(hass, "script", {"script": {"ask": {"sequence": [action]}}})
    slow: list[ScriptItem] = [DELTA, 0.01] * 1000
    scripts: list[Script] = [
        [HEAD, *slow],
        [HEAD, DELTA, Step.HOLD],
        [HEAD, *[DELTA] * 50_000],
    ]
    for script in scripts:
        fired.clear()
        raw_server.raw.play(script)
        await hass.services.async_call("script", "turn_on", {"entity_id": "script.ask"})
        await wait_for(lambda: fired, what="no event came")
        assert raw_server.raw.connections
        await hass.services.async_call(
            "script", "turn_off", {"entity_id": "script.ask"}, blocking=True
        )
        count = len(fired)
        await raw_server.assert_clean()
        assert len(fired) == count
        await raw_server.assert_survives([], RIGHT)


async def test_stream_opened_during_unload(
    hass: HomeAssistant, raw_server: RawServerFixture
) -> None:
    host = raw_server.entry.runtime_data.host
    unloads: list[asyncio.Task[bool]] = []

    @callback
    def unload() -> None:
        # The headers are there, and the stream has not begun.
        if not unloads:
            unloads.append(
                hass.async_create_task(hass.config_entries.async_unload(raw_server.entry.entry_id))
            )

    host.usage.listen(unload)
    raw_server.raw.play([HEAD, *SIGNS_OF_LIFE * 10])
    start = time.monotonic()
    with pytest.raises(HomeAssistantError) as caught:
        await raw_server.call(STREAM, **ASK)
    assert_localized(caught.value, "unloaded")
    assert time.monotonic() - start < 1
    assert await unloads[0]


async def test_stream_backpressure(hass: HomeAssistant, raw_server: RawServerFixture) -> None:
    seen: list[int] = []
    ahead: list[int] = []
    script = stream(*(event({"type": "x", "n": n, "text": "x" * 4000}) for n in range(8000)), DONE)
    size = len(script[1]) if isinstance(script[1], bytes) else 0

    @callback
    def listen(item: Event) -> None:
        if "n" in item.data["event"]:
            seen.append(item.data["event"]["n"])
            ahead.append(raw_server.raw.sent - len(seen) * size)

    hass.bus.async_listen(EVENT_STREAM, listen)
    await raw_server.assert_survives([script], RIGHT, STREAM, timeout=20, **ASK)
    assert seen == list(range(8000))
    assert max(ahead) < 16 * 2**20, "what nobody has time for is to stay at the host"


def standard(data: bytes) -> list[tuple[str, bytes]]:
    """Return the events in a stream, read as a whole and by the letter of the HTML standard."""
    *lines, _ = re.split(rb"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf"))
    found: list[tuple[str, bytes]] = []
    name = ""
    texts: list[bytes] = []
    for line in lines:
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if texts:
                found.append((name, b"\n".join(texts)))
            name, texts = "", []
        elif key == b"data":
            texts.append(value)
        elif key == b"event":
            # By the letter, blanks around it would be part of it.
            name = value.decode(errors="replace").strip()
    return found


PIECES = st.sampled_from(
    (
        *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"data", b"event", b":", b" "),
        *(
            b"data: ",
            b"data:",
            b"event: ",
            b"event:",
            b": note",
            b"id: 7",
            b"retry: 1",
            b"\xef\xbb\xbf",
        ),
        *(b'{"x": 1}', "Grüße 🏡".encode(), b"[DONE]", b"\xff\xfe", b"\x00", b"a" * 40),
    )
)


def test_stream_chunking_fuzz(record_property: Callable[[str, object], None]) -> None:
    tried = 0

    @inputs(500)
    @given(st.lists(PIECES, max_size=40), st.lists(st.sampled_from((1, 1, 2, 3, 10)), max_size=40))
    def check(pieces: list[bytes], sizes: list[int]) -> None:
        nonlocal tried
        tried += 1
        rest = data = b"".join(pieces)
        decoder = sse.SSEDecoder()
        found = []
        for size in sizes:
            found += decoder.feed(rest[:size])
            rest = rest[size:]
        assert found + decoder.feed(rest) == standard(data)

    check()
    record_property("streams in pieces, put together again", tried)


KEYS = (
    *(
        "type",
        "object",
        "choices",
        "index",
        "delta",
        "finish_reason",
        "message",
        "content",
        "usage",
    ),
    *(
        "tool_calls",
        "function",
        "arguments",
        "logprobs",
        "text",
        "response",
        "item",
        "phase",
        "audio",
    ),
    *("session", "turn", "turn_id", "subagent_id", "output_index", "status", "role", "id", "data"),
)
VALUES = (
    *(None, True, 0, 1, -1, 1.5, "", "a", "completed", "message", "queued", "thread.run", "stop"),
    *("response.completed", "speech.audio.delta", "speech.audio.done", "transcript.text.done"),
    *("image_generation.completed", "agent.session.idle", "agent.session.turn.created"),
    *("agent.session.turn.completed", "agent.session.turn.item.done", "chat.completion.chunk"),
)
ACTIONS: dict[str, dict[str, Any]] = {
    "stream_model_response": ASK,
    "create_chat_completion": {"model": "m", "messages": [{}], "stream": True},
    "create_completion": {"model": "m", "prompt": "x", "stream": True},
    "create_speech": {"model": "m", "input": "x", "voice": "alloy", "stream_format": "sse"},
    "create_image": {"prompt": "x", "stream": True},
    "create_run": {"thread_id": "t", "assistant_id": "a", "stream": True},
}


def anything(dice: random.Random, depth: int = 0) -> Any:
    """Return something that has the API's names in it, and none of its shapes."""
    match dice.randrange(3 if depth < 4 else 1):
        case 1:
            return [anything(dice, depth + 1) for _ in range(dice.randrange(3))]
        case 2:
            return {dice.choice(KEYS): anything(dice, depth + 1) for _ in range(dice.randrange(6))}
    return dice.choice(VALUES)


MEANINGLESS = {
    None,
    "bad_answer",
    "empty_answer",
    "picture_garbled",
    "stream_cut",
    "stream_error",
    "stream_garbled",
}
"""The keys of the errors of a stream whose events mean nothing."""


@pytest.mark.parametrize("action", ACTIONS)
async def test_stream_event_fuzz(
    raw_server: RawServerFixture, action: str, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(action)
    for _ in range(60):
        shapes = [
            {**{key: anything(dice, 1) for key in KEYS[:2]}, **anything_of(dice)} for _ in range(8)
        ]
        raw_server.raw.play(stream(*map(event, shapes), event("[DONE]")))
        found = None
        try:
            await raw_server.call(action, **ACTIONS[action])
        except HomeAssistantError as err:
            found = err.translation_key
        assert found in MEANINGLESS, shapes
        record_property("streams of events in odd shapes", 1)
    await raw_server.assert_survives([], RIGHT)


def anything_of(dice: random.Random) -> dict[str, Any]:
    """Return an event of any shape."""
    return {dice.choice(KEYS): anything(dice, 1) for _ in range(dice.randrange(8))}
