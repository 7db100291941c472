"""Tools of LLM APIs become functions that OpenAI accepts, and lead back to the tools."""

from collections.abc import Mapping
import json
import re
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import config_validation as cv, llm
from homeassistant.setup import async_setup_component
import probatio
import pytest
import voluptuous as vol

from custom_components.openai_api.llm_schema import to_function_parameters
from custom_components.openai_api.llm_tools import (
    build_function_tools,
    function_name,
    shorten_description,
)

type Json = dict[str, Any]
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_REFUSED_AT_TOP = {"oneOf", "anyOf", "allOf", "enum", "not", "const", "if", "then", "else"}


def refusals(definition: Mapping[str, Any]) -> list[str]:
    """Return why OpenAI would refuse a function; an empty list if it would not."""
    json.dumps(definition, allow_nan=False)
    reasons = []
    if not _NAME.fullmatch(definition["name"]):
        reasons.append("name")
    if len(definition["description"]) > 1024:
        reasons.append("description")
    parameters = definition["parameters"]
    if parameters.get("type") != "object" or not isinstance(parameters.get("properties"), dict):
        reasons.append("no object")
    if _REFUSED_AT_TOP & set(parameters):
        reasons.append("alternatives at the top")
    reasons += _schema_refusals(parameters, "")
    return reasons


def _schema_refusals(schema: Any, path: str) -> list[str]:
    """Return what is wrong in a schema and those in it."""
    if not isinstance(schema, dict):
        return [f"{path}: no object"]
    reasons = []
    if "allOf" in schema:
        reasons.append(f"{path}: allOf")
    if not any(key in schema for key in ("type", "anyOf", "oneOf", "$ref")):
        reasons.append(f"{path}: no type")
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        reasons.append(f"{path}: no items")
    for name, child in (schema.get("properties") or {}).items():
        reasons += _schema_refusals(child, f"{path}/{name}")
    for keyword in ("anyOf", "oneOf"):
        for child in schema.get(keyword) or ():
            reasons += _schema_refusals(child, f"{path}/{keyword}")
    if isinstance(schema.get("items"), dict):
        reasons += _schema_refusals(schema["items"], f"{path}/items")
    return reasons


def tool(
    name: str = "tool", parameters: Any = None, description: str | None = "Does a thing."
) -> llm.Tool:
    """Return a tool that is never called."""

    class AnyTool(llm.Tool):
        pass

    made = AnyTool()  # type: ignore[abstract]
    made.name = name
    made.description = description
    made.parameters = vol.Schema({}) if parameters is None else parameters
    made.integration = "openai_api"
    return made


NAMES = [
    "script__" + "ask_somebody_to_do_something_very_special_" * 3,
    "intent.HassTurnOn",
    "Küche einschalten",
    "灯を点ける",
    "a/b:c d",
    "",
    "x" * 65,
    "\ud83d",
]


@pytest.mark.parametrize("name", NAMES)
def test_invalid_name_is_replaced(name: str) -> None:
    functions = build_function_tools([tool(name)])
    (definition,) = functions.definitions
    assert refusals(definition) == []
    assert functions.tool_name(definition["name"]) == name
    assert definition["name"] == function_name(name)


@pytest.mark.parametrize("name", ["a", "intent__HassTurnOn", "a-b_C9", "x" * 64])
def test_valid_name_is_kept(name: str) -> None:
    functions = build_function_tools([tool(name)])
    assert functions.definitions[0]["name"] == name
    assert functions.tool_names == {name: name}


def test_similar_names_stay_unique() -> None:
    names = ["a.b", "a_b", "a b", "a:b", *("x" * 64 + str(n) for n in range(20))]
    functions = build_function_tools(map(tool, names))
    offered = [definition["name"] for definition in functions.definitions]
    assert len(set(offered)) == len(names)
    assert [functions.tool_name(name) for name in offered] == names
    assert functions.tool_name("a_b") == "a_b"


def test_replaced_name_is_independent_of_other_tools() -> None:
    names = ["a.b", "c.d", "e.f"]
    forward = build_function_tools(map(tool, names)).tool_names
    backward = build_function_tools(map(tool, reversed(names))).tool_names
    assert forward == backward


