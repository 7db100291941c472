"""What people and templates write, and what is made of it."""

import datetime as dt
from typing import Any

import pytest
import voluptuous as vol

from custom_components.openai_api.actions import fields, validators as check
from tests.resilience.any_value import nested_lists

NESTED = {"a": [1, {"b": None}]}
TIME = fields.object_field(
    "time", fields.identifier("anchor", "A", "A."), fields.integer("seconds", "S", "S.")
)("time", "T", "T.").validator
STEP = fields.fixed_choice("step", "S", "S.", ("a", "b", "c")).validator
_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)


@pytest.mark.parametrize(
    ("validator", "given", "expected"),
    [
        (check.text, "x", "x"),
        (check.text, 3, "3"),
        (check.text, True, "True"),
        (check.text, dt.date(2026, 11, 28), "2026-11-28"),
        (check.text, dt.datetime(2026, 11, 28, 10, 5, tzinfo=dt.UTC), "2026-11-28 10:05:00+00:00"),
        (check.text, dt.time(10, 5), "10:05:00"),
        (check.text, float("inf"), "inf"),
        (check.text, -0.0, "-0.0"),
        (check.text_map, '{"a": 5, "b": null}', {"a": "5", "b": None}),
        (check.text_map, {"a": dt.date(2026, 1, 2), 5: 1.50}, {"a": "2026-01-02", "5": "1.5"}),
        (check.number, "0.5", 0.5),
        (check.number, "1e-3", 0.001),
        (check.number, "3", 3),
        (check.number, 2, 2),
        (check.integer, "3", 3),
        (check.integer, 3.0, 3),
        (check.integer, "3.0", 3),
        (check.integer, "-4", -4),
        (check.integer_or_string, "inf", "inf"),
        (check.integer_or_string, "12", 12),
        (check.number_or_string, "auto", "auto"),
        (check.number_or_string, "0.5", 0.5),
        (check.string_or_json, '[{"a": 1}]', '[{"a": 1}]'),
        (check.string_or_json, [{"type": "text"}], [{"type": "text"}]),
        (check.string_or_json, 21.5, "21.5"),
        (
            TIME,
            {"seconds": "60", "anchor": "x", "new": NESTED},
            {"seconds": 60, "anchor": "x", "new": NESTED},
        ),
        (TIME, '{"seconds": 60.0}', {"seconds": 60}),
        (TIME, {"seconds": None, "anchor": None}, {"seconds": None, "anchor": None}),
        (check.ensure_list_of(TIME), {"seconds": 1}, [{"seconds": 1}]),
        (check.boolean, True, True),
        (check.boolean, "Yes", True),
        (check.boolean, "off", False),
        (check.boolean, 0, False),
        (check.json_object, NESTED, NESTED),
        (check.json_object, '{"a": [1, {"b": null}]}', NESTED),
        (check.json_object, {1: dt.date(2026, 1, 2)}, {"1": "2026-01-02"}),
        (check.json_object, {"a": {"z", "y"}, "b": (1, 2)}, {"a": ["y", "z"], "b": [1, 2]}),
        (check.ensure_list_of(check.text), "x", ["x"]),
        (check.ensure_list_of(check.text), ["x", 2], ["x", "2"]),
        (check.ensure_list_of(check.text), '["x", "y"]', ["x", "y"]),
        (check.ensure_list_of(check.text), "[not json", ["[not json"]),
        (check.ensure_list_of(check.json_object), {"a": 1}, [{"a": 1}]),
        (check.ensure_list_of(check.json_value), (1, "a"), [1, "a"]),
        (check.string_or_object, "auto", "auto"),
        (check.string_or_object, {"type": "function"}, {"type": "function"}),
        (check.string_or_object, '{"type": "x"}', {"type": "x"}),
        (check.string_or_list, "{not json", "{not json"),
        (check.string_or_list, [1, 2], [1, 2]),
        (check.string_or_list, "[]", "[]"),
        (check.file, " /media/a.png ", {"id": "/media/a.png"}),
        (
            check.file,
            {"media_content_id": "media-source://x/y", "media_content_type": "image/png"},
            {"id": "media-source://x/y", "content_type": "image/png"},
        ),
        (
            check.file,
            {"media_content_id": "/a.png", "media_content_type": "x/y\r\nX-Injected: yes"},
            {"id": "/a.png"},
        ),
        (check.file, {"media_content_id": "/a", "media_content_type": "music"}, {"id": "/a"}),
        (check.string_or_list, "[" * 100_000, "[" * 100_000),
        (STEP, "a", "a"),
    ],
)
def test_validator_accepts(validator: check.Validator, given: Any, expected: Any) -> None:
    found = validator(given)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("validator", "given", "words"),
    [
        (check.text, [1], "expected a text, got a list"),
        (check.text, {"a": 1}, "expected a text, got an object"),
        (check.text, None, "expected a text, got nothing"),
        (check.non_empty_string, "  ", "must not be empty"),
        (check.number, "warm", "expected a number, got a text"),
        (check.number, True, "expected a number, got a yes/no value"),
        (check.number, "nan", "finite"),
        (check.number, "inf", "finite"),
        (check.number, "", "expected a number, got an empty text"),
        (check.integer, 1.5, "expected a whole number, got the number 1.5"),
        (check.integer, "1.5x", "expected a whole number, got a text"),
        (check.boolean, "maybe", "expected true or false"),
        (check.boolean, 2, "expected true or false"),
        (check.boolean, [], "expected true or false"),
        (check.text, 1j, "got something else"),
        (check.text_map, [1], "expected an object with named values, got a list"),
        (check.json_object, "x", "expected an object with named values, got a text"),
        (check.json_object, "{broken", "expected an object"),
        (check.json_object, [1], "expected an object with named values, got a list"),
        (check.json_object, {"a": float("inf")}, "finite"),
        (check.json_object, {"a": object()}, "cannot be sent as JSON"),
        (check.json_object, object(), "got something else"),
        (check.ensure_list_of(check.json_object), [{}, "x"], "expected an object"),
        (check.number_or_string, [1], "expected a text, got a list"),
        (check.string_or_json, None, "expected a text, got nothing"),
        (TIME, {"seconds": "soon"}, "expected a whole number, got a text"),
        (TIME, {"anchor": [1]}, "expected a text, got a list"),
        (TIME, "soon", "expected an object"),
        (check.string_or_object, "", "must not be empty"),
        (check.file, "", "expected a path or a media item"),
        (check.file, {"media_content_id": 3}, "media_content_id"),
        (check.file, 3, "expected a path or a media item, got the number 3"),
        (STEP, "d", "must be a, b or c"),
        (STEP, ["a"], "must be a, b or c"),
        (check.text, "half \ud83d", "half a character"),
        (check.text, 10**400, "too large"),
        (check.string_or_list, "\udc00", "half a character"),
        (check.to_json_string, "\udc00", "half a character"),
        (check.number, 10**400, "too large"),
        (check.integer, 10**400, "a very large number"),
        (check.integer_or_string, 10**400, "too large"),
        (check.json_object, {"\ud800": 1}, "half a character"),
        (check.json_object, {"a": ["\ud800"]}, "half a character"),
        (check.json_object, {"a": 10**5000}, "too large"),
        (check.ensure_list_of(check.number), [-(10**5000)], "too large"),
        (check.json_object, {"a": nested_lists(101)}, "100 deep"),
        (check.json_object, '{"a":' * 100_000, "expected an object"),
        (check.ensure_list_of(check.json_object), "[" * 100_000, "expected an object"),
        (check.json_value, _CYCLE, "100 deep"),
        (check.file, "/media/a\x00b", "no null characters"),
    ],
)
def test_validator_rejects_with_message(validator: check.Validator, given: Any, words: str) -> None:
    with pytest.raises(vol.Invalid, match=words):
        validator(given)
