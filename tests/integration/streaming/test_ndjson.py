"""Streams that have one JSON object on each line instead of events."""

import json
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.integration.conftest import raises_key
from tests.resilience.raw_server import RawServer, Script, Step

from ..conftest import Call
from .host import ASK, CHAT, ITEM, RESPONSE, Json, chunk

CHUNKS = (
    chunk({"role": "assistant", "content": "Hel"}),
    chunk({"content": "lo"}),
    chunk({}, "stop"),
)
EVENTS: tuple[Json, ...] = (
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
    {"type": "response.output_text.delta", "delta": "Hello", "output_index": 0},
    {"type": "response.output_item.done", "item": ITEM, "output_index": 0},
    {"type": "response.completed", "response": RESPONSE},
)
KINDS = ("application/x-ndjson", "application/json", "text/plain", "text/event-stream", None)


def lines(
    *items: Any, kind: str | None = "application/x-ndjson", end: str = "\n", last: str = "\n"
) -> Script:
    """Return the script of a stream of lines."""
    head = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
    head += f"Content-Type: {kind}\r\n\r\n" if kind else "\r\n"
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    return [head.encode(), (end.join(texts) + last).encode(), Step.CLOSE]


def text_of(answer: Any) -> Any:
    """Return the text of an answer of either method."""
    if "output_text" in answer:
        return answer["output_text"]
    return answer["choices"][0]["message"]["content"]


ASKED = {"create_chat_completion": (CHAT, CHUNKS), "create_model_response": (ASK, EVENTS)}


@pytest.mark.parametrize("action", ASKED)
@pytest.mark.parametrize("is_stream", [True, False])
async def test_ndjson_stream(
    raw: RawServer, call: Call, events: Any, action: str, is_stream: bool
) -> None:
    fired = events("openai_api_stream_event")
    data, sent = ASKED[action]
    for kind in KINDS:
        fired.clear()
        raw.play(lines(*sent, kind=kind))
        answer = await call(action, **data, **({"stream": True} if is_stream else {}))
        assert text_of(answer) == "Hello"
        assert [event.data["event"] for event in fired] == (list(sent) if is_stream else [])


LAYOUTS: dict[str, Json] = {
    "no end of the last line": {"last": ""},
    "CRLF": {"end": "\r\n"},
    "blank lines": {"end": "\n\n"},
    "record separators": {"end": "\n\x1e"},
    "done": {"last": "\n[DONE]\n"},
    "labelled done": {"last": "\ndata: [DONE]\n\n"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/event-stream"])
async def test_ndjson_layouts(raw: RawServer, call: Call, layout: str, kind: str) -> None:
    raw.play(lines(*CHUNKS, kind=kind, **LAYOUTS[layout]))
    assert text_of(await call("create_chat_completion", stream=True, **CHAT)) == "Hello"


@pytest.mark.parametrize("size", [1, 7, 50])
@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/event-stream"])
async def test_ndjson_in_small_pieces(raw: RawServer, call: Call, size: int, kind: str) -> None:
    head, body, end = lines(chunk({"content": "Grüße 💡"}), chunk({}, "stop"), kind=kind)
    assert isinstance(body, bytes)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    raw.play([head, *pieces, end])
    assert text_of(await call("create_chat_completion", stream=True, **CHAT)) == "Grüße 💡"


async def test_ndjson_error_raises(raw: RawServer, call: Call) -> None:
    for kind in KINDS:
        for is_stream in (True, False):
            raw.play(lines(CHUNKS[0], {"error": {"message": "Overloaded"}}, kind=kind))
            with pytest.raises(HomeAssistantError, match="Overloaded"):
                await call("create_chat_completion", stream=is_stream, **CHAT)


async def test_ndjson_truncated_raises(raw: RawServer, call: Call) -> None:
    for kind in KINDS:
        for sent in ((*CHUNKS[:2],), (CHUNKS[0], '{"choices": [')):
            raw.play(lines(*sent, kind=kind, last=""))
            with pytest.raises(HomeAssistantError) as caught:
                await call("create_chat_completion", stream=True, **CHAT)
            assert caught.value.translation_key in ("stream_cut", "stream_garbled")


async def test_ndjson_line_not_json_raises(raw: RawServer, call: Call) -> None:
    raw.play(lines(CHUNKS[0], "{oops", CHUNKS[2]))
    with raises_key("stream_garbled"):
        await call("create_chat_completion", stream=True, **CHAT)


async def test_whole_answer_on_lines_is_no_stream(raw: RawServer, call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    message = {"role": "assistant", "content": "Hello"}
    whole = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    for body in (json.dumps(whole), json.dumps(whole, indent=2)):
        for last in ("", "\n", "\n\n"):
            raw.play(lines(body, kind="application/json", last=last))
            assert text_of(await call("create_chat_completion", stream=True, **CHAT)) == "Hello"
    assert not fired