def test_replaced_name_taken_by_another_tool() -> None:
    taken = function_name("a.b")
    functions = build_function_tools([tool("a.b"), tool(taken)])
    first, second = (definition["name"] for definition in functions.definitions)
    assert first != second == taken
    assert functions.tool_name(first) == "a.b"


def test_reserved_name_is_replaced() -> None:
    functions = build_function_tools([tool("mine"), tool("other")], reserved_names=["mine"])
    first, second = (definition["name"] for definition in functions.definitions)
    assert first not in {"mine", "other"}
    assert functions.tool_name(first) == "mine"
    assert second == "other"


def test_duplicate_name_is_excluded() -> None:
    functions = build_function_tools([tool("same"), tool("same")])
    assert len(functions.definitions) == 1
    assert list(functions.excluded) == ["same"]


def test_function_limit() -> None:
    functions = build_function_tools(
        [tool(f"t{n}") for n in range(200)], reserved_names=["a", "b", "c"]
    )
    assert len(functions.definitions) == 125
    assert list(functions.excluded) == [f"t{n}" for n in range(125, 200)]


@pytest.mark.parametrize("length", [1023, 1024])
def test_description_within_limit(length: int) -> None:
    assert shorten_description("x" * length) == "x" * length


@pytest.mark.parametrize(
    "text", ["x" * 1025, "word " * 400, "Größe 💡 " * 300, "x" * 100_000, "a " + "b" * 2000]
)
@pytest.mark.parametrize("hint", ["", "Requires at least one of: a; b."])
def test_long_description_is_truncated(text: str, hint: str) -> None:
    cut = shorten_description(text, hint)
    assert 500 < len(cut) <= 1024
    assert cut.endswith(hint or "…")
    assert text.startswith(cut.removesuffix(hint).rstrip().removesuffix("…"))


def test_description_missing() -> None:
    assert build_function_tools([tool(description=None)]).definitions[0]["description"] == ""


AT_LEAST_ONE = {
    "type": "object",
    "properties": {"hours": {"type": "integer"}, "minutes": {"type": "integer"}},
    "additionalProperties": False,
    "anyOf": [{"required": ["hours"]}, {"required": ["minutes"]}],
}


