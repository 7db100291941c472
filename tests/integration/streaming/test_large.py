"""Large answers and events: they are read in pieces, and not in the event loop."""

import asyncio
from collections.abc import Callable
import json
import threading
import traceback
from typing import Any
from unittest.mock import patch
import zlib

from homeassistant.core import Event
from homeassistant.exceptions import HomeAssistantError
from hypothesis import given, strategies as st
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api import action_request, error_bodies
from custom_components.openai_api.api import response, transport
from custom_components.openai_api.handlers import response_helpers
from custom_components.openai_api.media import images
from custom_components.openai_api.stream_runner import _Relay
from custom_components.openai_api.streaming import decode, large_json, text
from custom_components.openai_api.streaming.answer_objects import objects_in
from custom_components.openai_api.streaming.large_json import LargeJsonReader
from custom_components.openai_api.websocket import protocol
from tests.integration.fuzzing import inputs
from tests.resilience.raw_server import RawServer, answer, error
from tests.standin.server import StandIn

from ..conftest import Call, raises_key
from ..waiting import wait_for
from .host import ASK, CHAT, RESPONSE, Json, chunk, stream

LIMIT = 2000
WORDS = 'Wörds and \\ "quotes" and 😀 ' * 200
PLACES: tuple[tuple[Any, str], ...] = (
    (response, "LARGE_BYTES"),
    (text, "LARGE_BYTES"),
    (decode, "LARGE_BYTES"),
    (protocol, "LARGE_BYTES"),
    (action_request, "LARGE_BYTES"),
)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Call a few kilobytes large; return for each such text whether the event loop read it."""
    loop_thread = threading.get_ident()
    found: list[bool] = []
    read = LargeJsonReader.read

    def watched(self: LargeJsonReader) -> Any:
        found.append(threading.get_ident() == loop_thread)
        return read(self)

    monkeypatch.setattr(LargeJsonReader, "read", watched)
    for module, name in PLACES:
        monkeypatch.setattr(module, name, LIMIT)
    monkeypatch.setattr("custom_components.openai_api.stream_runner.LARGE_BYTES", LIMIT)
    return found


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pieces so small that short texts have many."""
    for name, size in (("_MAX_PIECE", 24), ("_MIN_PIECE", 6), ("_STRING_PIECE", 13)):
        monkeypatch.setattr(large_json, name, size)


async def test_large_response_parsed_in_executor(
    raw: RawServer, call: Call, threads: list[bool]
) -> None:
    large = {**RESPONSE, "more": [{"a": i, "b": WORDS} for i in range(5)]}
    raw.play([answer(large)])
    found = await call("create_model_response", **ASK)
    assert found["more"] == large["more"]
    raw.play([answer({"data": [{"id": "a", "x": WORDS}], "has_more": False})])
    assert (await call("list_files"))["data"][0]["x"] == WORDS
    raw.play([answer(error(WORDS))])
    with pytest.raises(HomeAssistantError, match="Wörds and"):
        await call("create_model_response", **ASK)
    assert threads == [False] * 3


async def test_large_events_parsed_in_executor(
    raw: RawServer, call: Call, events: Callable[[str], list[Event]], threads: list[bool]
) -> None:
    fired = events("openai_api_stream_event")
    deltas = [chunk({"content": WORDS}), chunk({"content": "x"}), chunk({"content": WORDS})]
    raw.play(stream(*deltas, chunk({}, "stop")))
    found = await call("create_chat_completion", **CHAT, stream=True)
    assert found["choices"][0]["message"]["content"] == f"{WORDS}x{WORDS}"
    contents = [event.data["event"]["choices"][0]["delta"].get("content") for event in fired]
    assert contents == [WORDS, "x", WORDS, None]
    # The last event, without its blank line.
    whole = {"type": "response.completed", "response": {**RESPONSE, "x": WORDS}}
    raw.play(stream(b"data: " + json.dumps(whole).encode(), done=False))
    assert (await call("create_model_response", **ASK, stream=True))["x"] == WORDS
    # A stream that nobody asked for, and an answer in place of one.
    raw.play(stream(*deltas, chunk({}, "stop")))
    found = await call("create_chat_completion", **CHAT)
    assert found["choices"][0]["message"]["content"] == f"{WORDS}x{WORDS}"
    raw.play([answer({**RESPONSE, "x": WORDS})])
    assert (await call("create_model_response", **ASK, stream=True))["x"] == WORDS
    assert len(threads) == 6
    assert not any(threads)


async def test_large_event_malformed_raises(
    raw: RawServer, call: Call, threads: list[bool]
) -> None:
    raw.play(stream(b'data: {"a": "' + WORDS.replace('"', "").encode() + b'"\n\n'))
    with raises_key("stream_garbled"):
        await call("create_chat_completion", **CHAT, stream=True)
    assert threads == [False]


async def test_large_event_error_raises(raw: RawServer, call: Call, threads: list[bool]) -> None:
    raw.play(stream(error("Too hot", details=WORDS)))
    with pytest.raises(HomeAssistantError, match="Too hot"):
        await call("create_chat_completion", **CHAT, stream=True)
    assert threads == [False]


