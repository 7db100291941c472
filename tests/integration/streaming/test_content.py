"""Contents of messages in streams: texts, parts, thoughts, sounds, messages so far."""

import asyncio
import base64
from copy import deepcopy
from typing import Any

import pytest

from tests.resilience.raw_server import RawServer

from ..conftest import Call
from .host import CHAT, Json, chunk, stream

THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Okay"}]}
HELLO = {"type": "text", "text": "Hello"}

CONTENTS: dict[str, tuple[list[Any], Any]] = {
    "texts": (["Hel", "lo"], "Hello"),
    "nothing": ([None, None], None),
    "empty texts": (["", ""], ""),
    "thoughts, a part, nothing": ([[THOUGHT], [HELLO], ""], [THOUGHT, HELLO]),
    "thoughts, then texts": ([[THOUGHT], "Hel", "lo"], [THOUGHT, HELLO]),
    "a text, then parts": (["Hel", [{"type": "text", "text": "lo"}]], [HELLO]),
    "thoughts in pieces": (
        [
            [{"type": "thinking", "thinking": [{"type": "text", "text": "Ok"}]}],
            [{"type": "thinking", "thinking": [{"type": "text", "text": "ay"}]}],
            "Hello",
        ],
        [THOUGHT, HELLO],
    ),
    "a part that is no list": ([{"type": "text", "text": "Hel"}, "lo"], [HELLO]),
    "empty before a list": (["", [HELLO]], [HELLO]),
    "parts with references": (
        ["Hello", [{"type": "reference", "reference_ids": [1]}], "!"],
        [HELLO, {"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "!"}],
    ),
}


@pytest.mark.parametrize("case", CONTENTS)
async def test_content_text_and_parts(raw: RawServer, call: Call, case: str) -> None:
    pieces, expected = CONTENTS[case]
    raw.play(stream(*(chunk({"content": found}) for found in pieces), chunk({}, "stop")))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["content"] == expected


DETAILS: dict[str, tuple[list[Json], list[Json]]] = {
    "one in pieces": (
        [
            {"type": "reasoning.text", "text": "Ok", "format": "x-v1", "index": 0},
            {"type": "reasoning.text", "text": "ay", "format": "x-v1", "index": 0},
            {"type": "reasoning.text", "signature": "abc", "format": "x-v1", "index": 0},
        ],
        [
            {
                "type": "reasoning.text",
                "text": "Okay",
                "signature": "abc",
                "format": "x-v1",
                "index": 0,
            }
        ],
    ),
    "another type under the same index": (
        [
            {"type": "reasoning.summary", "summary": "Okay", "index": 0},
            {"type": "reasoning.encrypted", "data": "xyz", "index": 0},
        ],
        [
            {"type": "reasoning.summary", "summary": "Okay", "index": 0},
            {"type": "reasoning.encrypted", "data": "xyz", "index": 0},
        ],
    ),
    "encrypted ones of one index": (
        [
            {"type": "reasoning.encrypted", "data": "abc", "index": 0},
            {"type": "reasoning.encrypted", "data": "def", "index": 0},
            {"type": "reasoning.encrypted", "data": "def", "index": 0},
        ],
        [
            {"type": "reasoning.encrypted", "data": "abc", "index": 0},
            {"type": "reasoning.encrypted", "data": "def", "index": 0},
        ],
    ),
    "without an index": (
        [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}],
        [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}],
    ),
}


@pytest.mark.parametrize("case", DETAILS)
async def test_reasoning_details(raw: RawServer, call: Call, case: str) -> None:
    entries, expected = DETAILS[case]
    chunks = [chunk({"content": "", "reasoning_details": [entry]}) for entry in entries]
    raw.play(stream(*chunks, chunk({"content": "Hi"}, "stop")))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["reasoning_details"] == expected


def so_far(whole: Any, delta: Any, finish_reason: str | None = None) -> Json:
    """Return a chunk with the message so far, and the new piece if there is one."""
    found = chunk({"role": "assistant", "content": delta}, finish_reason, object="chat.completion")
    found["choices"][0]["message"] = {"role": "assistant", "content": whole}
    if delta is None:
        del found["choices"][0]["delta"]
    return found


SO_FAR: dict[str, tuple[list[Json], str]] = {
    "beside the piece": (
        [
            so_far("Hello", "Hello"),
            so_far("Hello wor", " wor"),
            so_far("Hello world", "ld", "stop"),
        ],
        "Hello world",
    ),
    "beside an empty piece at the end": (
        [so_far("Hello", "Hello"), so_far("Hello", "", "stop")],
        "Hello",
    ),
    "lags behind": (
        [so_far("", "Hello"), so_far("Hello", " world", "stop")],
        "Hello world",
    ),
    "instead of pieces": (
        [so_far("Hello", None), so_far("Hello world", None, "stop")],
        "Hello world",
    ),
    "in place of pieces": ([so_far("Hel", None), so_far("lo", None, "stop")], "Hello"),
    "at the end only": (
        [
            chunk({"content": "Hello"}),
            chunk({"content": " world"}),
            so_far("Hello world", None, "stop"),
        ],
        "Hello world",
    ),
}


