"""Answers in the form of another method are read; what cannot be read is an error."""

import json
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, answer

from .conftest import Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414
from .streaming.host import ASK, CHAT, RESPONSE, Json, chunk, named, stream

COMPLETE: Json = {"model": "m", "prompt": "x"}
TOOL: Json = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}'},
}


def completion(reason: str | None = "stop", **message: Any) -> Json:
    """Return a chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": reason,
    }
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]}


SAID: dict[str, Json] = {
    "one choice": {**completion(), "choices": completion(content="Hello")["choices"][0]},
    "text": completion(content="Hello"),
    "parts": completion(
        content=[{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}],
    ),
    "delta": {
        "id": "1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}],
    },
    "text completion": {
        "id": "1",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "Hello", "finish_reason": "stop"}],
    },
    "delta beside fields that are null": {
        "id": "1",
        "output": None,
        "status": None,
        "choices": [{"index": 0, "delta": {"content": "Hello"}, "message": None, "text": None}],
    },
    "text beside fields that are null": {
        "id": "1",
        "choices": [{"index": 0, "text": "Hello", "delta": None, "message": None}],
    },
}


@pytest.mark.parametrize("action", ["create_model_response", "parse_model_response"])
@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_response_answered_with_completion(
    raw: RawServer, call: Call, action: str, subtests: pytest.Subtests, is_wrapped: bool
) -> None:
    for case, body in SAID.items():
        with subtests.test(case):
            raw.play([answer({"code": 0, "data": body} if is_wrapped else body)])
            found = await call(action, **ASK)
            assert found["output_text"] == "Hello"
            assert found["status"] == "completed"
            # The object that the host has sent is not changed otherwise.
            kept = {key: value for key, value in body.items() if value and key != "choices"}
            assert found.items() >= kept.items()
            assert found["choices"] in (body["choices"], [body["choices"]])


async def test_response_answered_with_tool_calls(raw: RawServer, call: Call) -> None:
    objects: Json = {"name": "f", "arguments": {"a": 1}}
    for tool in (TOOL, {**TOOL, "function": objects}):
        raw.play([answer(completion("tool_calls", content=None, tool_calls=[tool]))])
        found = await call("parse_model_response", **ASK)
        (item,) = found["output"]
        assert (item["type"], item["call_id"], item["name"]) == ("function_call", "call_1", "f")
        assert json.loads(item["arguments"]) == {"a": 1}
        assert item["parsed_arguments"] == {"a": 1}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("length", "max_output_tokens"),
        ("max_tokens", "max_output_tokens"),
        ("MAX_TOKENS", "max_output_tokens"),
        ("model_length", "max_output_tokens"),
        ("content_filter", "content_filter"),
        ("content-filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("insufficient_system_resource", "insufficient_system_resource"),
        ("abort", "abort"),
    ],
)
async def test_response_answered_with_cut_completion(
    raw: RawServer, call: Call, reason: str, expected: str
) -> None:
    raw.play([answer(completion(reason, content="Hel"))])
    found = await call("create_model_response", **ASK)
    assert (found["output_text"], found["status"]) == ("Hel", "incomplete")
    assert found["incomplete_details"] == {"reason": expected}
    raw.play(stream(chunk({"content": "Hel"}), chunk({}, reason)))
    found = await call("create_model_response", **ASK, stream=True)
    assert (found["output_text"], found["status"]) == ("Hel", "incomplete")


@pytest.mark.parametrize("reason", ["stop", "end_turn", "eos_token", "STOP", "stop_sequence", None])
async def test_response_answered_with_whole_completion(
    raw: RawServer, call: Call, reason: str | None
) -> None:
    raw.play([answer(completion(reason, content="Hello"))])
    found = await call("create_model_response", **ASK)
    assert (found["output_text"], found["status"]) == ("Hello", "completed")


@pytest.mark.parametrize("case", SAID)
async def test_completion_answered_with_other_completion(
    raw: RawServer, call: Call, case: str
) -> None:
    raw.play([answer(SAID[case])])
    message = (await call("create_chat_completion", **CHAT))["choices"][0]["message"]
    content = message["content"]
    assert content == "Hello" or [part["text"] for part in content] == ["Hel", "lo"]
    raw.play([answer(SAID[case])])
    assert (await call("create_completion", **COMPLETE))["choices"][0]["text"] == "Hello"


CALLED: Json = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "f",
    "arguments": '{"a": 1}',
}


async def test_completion_answered_with_response(raw: RawServer, call: Call) -> None:
    raw.play([answer(RESPONSE)], [answer({"id": "r", "output_text": "Hello"})], [answer(RESPONSE)])
    for _ in range(2):
        found = await call("create_chat_completion", **CHAT)
        (choice,) = found["choices"]
        assert choice["message"] == {"role": "assistant", "content": "Hello"}
        assert choice["finish_reason"] == "stop"
    assert (await call("create_completion", **COMPLETE))["choices"][0]["text"] == "Hello"
    raw.play([answer({**RESPONSE, "output": [CALLED]})])
    (choice,) = (await call("create_chat_completion", **CHAT))["choices"]
    assert choice["message"]["tool_calls"] == [TOOL]
    assert choice["finish_reason"] == "tool_calls"
    raw.play([answer({**RESPONSE, "status": "incomplete"})])
    (choice,) = (await call("create_chat_completion", **CHAT))["choices"]
    assert choice["finish_reason"] == "length"


async def test_stream_answered_with_other_stream(raw: RawServer, call: Call) -> None:
    chunks = [chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"}, "stop")]
    for done in (True, False):
        raw.play(stream(*chunks, done=done))
        found = await call("create_model_response", stream=True, **ASK)
        assert found["output_text"] == "Hello"
    raw.play(stream(*chunks))
    assert (await call("create_model_response", **ASK))["output_text"] == "Hello"
    raw.play(stream(chunks[0], done=False))
    with raises_key("stream_cut"):
        await call("create_model_response", stream=True, **ASK)
    events = [
        named("response.created", response={"id": "r", "status": "in_progress"}),
        named("response.output_text.delta", delta="Hello", output_index=0, content_index=0),
        named("response.completed", response=RESPONSE),
    ]
    raw.play(stream(*events, done=False))
    found = await call("create_chat_completion", stream=True, **CHAT)
    assert found["choices"][0]["message"]["content"] == "Hello"


NOTHING: dict[str, Json] = {
    "an empty message": completion(content=""),
    "no message": {"id": "1", "object": "chat.completion", "choices": [{"index": 0}]},
    "an id alone": {"id": "1"},
    "a message of another API": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Hello"}],
    },
    "candidates": {"candidates": [{"content": {"parts": [{"text": "Hello"}]}}]},
    "a list of models": {"object": "list", "data": [{"id": "m", "object": "model"}]},
}


@pytest.mark.parametrize("is_stream", [False, True])
async def test_response_without_text_raises(
    raw: RawServer, call: Call, subtests: pytest.Subtests, is_stream: bool
) -> None:
    for case, body in NOTHING.items():
        with subtests.test(case):
            raw.play([answer(body)])
            with raises_key("bad_answer"):
                await call(
                    "create_model_response", **ASK, **({"stream": True} if is_stream else {})
                )


@pytest.mark.parametrize(
    "body",
    [
        {**RESPONSE, "output": [], "status": "queued"},
        {"id": "r", "object": "response", "status": "in_progress"},
        {"id": "r", "object": "response"},
        {"id": "r", "status": "queued"},
    ],
)
async def test_response_that_has_only_begun(raw: RawServer, call: Call, body: Json) -> None:
    raw.play([answer(body)])
    assert (await call("create_model_response", **ASK))["id"] == body["id"]


@pytest.mark.parametrize("given", [None, "", 5])
async def test_output_text_of_host_is_replaced(raw: RawServer, call: Call, given: Any) -> None:
    raw.play([answer({**RESPONSE, "output_text": given})])
    assert (await call("create_model_response", **ASK))["output_text"] == "Hello"


@pytest.fixture
def ask(media_folder: Path) -> Json:
    """Return the fields of a transcription, with a recording."""
    recording = media_folder / "a.wav"
    recording.write_bytes(b"RIFF----WAVE")
    return {"model": "whisper-1", "file": str(recording)}


HEARD: dict[str, Any] = {
    "transcription": {"transcription": "Turn it on"},
    "transcript": {"transcript": "Turn it on", "confidence": 0.9},
    "DisplayText": {"RecognitionStatus": "Success", "DisplayText": "Turn it on"},
    "result": {"code": 0, "result": "Turn it on"},
    "result that is an object": {"success": True, "result": {"text": "Turn it on"}},
    "data": {"code": 0, "msg": "ok", "data": {"text": "Turn it on"}},
    "data that is a text": {"code": 0, "data": "Turn it on"},
    "segments": {"language": "en", "segments": [{"text": " Turn"}, {"text": " it on"}]},
    "segments without spaces": {"segments": [{"text": "Turn"}, {"text": "it on"}]},
    "empty text beside segments": {"text": "", "segments": [{"text": "Turn it on"}]},
    "a list beside other keys": {"id": "1", "data": [{"text": "Turn"}, {"text": "it on"}]},
    "phrases": {"combinedPhrases": [{"text": "Turn it on"}], "phrases": []},
    "results": {"results": [{"transcript": "Turn it on"}]},
    "a chat completion": completion(content="Turn it on"),
    "a status": {"status": "completed", "text": "Turn it on"},
    "a status of its own": {"status": "running", "text": "Turn it on"},
    "an answer of a pipeline": {"output": {"text": "Turn it on"}},
}


async def test_transcript_under_other_keys(
    raw: RawServer, call: Call, ask: Json, subtests: pytest.Subtests
) -> None:
    for case, body in HEARD.items():
        with subtests.test(case):
            for action in ("create_transcription", "create_translation"):
                raw.play([answer(body)])
                found = await call(action, **ask)
                assert found["text"].strip() == "Turn it on"
                assert found.keys() >= body.keys()


async def test_transcript_segments_without_spaces_of_words(
    raw: RawServer, call: Call, ask: Json
) -> None:
    raw.play([answer({"segments": [{"text": "打开"}, {"text": "电灯"}]})])
    assert (await call("create_transcription", **ask))["text"] == "打开电灯"
    raw.play([answer({"text": 17})])
    assert (await call("create_transcription", **ask))["text"] == "17"


@pytest.mark.parametrize(
    "body",
    [
        {"text": ""},
        {"text": None},
        {"text": "", "segments": []},
        {"segments": []},
        [],
        {"status": "completed", "text": None},
        {"RecognitionStatus": "NoMatch", "DisplayText": ""},
        {"results": [{"transcript": ""}]},
        {"result": {"text": None}},
    ],
)
async def test_transcript_silence(raw: RawServer, call: Call, ask: Json, body: Any) -> None:
    raw.play([answer(body)])
    assert (await call("create_transcription", **ask))["text"] == ""


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "1"},
        {"result": "error", "why": "no model"},
        {"result": None},
        {"status": "ok"},
        {"duration": 1.5, "language": "en"},
        {"data": {}},
        {"data": None},
        {"segments": [{"start": 0}]},
        {"choices": []},
        {"model": "m", "message": "Welcome"},
        {"id": "1", "status": "queued", "text": None},
        {"status": "processing", "text": "", "segments": []},
        {"status": "processing", "data": {"id": "1", "content": "Wait."}},
        {"id": "1", "status": "failed", "text": None},
        {"id": "1", "status": "failed", "text": None, "error": {"message": "no sound"}},
        {"status": "error", "result": "The model is loading"},
        {"RecognitionStatus": "Error", "DisplayText": ""},
        {"transcription": {"status": "pending", "text": None}},
        {"result": "https://example.com/transcript.json"},
        [1, 2],
    ],
)
async def test_transcript_without_text_raises(
    raw: RawServer, call: Call, ask: Json, body: Any
) -> None:
    raw.play([answer(body)])
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_transcription", **ask)
    assert caught.value.translation_key in ("bad_answer", "empty_answer")


async def test_completion_without_a_message_raises(raw: RawServer, call: Call) -> None:
    for choice in ({"index": 0, "message": None, "finish_reason": "stop"}, {"index": 0}, 5):
        raw.play([answer({"id": "1", "choices": [choice]})])
        with raises_key("bad_answer"):
            await call("create_chat_completion", **CHAT)
    # The host says why there is none.
    refused = {"index": 0, "message": None, "finish_reason": "content_filter"}
    raw.play([answer({"id": "1", "choices": [refused]})])
    assert (await call("create_chat_completion", **CHAT))["choices"] == [refused]


async def test_text_beside_delta_is_not_doubled(raw: RawServer, call: Call) -> None:
    pieces = [chunk({"content": text}) for text in ("Hel", "lo")] + [chunk({"content": ""}, "stop")]
    for item in pieces:
        item["choices"][0]["text"] = item["choices"][0]["delta"]["content"]
    for action, data in (("create_chat_completion", CHAT), ("create_completion", COMPLETE)):
        raw.play(stream(*pieces))
        (choice,) = (await call(action, stream=True, **data))["choices"]
        assert (choice["message"]["content"] if "message" in choice else choice["text"]) == "Hello"
    # A text alone counts, whatever the delta has beside it.
    for delta in ({}, {"role": "assistant"}, None):
        bare = chunk(None, "stop")
        bare["choices"][0] |= {"delta": delta, "text": "Hello"}
        raw.play(stream(bare))
        (choice,) = (await call("create_chat_completion", stream=True, **CHAT))["choices"]
        assert choice["message"]["content"] == "Hello"


@pytest.mark.parametrize("delta", ["Hello", {"text": "Hello"}])
@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "x", "content": [{"type": "reasoning_text", "text": "Hm"}]},
        {"type": "web_search_call", "id": "x", "status": "completed"},
        {"type": "function_call", "id": "x", "name": "f", "arguments": "{}"},
    ],
)
async def test_response_text_after_another_item(
    raw: RawServer, call: Call, item: Json, delta: Any
) -> None:
    """The text was streamed, and nothing else tells of its item."""
    raw.play(
        stream(
            named("response.output_item.done", item=item, output_index=0),
            named("response.output_text.delta", delta=delta, output_index=1, content_index=0),
            named("response.completed", response={"id": "r", "status": "completed"}),
            done=False,
        )
    )
    found = await call("create_model_response", stream=True, **ASK)
    assert found["output_text"] == "Hello"
    assert [part["type"] for part in found["output"]] == [item["type"], "message"]


async def test_response_part_that_is_whole_at_once(raw: RawServer, call: Call) -> None:
    part = {"type": "output_text", "text": "Hello"}
    raw.play(
        stream(
            named("response.content_part.added", part=part, output_index=0, content_index=0),
            named("response.completed", response={"id": "r", "status": "completed", "output": []}),
            done=False,
        )
    )
    assert (await call("create_model_response", stream=True, **ASK))["output_text"] == "Hello"


@pytest.mark.parametrize(
    "body", [{"output": None}, {"output_text": None}, {"output": None, "x": 1}]
)
async def test_response_of_nulls_raises(raw: RawServer, call: Call, body: Json) -> None:
    raw.play([answer(body)])
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK)
    assert caught.value.translation_key == "bad_answer"
