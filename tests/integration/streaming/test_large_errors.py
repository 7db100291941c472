"""Large errors and odd lines: no call of Python looks at all of them at once."""

import asyncio
from collections.abc import AsyncIterator
import json
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from custom_components.openai_api import error_bodies
from custom_components.openai_api.api import response, transport
from custom_components.openai_api.error_bodies import details_in, short
from custom_components.openai_api.streaming import decode, large_json, sse, text
from custom_components.openai_api.streaming.sse import EventTooLarge, SSEDecoder
from tests.integration.conftest import raises_key
from tests.resilience.raw_server import RawServer

from ..conftest import Call
from .host import CHAT, chunk, stream

MOST = 512 * 1024
"""Bytes or characters that one call may look at."""
MANY = [{"a": number} for number in range(1, 100_000)]
LONG = "x" * 1_000_000


class Watched:
    """A pattern that notes how long the texts are in which it is searched."""

    def __init__(self, pattern: Any) -> None:
        """Take the pattern."""
        self._pattern = pattern
        self.longest = 0

    def match(self, words: Any, *place: Any) -> Any:
        """Match as the pattern does."""
        self.longest = max(self.longest, len(words))
        return self._pattern.match(words, *place)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"message": LONG}, "x"),
        ({"message": "{" + LONG + "}"}, "{x"),
        ({"message": json.dumps({"a": MANY})}, '{"a": [{"a": 1}'),
        ({"message": "{" + "} " * 500_000}, "{} }"),
        ("data: {" + LONG + "}", "data: {x"),
        ({"why": MANY}, '{"why":[{"a":1}'),
        ({"message": MANY}, "{'a': 1}"),
        ({"message": [{"msg": {"a": MANY}}]}, "{'a': [{'a': 1}"),
        ([{"loc": MANY, "msg": "Too hot"}], '[{"a":1}'),
        ([{"loc": "a", "msg": "Too hot"}] * 100_000, "a Too hot; a Too hot"),
        (["Too", "hot"] * 100_000, "Too; hot"),
        ({f"k{number}": number for number in range(100_000)}, "{'k1': 1"),
        ({"message": "Too hot", "metadata": {"raw": LONG}}, "Too hot: x"),
    ],
)
def test_large_error_is_read_in_part(error: Any, message: str) -> None:
    pattern = Watched(error_bodies._OBJECT_AT_END)
    written: list[int] = []

    def dumps(value: Any) -> bytes:
        found = orjson.dumps(value)
        written.append(len(found))
        return found

    fake = SimpleNamespace(
        dumps=dumps,
        loads=orjson.loads,
        JSONDecodeError=orjson.JSONDecodeError,
        JSONEncodeError=orjson.JSONEncodeError,
    )
    with (
        patch.object(error_bodies, "_OBJECT_AT_END", pattern),
        patch.object(error_bodies, "orjson", fake),
    ):
        shown = str(short(details_in({"error": error})["message"]))
    assert shown.startswith(message)
    assert len(shown) <= 20_000
    assert pattern.longest < MOST
    assert max(written, default=0) < MOST


def test_deep_error_is_read_in_part() -> None:
    for levels in (200, 1000):
        deep = orjson.loads(b'{"a":' * levels + b"1" + b"}" * levels)
        for error in (deep, {"error": deep}, {"message": [{"msg": deep}]}):
            assert str(short(details_in(error)["message"])).startswith(('{"a"', "{'a'"))
        found = error_bodies.redact_error({"error": deep}, str.upper)
        assert str(found["error"]).startswith("{'A': {'A'")


def test_error_message_behind_much_else() -> None:
    found = details_in({"error": {"stack": MANY, "message": "Too hot", "code": 7}})
    assert (found["message"], found["code"]) == ("Too hot", 7)
    inner = json.dumps({"error": {"message": "Too hot", "stack": MANY[:1000]}})
    assert details_in({"message": inner})["message"] == "Too hot"


def test_error_with_many_keys_is_no_bare_error() -> None:
    found = {f"k{number}": None for number in range(1000)}
    assert error_bodies.answer_error({**found, "message": "m", "code": 7}, is_of_model=True) is None
    assert error_bodies.answer_error({"message": "m", "code": 7}, is_of_model=True)