@pytest.mark.parametrize("case", SO_FAR)
async def test_cumulative_messages(raw: RawServer, call: Call, events: Any, case: str) -> None:
    chunks, expected = SO_FAR[case]
    fired = events("openai_api_stream_event")
    raw.play(stream(*chunks))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": expected}
    await asyncio.sleep(0)
    assert [item.data["event"] for item in fired] == chunks
    assert {item.data["event_type"] for item in fired} == {"chat.completion.chunk"}


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("create_chat_completion", CHAT),
        ("parse_chat_completion", CHAT),
    ],
)
async def test_fired_events_are_not_mutated(
    raw: RawServer, call: Call, events: Any, action: str, data: Json
) -> None:
    chunks = [
        chunk({"content": [{"type": "text", "text": "{}"}], "tool_calls": [{"index": 0}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}),
        chunk({"audio": {"id": "a", "data": "YQ=="}}),
        chunk({"audio": {"data": "Yg=="}}, "stop"),
    ]
    fired = events("openai_api_stream_event")
    raw.play(stream(*chunks))
    await call(action, stream=True, **data)
    assert [item.data["event"] for item in fired] == deepcopy(chunks)


EMPTY = {"id": "", "object": "", "created": 0, "model": ""}
FILTER: Json = {"index": 0, "finish_reason": None, "content_filter_results": {}}
FILTERS: dict[str, list[Json]] = {
    "last": [chunk({"content": "Hi"}), chunk({}, "stop"), {**EMPTY, "choices": [FILTER]}],
    "first": [
        {**EMPTY, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        chunk({"content": "Hi"}),
        chunk({}, "stop"),
    ],
    "in between": [
        chunk({"content": "H"}),
        {**EMPTY, "choices": [{**FILTER, "finish_reason": ""}]},
        chunk({"content": "i"}, "stop"),
    ],
    "with nulls": [
        chunk({"content": "Hi"}, "stop"),
        {"id": None, "object": None, "model": None, "choices": [{**FILTER, "index": None}]},
    ],
    "without an object": [
        {k: v for k, v in chunk({"content": "Hi"}).items() if k != "object"},
        chunk({}, "stop"),
    ],
}


@pytest.mark.parametrize("case", FILTERS)
async def test_empty_values_are_ignored(raw: RawServer, call: Call, events: Any, case: str) -> None:
    fired = events("openai_api_stream_event")
    raw.play(stream(*FILTERS[case]))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    found = [answer[key] for key in ("id", "model", "created")]
    assert found == ["chatcmpl-1", "m", 1]
    assert answer["choices"][0]["message"]["content"] == "Hi"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert {item.data["event_type"] for item in fired} == {"chat.completion.chunk"}


async def test_text_completion_without_object(raw: RawServer, call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    choice = {"index": 0, "finish_reason": None}
    raw.play(
        stream(
            {"id": "c", "choices": [{**choice, "text": "Hel"}]},
            {"id": "", "object": "", "choices": [{**choice, "text": "lo"}]},
            {"id": "c", "choices": [{**choice, "text": "", "finish_reason": "stop"}]},
        )
    )
    answer = await call("create_completion", model="m", prompt="x", stream=True)
    assert answer["choices"][0]["text"] == "Hello"
    assert (answer["id"], answer["object"]) == ("c", "text_completion")
    assert {item.data["event_type"] for item in fired} == {"text_completion"}


def encoded(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


WHOLE = encoded(b"abcdefghij")
SOUNDS = {
    "each of its own": [encoded(b"ab"), encoded(b"cdef"), encoded(b"ghij")],
    "each without padding": ["YWI", "Y2RlZg", "Z2hpag"],
    "one cut anywhere": [WHOLE[:3], WHOLE[3:9], WHOLE[9:]],
    "one cut by fours": [WHOLE[:4], WHOLE[4:8], WHOLE[8:]],
    "one piece": [WHOLE],
    "with line breaks": [encoded(b"ab") + "\n", encoded(b"cdefgh") + "\n", encoded(b"ij")],
}


@pytest.mark.parametrize("case", SOUNDS)
async def test_audio_deltas(raw: RawServer, call: Call, case: str) -> None:
    sounds = [chunk({"audio": {"id": "audio_1", "data": data}}) for data in SOUNDS[case]]
    first = chunk({"role": "assistant", "audio": {"id": "audio_1", "transcript": "Hel"}})
    more = chunk({"audio": {"transcript": "lo", "expires_at": 5}})
    raw.play(stream(first, *sounds, more, chunk({}, "stop")))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    audio = answer["choices"][0]["message"]["audio"]
    assert base64.b64decode(audio.pop("data"), validate=True) == b"abcdefghij"
    assert audio == {"id": "audio_1", "transcript": "Hello", "expires_at": 5}


COUNTS = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
ZEROS = dict.fromkeys(COUNTS, 0)
USAGES: dict[str, list[Json]] = {
    "in a chunk of its own": [chunk({}, "stop"), chunk(choices=[], usage=COUNTS)],
    "zeros on every other chunk": [
        chunk({}, "stop", usage=COUNTS),
        chunk(choices=[], usage=ZEROS),
    ],
    "within the choice": [
        chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": COUNTS}])
    ],
    "in x_groq": [chunk({}, "stop", x_groq={"id": "req_1", "usage": COUNTS})],
}


@pytest.mark.parametrize("case", USAGES)
async def test_stream_usage(raw: RawServer, call: Call, case: str) -> None:
    raw.play(stream(chunk({"content": "Hi"}, usage=None), *USAGES[case]))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["usage"] == COUNTS
