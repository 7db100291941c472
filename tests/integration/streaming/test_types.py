"""Streams under other labels, and streams that nobody asked for."""

import json
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, Script, answer as whole_answer, error

from ..conftest import Call, raises_key
from .host import ASK, CHAT, ITEM, RESPONSE, Json, chunk, event, named, stream

CHUNKS = (chunk({"role": "assistant", "content": "Hello"}), chunk({}, "stop"))
COMPLETED = named("response.completed", response=RESPONSE)
COMPLETION: Json = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
        }
    ],
}
KINDS = (
    "text/plain",
    "text/plain; charset=utf-8",
    "application/json",
    "application/octet-stream",
    "text/html",
    "application/x-ndjson",
    None,
)


@pytest.mark.parametrize("kind", KINDS)
async def test_stream_other_content_type(
    raw: RawServer, call: Call, events: Any, kind: str | None
) -> None:
    fired = events("openai_api_stream_event")
    raw.play(stream(*CHUNKS, kind=kind), stream(COMPLETED, done=False, kind=kind))
    chat = await call("create_chat_completion", stream=True, **CHAT)
    assert chat["choices"][0]["message"]["content"] == "Hello"
    response = await call("create_model_response", stream=True, **ASK)
    assert response["output_text"] == "Hello"
    assert len(fired) == 3


@pytest.mark.parametrize(
    "start",
    [b": hi\n\n", b"id: 1\n", b"retry: 5\n", b"\n\n", b"event: x\n", b"\xef\xbb\xbf", b"data:\n\n"],
)
async def test_stream_other_content_type_and_beginning(
    raw: RawServer, call: Call, start: bytes
) -> None:
    head, body, end = stream(*CHUNKS, kind="text/plain")
    assert isinstance(body, bytes)
    # Byte by byte: what the stream begins with is not known at once.
    steps = [step for byte in start for step in (bytes([byte]), 0.002)]
    raw.play([head, *steps, body, end])
    chat = await call("create_chat_completion", stream=True, **CHAT)
    assert chat["choices"][0]["message"]["content"] == "Hello"


def labelled(body: Any, kind: str | None) -> Script:
    """Return the script of a whole answer."""
    return [whole_answer(body, kind=kind)]


UNASKED_CHATS: dict[str, Script] = {
    "JSON and [DONE]": labelled(
        json.dumps(COMPLETION).encode() + b"data: [DONE]\n\n", "text/event-stream"
    ),
    "JSON and [DONE], labelled JSON": labelled(
        json.dumps(COMPLETION).encode() + b"\n\ndata: [DONE]\n\n", "application/json"
    ),
    "JSON and a bare [DONE]": labelled(
        json.dumps(COMPLETION).encode() + b"\n[DONE]", "application/json"
    ),
    "stream": stream(*CHUNKS),
    "stream labelled plain": stream(*CHUNKS, kind="text/plain"),
    "stream labelled JSON": stream(*CHUNKS, kind="application/json"),
    "stream without a label": stream(*CHUNKS, kind=None),
    "whole answer in one event": stream(COMPLETION),
    "whole answer in one event without [DONE]": stream(COMPLETION, done=False),
    "whole answer labelled a stream": labelled(COMPLETION, "text/event-stream"),
    "stream without a blank line at its end": stream(
        *CHUNKS[:1], event(CHUNKS[1])[:-2], done=False
    ),
}


@pytest.mark.parametrize("case", UNASKED_CHATS)
async def test_chat_stream_not_requested(
    raw: RawServer, call: Call, events: Any, case: str
) -> None:
    fired = events("openai_api_stream_event")
    raw.play(UNASKED_CHATS[case])
    answer = await call("create_chat_completion", **CHAT)
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert answer["object"] == "chat.completion"
    assert "text" not in answer
    assert not fired


@pytest.mark.parametrize("case", ["whole answer labelled a stream", "JSON and [DONE]"])
async def test_chat_stream_answered_without_stream(raw: RawServer, call: Call, case: str) -> None:
    raw.play(UNASKED_CHATS[case])
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["content"] == "Hello"


CREATED = named("response.created", response={**RESPONSE, "status": "in_progress", "output": []})
UNASKED_RESPONSES: dict[str, Script] = {
    "stream": stream(CREATED, COMPLETED, done=False),
    "stream labelled plain": stream(CREATED, COMPLETED, kind="text/plain"),
    "items alone": stream(
        CREATED, named("response.output_item.done", item=ITEM, output_index=0), done=False
    ),
    "the response in one event": stream(RESPONSE),
}


@pytest.mark.parametrize("case", UNASKED_RESPONSES)
async def test_response_stream_not_requested(raw: RawServer, call: Call, case: str) -> None:
    for action in ("create_model_response", "parse_model_response"):
        raw.play(UNASKED_RESPONSES[case])
        answer = await call(action, **ASK)
        assert answer["output_text"] == "Hello"
        assert answer["id"] == "resp_1"
        assert "text" not in answer


async def test_single_event_response(raw: RawServer, call: Call) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    raw.play(stream({"object": "list", "data": data}))
    answer = await call("create_embedding", model="m", input="x", encoding_format="float")
    assert answer["data"] == data
    raw.play(stream({"object": "list", "data": data}, {"object": "list", "data": data}))
    with raises_key("bad_answer"):
        await call("create_embedding", model="m", input="x", encoding_format="float")


BROKEN: dict[str, tuple[Script, str]] = {
    "error": (stream({"error": {"message": "Overloaded", "code": 529}}, done=False), "host_error"),
    "error behind words": (
        stream(CHUNKS[0], {"error": {"message": "Overloaded", "code": 529}}),
        "host_error",
    ),
    "error outside of events": (
        stream(CHUNKS[0], b'error: {"code": 529, "message": "Overloaded"}\n\n', done=False),
        "host_error",
    ),
    "cut": (stream(CHUNKS[0], done=False), "stream_cut"),
    "garbled": (stream(b"data: {oops\n\n"), "bad_answer"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_malformed_stream_not_requested_raises(raw: RawServer, call: Call, case: str) -> None:
    script, key = BROKEN[case]
    raw.play(script)
    with raises_key(key) as caught:
        await call("create_chat_completion", **CHAT)
    if key == "host_error":
        assert "code: 529" in str(caught.value)
        assert "Overloaded" in str(caught.value)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/event-stream"])
async def test_stream_answered_with_error_raises(raw: RawServer, call: Call, kind: str) -> None:
    raw.play(labelled(error("Overloaded", code=529), kind))
    with pytest.raises(HomeAssistantError, match="Overloaded"):
        await call("create_chat_completion", stream=True, **CHAT)