@pytest.mark.parametrize(
    "body", [b"", b" \n" * 40, b"\xff" * 99, "é😀".encode() * 30, b"a\xf0\x9f", bytes(range(256))]
)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_decode_text_in_pieces(monkeypatch: pytest.MonkeyPatch, body: bytes, size: int) -> None:
    monkeypatch.setattr(response, "_PIECE", size)
    assert response.decode_text(body) == body.decode(errors="replace")
    assert response._is_blank(body) is not bool(body.strip())


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": "x\\ud83d", "b": [1, "\\ude00 x"]}',
        b'{"a\\ud83d": "%b\\ud83d\\ude00%b\\ud83d"}' % (b"y" * 40, b"z" * 40),
        b'["' + b"\\ud83d x" * 30 + b'"]',
        b'["' + b"\\ud83d\\ude00\\ud83d" * 30 + b'"]',
        b'["' + b"\xf0\x9f\x98\x80\xf0\x9f" * 30 + b'", {"b": "\xc3"}]',
        b'"\xed\xa0\xbd ' + b"n" * 60 + b'"',
    ],
)
def test_halves_in_large_text(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """They become the same as in a small one, wherever the pieces end."""
    expected = text.load_json(data)
    assert "\ufffd" in str(expected)
    monkeypatch.setattr(text, "LARGE_BYTES", 10)
    monkeypatch.setattr(text, "_MAX_PIECE_LENGTH", 9)
    for size in range(13, 30):
        for name, value in (("_MAX_PIECE", 24), ("_MIN_PIECE", 6), ("_STRING_PIECE", size)):
            monkeypatch.setattr(large_json, name, value)
        assert text.load_json(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": ' + b"1" * 100_000 + b"}",
        b"[" + b"t" * 100_000 + b"]",
        b'["\\ud83d", nope]',
        b'["\\ud83d\x01"]',
        b'["\\ud8"]',
    ],
)
def test_large_text_malformed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(text, "LARGE_BYTES", 5)
    with pytest.raises(ValueError):  # noqa: PT011
        text.load_json(data)


def test_white_space_in_large_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LARGE_BYTES", 5)
    monkeypatch.setattr(large_json, "_STRING_PIECE", 16)
    for size in (15, 16, 17, 100):
        assert text.load_json(b"[" + b" " * size + b"1" + b"\n" * size + b"]") == [1]


def test_whole_stream_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[int] = []
    feed = SSEDecoder.feed

    def watched(self: SSEDecoder, piece: bytes) -> Any:
        fed.append(len(piece))
        return feed(self, piece)

    monkeypatch.setattr(SSEDecoder, "feed", watched)
    body = b"data: " + json.dumps({"a": LONG}).encode() + b"\n\n"
    assert decode.assemble(body, None) == {"a": LONG}
    assert max(fed) < MOST


async def test_stream_of_lines_that_are_no_field(raw: RawServer, call: Call) -> None:
    """Kept for their words, each of them takes many times its size."""
    raw.play(stream(b"xy\n" * 70_000, done=False))
    with raises_key("stream_garbled"):
        await call("create_chat_completion", **CHAT, stream=True)
    # What only keeps the connection alive is none of them.
    raw.play(stream(b" \n" * 70_000, chunk({"content": "x"}, "stop")))
    found = await call("create_chat_completion", **CHAT, stream=True)
    assert found["choices"][0]["message"]["content"] == "x"


def test_lines_that_are_no_field_are_bounded() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"x\n" * sse._MAX_LINES)
    with pytest.raises(EventTooLarge):
        decoder.feed(b"x\n")


async def test_large_chunk_is_read_in_pieces() -> None:
    """The events in one piece are found without a pause for others."""

    async def iter_any() -> AsyncIterator[bytes]:
        yield b"ab"
        yield bytes(range(256)) * 4000

    read: Any = SimpleNamespace(headers={}, content=SimpleNamespace(iter_any=iter_any))
    turns = 0

    async def beat() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(beat())
    with patch.object(transport, "_MAX_LOOP_HOLD", -1):
        pieces = [piece async for piece in transport.AiohttpResponseStream(read)]
    task.cancel()
    assert b"".join(pieces) == b"ab" + bytes(range(256)) * 4000
    assert max(map(len, pieces)) <= 64 * 1024
    assert turns >= len(pieces) - 1


@pytest.mark.parametrize("unit", [b"\xff", b"\xffa", b"\xf0\x9fa", b"\\ud83da"])
def test_text_full_of_halves_is_fast(unit: bytes) -> None:
    """As large as what the event loop reads itself."""
    data = b'{"a": "' + unit * (500_000 // len(unit)) + b'"}'
    start = time.thread_time()
    found = text.load_json(data)
    assert time.thread_time() - start < 0.12
    assert found["a"].startswith("\ufffd")
