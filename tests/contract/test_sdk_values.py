"""What the SDK's types allow is neither refused nor changed before it is sent."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from homeassistant.util.yaml import load_yaml_dict
from openai import NotGiven, Omit
from openai.types.webhooks import UnwrapWebhookEvent
from pydantic import TypeAdapter
import pytest
import voluptuous as vol

from custom_components.openai_api import const
from custom_components.openai_api.action import ActionDescription
from custom_components.openai_api.actions import ACTIONS

from .test_action_descriptions import method_of

BREADTH = 2
"""Levels of objects in which each key has each of its values, once."""
DEEPEST = 20
PLAIN = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}
ANYTHING = {"any": 1}
LEFT_OUT = {Omit, NotGiven}
"""What stands for an argument that is left out is no value."""
OF_THE_SDK = {"headers"}
"""Fields for which the SDK takes such a stand-in within an object, too."""


def instances(
    schema: dict[str, Any], shared: dict[str, Any], breadth: int = BREADTH, level: int = 0
) -> Iterator[Any]:
    """Yield values of a JSON schema, the plainest first; only that one where `breadth` is 0."""
    if level > DEEPEST:
        return
    if (reference := schema.get("$ref")) is not None:
        yield from instances(shared[reference.rpartition("/")[2]], shared, breadth, level + 1)
    elif "const" in schema:
        yield schema["const"]
    elif "enum" in schema:
        yield from schema["enum"]
    elif (options := schema.get("anyOf") or schema.get("oneOf")) is not None:
        found = (value for part in options for value in instances(part, shared, breadth, level + 1))
        yield from islice(found, None if breadth else 1)
    elif schema.get("type") == "array":
        for value in instances(schema.get("items", {}), shared, breadth, level + 1):
            yield [value]
    elif schema.get("type") == "object":
        yield from objects(schema, shared, breadth, level + 1)
    else:
        yield PLAIN.get(schema.get("type", ""), ANYTHING)


def objects(
    schema: dict[str, Any], shared: dict[str, Any], breadth: int, level: int
) -> Iterator[dict[str, Any]]:
    """Yield objects with what they must have, and then with each value of each key."""
    parts = schema.get("properties", {})
    plain = {
        key: value
        for key in schema.get("required", ())
        for value in islice(instances(parts[key], shared, 0, level), 1)
    }
    yield plain
    if not breadth:
        return
    for key, part in parts.items():
        for value in instances(part, shared, breadth - 1, level):
            yield {**plain, key: value}
    if isinstance(more := schema.get("additionalProperties"), dict):
        for value in instances(more, shared, breadth - 1, level):
            yield {**plain, "key": value}


@cache
def values_of(annotation: Any) -> tuple[Any, ...]:
    """Return values of a parameter of the SDK; null is a matter of the form's own tests."""
    if LEFT_OUT.intersection(options := get_args(annotation)):
        annotation = Union[tuple(part for part in options if part not in LEFT_OUT)]  # noqa: UP007
    schema = TypeAdapter(annotation).json_schema()
    shared = schema.get("$defs", {})
    return tuple(value for value in instances(schema, shared) if value is not None)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_field_takes_values_of_sdk(action: ActionDescription) -> None:
    if not action.method:
        return
    hints = get_type_hints(method_of(action), include_extras=True)
    wrong = []
    for field in action.fields:
        if field.encode is not None or field.key not in hints.keys() - OF_THE_SDK:
            continue
        for value in values_of(hints[field.key]):
            try:
                found = field.validator(value)
            except vol.Invalid as err:
                wrong.append((field.key, value, str(err)))
                continue
            # One text where a list of them does as well may become one.
            if found not in (value, [value]):
                wrong.append((field.key, value, found))
    assert not wrong[:5]


RETIRED = {("create_image", "size"): {"256x256", "512x512"}}
"""Words that only models take which are gone."""


def words_of(annotation: Any) -> set[str]:
    """Return the words that a parameter of the SDK names, also in a list."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    return set().union(*map(words_of, get_args(annotation)))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_field_suggests_words_of_sdk(action: ActionDescription) -> None:
    if not action.method:
        return
    hints = get_type_hints(method_of(action), include_extras=True)
    for field in action.fields:
        suggested = {
            option
            for option in field.selector.get("select", {}).get("options", ())
            if "model" not in field.key
        }
        if suggested and field.key in hints:
            retired = RETIRED.get((action.key, field.key), set())
            assert words_of(hints[field.key]) - suggested <= retired, field.key


def test_trigger_suggests_webhook_events_of_sdk() -> None:
    path = Path(const.__file__).with_name("triggers.yaml")
    field: Any = load_yaml_dict(str(path))["webhook_event"]["fields"]["event_type"]
    offered = field["selector"]["select"]["options"]
    assert {event["type"] for event in values_of(UnwrapWebhookEvent)} <= set(offered)
