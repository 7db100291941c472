"""Tool calls of streams, in whatever way a host labels their pieces."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.resilience.raw_server import RawServer

from ..conftest import Call
from .host import CHAT, Json, chunk, piece, stream

HELLO = '{"path":"hello.py"}'
WORLD = '{"path":"world.py"}'
TWO = [("call_a", "f", HELLO), ("call_b", "g", WORLD)]


def halves(label_a: Json, label_b: Json) -> list[list[Json]]:
    """Return two calls in halves, with a label on every piece."""
    return [
        [piece(HELLO[:9], "f", **label_a)],
        [piece(HELLO[9:], None, **label_a)],
        [piece(WORLD[:9], "g", **label_b)],
        [piece(WORLD[9:], None, **label_b)],
    ]


CASES: dict[str, tuple[list[list[Json]], Sequence[tuple[str | None, str, Any]]]] = {
    "as OpenAI": (
        [
            [piece("", "f", index=0, id="call_a")],
            [piece(HELLO[:5], None, index=0)],
            [piece(HELLO[5:], None, index=0)],
            [piece("", "g", index=1, id="call_b")],
            [piece(WORLD, None, index=1)],
        ],
        TWO,
    ),
    "index 0 for whole calls": (
        [[piece(HELLO, "f", index=0, id="call_a")], [piece(WORLD, "g", index=0, id="call_b")]],
        TWO,
    ),
    "index 0 for calls in pieces": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:], None, index=0)],
            [piece(WORLD[:9], "g", index=0, id="call_b")],
            [piece(WORLD[9:], None, index=0)],
        ],
        TWO,
    ),
    "index 0 and ids on every piece": (
        halves({"index": 0, "id": "call_a"}, {"index": 0, "id": "call_b"}),
        TWO,
    ),
    "index 0, the same function twice": (
        [[piece(HELLO, "f", index=0, id="call_a")], [piece(WORLD, "f", index=0, id="call_b")]],
        [("call_a", "f", HELLO), ("call_b", "f", WORLD)],
    ),
    "index 0 and no ids": (
        [[piece(HELLO, "f", index=0)], [piece(WORLD, "g", index=0)]],
        [(None, "f", HELLO), (None, "g", WORLD)],
    ),
    "index 0, no ids, the same call twice": (
        [[piece("{}", "f", index=0)], [piece("{}", "f", index=0)]],
        [(None, "f", "{}"), (None, "f", "{}")],
    ),
    "index 0, no ids, without arguments": (
        [[piece("", "f", index=0)], [piece("", "g", index=0)]],
        [(None, "f", ""), (None, "g", "")],
    ),
    "no index": (
        [
            [piece("", "f", id="call_a")],
            [{"function": {"arguments": '{"a":'}}],
            [{"function": {"arguments": "1}"}}],
        ],
        [("call_a", "f", '{"a":1}')],
    ),
    "no index, two calls": (
        [
            [piece(HELLO[:9], "f", id="call_a")],
            [{"function": {"arguments": HELLO[9:]}}],
            [piece(WORLD[:9], "g", id="call_b")],
            [{"function": {"arguments": WORLD[9:]}}],
        ],
        TWO,
    ),
    "no index, pieces in turns": (
        [
            [piece(HELLO[:9], "f", id="call_a")],
            [piece(WORLD[:9], "g", id="call_b")],
            [piece(HELLO[9:], None, id="call_a")],
            [piece(WORLD[9:], None, id="call_b")],
        ],
        TWO,
    ),
    "index null": (halves({"index": None, "id": "call_a"}, {"index": None, "id": "call_b"}), TWO),
    "index null, ids at the start only": (
        [
            [piece(HELLO[:9], "f", index=None, id="call_a")],
            [piece(HELLO[9:], None, index=None, id=None)],
            [piece(WORLD, "g", index=None, id="call_b")],
        ],
        TWO,
    ),
    "index as text": (halves({"index": "0", "id": "call_a"}, {"index": "1", "id": "call_b"}), TWO),
    "index counts the pieces": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:12], None, index=1)],
            [piece(HELLO[12:], None, index=2)],
        ],
        [("call_a", "f", HELLO)],
    ),
    "index counts the pieces, ids on all": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:], None, index=1, id="call_a")],
            [piece(WORLD[:9], "g", index=2, id="call_b")],
            [piece(WORLD[9:], None, index=3, id="call_b")],
        ],
        TWO,
    ),
    "several pieces in a chunk": (
        [
            [piece("", "f", index=0, id="call_a"), piece(HELLO[:9], None, index=0)],
            [piece(HELLO[9:], None, index=0), piece("", "g", index=1, id="call_b")],
            [piece(WORLD[:4], None, index=1), piece(WORLD[4:], None, index=1)],
        ],
        TWO,
    ),
    "whole calls in a chunk": (
        [[piece(HELLO, "f", index=0, id="call_a"), piece(WORLD, "g", index=0, id="call_b")]],
        TWO,
    ),
    "whole calls in a chunk without index": (
        [[piece(HELLO, "f", id="call_a"), piece(WORLD, "g", id="call_b")]],
        TWO,
    ),
    "whole calls in a chunk with nothing": (
        [[piece(HELLO, "f"), piece(WORLD, "g")]],
        [(None, "f", HELLO), (None, "g", WORLD)],
    ),
    "another type under the same index": (
        [
            [piece(HELLO, "f", index=0)],
            [{"type": "custom", "index": 0, "custom": {"name": "g", "input": "pwd"}}],
        ],
        [(None, "f", HELLO), (None, "g", "pwd")],
    ),
    "a new id for every piece": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:], None, index=0, id="call_x")],
        ],
        [("call_a", "f", HELLO)],
    ),
    "a new id and the name for every piece": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:], "f", index=0, id="call_x")],
        ],
        [("call_a", "f", HELLO)],
    ),
    "words that repeat": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:], "f", index=0, id="call_a")],
            [piece("", "f", index=0, id="call_a")],
        ],
        [("call_a", "f", HELLO)],
    ),
    "a name in two pieces": (
        [
            [piece("", "turn_", index=0, id="call_a")],
            [{"index": 0, "function": {"name": "on", "arguments": ""}}],
            [{"index": 0, "function": {"arguments": "{}"}}],
        ],
        [("call_a", "turn_on", "{}")],
    ),
    "a name in two pieces without index": (
        [
            [piece(None, "turn_", id="call_a")],
            [{"function": {"name": "on"}}],
            [{"function": {"arguments": '{"a":'}}],
            [{"function": {"arguments": "1}"}}],
        ],
        [("call_a", "turn_on", '{"a":1}')],
    ),
    "a name in three pieces, index null": (
        [
            [piece("", "turn", index=None, id="call_a")],
            [{"index": None, "function": {"name": "_", "arguments": None}}],
            [{"index": None, "function": {"name": "on", "arguments": None}}],
            [{"index": None, "function": {"arguments": "{}"}}],
        ],
        [("call_a", "turn_on", "{}")],
    ),
    "empty ids": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:], "", index=0, id="")],
        ],
        [("call_a", "f", HELLO)],
    ),
    "whole arguments once more": (
        [
            [piece(HELLO[:9], "f", index=0, id="call_a")],
            [piece(HELLO[9:], None, index=0, id="call_a")],
            [piece(HELLO, None, index=0, id="call_a")],
        ],
        [("call_a", "f", HELLO)],
    ),
    "arguments so far": (
        [
            [piece(HELLO[:5], "f", index=0, id="call_a")],
            [piece(HELLO[:12], None, index=0)],
            [piece(HELLO, None, index=0)],
        ],
        [("call_a", "f", HELLO)],
    ),
    "an empty object that holds the place": (
        [
            [piece("{}", "f", index=0, id="call_a")],
            [piece(HELLO[:9], None, index=0)],
            [piece(HELLO[9:], None, index=0)],
        ],
        [("call_a", "f", HELLO)],
    ),
    "arguments that are an object": (
        [[piece({"path": "hello.py"}, "f", index=0, id="call_a")]],
        [("call_a", "f", {"path": "hello.py"})],
    ),
    "objects, index 0": (
        [[piece({"a": 1}, "f", index=0)], [piece({"a": 2}, "f", index=0)]],
        [(None, "f", {"a": 1}), (None, "f", {"a": 2})],
    ),
    "braces within texts": (
        [
            [piece('{"a":"}', "f", index=0, id="call_a")],
            [piece('{"}', None, index=0)],
        ],
        [("call_a", "f", '{"a":"}{"}')],
    ),
    "objects within each other": (
        [
            [piece('{"a":{"b":1}', "f", index=0, id="call_a")],
            [piece(',"c":', None, index=0)],
            [piece('{"d":2}}', None, index=0)],
        ],
        [("call_a", "f", '{"a":{"b":1},"c":{"d":2}}')],
    ),
}


def calls_in(answer: Any) -> list[tuple[str | None, str, Any]]:
    """Return id, name and arguments of the calls in an answer."""
    found = []
    for call in answer["choices"][0]["message"]["tool_calls"]:
        assert "index" not in call
        body = call.get("function") or call["custom"]
        found.append((call.get("id"), body["name"], body.get("arguments", body.get("input"))))
    return found


async def test_tool_call_deltas_of_servers(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, (pieces, expected) in CASES.items():
        with subtests.test(case):
            chunks = [chunk({"tool_calls": found}) for found in pieces]
            raw.play(
                stream(
                    chunk({"role": "assistant", "content": None}), *chunks, chunk({}, "tool_calls")
                )
            )
            answer = await call("create_chat_completion", stream=True, **CHAT)
            assert calls_in(answer) == expected
            assert answer["choices"][0]["finish_reason"] == "tool_calls"


async def test_deprecated_function_call(raw: RawServer, call: Call) -> None:
    pieces = [{"name": "f", "arguments": ""}, {"arguments": '{"a":'}, {"arguments": "1}"}]
    chunks = [chunk({"function_call": found}) for found in pieces]
    raw.play(stream(*chunks, chunk({}, "function_call")))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    found = answer["choices"][0]["message"]["function_call"]
    assert found == {"name": "f", "arguments": '{"a":1}'}


async def test_tool_calls_with_two_choices(raw: RawServer, call: Call) -> None:
    def part(index: int, arguments: str, **more: Any) -> Json:
        found = chunk({"tool_calls": [piece(arguments, index=0, **more)]})
        found["choices"][0]["index"] = index
        return found

    ends = [chunk({}, "tool_calls"), chunk({}, "tool_calls")]
    ends[1]["choices"][0]["index"] = 1
    raw.play(stream(part(0, '{"a"', id="x"), part(1, "{}", id="y"), part(0, ":1}"), *ends))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    found = [choice["message"]["tool_calls"] for choice in answer["choices"]]
    assert [[item["function"]["arguments"] for item in calls] for calls in found] == [
        ['{"a":1}'],
        ["{}"],
    ]
