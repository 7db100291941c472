"""Streams in the dialects of many hosts: each adds up to the answer that was meant."""

from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer

from ..conftest import Call, raises_key
from .host import ASK, CHAT, Json, chunk, named, piece, stream

ENTITY = '{"entity":"a"}'
CREATED = named("response.created", response={"id": "r", "object": "response", "output": []})
REASONING: Json = {"type": "reasoning", "id": "rs_1", "summary": []}
CALL: Json = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "f",
    "arguments": "",
    "status": "completed",
}


def message(text: str = "Hi") -> Json:
    """Return a message of a response."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "type": "message",
        "id": "m",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def delta(text: Any, kind: str = "output_text") -> bytes:
    """Return an event with a piece of a text or of arguments."""
    return named(f"response.{kind}.delta", delta=text, output_index=0, content_index=0)


def completed(**changes: Any) -> bytes:
    """Return the last event of a response."""
    response = {"id": "r", "object": "response", "status": "completed", "output": [], **changes}
    return named("response.completed", response=response)


def item(kind: str, found: Any, index: int = 0) -> bytes:
    """Return an event with an item."""
    return named(f"response.output_item.{kind}", item=found, output_index=index)


def content(answer: Json) -> Any:
    """Return the content of the message in a chat completion."""
    return answer["choices"][0]["message"]["content"]


def chat_piece(**choice: Any) -> Json:
    """Return a chunk with one choice as it is."""
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


NOTHING: tuple[Any, ...] = (None, {}, "")
CHATS: dict[str, tuple[list[Any], str]] = {
    "no choice in a list of choices": ([{"id": "c", "choices": [None]}], ""),
    "no list of choices": ([{"id": "c", "choices": None}], ""),
    "a text as the delta": ([chat_piece(index=0, delta="B")], "B"),
    "no message, no text and no reason beside the delta": (
        [
            chat_piece(index=0, delta={"content": "B"}, message=nothing, text=None, logprobs=None)
            for nothing in NOTHING
        ],
        "BBB",
    ),
    "the index as a text": ([chat_piece(index="0", delta={"content": "B"})], "B"),
    "the index as another number": ([chat_piece(index=0.0, delta={"content": "B"})], "B"),
    "Python's word for no reason": (
        [chat_piece(index=0, delta={"content": "B"}, finish_reason="None")],
        "B",
    ),
    "no reason in capitals": (
        [chat_piece(index=0, delta={"content": "B"}, finish_reason="NULL")],
        "B",
    ),
    "no reason as a truth": (
        [chat_piece(index=0, delta={"content": "B"}, finish_reason=False)],
        "B",
    ),
}


async def test_chat_chunks_of_servers(raw: RawServer, call: Call) -> None:
    for case, (pieces, more) in CHATS.items():
        raw.play(stream(chunk({"content": "A"}), *pieces, chunk({"content": "C"}, "stop")))
        answer = await call("create_chat_completion", stream=True, **CHAT)
        assert content(answer) == f"A{more}C", case
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert len(answer["choices"]) == 1


@pytest.mark.parametrize("reason", ["None", "NULL", "", False, None])
async def test_empty_finish_reason_is_ignored(raw: RawServer, call: Call, reason: Any) -> None:
    raw.play(stream(chunk({"content": "A"}), chunk({"content": "B"}, reason), done=False))
    with raises_key("stream_cut"):
        await call("create_chat_completion", stream=True, **CHAT)


async def test_tool_call_name_in_deltas(raw: RawServer, call: Call) -> None:
    """Only what says nothing else of a call goes on with a name."""
    rest = {"index": 0, "function": {"name": "on"}}
    arguments = {"index": 0, "function": {"arguments": ENTITY}}
    for pieces, expected in (
        ([piece("", "turn_", id="1", index=0), rest, arguments], [("turn_on", ENTITY)]),
        (
            [piece("", "turn_", id="1", index=0), {**rest, "id": "2"}, arguments],
            [("turn_", ""), ("on", ENTITY)],
        ),
        (
            [piece(ENTITY, "turn_", id="1", index=0), rest, arguments],
            [("turn_", ENTITY), ("on", ENTITY)],
        ),
    ):
        chunks = [chunk({"tool_calls": [found]}) for found in pieces]
        raw.play(stream(*chunks, chunk({}, "tool_calls")))
        answer = await call("create_chat_completion", stream=True, **CHAT)
        calls = [found["function"] for found in answer["choices"][0]["message"]["tool_calls"]]
        assert [(found["name"], found["arguments"]) for found in calls] == expected


async def test_images_with_same_index_are_separate(raw: RawServer, call: Call) -> None:
    def picture(url: str) -> Json:
        return {"type": "image_url", "image_url": {"url": url}, "index": 0}

    one, two = "https://example.com/1.png", "https://example.com/2.png"
    for urls, expected in (
        ([one, two], [one, two]),
        ([one, one], [one]),
        (["https://example", ".com/1.png"], [one]),
    ):
        chunks = [chunk({"images": [picture(url)]}) for url in urls]
        raw.play(stream(*chunks, chunk({"content": "x"}, "stop")))
        answer = await call("create_chat_completion", stream=True, **CHAT)
        images = answer["choices"][0]["message"]["images"]
        assert [image["image_url"]["url"] for image in images] == expected


PART = {"type": "output_text", "text": "Hi", "annotations": [{"type": "url_citation"}]}
MESSAGES: dict[str, list[bytes]] = {
    "a last event with nothing in it": [delta("H"), delta("i"), named("response.completed")],
    "null as the response": [delta("Hi"), named("response.completed", response=None)],
    "null as a piece": [delta(None), delta("Hi"), completed()],
    "null as an item": [item("added", None), delta("Hi"), completed()],
    "only thoughts in the last event": [
        item("done", REASONING),
        item("done", message(), 1),
        completed(output=[REASONING]),
    ],
    "parts alone": [
        named("response.content_part.done", part=PART, output_index=0, content_index=0),
        completed(),
    ],
    "the status of the beginning": [
        delta("Hi"),
        completed(status="in_progress", output=[message()]),
    ],
}


async def test_response_messages_of_servers(raw: RawServer, call: Call) -> None:
    for case, events in MESSAGES.items():
        raw.play(stream(CREATED, *events, done=False))
        answer = await call("create_model_response", stream=True, **ASK)
        assert answer["output_text"] == "Hi", case
        assert answer["status"] == "completed", case
    assert "url_citation" in str(
        await _play(raw, call, MESSAGES["parts alone"]),
    )


async def _play(raw: RawServer, call: Call, events: list[bytes]) -> Any:
    """Return the output of a streamed response."""
    raw.play(stream(CREATED, *events, done=False))
    return (await call("create_model_response", stream=True, **ASK))["output"]


async def test_response_of_reasoning_only(raw: RawServer, call: Call) -> None:
    """A model that ran out of tokens has said nothing else."""
    secret = {**REASONING, "encrypted_content": "x"}
    assert await _play(raw, call, [completed(output=[secret])]) == [secret]
    assert await _play(raw, call, [item("added", REASONING), completed(output=[secret])]) == [
        secret
    ]


async def test_refusal_without_output_item(raw: RawServer, call: Call) -> None:
    end = named("response.refusal.done", refusal="No", output_index=0, content_index=0)
    (found,) = await _play(raw, call, [end, completed()])
    assert found["content"] == [{"type": "refusal", "refusal": "No"}]


EMPTY: tuple[Any, ...] = ("{}", " {}", {})


async def test_function_calls_of_servers(raw: RawServer, call: Call) -> None:
    bare = {key: value for key, value in CALL.items() if key not in {"id", "call_id"}}
    whole = {**CALL, "arguments": ENTITY}
    kind = "function_call_arguments"
    for events, expected in (
        # The arguments were streamed, and are missing wherever the call is whole.
        ([delta(ENTITY, kind), item("done", CALL), completed(output=[CALL])], [ENTITY]),
        (
            [
                item("added", CALL),
                delta(None, kind),
                delta(ENTITY, kind),
                item("done", {**CALL, "arguments": None}),
                completed(),
            ],
            [ENTITY],
        ),
        # Their end has none, or has them as an object.
        *(
            (
                [
                    delta(ENTITY, kind),
                    named(f"response.{kind}.done", output_index=0, arguments=told),
                    item("done", CALL),
                    completed(),
                ],
                [ENTITY],
            )
            for told in ("", None)
        ),
        (
            [
                named(f"response.{kind}.done", output_index=0, arguments={"a": 1}),
                item("done", CALL),
                completed(),
            ],
            ['{"a":1}'],
        ),
        # Whoever tells the whole call has an empty object, as LM Studio.
        *(
            (
                [delta(ENTITY, kind), item("done", {**CALL, "arguments": empty}), end],
                [ENTITY],
            )
            for empty in EMPTY
            for end in (completed(), completed(output=[{**CALL, "arguments": empty}]))
        ),
        ([item("done", {**CALL, "arguments": "{}"}), completed()], ["{}"]),
        # Several calls of one index, told apart by their ids or by nothing.
        (
            [item("done", whole), item("done", {**whole, "id": "fc_2"}), completed()],
            [ENTITY, ENTITY],
        ),
        (
            [
                item("done", {**bare, "arguments": ENTITY}),
                item("done", {**bare, "arguments": "{}"}),
                completed(),
            ],
            [ENTITY, "{}"],
        ),
        ([item("done", whole), item("done", whole), completed()], [ENTITY]),
        # One that takes no arguments.
        ([item("done", CALL), completed(output=[CALL])], [""]),
    ):
        output = await _play(raw, call, events)
        assert [found["arguments"] for found in output] == expected


@pytest.fixture
def sound(media_folder: Path) -> str:
    """Return the path of a recording."""
    path = media_folder / "a.wav"
    path.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    return str(path)


async def test_transcript_events_of_servers(raw: RawServer, call: Call, sound: str) -> None:
    text = "transcript.text"
    piece_of = {"type": f"{text}.delta", "delta": "A"}
    segments = [{"type": f"{text}.segment", "text": words, "speaker": "x"} for words in ("A", " B")]
    vllm = [
        {"object": "transcription.chunk", "choices": [{"delta": {"content": words}, **end}]}
        for words, end in (("A", {}), ("", {"finish_reason": "stop"}))
    ]
    for events, expected in (
        ([{**piece_of, "delta": None}, piece_of], "A"),
        ([piece_of, {"type": f"{text}.done"}], "A"),
        ([piece_of, {"type": f"{text}.done", "text": ""}], "A"),
        ([{"type": f"{text}.done", "text": ""}], ""),
        (segments, "A B"),
        ([*segments, {"type": f"{text}.done", "text": "A, B"}], "A, B"),
        # vLLM ends each part of a long recording.
        ([*vllm, *vllm], "AA"),
    ):
        raw.play(stream(*events))
        answer = await call("create_transcription", file=sound, model="m", stream=True)
        assert answer["text"] == expected
    raw.play(stream(*segments))
    answer = await call("create_transcription", file=sound, model="m", stream=True)
    assert [found["speaker"] for found in answer["segments"]] == ["x", "x"]


async def test_transcript_unknown_events_raise(raw: RawServer, call: Call, sound: str) -> None:
    for events in ([{"type": "session.created"}], [{"foo": 1}, {"bar": 2}], [{"object": "error?"}]):
        for done in (True, False):
            raw.play(stream(*events, done=done))
            with raises_key("stream_cut"):
                await call("create_transcription", file=sound, model="m", stream=True)


@pytest.mark.parametrize("kind", ["failed", "incomplete", "cancelled"])
async def test_response_stream_status_is_that_of_its_end(
    raw: RawServer, call: Call, kind: str
) -> None:
    for status in ({}, {"status": None}, {"status": "in_progress"}):
        delta = {"output_index": 0, "content_index": 0, "item_id": "i"}
        end = named(f"response.{kind}", response={"id": "resp_1", **status})
        raw.play(stream(named("response.output_text.delta", delta="Hel", **delta), end, done=False))
        found = await call("create_model_response", **ASK, stream=True)
        assert (found["status"], found["output_text"]) == (kind, "Hel")


@pytest.mark.parametrize(
    "said",
    [{"message": "overloaded"}, {"error": "overloaded"}, {"error": {"message": "overloaded"}}],
)
async def test_response_error_event_raises(raw: RawServer, call: Call, said: Json) -> None:
    created = named("response.created", response={"id": "resp_1", "status": "in_progress"})
    raw.play(stream(created, named("response.error", **said)))
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK, stream=True)
    assert caught.value.translation_key == "stream_error"
    assert "overloaded" in str(caught.value)


async def test_response_deltas_under_another_key(raw: RawServer, call: Call) -> None:
    place = {"output_index": 0, "content_index": 0, "item_id": "i"}
    pieces = [named("response.output_text.delta", text=text, **place) for text in ("Hel", "lo")]
    end = named("response.completed", response={"id": "resp_1", "status": "completed"})
    raw.play(stream(*pieces, end, done=False))
    assert (await call("create_model_response", **ASK, stream=True))["output_text"] == "Hello"


@pytest.mark.parametrize("index", [{"index": None}, {}, {"index": 0}, {"index": "0"}])
async def test_chat_choice_that_is_no_list(raw: RawServer, call: Call, index: Json) -> None:
    chunks = [
        {**chunk(), "choices": {**index, "delta": {"content": "Hel"}}},
        {**chunk(), "choices": {**index, "delta": {"content": "lo"}, "finish_reason": "stop"}},
    ]
    raw.play(stream(*chunks))
    (choice,) = (await call("create_chat_completion", **CHAT, stream=True))["choices"]
    assert (choice["index"], choice["message"]["content"]) == (0, "Hello")
