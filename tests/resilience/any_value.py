"""What nobody should write into an action's fields, but somebody will."""

from collections.abc import Mapping
import datetime as dt
from decimal import Decimal
from enum import Enum
from typing import Any

from hypothesis import strategies as st


def nested_lists(depth: int) -> list[Any]:
    """Return lists within lists."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def _cyclic() -> dict[str, Any]:
    """Return an object that contains itself."""
    found: dict[str, Any] = {}
    found["self"] = found
    return found


class NotJson(Enum):
    """Something that no JSON knows."""

    GOOD = object()


PATH_TRAVERSALS = (
    *("../x", "../../v1/files", "..", ".", "a/b", "a\\b", "/", "//evil.example/x", "@evil.example"),
    *("?x=1", "a?x=1&y=2", "a#b", "#", ";a=b", "%2e%2e", "%2F..%2F", "%00", "{file_id}", "a:b"),
    *("http://evil.example/", "file:///etc/passwd", "a b", "ä/ö", "\u2025/\u2215", "null"),
)
"""Ids that would lead elsewhere."""
INJECTIONS = (
    "a\r\nX-Injected: yes",
    "a\nX-Injected: yes",
    "a\r\n\r\nGET /v1/stolen HTTP/1.1\r\nHost: x\r\n\r\n",
    'a"; filename="b',
    "text/plain\r\nX-Injected: yes",
)
"""Texts that would become headers."""
_TEXTS = (
    *("", " ", "\t\n", "\x00", "a\x00b", "\x7f\x80", "\ufeff", "\ud800", "a\udfffb", "\U0001f600"),
    *("{{ states('sensor.x') }}", "{% raw %}", "{", "[", '{"a": 1', "[1, 2", "null", "None", "on"),
    *("nan", "inf", "-inf", "1e999", "-0", "0x10", "1_000", "9" * 5000, "٣", "2026-01-01", "auto"),
    *("[NaN]", '{"a": Infinity}', '["\\ud800"]', "x" * 100_000, "é" * 70_000, "<script>", "' OR 1"),
    *("[" * 100_000, '{"a":' * 50_000, "media-source://", "media-source://x/\x00", "data:,"),
    *("media-source://media_source/local/../../x", "/dev/zero", "/proc/self/environ", "~", "\r"),
)
_SINGLES = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 10**400, -(10**5000)),
    *(0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, float("nan"), float("inf"), float("-inf")),
    *(b"bytes", 1j, Decimal("1.5"), dt.date(2026, 1, 1), dt.timedelta(1), NotJson.GOOD, range(3)),
    *(
        [],
        {},
        (),
        set(),
        frozenset({1, "a"}),
        [None],
        [[]],
        [{}],
        {"": None},
        {None: 1},
        {1: {2: 3}},
    ),
    *({"\ud800": 1}, {"a": "\ud800"}, {"a": {"b": object()}}, [float("nan")], {"a": 10**400}),
    *(
        object(),
        int,
        nested_lists(200),
        nested_lists(5000),
        _cyclic(),
        {"a" * 10_000: 1},
        [0] * 3000,
    ),
    *({"media_content_id": "x"}, {"media_content_id": None}, {"id": "../x"}, {"type": ["a"]}),
    *({"media_content_id": "/x", "media_content_type": text} for text in INJECTIONS),
)
_LEAVES = (
    st.sampled_from(_TEXTS)
    | st.sampled_from(PATH_TRAVERSALS)
    | st.sampled_from(INJECTIONS)
    | st.text(st.characters(codec=None), max_size=8)
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
)
KEYS = st.sampled_from(("id", "type", "name", "content", "a", "", "model", "../x", "\ud800", "[]"))
ANY_VALUE = (
    st.sampled_from(_SINGLES)
    | _LEAVES
    | st.recursive(
        _LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    )
)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Draw a value that was good, with one thing in it replaced."""
    is_part: bool = draw(st.booleans())
    match value:
        case Mapping() if value and is_part:
            key = draw(st.sampled_from(sorted(value)))
            return {**value, key: draw(mutated(value[key]))}
        case list() if value and is_part:
            place = draw(st.integers(0, len(value) - 1))
            return [*value[:place], draw(mutated(value[place])), *value[place + 1 :]]
        case str() if is_part:
            return value + draw(st.sampled_from(PATH_TRAVERSALS + INJECTIONS + _TEXTS))
    return draw(ANY_VALUE)


@st.composite
def bad_data(draw: st.DrawFn, good: list[dict[str, Any]], keys: list[str]) -> dict[str, Any]:
    """Draw the data of a call: good ones of which a few things were changed."""
    data = dict(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from([*sorted(data), *keys]))
        match draw(st.sampled_from(("replace", "replace", "replace", "remove", "unknown"))):
            case "replace":
                data[key] = draw(mutated(data[key]) if key in data else ANY_VALUE)
            case "remove":
                data.pop(key, None)
            case "unknown":
                data[draw(KEYS)] = draw(ANY_VALUE)
    return data