async def test_long_stream_accumulated_in_executor(
    raw: RawServer, call: Call, threads: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    result: Callable[[_Relay], Json] = _Relay._result

    def watched(self: _Relay) -> Json:
        seen.append(threading.get_ident())
        found: Json = result(self)
        return found

    monkeypatch.setattr(_Relay, "_result", watched)
    raw.play(stream(*[chunk({"content": "abc " * 20})] * 40, chunk({}, "stop")))
    found = await call("create_chat_completion", **CHAT, stream=True)
    assert found["choices"][0]["message"]["content"] == "abc " * 800
    raw.play(stream(chunk({"content": "x"}, "stop")))
    await call("create_chat_completion", **CHAT, stream=True)
    assert [thread == threading.get_ident() for thread in seen] == [False, True]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    "action", ["create_model_response", "parse_model_response", "create_chat_completion"]
)
async def test_large_response_processed_in_executor(
    raw: RawServer,
    call: Call,
    threads: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    *,
    is_stream: bool,
) -> None:
    """What is looked for in an answer takes as long as it is large."""
    loop_thread, seen = threading.get_ident(), set[bool]()
    for name in ("_in_content", "_in_message"):
        found_in = getattr(images, name)

        def watched(content: Any, *rest: Any, found_in: Any = found_in) -> Any:
            seen.add(threading.get_ident() == loop_thread)
            return found_in(content, *rest)

        monkeypatch.setattr(images, name, watched)

    def watched_objects(value: Any) -> Any:
        seen.add(threading.get_ident() == loop_thread)
        return objects_in(value)

    monkeypatch.setattr(response_helpers, "objects_in", watched_objects)
    for words, is_in_loop in ((WORDS, False), ("short", True)):
        seen.clear()
        if action == "create_chat_completion":
            chat = chunk({"content": words}, "stop")
            whole = {"id": "c", "choices": [{"index": 0, "message": {"content": words}}]}
            raw.play(stream(chat) if is_stream else [answer(whole)])
            await call(action, **CHAT, stream=is_stream)
        else:
            content = [{"type": "output_text", "text": words}]
            found = {**RESPONSE, "output": [{"type": "message", "content": content}]}
            event = {"type": "response.completed", "response": found}
            raw.play(stream(event) if is_stream else [answer(found)])
            await call(action, **ASK, stream=is_stream)
        assert seen == {is_in_loop}


async def test_large_messages_parsed_in_executor(
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    events: Callable[[str], list[Event]],
    threads: list[bool],
) -> None:
    """Their order stays, also among small ones; what cannot be read ends nothing."""
    fired, states = events("openai_api_server_event"), events("openai_api_connection_event")
    await manage("connect")
    session = await standin.wait_for_socket()
    for number in range(6):
        await session.send({"type": "x", "n": number, "text": WORDS if number % 2 else "short"})
    await session.send('{"type": "x", "text": ["' + WORDS.replace('"', "") + '"}')
    await session.send({"type": "last"})
    await wait_for(lambda: fired and fired[-1].data["event_type"] == "last")
    assert [event.data["event"].get("n") for event in fired] == [*range(6), None]
    assert fired[1].data["event"]["text"] == WORDS
    assert "not JSON" in states[-1].data["error"]
    assert threads == [False] * 4
    await manage("close")


