"""Secrets are removed from text, however a host spells them."""

import base64
from collections.abc import Callable
import html
import json
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from custom_components.openai_api.api.config import HostConfig
from custom_components.openai_api.exceptions import sanitize

KEY = "sk-Proj_9f/Lw+Q2=xYz.T7~ab"


def settings(key: str = KEY, **changes: Any) -> HostConfig:
    """Return the settings of a host with this key."""
    return HostConfig(base_url="https://example.com/v1", api_key=key, **changes)


def all_percent(text: str) -> str:
    """Return every character percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "percent": lambda key: quote(key, safe=""),
    "percent in lower case": lambda key: quote(key, safe="").lower(),
    "every character in percent": all_percent,
    "percent twice": lambda key: quote(quote(key, safe=""), safe=""),
    "percent, only some": lambda key: key.replace("-", "%2d"),
    "html, decimal": lambda key: "".join(f"&#{ord(sign)};" for sign in key),
    "html, hexadecimal": lambda key: "".join(f"&#x{ord(sign):X};" for sign in key),
    "html, padded, without semicolon": lambda key: "".join(f"&#x{ord(sign):05x};" for sign in key),
    "html, names": lambda key: html.escape(key).replace("_", "&lowbar;").replace("+", "&plus;"),
    "json": lambda key: "".join(f"\\u{ord(sign):04x}" for sign in key),
    "json, slashes": lambda key: key.replace("/", "\\/"),
    "bytes": lambda key: "".join(f"\\x{ord(sign):02x}" for sign in key),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
    "base64 behind a name": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "base64 behind Bearer": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 in between": lambda key: base64.b64encode(f"ab{key}cd".encode()).decode(),
    "json within json": lambda key: json.dumps(json.dumps(key))[3:-3],
    "bytes as Python shows them": lambda key: repr(key.encode())[2:-1],
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in large letters": lambda key: key.encode().hex().upper(),
    "tags": "<b>".join,
    "tags with attributes": lambda key: f'{key[:4]}<b class="x">{key[4:]}</b>',
    "spaces": lambda key: f"{key[:3]}\n\t {key[3:7]}\u200b{key[7:]}",
    "spaces in percent": lambda key: quote(f"{key[:4]} {key[4:]}", safe=""),
    "base64 in percent": lambda key: quote(base64.b64encode(f"a{key}".encode()).decode(), safe=""),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_redact_spelling(spelling: Callable[[str], str]) -> None:
    for key in (KEY, "sk-proj-" + "Ab3_" * 40, "12345678", "a+b/c=d&e"):
        spelled = spelling(key)
        for frame in ("{}", "Bad key {}!", '{{"key": "{}"}}', "x={}&y=1"):
            text = settings(key).redact(frame.format(spelled))
            assert "***" in text
            assert spelled not in text
            before, after = frame.format("\0").split("\0")
            assert (text.startswith(before), text.endswith(after)) == (True, True)


@pytest.mark.parametrize(
    "key",
    [
        "k%20x!%41-1234",
        "\\\\back\\slash\\u0041",
        'p@ss/w:rd+&=%#"<&>',
        "a&amp;b&lt;c-1234",
        "schlüssel-日本-1234",
        'it\'s "quoted" 1234',
    ],
)
def test_redact_key_resembling_escapes(key: str) -> None:
    """However often the text was escaped, each step is looked at."""
    redact = settings(key).redact
    for spell in (
        str,
        lambda key: quote(key, safe=""),
        lambda key: quote(quote(key, safe=""), safe=""),
        html.escape,
        lambda key: json.dumps(key)[1:-1],
        lambda key: json.dumps(json.dumps(key))[3:-3],
        lambda key: repr(key.encode())[2:-1],
        all_percent,
    ):
        assert redact(f"x={spell(key)}&y") == "x=***&y"


@pytest.mark.parametrize(
    "spell",
    [
        str,
        quote_plus,
        lambda key: quote(quote_plus(key), safe=""),
        lambda key: key.replace(" ", ""),
        lambda key: key.replace(" ", "\n"),
        lambda key: key.replace(" ", "&nbsp;"),
        "<i>".join,
        lambda key: base64.b64encode(key.encode()).decode(),
    ],
    ids=["plain", "form", "form in percent", "joined", "lines", "html", "tags", "base64"],
)
@pytest.mark.parametrize("key", ["correct horse battery staple", "tok $(x) {{ y }} +Zq81"])
def test_redact_key_with_spaces(spell: Callable[[str], str], key: str) -> None:
    """Gateways of one's own take a phrase as their key."""
    found = settings(key).redact(f"Bad key {spell(key)}!")
    assert found == "Bad key ***!"


