"""Characters that hosts cut in two."""

import json
from typing import Any

import pytest

from tests.resilience.raw_server import RawServer, answer as whole_answer

from ..conftest import Call
from .host import ASK, CHAT, RESPONSE, chunk, event, named, stream


def half(text: str, index: int = 0) -> bytes:
    """Return a chunk whose content is a JSON text as it is."""
    found = chunk({"content": "@"})
    found["choices"][0]["index"] = index
    return event(json.dumps(found).replace("@", text).encode())


def raw_half(text: bytes) -> bytes:
    """Return a chunk whose content is bytes as they are."""
    return event(json.dumps(chunk({"content": "@"})).encode().replace(b"@", text))


BULB = "💡".encode()
HALVES: dict[str, tuple[list[bytes], str]] = {
    "surrogates": ([half("\\ud83d"), half("\\udca1")], "💡"),
    "surrogates with words": ([half("a\\ud83d"), half("\\udca1b")], "a💡b"),
    "capital surrogates": ([half("\\uD83D"), half("\\uDCA1")], "💡"),
    "surrogates in one piece": ([half("\\ud83d\\udca1")], "💡"),
    "two in a row": ([half("\\ud83d"), half("\\udca1\\ud83d"), half("\\udca1")], "💡💡"),
    "bytes": ([raw_half(BULB[:2]), raw_half(BULB[2:])], "💡"),
    "bytes one by one": ([raw_half(bytes([byte])) for byte in BULB], "💡"),
    "bytes with words": ([raw_half(b"a" + BULB[:3]), raw_half(BULB[3:] + b"b")], "a💡b"),
    "bytes of a letter": (
        [raw_half(b"Gr\xc3"), raw_half(b"\xbc\xc3"), raw_half(b"\x9fe")],
        "Grüße",
    ),
    "a half that stays alone": ([half("\\udca1b")], "\ufffdb"),
}


@pytest.mark.parametrize("case", HALVES)
async def test_halves_of_characters(raw: RawServer, call: Call, events: Any, case: str) -> None:
    pieces, expected = HALVES[case]
    fired = events("openai_api_stream_event")
    raw.play(stream(*pieces, chunk({}, "stop")))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["content"] == expected
    texts = [item.data["event"]["choices"][0]["delta"].get("content", "") for item in fired]
    assert "".join(texts) == expected
    # Whoever gets them as JSON can read them.
    json.dumps(texts, ensure_ascii=False).encode()


async def test_halves_of_two_choices(raw: RawServer, call: Call) -> None:
    pieces = [half("\\ud83d", 0), half("\\ud83c", 1), half("\\udca1", 0), half("\\udfe1", 1)]
    ends = [chunk({}, "stop"), chunk({}, "stop")]
    ends[1]["choices"][0]["index"] = 1
    raw.play(stream(*pieces, *ends))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert [item["message"]["content"] for item in answer["choices"]] == ["💡", "🏡"]


async def test_halves_in_a_response(raw: RawServer, call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    kind = "response.output_text.delta"
    pieces = [
        named(kind, delta="@", output_index=0, content_index=0).replace(b"@", text)
        for text in (b"Hi \\ud83d", b"\\udca1")
    ]
    raw.play(stream(*pieces, named("response.completed", response={**RESPONSE, "output": []})))
    answer = await call("create_model_response", stream=True, **ASK)
    assert answer["output_text"] == "Hi 💡"
    assert [item.data["event"].get("delta") for item in fired] == ["Hi ", "💡", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\\ud83d\\udca1", "💡"),
        (b"cut \\ud83d", "cut \ufffd"),
        (b"cut " + BULB[:3], "cut \ufffd"),
        (b"12345678901234567890123 \\ud83d", "12345678901234567890123 \ufffd"),
    ],
)
async def test_halves_in_a_whole_answer(
    raw: RawServer, call: Call, text: bytes, expected: str
) -> None:
    body = json.dumps(RESPONSE).encode().replace(b"Hello", text)
    raw.play([whole_answer(body)])
    assert (await call("create_model_response", **ASK))["output_text"] == expected