async def test_compressed_response_yields_to_event_loop(
    raw: RawServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few packed bytes may be a thousand times as many; others get their turn in between."""
    monkeypatch.setattr(transport, "_PACKED_PIECE", 16)
    body = zlib.compress(json.dumps({**RESPONSE, "x": WORDS}).encode())
    turns = 0

    async def beat() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    raw.play([answer(body, headers="Content-Encoding: deflate\r\n")])
    task = asyncio.create_task(beat())
    try:
        found = await call("create_model_response", **ASK)
    finally:
        task.cancel()
    assert found["x"] == WORDS
    assert turns > len(body) // 16


def _check(data: bytes, value: Any, max_depth: int) -> None:
    text.check_depth(data, value, max_depth)


def _read(data: bytes, max_depth: int = text.MAX_DEPTH) -> Any:
    """Return the value in a text, read in pieces."""
    return LargeJsonReader(data, max_depth, _check).read()


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.text('"\\,:[]{} \n/', max_size=20),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.dictionaries(st.text('ab",:{}[]\\é', max_size=5), inner, max_size=8),
    ),
    max_leaves=40,
)


@inputs(40)
@given(value=_VALUES, indent=st.sampled_from((None, 1)), is_ascii=st.booleans())
def test_large_json_fuzz(value: Any, indent: int | None, is_ascii: bool) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()
    with pytest.MonkeyPatch.context() as patch:
        for name, size in (("_MAX_PIECE", 24), ("_MIN_PIECE", 6), ("_STRING_PIECE", 13)):
            patch.setattr(large_json, name, size)
        assert _read(data) == orjson.loads(data)


@inputs(40)
@given(
    value=_VALUES,
    place=st.integers(0, 400),
    sign=st.sampled_from([b"", b'"', b",", b"}", b"]", b"{", b"[", b":", b"\\", b"1", b"\xff"]),
    is_cut=st.booleans(),
)
def test_large_json_malformed_fuzz(value: Any, place: int, sign: bytes, is_cut: bool) -> None:
    """A text is refused in pieces exactly if it is refused as a whole."""
    whole = json.dumps(value).encode()
    place %= len(whole) + 1
    data = whole[:place] + sign + (b"" if is_cut else whole[place + 1 :])
    try:
        expected = orjson.loads(data)
    except orjson.JSONDecodeError:
        expected = ValueError
    with pytest.MonkeyPatch.context() as patch:
        for name, size in (("_MAX_PIECE", 24), ("_MIN_PIECE", 6), ("_STRING_PIECE", 13)):
            patch.setattr(large_json, name, size)
        if expected is ValueError:
            with pytest.raises(ValueError):  # noqa: PT011
                _read(data)
        else:
            assert _read(data) == expected


@pytest.mark.usefixtures("tiny")
def test_large_json_depth_limit() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('[1,{"abc":', "}]")):
        levels = opening.count("[") + opening.count("{")
        fits = text.MAX_DEPTH // levels
        assert _read((opening * fits + "1" + closing * fits).encode())
        for deep in (fits + 1, 5000):
            with pytest.raises(ValueError, match="too deep"):
                _read((opening * deep + "1" + closing * deep).encode())


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": "\\ud83d\\ude00 x", "a": 2}', {"a": 2}),
        (
            b'[123456789012345678901234567890, -0.0, 1e5, "\\u00e9\\n"]',
            [1.2345678901234568e29, 0, 1e5, "é\n"],
        ),
        (b" [ ] ", []),
        (b'"' + b"\\\\" * 40 + b'"', "\\" * 40),
        (b'"' + b"\\ud83d\\ude00" * 9 + b'"', "😀" * 9),
        (('["' + "😀é" * 30 + '"]').encode(), ["😀é" * 30]),
    ],
)
@pytest.mark.usefixtures("tiny")
def test_large_json_unusual_texts(data: bytes, value: Any) -> None:
    assert _read(data) == value


def test_large_json_lone_surrogates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LARGE_BYTES", 10)
    assert text.load_json(b'{"a": "x\\ud83d", "b": [1, 2]}') == {"a": "x\ufffd", "b": [1, 2]}
    assert text.load_json(b'{"a": "x\xf0\x9f", "b": [1, 2]}') == {"a": "x\ufffd", "b": [1, 2]}
    with pytest.raises(ValueError, match="no JSON"):
        text.load_json(b'{"a": "x\\u00e9", "b": [1, 2}')


async def test_large_error_keeps_nothing_that_was_read(
    raw: RawServer, call: Call, threads: list[bool]
) -> None:
    """What hangs on an error is taken apart in the event loop once nobody needs it."""
    raw.play([answer({"error": {"message": "Too hot"}, "more": [{"a": WORDS}]})])
    with pytest.raises(HomeAssistantError, match="Too hot") as caught:
        await call("create_model_response", **ASK)
    assert threads == [False]
    for frame, _ in traceback.walk_tb(caught.tb):
        if "custom_components" in frame.f_code.co_filename:
            found = [repr(value) for value in frame.f_locals.values()]
            assert not any("Wörds and" in value for value in found), frame.f_code
    assert caught.value.__context__ is None


@pytest.mark.parametrize("shape", ["text", "words in the middle", "nothing known", "no JSON"])
async def test_large_error_body_condensed(raw: RawServer, call: Call, shape: str) -> None:
    """The SDK reads it in the event loop, so that little is left of it for that."""
    more = [{"a": number, "b": [1, 2, 3]} for number in range(10_000)]
    body: Any = {
        "text": {"error": "Too hot" + " x" * 100_000},
        "words in the middle": {"a": more, "error": {"message": "Too hot", "code": 7, "b": more}},
        "nothing known": {"error": {"why": "Too hot", "b": more}},
        "no JSON": b"Too hot" + json.dumps(more).encode(),
    }[shape]
    seen: list[int] = []
    condense = error_bodies.condense_error

    def watched(content: bytes) -> bytes:
        found = condense(content)
        seen.append(len(found))
        return found

    with patch.object(transport, "condense_error", watched):
        raw.play([answer(body, 400)])
        with pytest.raises(HomeAssistantError, match="Too hot") as caught:
            await call("create_model_response", **ASK)
    assert caught.value.translation_key == "refused"
    assert len(seen) == 1
    assert seen[0] < 32 * 1024
    if shape == "words in the middle":
        assert "code: 7" in str(caught.value)


async def test_event_of_too_many_lines(raw: RawServer, call: Call) -> None:
    """Such lines cost the loop more than their bytes; no JSON has so many."""
    raw.play(stream(b"data: 1,\n" * 70_000 + b"\n"))
    with raises_key("stream_garbled"):
        await call("create_chat_completion", **CHAT, stream=True)
