"""JSON Schemas for structured answers, and the check of what came back."""

import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
import orjson
import probatio

from ..types import Json

_ANNOTATIONS: Final = frozenset({"default", "examples", "deprecated", "uniqueItems", "$comment"})
_FORMATS: Final = frozenset(
    {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
"""The formats that the strict subset knows, but for times: those of JSON Schema have a time zone."""
_TIME: Final = "time"
_TIME_OF_DAY: Final = "(HH:MM:SS)"
_WITH_ZONE: Final = re.compile(r"(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?")
_NUMBER: Final = re.compile(r"\s*-?\d{1,15}(?:\.\d{1,15})?\s*")
_BEYOND: Final = frozenset(
    {"$ref", "allOf", "dependentRequired", "dependentSchemas", "else", "if", "not", "oneOf", "then"}
)


class Mismatch(ValueError):
    """An answer is not what the structure says; the text says why, for the model."""


def to_schema(structure: probatio.Schema, api: llm.APIInstance | None) -> Json:
    """Return the JSON Schema of a structure: `{"type": "object", "properties": {…}, …}`."""
    serializer = (api.custom_serializer if api else None) or llm.selector_serializer
    schema: Json = probatio.to_openapi(
        structure, custom_serializer=serializer, openapi_version="3.1.0"
    )
    return without_empty_choices(schema)


def without_empty_choices(schema: Json) -> Json:
    """Return a schema without properties that may be left out and have no value to choose.

    Services refuse the whole request for an empty `enum`. Home Assistant asks so for a category
    or labels where there are none. Returns a JSON Schema such as `{"type": "object", …}`.
    """
    found = {key: value for key, value in schema.items() if (key, value) != ("enum", [])}
    if isinstance(items := found.get("items"), dict):
        found["items"] = without_empty_choices(items)
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(branches := found.get(key), list):
            found[key] = [
                without_empty_choices(branch) if isinstance(branch, dict) else branch
                for branch in branches
            ]
    if isinstance(properties := found.get("properties"), dict):
        required = found.get("required") or ()
        found["properties"] = {
            name: without_empty_choices(value) if isinstance(value, dict) else value
            for name, value in properties.items()
            if name in required or not _is_choice_of_none(value)
        }
    return found


def _is_choice_of_none(schema: Any) -> bool:
    """Return whether no value fits a schema, or none but an empty list."""
    if not isinstance(schema, dict):
        return False
    items = schema.get("items")
    return schema.get("enum") == [] or (isinstance(items, dict) and items.get("enum") == [])


def strict(schema: Json) -> Json | None:
    """Return a schema in the subset that services enforce, None where it cannot be said there.

    In that subset every property is required, and one that may be left out can be null:
    `{"type": "object", "properties": {…}, "required": […], "additionalProperties": false}`
    (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
    """
    while isinstance(branches := schema.get("allOf"), list) and len(branches) == 1:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        schema = {**branches[0], **rest}
    if not schema or _BEYOND & schema.keys():
        return None
    found = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    if found.get("format") not in _FORMATS and found.pop("format", None) == _TIME:
        found["description"] = f"{found.get('description', '')} {_TIME_OF_DAY}".strip()
    if "anyOf" in found:
        variants = [strict(variant) for variant in found["anyOf"]]
        if any(variant is None for variant in variants):
            return None
        found["anyOf"] = variants
    if found.get("type") == "object":
        if found.get("additionalProperties", False) is not False:
            return None
        required = found.get("required") or []
        properties = {}
        for name, value in (found.get("properties") or {}).items():
            if (inner := strict(value)) is None:
                return None
            properties[name] = inner if name in required else _nullable(inner)
        found |= {
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    elif found.get("type") == "array":
        if not isinstance(items := found.get("items"), dict) or (inner := strict(items)) is None:
            return None
        found["items"] = inner
    return found


def _nullable(schema: Json) -> Json:
    """Return a schema that takes null, too."""
    kind = schema.get("type")
    if not isinstance(kind, str) or "enum" in schema or "const" in schema:
        description = {"description": schema["description"]} if "description" in schema else {}
        return {"anyOf": [schema, {"type": "null"}], **description}
    return {**schema, "type": [kind, "null"]}


def parse(text: str) -> Json:
    """Return the JSON object in an answer, `{…}`, also one with a fence or words around it.

    Raises Mismatch where there is none.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise Mismatch("The answer holds no JSON object.")
    try:
        found: Json = orjson.loads(text[start : end + 1])
    except orjson.JSONDecodeError as err:
        raise Mismatch(f"The answer is no valid JSON: {err}") from None
    return found


def check(structure: probatio.Schema, schema: Json, data: Json) -> Json:
    """Return the data, `{property: value}`, without nulls for what may be left out.

    Raises Mismatch where they do not fit the structure.
    """
    found = _without_nulls(data, schema, "data")
    try:
        structure(found)
    except (probatio.Invalid, HomeAssistantError) as err:
        raise Mismatch(str(err)) from None
    result: Json = found
    return result


def _without_nulls(value: Any, schema: Any, path: str) -> Any:
    """Return a value without the nulls of optional properties, and as it must have been meant.

    A switch is checked here: the selector would take the text "false" for true.
    """
    if not isinstance(schema, dict):
        return value
    value = _as_meant(value, schema)
    if schema.get("type") == "boolean" and not isinstance(value, bool):
        raise Mismatch(f"{path} must be true or false.")
    if schema.get("type") == "array" and isinstance(value, list):
        return [_without_nulls(item, schema.get("items"), f"{path}[]") for item in value]
    properties = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    required = schema.get("required") or ()
    return {
        key: _without_nulls(item, properties.get(key), f"{path}.{key}")
        for key, item in value.items()
        if item is not None or key in required or key not in properties
    }


def _as_meant(value: Any, schema: Json) -> Any:
    """Return a value that is only written otherwise than its schema says, as that says it.

    Small models write one item without its list, and a number as a text. No text, and one that
    looks like a list, is no item.
    """
    kind = schema.get("type")
    if kind == "array" and isinstance(value, str | int | float) and not isinstance(value, bool):
        is_item = not isinstance(value, str) or value.lstrip()[:1] not in {"", "["}
        return [value] if is_item else value
    if not isinstance(value, str):
        return value
    if kind in {"number", "integer"} and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if schema.get("format") == _TIME and (found := _WITH_ZONE.fullmatch(value)) is not None:
        return found[1]
    return value