@pytest.mark.parametrize(
    ("schema", "wanted", "hint"),
    [
        pytest.param(
            AT_LEAST_ONE,
            {key: AT_LEAST_ONE[key] for key in ("type", "properties", "additionalProperties")},
            "Requires at least one of: hours; minutes.",
            id="any-of-required",
        ),
        pytest.param(
            {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"a": {"type": "integer"}, "c": {"type": "string"}},
                        "required": ["a", "c"],
                    },
                    {
                        "type": "object",
                        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                        "required": ["a"],
                    },
                ]
            },
            {
                "type": "object",
                "properties": {
                    "a": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                    "c": {"type": "string"},
                    "b": {"type": "string"},
                },
                "required": ["a"],
            },
            "Requires at least one of: a and c; a.",
            id="any-of-objects",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
            "Requires exactly one of: a; b.",
            id="one-of",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}},
                "allOf": [{"not": {"required": ["a", "b"]}}, {"required": ["a"]}],
                "not": {"required": ["c"]},
            },
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            "",
            id="all-of-and-not",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "position": {
                        "description": "How far.",
                        "allOf": [
                            {"type": "number", "minimum": 0},
                            {"type": "integer", "minimum": 5, "maximum": 100},
                        ],
                    }
                },
            },
            {
                "type": "object",
                "properties": {
                    "position": {
                        "description": "How far.",
                        "type": "integer",
                        "minimum": 5,
                        "maximum": 100,
                    }
                },
            },
            "",
            id="all-of-in-a-parameter",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {"a": {"allOf": [{"type": "string"}, {"type": "integer"}]}},
            },
            {"type": "object", "properties": {"a": {"type": "string"}}},
            "",
            id="all-of-that-contradicts-itself",
        ),
        pytest.param(
            {"type": "object", "properties": {"muted": {"description": "Whether."}, "x": {}}},
            {
                "type": "object",
                "properties": {
                    "muted": {"type": ["string", "number", "boolean"], "description": "Whether."},
                    "x": {"type": ["string", "number", "boolean"]},
                },
            },
            "",
            id="no-type",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "a": {"enum": ["x", "y"]},
                    "b": {"const": 1},
                    "c": {"minimum": 1},
                    "d": {"properties": {"e": {}}},
                    "f": {"items": {"type": "string"}},
                    "g": {"type": "array"},
                    "h": {"enum": []},
                    "i": {"enum": [None, 1.5]},
                },
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string", "enum": ["x", "y"]},
                    "b": {"type": "integer", "const": 1},
                    "c": {"type": "number", "minimum": 1},
                    "d": {
                        "type": "object",
                        "properties": {"e": {"type": ["string", "number", "boolean"]}},
                    },
                    "f": {"type": "array", "items": {"type": "string"}},
                    "g": {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
                    "h": {"type": ["string", "number", "boolean"]},
                    "i": {"type": ["null", "number"], "enum": [None, 1.5]},
                },
            },
            "",
            id="types-that-follow-from-the-rest",
        ),
        pytest.param(
            {
                "type": "object",
                "allOf": [
                    {
                        "properties": {
                            "a": {"enum": ["x", "y"]},
                            "b": {"type": "array", "items": {"minimum": 1}},
                            "c": {"type": "string"},
                        },
                        "required": ["a"],
                        "additionalProperties": True,
                    },
                    {
                        "properties": {
                            "a": {"enum": ["y", "z"]},
                            "b": {"type": "array", "items": {"minimum": 2, "maximum": 5}},
                            "d": {"type": ["integer", "null"]},
                        },
                        "required": ["a", "d"],
                        "additionalProperties": False,
                    },
                    {"properties": {"a": {"enum": ["w"]}, "d": {"type": "number"}}},
                ],
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string", "enum": ["y"]},
                    "b": {
                        "type": "array",
                        "items": {"type": "number", "minimum": 2, "maximum": 5},
                    },
                    "c": {"type": "string"},
                    "d": {"type": "integer"},
                },
                "required": ["a", "d"],
                "additionalProperties": False,
            },
            "",
            id="all-of-objects",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "a": {"oneOf": []},
                    "b": {"items": [{"type": "string"}, {"type": "string"}, {"type": "null"}]},
                    "c": {"additionalProperties": {"minimum": 1}},
                    "d": False,
                },
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": ["string", "number", "boolean"]},
                    "b": {
                        "type": "array",
                        "items": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    },
                    "c": {
                        "type": "object",
                        "additionalProperties": {"type": "number", "minimum": 1},
                    },
                },
            },
            "",
            id="parts-of-other-drafts",
        ),
        pytest.param({}, {"type": "object", "properties": {}}, "", id="empty"),
        pytest.param(
            {"type": ["object", "null"], "properties": {"a": True}, "required": ["a", "b"]},
            {
                "type": "object",
                "properties": {"a": {"type": ["string", "number", "boolean"]}},
                "required": ["a"],
            },
            "",
            id="nullable-object",
        ),
        pytest.param(
            {
                "$ref": "#/$defs/arguments",
                "$defs": {"arguments": {"type": "object", "properties": {"a": {"type": "string"}}}},
            },
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "$defs": {"arguments": {"type": "object", "properties": {"a": {"type": "string"}}}},
            },
            "",
            id="reference-at-the-top",
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {"type": "number", "maximum": float("inf")}}},
            {"type": "object", "properties": {"a": {"type": "number"}}},
            "",
            id="infinite-number",
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {"items": [{"type": "string"}, {}]}}},
            {
                "type": "object",
                "properties": {
                    "a": {
                        "type": "array",
                        "items": {
                            "anyOf": [
                                {"type": "string"},
                                {"type": ["string", "number", "boolean"]},
                            ]
                        },
                    }
                },
            },
            "",
            id="items-as-a-list",
        ),
        pytest.param(
            {
                "properties": {
                    "a": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                    "b": {"type": "number", "maximum": 9, "exclusiveMaximum": False},
                    "c": {"type": "integer", "exclusiveMinimum": True},
                },
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": "number", "exclusiveMinimum": 0},
                    "b": {"type": "number", "maximum": 9},
                    "c": {"type": "integer"},
                },
            },
            "",
            id="limits-of-older-drafts",
        ),
    ],
)
def test_schema_conversion(schema: Json, wanted: Json, hint: str) -> None:
    before = repr(schema)
    found, text = to_function_parameters(schema)
    assert found == wanted
    assert text == hint
    assert repr(schema) == before
    assert refusals({"name": "t", "description": "", "parameters": found}) == []


