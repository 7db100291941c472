"""Pictures, embeddings and lists under other keys, and answers in other encodings."""

import base64
import json
from pathlib import Path
import struct
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.resilience.raw_server import RawServer, answer
from tests.standin import media

from .conftest import Call, raises_key
from .streaming.conftest import raw as raw  # noqa: PLC0414
from .streaming.host import ASK, CHAT, RESPONSE, Json, chunk, stream
from .test_answer_forms import completion

WAV = media.wav(media.tone(0.05))
PICTURE = base64.b64encode(media.png(8, 8, "garden")).decode()
ADDRESS = f"data:image/png;base64,{PICTURE}"
DRAWN: dict[str, Any] = {
    "data is an object": {"data": {"b64_json": PICTURE}},
    "data is a list of texts": {"data": [PICTURE]},
    "data is a text": {"data": ADDRESS},
    "images": {"images": [PICTURE]},
    "images that are addresses": {"images": [{"url": ADDRESS}]},
    "artifacts": {"artifacts": [{"base64": PICTURE, "finishReason": "SUCCESS"}]},
    "output": {"output": [ADDRESS]},
    "result": {"code": 0, "result": {"b64_json": PICTURE}},
    "image": {"image": PICTURE},
    "another key": {"data": [{"image_base64": PICTURE}]},
    "a chat completion": completion(
        content="", images=[{"type": "image_url", "image_url": {"url": ADDRESS}}]
    ),
    "wrapped": {"code": 0, "data": {"data": [{"b64_json": PICTURE}]}},
    "images, wrapped": {"code": 0, "data": {"images": [PICTURE]}},
}


