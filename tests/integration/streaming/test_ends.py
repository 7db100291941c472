"""Ends of streams: what is whole, and what was cut."""

import json
from typing import Any

import pytest

from tests.resilience.raw_server import RawServer, Script, Step, chunked

from ..conftest import Call, raises_key
from .host import ASK, CHAT, ITEM, RESPONSE, Json, chunk, event, named, piece, stream

HELLO = chunk({"role": "assistant", "content": "Hello"})
CALL = chunk({"tool_calls": [piece('{"a":', index=0, id="c")]})
CREATED = named("response.created", response={**RESPONSE, "status": "in_progress", "output": []})
ADDED = named("response.output_item.added", item={**ITEM, "content": []}, output_index=0)
DELTA = named("response.output_text.delta", delta="Hello", output_index=0, content_index=0)
DONE_ITEM = named("response.output_item.done", item=ITEM, output_index=0)
FUNCTION = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "f",
    "arguments": "{}",
    "status": "completed",
}
COMPLETED = named("response.completed", response=RESPONSE)

CUT_CHATS: dict[str, Script] = {
    "finish_reason is empty": stream(
        chunk({"content": "Hel"}, ""), chunk({"content": "lo"}, ""), done=False
    ),
    "finish_reason is the word null": stream(chunk({"content": "Hel"}, "null"), done=False),
    "within a tool call": stream(CALL, done=False),
    "within a tool call, said to be done": stream(CALL),
    "within a tool call, finish_reason empty": stream(
        chunk({"tool_calls": [piece('{"a":', index=0, id="c")]}, "")
    ),
    "one of two choices": stream(
        HELLO,
        chunk(choices=[{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]),
        done=False,
    ),
    "before its first word": stream(chunk({"role": "assistant"}), done=False),
}


@pytest.mark.parametrize("case", CUT_CHATS)
async def test_chat_stream_truncated_raises(raw: RawServer, call: Call, case: str) -> None:
    raw.play(CUT_CHATS[case])
    with raises_key("stream_cut"):
        await call("create_chat_completion", stream=True, **CHAT)


WHOLE_CHATS: dict[str, Script] = {
    "finish_reason, no [DONE]": stream(HELLO, chunk({}, "stop"), done=False),
    "no blank line before [DONE]": stream(
        HELLO, event(chunk({}, "stop"))[:-1] + b"data: [DONE]\n\n", done=False
    ),
    "no blank line before [DONE], no reason": stream(
        event(HELLO)[:-1] + b"data: [DONE]\n\n", done=False
    ),
    "no blank lines at all": stream(
        event(HELLO)[:-1] + event(chunk({}, "stop"))[:-1] + b"data: [DONE]\n", done=False
    ),
    "no blank line between two": stream(event(HELLO)[:-1] + event(chunk({}, "stop")), done=False),
    "JSON in several lines": stream(
        b"".join(
            b"data: " + line.encode() + b"\n" for line in json.dumps(HELLO, indent=1).split("\n")
        )
        + b"\n",
        chunk({}, "stop"),
    ),
    "empty finish_reason, then [DONE]": stream(chunk({"content": "Hello"}, "")),
    "empty finish_reason after the real one": stream(HELLO, chunk({}, "stop"), chunk({}, "")),
    "no blank line at the end": [*stream(HELLO, event(chunk({}, "stop"))[:-1], done=False)],
    "no line end at all": [*stream(HELLO, event(chunk({}, "stop"))[:-2], done=False)],
    "no blank line after [DONE]": stream(HELLO, b"data: [DONE]\n", done=False),
    "no line end after [DONE]": stream(HELLO, b"data: [DONE]", done=False),
    "reset behind its end": [
        *stream(HELLO, chunk({}, "stop"), done=False)[:-1],
        0.05,
        Step.RESET,
    ],
    "chunks without the last one": [
        chunked(event(HELLO), event(chunk({}, "stop")), kind="text/event-stream"),
        Step.CLOSE,
    ],
}


@pytest.mark.parametrize("case", WHOLE_CHATS)
async def test_chat_stream_complete(raw: RawServer, call: Call, case: str) -> None:
    raw.play(WHOLE_CHATS[case])
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["content"] == "Hello"


def without(*keys: str) -> Json:
    """Return the response without some keys."""
    return {key: value for key, value in RESPONSE.items() if key not in keys}


WHOLE_RESPONSES: dict[str, Script] = {
    "output is empty": stream(
        CREATED, DONE_ITEM, named("response.completed", response={**RESPONSE, "output": []})
    ),
    "output is missing": stream(
        CREATED, DONE_ITEM, named("response.completed", response=without("output"))
    ),
    "output is null": stream(
        CREATED, DONE_ITEM, named("response.completed", response={**RESPONSE, "output": None})
    ),
    "output is a message without content": stream(
        CREATED,
        DELTA,
        named("response.completed", response={**RESPONSE, "output": [{**ITEM, "content": []}]}),
    ),
    "only deltas were streamed": stream(
        CREATED, DELTA, named("response.completed", response={**RESPONSE, "output": []})
    ),
    "only the text was streamed": stream(
        CREATED,
        named("response.output_text.done", text="Hello", output_index=0, content_index=0),
        named("response.completed", response={**RESPONSE, "output": []}),
    ),
    "item without content": stream(
        CREATED,
        DELTA,
        named("response.output_item.done", item={**ITEM, "content": []}, output_index=0),
        named("response.completed", response={**RESPONSE, "output": []}),
    ),
    "no output_index": stream(
        CREATED,
        named("response.output_item.done", item=ITEM),
        named("response.completed", response={**RESPONSE, "output": []}),
    ),
    "no response in the last event": stream(
        CREATED, DONE_ITEM, named("response.completed"), done=False
    ),
    "named, without types": stream(
        event({"response": {**RESPONSE, "output": []}}, "response.created"),
        event({"delta": "Hel"}, "response.output_text.delta"),
        event({"delta": "lo"}, "response.output_text.delta"),
        event({"response": {**RESPONSE, "output": []}}, "response.completed"),
    ),
    "item with a text for a content": stream(
        named("response.output_item.done", item={**ITEM, "content": "Hello"}, output_index=0),
        named("response.completed", response={**RESPONSE, "output": []}),
    ),
    "response.done": stream(DONE_ITEM, named("response.done", response=RESPONSE)),
    "response.done without output": stream(
        CREATED, DONE_ITEM, named("response.done", response=without("output")), done=False
    ),
    "the last item, then the end": stream(CREATED, ADDED, DELTA, DONE_ITEM, done=False),
    "the last item, then [DONE]": stream(CREATED, ADDED, DELTA, DONE_ITEM),
    "deltas, then [DONE]": stream(CREATED, ADDED, DELTA),
    "no blank line at the end": stream(DELTA, COMPLETED[:-1], done=False),
    "no line end at all": stream(DELTA, COMPLETED[:-2], done=False),
    "CR at the end": stream(DELTA, COMPLETED[:-2] + b"\r", done=False),
    "never ends": [*stream(CREATED, COMPLETED, done=False)[:-1], Step.HOLD],
    "reset behind its end": [*stream(COMPLETED, done=False)[:-1], 0.05, Step.RESET],
}


@pytest.mark.parametrize("action", ["create_model_response", "parse_model_response"])
async def test_response_stream_complete(
    raw: RawServer, call: Call, subtests: pytest.Subtests, action: str
) -> None:
    for case, played in WHOLE_RESPONSES.items():
        with subtests.test(case):
            raw.play(played)
            answer = await call(action, stream=True, **ASK)
            assert answer["output_text"] == "Hello"
            assert answer["status"] == "completed"
            assert answer["object"] == "response"


@pytest.mark.parametrize("ending", ["delta", "done", "both"])
async def test_refusal_deltas(raw: RawServer, call: Call, ending: str) -> None:
    place = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
    pieces = [named("response.refusal.delta", delta=text, **place) for text in ("I can", "not")]
    done = [named("response.refusal.done", refusal="I cannot", **place)]
    events = {"delta": pieces, "done": done, "both": [*pieces, *done]}[ending]
    raw.play(stream(*events, named("response.completed", response={**RESPONSE, "output": []})))
    answer = await call("create_model_response", stream=True, **ASK)
    assert answer["output"][0]["content"] == [{"type": "refusal", "refusal": "I cannot"}]


CUT_RESPONSES: dict[str, Script] = {
    "item that is not done": stream(CREATED, ADDED, DELTA, done=False),
    "second item that is not done": stream(
        CREATED,
        DONE_ITEM,
        named("response.output_item.added", item=FUNCTION, output_index=1),
        done=False,
    ),
    "call that is not whole": stream(
        CREATED,
        named("response.output_item.done", item={**FUNCTION, "arguments": '{"a"'}, output_index=0),
    ),
    "thoughts alone": stream(
        CREATED,
        named("response.output_item.done", item={"type": "reasoning", "id": "r"}, output_index=0),
        done=False,
    ),
    "nothing but its start": stream(CREATED),
    "half of the last event": stream(DELTA, COMPLETED[:-20], done=False),
    "no blank line, and no whole JSON": stream(DELTA, COMPLETED[:-3], done=False),
    "line cut after the last item": [
        chunked(CREATED, ADDED, DELTA, DONE_ITEM, kind="text/event-stream") + b"ff\r\nda",
        Step.CLOSE,
    ],
    "killed in mid-stream": [*stream(CREATED, DELTA, done=False)[:-1], 0.05, Step.RESET],
}


async def test_response_stream_truncated_raises(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, played in CUT_RESPONSES.items():
        with subtests.test(case):
            raw.play(played)
            with raises_key("stream_cut") as caught:
                await call("create_model_response", stream=True, **ASK)
            assert "ended before the response was complete" in str(caught.value)


async def test_output_items_with_same_index(raw: RawServer, call: Call) -> None:
    raw.play(
        stream(
            CREATED,
            DONE_ITEM,
            named("response.output_item.done", item=FUNCTION, output_index=0),
            named("response.completed", response={**RESPONSE, "output": []}),
        )
    )
    answer = await call("create_model_response", stream=True, **ASK)
    assert answer["output"] == [ITEM, FUNCTION]


async def test_output_items_out_of_order(raw: RawServer, call: Call) -> None:
    items: list[Any] = [{**ITEM, "id": f"msg_{n}"} for n in range(3)]
    raw.play(
        stream(
            *(named("response.output_item.done", item=items[n], output_index=n) for n in (2, 0, 1)),
            named("response.completed", response={**RESPONSE, "output": []}),
        )
    )
    answer = await call("create_model_response", stream=True, **ASK)
    assert answer["output"] == items


async def test_arguments_in_deltas_only(raw: RawServer, call: Call) -> None:
    empty = {**FUNCTION, "arguments": ""}
    kind = "response.function_call_arguments.delta"
    raw.play(
        stream(
            named("response.output_item.added", item=empty, output_index=0),
            named(kind, delta='{"a":', output_index=0),
            named(kind, delta="1}", output_index=0),
            named("response.output_item.done", item=empty, output_index=0),
            named("response.completed", response={**RESPONSE, "output": []}),
        )
    )
    answer = await call("parse_model_response", stream=True, **ASK)
    assert answer["output"][0]["parsed_arguments"] == {"a": 1}
