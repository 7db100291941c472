"""Text without markup, split into any deltas."""

import pytest

from custom_components.openai_api.assist.plain_text import PlainText

CASES = {
    "": "",
    "Plain words, nothing else.": "Plain words, nothing else.",
    "**Bold** and *italic* and ~~gone~~.": "Bold and italic and gone.",
    "__Bold__ and _italic_.": "Bold and italic.",
    "snake_case_name stays": "snake_case_name stays",
    "2 * 3 * 4 is 24": "2 * 3 * 4 is 24",
    "# Heading\nText": "Heading\nText",
    "### Heading\n\nText": "Heading\n\nText",
    "- one\n- two": "one\ntwo",
    "* one\n* two": "one\ntwo",
    "- [x] done\n- [ ] open": "done\nopen",
    "> quoted": "quoted",
    "Run `reboot` now": "Run reboot now",
    "See [the page](https://example.org/a_(b)).": "See the page.",
    "See ![a cat](cat.png) here": "See a cat here",
    "See [the page][1].": "See the page.",
    "Look at https://example.org/x?y=z now": "Look at now",
    "Look at https://example.org/x?y=z. Then go": "Look at. Then go",
    "Is it (https://example.org/a.b)?": "Is it?",
    "https://example.org": "",
    "Rain ([met.no](https://met.no/x?utm_source=openai)). Take care.": "Rain. Take care.",
    "So ([a.org](https://a.org/1), [b.org](https://b.org/2)). Yes": "So. Yes",
    "So it is. ([a.org](https://a.org/1))\nYes": "So it is.\nYes",
    "Look (see [the page](https://x.y)).": "Look (see the page).",
    "Look ([the page](https://x.y) now)": "Look (the page now)",
    "It rains.[1] It pours.【2†source】": "It rains. It pours.",
    "Good 😀 morning 👨‍👩‍👧!": "Good morning !",
    "1️⃣ first": "1 first",
    "Line<br>break": "Line break",
    "a < b and b > c": "a < b and b > c",
    "Before\n---\nAfter": "Before\nAfter",
    "| a | b |\n|---|---|\n| 1 | 2 |": "a, b\n1, 2",
    "Do:\n```python\nprint(1)\n```\nDone": "Do:\nDone",
    "An array[0] of things": "An array of things",
    "10:30 and 5:45": "10:30 and 5:45",
    "Grüße, 你好。Äpfel": "Grüße, 你好。Äpfel",
}


@pytest.mark.parametrize(("text", "expected"), CASES.items())
def test_plain_text_of_markup(text: str, expected: str) -> None:
    plain = PlainText()
    assert plain.feed(text) + plain.flush() == expected


@pytest.mark.parametrize(("text", "expected"), CASES.items())
def test_plain_text_split_anywhere(text: str, expected: str) -> None:
    for cut in range(1, len(text)):
        plain = PlainText()
        assert plain.feed(text[:cut]) + plain.feed(text[cut:]) + plain.flush() == expected, cut
    plain = PlainText()
    assert "".join(plain.feed(one) for one in text) + plain.flush() == expected