async def test_pictures_under_other_keys(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, body in DRAWN.items():
        with subtests.test(case):
            raw.play([answer(body)])
            found = await call("create_image", prompt="A garden")
            (saved,) = found["media"]
            assert Path(saved["path"]).read_bytes() == base64.b64decode(PICTURE)
            assert saved["media_content_type"] == "image/png"
            assert all(isinstance(item, dict) for item in found["data"])


VECTORS: dict[str, Any] = {
    "embeddings": {"model": "m", "embeddings": [[0.5, 0.25]]},
    "embedding": {"embedding": [0.5, 0.25]},
    "a list": [0.5, 0.25],
    "a list of lists": [[0.5, 0.25]],
    "data is an object": {"data": {"object": "embedding", "embedding": [0.5, 0.25]}},
    "data is a list of lists": {"data": [[0.5, 0.25]]},
    "wrapped": {"code": 0, "data": {"data": [{"embedding": [0.5, 0.25]}]}},
}


async def test_embeddings_under_other_keys(
    raw: RawServer, call: Call, subtests: pytest.Subtests
) -> None:
    for case, body in VECTORS.items():
        with subtests.test(case):
            raw.play([answer(body)])
            found = await call("create_embedding", model="m", input="x", encoding_format="float")
            (item,) = found["data"]
            assert item["embedding"] == [0.5, 0.25]


def floats(*values: float) -> str:
    """Return numbers as the API encodes them: base64 of 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


ENCODED_VECTORS: dict[str, list[Any]] = {
    "base64": [{"index": 0, "embedding": floats(0.5, 0.25)}],
    "base64 without padding": [{"index": 0, "embedding": floats(0.5, 0.25).rstrip("=")}],
    "a list in a list": [{"index": 0, "embedding": [[0.5, 0.25]]}],
    "whole numbers as texts": [{"index": "0", "embedding": floats(0.5, 0.25)}],
}


@pytest.mark.parametrize("case", ENCODED_VECTORS)
@pytest.mark.parametrize("asked", [{}, {"encoding_format": "float"}])
async def test_embeddings_in_other_encodings(
    raw: RawServer, call: Call, case: str, asked: Json
) -> None:
    raw.play([answer({"object": "list", "data": ENCODED_VECTORS[case]})])
    found = await call("create_embedding", model="m", input="x", **asked)
    (item,) = found["data"]
    assert item["embedding"] == [0.5, 0.25]


async def test_embeddings_in_base64_as_requested(raw: RawServer, call: Call) -> None:
    data = [{"index": 0, "embedding": floats(0.5, 0.25)}]
    raw.play([answer({"object": "list", "data": data})])
    found = await call("create_embedding", model="m", input="x", encoding_format="base64")
    assert found["data"] == data


async def test_embeddings_come_in_the_order_of_their_texts(raw: RawServer, call: Call) -> None:
    data = [{"index": 2, "embedding": [3.0]}, {"index": 0, "embedding": [1.0]}]
    data.append({"index": 1, "embedding": [2.0]})
    raw.play([answer({"object": "list", "data": data})])
    found = await call("create_embedding", model="m", input=["a", "b", "c"])
    assert [item["embedding"] for item in found["data"]] == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    "indexes", [(0, 0), (None, None), (5, 6), ("b", "a"), (True, False)], ids=str
)
async def test_embeddings_with_odd_indexes_keep_their_order(
    raw: RawServer, call: Call, indexes: tuple[Any, Any]
) -> None:
    data = [{"index": index, "embedding": [float(number)]} for number, index in enumerate(indexes)]
    raw.play([answer({"object": "list", "data": data})])
    found = await call("create_embedding", model="m", input=["a", "b"])
    assert found["data"] == data


@pytest.mark.parametrize("key", ["embeddings", "data"])
async def test_embeddings_of_each_token_are_returned(raw: RawServer, call: Call, key: str) -> None:
    """As servers of late interaction models and of pooling send them."""
    data = [{"object": "embeddings", "index": 0, key: [[0.5, 0.25], [1.0, 0.5]]}]
    raw.play([answer({"object": "list", "data": data})])
    assert (await call("create_embedding", model="m", input="x"))["data"] == data


@pytest.mark.parametrize(
    "data",
    [
        [{"index": 0, "embedding": []}],
        [{"index": 0, "embedding": None}, {"index": 1}],
        [{"index": 0, "embedding": [None, None]}],
        [{"index": 0, "embedding": ""}],
        [None],
        ["x"],
    ],
    ids=str,
)
async def test_embeddings_without_numbers_raise(
    raw: RawServer, call: Call, data: list[Any]
) -> None:
    raw.play([answer({"object": "list", "data": data})])
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_embedding", model="m", input="x")
    assert caught.value.translation_key in ("empty_answer", "bad_answer")


@pytest.mark.parametrize("nothing", [None, [], ""])
async def test_empty_answers_raise(raw: RawServer, call: Call, nothing: Any) -> None:
    asked: dict[str, tuple[Json, Json]] = {
        "create_embedding": ({"model": "m", "input": "x"}, {"object": "list", "data": nothing}),
        "create_image": ({"prompt": "x"}, {"created": 1, "data": nothing}),
        "create_moderation": ({"input": "x"}, {"id": "1", "results": nothing}),
    }
    for action, (data, body) in asked.items():
        raw.play([answer(body)])
        with pytest.raises(HomeAssistantError) as caught:
            await call(action, **data)
        assert caught.value.translation_key in ("empty_answer", "bad_answer")


ENCODED: dict[str, tuple[bytes, str]] = {
    "UTF-16": (json.dumps(completion(content="Grüße")).encode("utf-16"), "application/json"),
    "UTF-16 by its label": (
        json.dumps(completion(content="Grüße")).encode("utf-16-le"),
        "application/json; charset=utf-16le",
    ),
    "Latin": (
        json.dumps(completion(content="Grüße"), ensure_ascii=False).encode("latin-1"),
        'application/json; charset="ISO-8859-1"',
    ),
    "Latin by its label alone": (
        json.dumps(completion(content="Grüße"), ensure_ascii=False).encode(),
        "application/json; charset=ISO-8859-1",
    ),
    "an unknown label": (
        json.dumps(completion(content="Grüße"), ensure_ascii=False).encode(),
        "application/json; charset=base64",
    ),
    "a zero at the end": (json.dumps(completion(content="Grüße")).encode() + b"\0", ""),
}


@pytest.mark.parametrize("case", ENCODED)
async def test_answer_in_other_encoding(raw: RawServer, call: Call, case: str) -> None:
    body, kind = ENCODED[case]
    raw.play([answer(body, kind=kind or "application/json")])
    found = await call("create_chat_completion", **CHAT)
    assert found["choices"][0]["message"]["content"] == "Grüße"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"Ollama is running", "text/plain", "Ollama is running"),
        (b'{"models": [{"name": "m"}]}', "application/json", "models"),
        (b'{"data": "none"}', "application/json", "none"),
        (b"{}", "application/json", "{}"),
    ],
)
async def test_answer_that_is_no_list_is_quoted(
    raw: RawServer, call: Call, body: bytes, kind: str, words: str
) -> None:
    raw.play([answer(body, kind=kind)])
    with raises_key("bad_answer") as caught:
        await call("list_models")
    assert words in str(caught.value)
    assert kind in str(caught.value)


NESTED = {"code": 0, "msg": "ok"}


@pytest.mark.parametrize("key", ["data", "result", "response"])
async def test_answer_nested_under_other_keys(raw: RawServer, call: Call, key: str) -> None:
    raw.play([answer({**NESTED, key: completion(content="Hello")})])
    assert (await call("create_chat_completion", **CHAT))["choices"][0]["message"]["content"]
    raw.play([answer({**NESTED, key: RESPONSE})])
    assert (await call("create_model_response", **ASK))["output_text"] == "Hello"
    raw.play([answer({**NESTED, key: {"data": [[0.5]]}})])
    assert (await call("create_embedding", model="m", input="x"))["data"][0]["embedding"] == [0.5]


PIECES = [base64.b64encode(piece).decode() for piece in (WAV[:100], WAV[100:])]
SPOKEN: dict[str, list[Json]] = {
    "data": [{"type": "speech.audio.delta", "data": piece} for piece in PIECES],
    "delta": [{"type": "speech.audio.delta", "delta": piece} for piece in PIECES],
    "audio.data": [{"type": "speech.audio.delta", "audio": {"data": piece}} for piece in PIECES],
    "no type": [{"audio": piece} for piece in PIECES],
    "names of realtime": [{"type": "response.audio.delta", "delta": piece} for piece in PIECES]
    + [{"type": "response.audio.done"}],
    "chunks of a chat": [chunk({"audio": {"data": piece}}) for piece in PIECES],
    "at the end": [
        {"type": "speech.audio.done", "audio": base64.b64encode(WAV).decode()},
    ],
}


@pytest.mark.parametrize("is_stream", [True, False])
async def test_speech_events_of_servers(
    raw: RawServer, call: Call, subtests: pytest.Subtests, is_stream: bool
) -> None:
    for case, sent in SPOKEN.items():
        with subtests.test(case):
            raw.play(stream(*sent))
            asked = {"stream_format": "sse"} if is_stream else {}
            saved = await call("create_speech", model="m", voice="v", input="x", **asked)
            assert Path(saved["path"]).read_bytes() == WAV


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/json", "audio/mpeg"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_speech_as_lines(raw: RawServer, call: Call, kind: str, is_stream: bool) -> None:
    events = [{"type": "speech.audio.delta", "audio": piece} for piece in PIECES]
    lines = "\n".join(map(json.dumps, [*events, {"type": "speech.audio.done"}]))
    raw.play([answer(lines.encode(), kind=kind)])
    asked = {"stream_format": "sse"} if is_stream else {}
    saved = await call("create_speech", model="m", voice="v", input="x", **asked)
    assert Path(saved["path"]).read_bytes() == WAV


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl"])
@pytest.mark.parametrize("key", ["audio", "data", "delta"])
async def test_speech_as_lines_without_types(
    raw: RawServer, call: Call, kind: str, key: str
) -> None:
    ends: list[list[Json]] = [[], [{"timestamps": []}]]
    for end in ends:
        lines = "\n".join(map(json.dumps, [*({key: piece} for piece in PIECES), *end]))
        raw.play([answer(lines.encode(), kind=kind)])
        saved = await call("create_speech", model="m", voice="v", input="x")
        assert Path(saved["path"]).read_bytes() == WAV
    raw.play([answer(b'{"error": "no voice"}\n', kind=kind)])
    with pytest.raises(HomeAssistantError, match="no voice"):
        await call("create_speech", model="m", voice="v", input="x")


@pytest.mark.parametrize("body", [b"\n", b" \r\n\r\n"])
async def test_blank_speech_raises(raw: RawServer, call: Call, body: bytes) -> None:
    raw.play([answer(body, kind="audio/mpeg")])
    with raises_key("empty_answer"):
        await call("create_speech", model="m", voice="v", input="x")


PICTURES: dict[str, Json] = {
    "no type": {"b64_json": PICTURE},
    "of an edit": {"type": "image_edit.completed", "b64_json": PICTURE},
    "data": {"created": 1, "data": [{"b64_json": PICTURE}]},
    "images": {"created": 1, "images": [PICTURE]},
}


@pytest.mark.parametrize("case", PICTURES)
async def test_picture_events_of_servers(raw: RawServer, call: Call, case: str) -> None:
    partial = {"type": "image_generation.partial_image", "b64_json": PICTURE[:-8]}
    raw.play(stream(partial, PICTURES[case]))
    (saved,) = (await call("create_image", prompt="A garden", stream=True))["media"]
    assert Path(saved["path"]).read_bytes() == base64.b64decode(PICTURE)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_answer_without_picture_raises(raw: RawServer, call: Call, is_stream: bool) -> None:
    for data in ([], [{"revised_prompt": "A garden"}], [{"b64_json": None, "url": ""}], [5]):
        body = {"created": 1, "data": data}
        raw.play(stream(body) if is_stream else [answer(body)])
        with pytest.raises(HomeAssistantError) as caught:
            await call("create_image", prompt="A garden", stream=is_stream)
        # An answer that is not empty is quoted.
        assert caught.value.translation_key in ("empty_answer", "bad_answer", "stream_cut")


@pytest.mark.parametrize("key", ["data", "output", "result"])
async def test_text_in_place_of_image_is_reported(raw: RawServer, call: Call, key: str) -> None:
    words = "Your request was rejected by our safety system, for it may show what is not allowed."
    raw.play([answer({key: words})])
    with pytest.raises(HomeAssistantError, match="by our safety system"):
        await call("create_image", prompt="A garden")


@pytest.mark.parametrize(
    "body",
    [
        {"results": {"flagged": True, "categories": {"violence": True}}},
        {"flagged": True, "categories": {"violence": True}},
        {"code": 0, "data": {"results": [{"flagged": True, "categories": {"violence": True}}]}},
        {"data": {"flagged": True, "categories": {"violence": True}}},
    ],
)
async def test_moderation_of_servers(raw: RawServer, call: Call, body: Json) -> None:
    raw.play([answer(body)])
    found = await call("create_moderation", input="x")
    assert found["results"][0]["flagged"] is True


PAGES: dict[str, Json] = {
    "in data": {"code": 0, "data": {"data": [{"id": "a"}], "has_more": False}},
    "in a result": {"success": True, "result": {"data": [{"id": "a"}]}},
    "in a response": {"response": {"object": "list", "data": [{"id": "a"}]}},
}


@pytest.mark.parametrize("case", PAGES)
@pytest.mark.parametrize("action", ["list_models", "list_files", "search_vector_store"])
async def test_list_nested_under_other_keys(
    raw: RawServer, call: Call, action: str, case: str
) -> None:
    data = {"vector_store_id": "vs_1", "query": "q"} if action == "search_vector_store" else {}
    raw.play([answer(PAGES[case])])
    found = await call(action, **data)
    assert found["data"] == [{"id": "a"}]
    assert found["last_id"] == "a"


async def test_list_nested_is_followed(raw: RawServer, call: Call) -> None:
    for item, has_more in (("a", True), ("b", True), ("c", False)):
        page = {"data": [{"id": item}], "has_more": has_more, "last_id": item}
        raw.play([answer({"code": 0, "data": page})])
    found = await call("list_files", all_pages=True)
    assert [item["id"] for item in found["data"]] == ["a", "b", "c"]


async def test_list_that_is_an_error_within_raises(raw: RawServer, call: Call) -> None:
    for key in ("data", "result", "response"):
        raw.play([answer({key: {"error": {"message": "no models here"}}})])
        with pytest.raises(HomeAssistantError) as caught:
            await call("list_models")
        assert "no models here" in str(caught.value)


UNDRAWN: dict[str, tuple[Json, str, str]] = {
    "filtered": ({"data": [{"error": {"message": "filtered"}}]}, "host_error", "filtered"),
    "a prompt alone": ({"data": [{"revised_prompt": "a cat"}]}, "bad_answer", "a cat"),
    "a task": ({"code": 0, "data": {"task_id": "t-17"}}, "bad_answer", "t-17"),
    "a task in a list": ({"data": [{"id": "t-17", "status": "queued"}]}, "bad_answer", "t-17"),
    "nothing in a list": ({"data": [None], "hint": "later"}, "bad_answer", "later"),
}


@pytest.mark.parametrize("case", UNDRAWN)
async def test_answer_without_picture_says_why(raw: RawServer, call: Call, case: str) -> None:
    body, key, words = UNDRAWN[case]
    raw.play([answer(body)])
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_image", prompt="A garden")
    assert caught.value.translation_key == key
    assert words in str(caught.value)