@pytest.mark.parametrize("key", [KEY, "0123456789abcdefghijklmnopqrstuv", "A" + "b3-" * 50])
def test_redact_partial_key(key: str) -> None:
    redact = settings(key).redact
    for piece in (key[:20], key[4:22], key[-20:], key[:-1], key[1:]):
        assert redact(f"It begins with {piece} and so on") == "It begins with *** and so on"
    half = len(key) // 2 + 4
    assert redact(f"{key[:half]}\n{key[half:]}").split("\n")[0] == "***"


def test_redact_piece_at_any_place() -> None:
    """Pieces of 15 characters are found wherever they begin, also the last ones."""
    for length in range(16, 60):
        key = ("sk-Proj_9f-Lw8Q2xyzT7ab5KcD3mN4pR6sU8vX0zB2dF4hJ6lP8rT0wY2cE" * 2)[:length]
        redact = settings(key).redact
        for start in range(length - 14):
            piece = key[start : start + 15]
            assert redact(f"It had {piece} in it") == "It had *** in it", (length, start)


def test_redact_base64_truncated() -> None:
    encoded = base64.b64encode(f"user:{KEY}".encode()).decode()
    for length in range(28, len(encoded)):
        assert settings().redact(f"Basic {encoded[:length]}… was wrong") == "Basic ***… was wrong"


def test_redact_base64_with_line_breaks() -> None:
    key = "sk-" + "Ab3_9-" * 30
    lines = base64.encodebytes(f"user:{key}".encode()).decode().split()
    text = settings(key).redact("Basic " + "\n ".join(lines) + " was wrong")
    assert not [line for line in lines if len(line) >= 20 and line in text]


@pytest.mark.parametrize("key", ["1", "abc", "ollama", "a-b", "ünï"])
def test_redact_short_key_whole_words_only(key: str) -> None:
    redact = settings(key).redact
    assert redact(f"The key {key} is wrong") == "The key *** is wrong"
    assert redact(f"key={key.upper() if key.isascii() else key}&b") == "key=***&b"
    assert redact(f"x{key}x") == f"x{key}x"
    assert redact(quote(key, safe="")) == "***"
    encoded = base64.b64encode(key.encode()).decode()
    if len(key.encode()) >= 3:
        assert redact(f"Basic {encoded}!") == "Basic ***!"


@pytest.mark.parametrize(
    "text",
    ["", "Nothing here", "100%", "%zz &nothing; \\q", "a&b;c", "\ud83d", "🔑" * 50, "&#xFFFFFFFF;"],
)
def test_redact_text_without_key(text: str) -> None:
    assert settings().redact(text) == text
    assert settings("").redact(text) == text


def test_redact_keeps_text_between_keys() -> None:
    text = f"a%20b {KEY} c&amp;d {quote(KEY, safe='')} e%2Ff"
    assert settings().redact(text) == "a%20b *** c&amp;d *** e%2Ff"


@pytest.mark.parametrize("length", [8, 12, len(KEY) - 1])
@pytest.mark.parametrize("end", ["", "…", "..."])
def test_redact_truncated_key(length: int, end: str) -> None:
    assert settings().redact(f"Bad key: {KEY[:length]}{end}") == f"Bad key: ***{end}"


