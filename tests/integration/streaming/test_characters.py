"""Characters that hosts cut in two."""

import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.openai_api.streaming.text import SurrogateJoiner
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
    "a half before words": ([half("a\\ud83d"), half("b")], "a\ufffdb"),
    "a half long before the other": (
        [half("a\\ud83d"), half("b"), half("\\udca1c")],
        "a\ufffdb\ufffdc",
    ),
    "bytes before words": ([raw_half(b"a" + BULB[:3]), half("b")], "a\ufffdb"),
}


@pytest.mark.parametrize("case", HALVES)
async def test_surrogates_split_between_chunks(
    raw: RawServer, call: Call, events: Any, case: str
) -> None:
    pieces, expected = HALVES[case]
    fired = events("openai_api_stream_event")
    raw.play(stream(*pieces, chunk({}, "stop")))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert answer["choices"][0]["message"]["content"] == expected
    texts = [item.data["event"]["choices"][0]["delta"].get("content", "") for item in fired]
    assert "".join(texts) == expected
    # Whoever gets them as JSON can read them.
    json.dumps(texts, ensure_ascii=False).encode()


async def test_surrogates_of_two_choices(raw: RawServer, call: Call) -> None:
    pieces = [half("\\ud83d", 0), half("\\ud83c", 1), half("\\udca1", 0), half("\\udfe1", 1)]
    ends = [chunk({}, "stop"), chunk({}, "stop")]
    ends[1]["choices"][0]["index"] = 1
    raw.play(stream(*pieces, *ends))
    answer = await call("create_chat_completion", stream=True, **CHAT)
    assert [item["message"]["content"] for item in answer["choices"]] == ["💡", "🏡"]


async def test_surrogates_in_response_stream(raw: RawServer, call: Call, events: Any) -> None:
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
async def test_surrogates_without_stream(
    raw: RawServer, call: Call, text: bytes, expected: str
) -> None:
    body = json.dumps(RESPONSE).encode().replace(b"Hello", text)
    raw.play([whole_answer(body)])
    assert (await call("create_model_response", **ASK))["output_text"] == expected


LONE: dict[str, tuple[list[bytes], str]] = {
    "a surrogate": ([half("Hi \\ud83d")], "Hi \ufffd"),
    "bytes": ([raw_half(b"Hi " + BULB[:3])], "Hi \ufffd"),
    "an empty piece behind it": ([half("Hi \\ud83d"), half("")], "Hi \ufffd"),
    "alone": ([half("\\ud83d")], "\ufffd"),
}


@pytest.mark.parametrize("case", LONE)
async def test_lone_surrogate_is_replaced(raw: RawServer, call: Call, case: str) -> None:
    pieces, expected = LONE[case]
    end = chunk({}, "stop")
    for asked in ({"stream": True}, {}):
        for script in (
            stream(*pieces, end),
            stream(*pieces, end, done=False),
            stream(end, *pieces),
        ):
            raw.play(script)
            answer = await call("create_chat_completion", **asked, **CHAT)
            assert answer["choices"][0]["message"]["content"] == expected
            assert answer["choices"][0]["finish_reason"] == "stop"


async def test_lone_surrogate_without_final_event(raw: RawServer, call: Call) -> None:
    piece = named("response.output_text.delta", delta="@", output_index=0, content_index=0)
    item = {"type": "message", "role": "assistant", "content": []}
    raw.play(
        stream(
            piece.replace(b"@", b"Hi \\ud83d"),
            named("response.output_item.done", item=item, output_index=0),
        )
    )
    answer = await call("create_model_response", stream=True, **ASK)
    assert answer["output_text"] == "Hi \ufffd"


async def test_lone_surrogate_in_transcript(raw: RawServer, call: Call, media_folder: Path) -> None:
    sound = media_folder / "a.wav"
    sound.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    for pieces in (
        [b"data: Gr\xc3\xbc\xc3\n\n"],
        [event(b'{"type": "transcript.text.delta", "delta": "Gr\xc3\xbc\\ud83d"}')],
    ):
        raw.play(stream(*pieces))
        answer = await call("create_transcription", file=str(sound), model="m", stream=True)
        assert answer["text"] == "Gr\u00fc\ufffd"


async def test_held_surrogates_limit() -> None:
    joiner = SurrogateJoiner()
    for number in range(1000):
        joiner.load(b'{"item_id": "%d", "delta": "x\\ud83d"}' % number)
    assert len(joiner.held) <= 64
    held = joiner.pop_held()
    assert held[-1] == {"item_id": "999", "delta": "\ufffd"}
    assert joiner.load(b'{"item_id": "999", "delta": "y"}')["delta"] == "y"
