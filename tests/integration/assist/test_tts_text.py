"""Text is split into sentences and segments."""

from collections.abc import AsyncIterator
import time

import pytest

from custom_components.openai_api.assist.tts_text import async_sentences, take_segment


async def written(text: str, size: int) -> AsyncIterator[str]:
    """Yield a text in pieces of some characters."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


async def said(text: str, size: int = 10_000, *, clean: bool = True) -> list[str]:
    """Return the sentences of a text."""
    return [one async for one in async_sentences(written(text, size), clean=clean)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 3.5 degrees. Nice!", ["It is 3.5 degrees.", "Nice!"]),
        (
            "Heute ist der 3. Oktober. Es ist z. B. warm. Dr. Müller kommt.",
            ["Heute ist der 3. Oktober.", "Es ist z. B. warm.", "Dr. Müller kommt."],
        ),
        ("今天天气很好。我们出去吧！好的", ["今天天气很好。", "我们出去吧！", "好的"]),
        ("no full stop at all", ["no full stop at all"]),
        ("He said: “Come!” Then he left.", ["He said: “Come!”", "Then he left."]),
        ("**Bold. Text** and *it*.", ["Bold.", "Text and it."]),
        ("See [the docs](https://x.y/z(1)) now.", ["See the docs now."]),
        ("![A cat](cat.png) sits.", ["A cat sits."]),
        (
            "Rain ([met.no](https://met.no/x?utm_source=openai)). Take care.",
            ["Rain.", "Take care."],
        ),
        ("Well ([a.org](https://a.org/1), [b.org](https://b.org/2)). Yes", ["Well.", "Yes"]),
        ("Look ([the page](https://x.y) now).", ["Look (the page now)."]),
        ("# Title\n- one\n- two", ["Title", "one", "two"]),
        ("1. first\n2. second", ["1. first", "2. second"]),
        ("```python\nprint(1)\n```\nDone 😀.", ["Done."]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ["a, b", "1, 2"]),
        ("Use `ls -l` here.", ["Use ls -l here."]),
        ("3 * 4 is 12, a_b_c stays, __x__ goes.", ["3 * 4 is 12, a_b_c stays, x goes."]),
        ("2*3 is 6, 2**3 is 8, *5* is five*.", ["2*3 is 6, 2**3 is 8, 5 is five."]),
        ("__u__ _i_ ~~s~~ *e* ~~t~~", ["u i s e t"]),
        ("It is 20 °C © 2026.", ["It is 20 °C © 2026."]),
        ("Visit https://www.example.org/a?b=c. Then go.", ["Visit example.org.", "Then go."]),
        ("[laughs] Hello.", ["[laughs] Hello."]),
        ("a<br>b <b>c</b>", ["a b c"]),
        ("First\n\nSecond", ["First", "Second"]),
        ("😀 👨‍👩‍👧 ❤️", []),
        ("---\n***", []),
    ],
)
async def test_sentences(text: str, expected: list[str], size: int) -> None:
    assert [" ".join(one.split()) for one in await said(text, size)] == expected


async def test_text_is_unchanged() -> None:
    assert await said("**Hi** 😀 [x](y).", clean=False) == ["**Hi** 😀 [x](y)."]


@pytest.mark.parametrize(
    "text",
    [
        "word " * 40_000,
        "word. Yes " * 20_000,
        "x" * 100_000,
        ("word" + " " * 1_500 + "and/or a/b ") * 10,
    ],
    ids=["words", "sentences", "letters", "spaces"],
)
async def test_long_text_split_is_fast(text: str) -> None:
    start = time.monotonic()
    found = await said(text)
    assert time.monotonic() - start < 10
    assert max(map(len, found)) < 1100
    assert "".join("".join(found).split()) == "".join(text.split())


def test_chunk_size_grows() -> None:
    sentences = ["one " * 10] * 20
    sizes: list[int] = []
    while sentences:
        sizes.append(len(take_segment(sentences, len(sizes))) // 40)
    assert sizes == [1, 1, 2, 4, 5, 7]
