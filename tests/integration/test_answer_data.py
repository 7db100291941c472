"""Pictures, embeddings and lists under other keys, and answers in other encodings."""

import base64
import json
from pathlib import Path
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
        assert caught.value.translation_key in ("empty_answer", "picture_garbled", "stream_cut")


@pytest.mark.parametrize("key", ["data", "output", "result"])
async def test_words_in_place_of_picture_are_told(raw: RawServer, call: Call, key: str) -> None:
    words = "Your request was rejected by our safety system, for it may show what is not allowed."
    raw.play([answer({key: words})])
    with pytest.raises(HomeAssistantError, match="by our safety system"):
        await call("create_image", prompt="A garden")