@pytest.mark.parametrize(
    ("name", "value", "leaks"),
    [
        ("Authorization", "Basic " + base64.b64encode(b"joe:hunter22").decode(), "hunter22"),
        ("Authorization", "Basic " + base64.b64encode(b"joe:hunter22").decode(), "joe:hunter22"),
        ("Authorization", "Basic " + base64.b64encode(b"joe:hunter22").decode(), "joe"),
        ("Authorization", "Bearer abcdef123456", "abcdef123456"),
        ("Authorization", "Bearer ab1", "ab1"),
        ("Cookie", "session=abcdef123456; theme=dark", "abcdef123456"),
        ("X-Api-Key", "k1", "k1"),
        ("x-gateway", "gateway-secret-5f1e", "gateway-secret-5f1e"),
    ],
)
def test_redact_header_parts(name: str, value: str, leaks: str) -> None:
    redact = settings(extra_headers={name: value}).redact
    for text in (value, leaks, base64.b64encode(leaks.encode()).decode()):
        if len(text) > 3:
            assert leaks not in redact(f"It says {text} here")
    assert redact(f"It says {leaks} here") == "It says *** here"


def test_redact_key_with_scheme() -> None:
    pair = base64.b64encode(b"joe:hunter22").decode()
    redact = settings(f"Basic {pair}").redact
    assert redact(f"a {pair} b hunter22 c joe:hunter22 d") == "a *** b *** c *** d"


def test_redact_keeps_words_like_placeholder() -> None:
    redact = settings("notneeded").redact
    assert redact("A key is not needed") == "A key is not needed"
    assert redact("The key notneeded is wrong") == "The key *** is wrong"


def test_redact_keeps_short_values() -> None:
    redact = settings(query={"api-version": "v1"}, extra_headers={"x-mode": "fast"}).redact
    assert redact("v1 is fast") == "v1 is fast"
    assert settings(query={"sig": "v1"}).redact("v1 is fast") == "*** is fast"


@pytest.mark.parametrize("length", [16, 40, 160])
@pytest.mark.parametrize("spelling", ["plain", "base64", "percent", "spaces"])
def test_redact_key_over_and_over_is_fast(spelling: str, length: int) -> None:
    """A server may fill its error with the key."""
    key = ("sk-Proj_9f-Lw8Q2xyzT7ab5KcD3mN4pR6sU8vX0zB2dF4hJ6lP8rT0wY2cE" * 3)[:length]
    redact = settings(key).redact
    spelled = SPELLINGS[spelling](key).rstrip("=")
    text = (spelled * (20_000 // len(spelled) + 1))[:20_000]
    start = time.thread_time()
    found = redact(text)
    assert time.thread_time() - start < 0.5
    # The last one is cut off.
    assert len(found.replace("***", "").strip()) < 15


@pytest.mark.parametrize(
    ("piece", "count"), [("%41", 100_000), ("&#65;", 100_000), ("A", 1_000_000), ("%25", 100_000)]
)
def test_redact_long_text_is_fast(piece: str, count: int) -> None:
    redact = settings("sk-" + "x" * 160).redact
    start = time.thread_time()
    redact(piece * count)
    assert time.thread_time() - start < 2


@pytest.mark.parametrize(
    "text", [f"<{'a' * 19_990}=>", "<a" * 10_000, "</ " * 6_000, "\u2039" * 20_000]
)
def test_sanitize_many_tags_is_fast(text: str) -> None:
    start = time.thread_time()
    sanitize(text, settings())
    assert time.thread_time() - start < 0.5


def test_redact_in_json() -> None:
    text = settings().redact(json.dumps({"request_id": KEY, "nested": [KEY.upper()]}))
    assert json.loads(text) == {"request_id": "***", "nested": ["***"]}