def _nested(levels: int) -> Json:
    schema: Json = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"type": "string"},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        _nested(2000),
    ],
)
def test_schema_not_an_object_raises(schema: Json) -> None:
    with pytest.raises(ValueError, match="its"):
        to_function_parameters(schema)


def test_tool_without_schema_is_excluded() -> None:
    def fails(value: Any) -> Any:
        raise RuntimeError("No serializer for this")

    functions = build_function_tools(
        [tool("list", vol.Schema([int])), tool("good"), tool("text", vol.Schema(str))]
    )
    assert [definition["name"] for definition in functions.definitions] == ["good"]
    assert set(functions.excluded) == {"list", "text"}
    assert "array" in functions.excluded["list"]
    failing = build_function_tools([tool("t", vol.Schema({"a": vol.All(str, len)}))], fails)
    assert failing.excluded == {"t": "No serializer for this"}


@pytest.mark.parametrize(
    "parameters",
    [
        vol.Schema({vol.Required(vol.Any("hours", "minutes", "seconds")): int}),
        vol.Schema({vol.Exclusive("a", "g"): int, vol.Exclusive("b", "g"): int}),
        vol.Schema(vol.Any({"a": int}, {"b": str})),
        vol.Schema(cv.has_at_least_one_key("a", "b")),
        vol.Schema(
            {vol.Required("a"): object, "b": cv.color_hex if hasattr(cv, "color_hex") else str}
        ),
        vol.Schema({"a": vol.Any(int, str, None), "b": [object], "c": vol.In({1: "x"})}),
        vol.Schema({"a": vol.All(cv.ensure_list, [cv.string])}),
        vol.Schema({"a": vol.Range(max=float("inf"))}),
        vol.Schema({"a": vol.All(vol.Coerce(float), vol.Any(vol.Range(max=1), vol.Range(min=5)))}),
        vol.Schema({str: object}),
    ],
)
def test_home_assistant_validators(parameters: Any) -> None:
    functions = build_function_tools([tool(parameters=parameters)])
    assert functions.excluded == {}
    assert refusals(functions.definitions[0]) == []


def test_boolean_has_a_type() -> None:
    parameters = probatio.Schema({probatio.Optional("muted"): probatio.Boolean()})
    (definition,) = build_function_tools([tool(parameters=parameters)]).definitions
    assert definition["parameters"]["properties"] == {"muted": {"type": "boolean"}}


def test_instructions_use_function_names() -> None:
    functions = build_function_tools([tool("hall.ring"), tool("hall.ring.twice"), tool("sing")])
    text = functions.rename_in("Tools (hall.ring, hall.ring.twice, sing): hall.ringing is none.")
    first, second, _ = (definition["name"] for definition in functions.definitions)
    assert text == f"Tools ({first}, {second}, sing): hall.ringing is none."


async def test_assist_script_with_long_name(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    assert await async_setup_component(hass, "media_player", {})
    assert await async_setup_component(hass, "cover", {})
    name = "ask_somebody_to_do_something_very_special_in_the_living_room_and_the_kitchen_tonight"
    script = {name: {"description": "Does a thing. " * 120, "sequence": []}}
    assert await async_setup_component(hass, "script", {"script": script})
    from homeassistant.components.homeassistant.exposed_entities import async_expose_entity

    async_expose_entity(hass, "conversation", f"script.{name}", True)
    who = llm.LLMContext("openai_api", Context(), "en", "conversation", None)
    api = await llm.async_get_api(hass, "assist", who)

    functions = build_function_tools(api.tools, api.custom_serializer)

    assert functions.excluded == {}
    assert len(functions.definitions) == len(api.tools)
    assert [refusals(item) for item in functions.definitions] == [[]] * len(api.tools)
    assert any(name in tool_name for tool_name in functions.tool_names.values())
