"""JSON Schemas for structured output, and the validation of the answer."""

import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
import orjson
import probatio

from ..types import Json

_ANNOTATIONS: Final = frozenset({"default", "examples", "deprecated", "uniqueItems", "$comment"})
_FORMATS: Final = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)
"""The formats of the strict subset, without `time`: that of JSON Schema has a time zone."""
_TIME: Final = "time"
_TIME_OF_DAY: Final = "(HH:MM:SS)"
_TIME_WITH_ZONE: Final = re.compile(r"(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?")
_NUMBER: Final = re.compile(r"\s*-?\d{1,15}(?:\.\d{1,15})?\s*")
_UNSUPPORTED_KEYS: Final = frozenset(
    {"$ref", "allOf", "dependentRequired", "dependentSchemas", "else", "if", "not", "oneOf", "then"}
)


class StructureMismatch(ValueError):
    """An answer does not match the structure; the message says why, for the model."""


def to_schema(structure: probatio.Schema, api: llm.APIInstance | None) -> Json:
    """Return the JSON Schema of a structure: `{"type": "object", "properties": {…}, …}`."""
    serializer = (api.custom_serializer if api else None) or llm.selector_serializer
    schema: Json = probatio.to_openapi(
        structure, custom_serializer=serializer, openapi_version="3.1.0"
    )
    return _remove_empty_enums(schema)


def _remove_empty_enums(schema: Json) -> Json:
    """Return a schema without optional properties that have an empty `enum`.

    Services refuse the whole request for an empty `enum`. Home Assistant asks so for a category
    or labels where there are none. Returns a JSON Schema such as `{"type": "object", …}`.
    """
    result = {key: value for key, value in schema.items() if (key, value) != ("enum", [])}
    if isinstance(items := result.get("items"), dict):
        result["items"] = _remove_empty_enums(items)
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(branches := result.get(key), list):
            result[key] = [
                _remove_empty_enums(branch) if isinstance(branch, dict) else branch
                for branch in branches
            ]
    if isinstance(properties := result.get("properties"), dict):
        required = result.get("required") or ()
        result["properties"] = {
            name: _remove_empty_enums(value) if isinstance(value, dict) else value
            for name, value in properties.items()
            if name in required or not _has_empty_enum(value)
        }
    return result


def _has_empty_enum(schema: Any) -> bool:
    """Return whether a schema, or that of its items, has an empty `enum`."""
    if not isinstance(schema, dict):
        return False
    items = schema.get("items")
    return schema.get("enum") == [] or (isinstance(items, dict) and items.get("enum") == [])


def to_strict_schema(schema: Json) -> Json | None:
    """Return a schema in the subset that services enforce, None where that cannot express it.

    In that subset every property is required, and one that may be left out can be null:
    `{"type": "object", "properties": {…}, "required": […], "additionalProperties": false}`
    (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
    """
    while isinstance(branches := schema.get("allOf"), list) and len(branches) == 1:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        schema = {**branches[0], **rest}
    if not schema or _UNSUPPORTED_KEYS & schema.keys():
        return None
    result = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    if result.get("format") not in _FORMATS and result.pop("format", None) == _TIME:
        result["description"] = f"{result.get('description', '')} {_TIME_OF_DAY}".strip()
    if "anyOf" in result:
        variants = [to_strict_schema(variant) for variant in result["anyOf"]]
        if any(variant is None for variant in variants):
            return None
        result["anyOf"] = variants
    if result.get("type") == "object":
        if result.get("additionalProperties", False) is not False:
            return None
        required = result.get("required") or []
        properties = {}
        for name, value in (result.get("properties") or {}).items():
            if (converted := to_strict_schema(value)) is None:
                return None
            properties[name] = converted if name in required else _nullable(converted)
        result |= {
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    elif result.get("type") == "array":
        if (
            not isinstance(items := result.get("items"), dict)
            or (converted := to_strict_schema(items)) is None
        ):
            return None
        result["items"] = converted
    return result


def _nullable(schema: Json) -> Json:
    """Return a schema that also allows null."""
    kind = schema.get("type")
    if not isinstance(kind, str) or "enum" in schema or "const" in schema:
        description = {"description": schema["description"]} if "description" in schema else {}
        return {"anyOf": [schema, {"type": "null"}], **description}
    return {**schema, "type": [kind, "null"]}


def parse_object(text: str) -> Json:
    """Return the JSON object in an answer, `{…}`, also with a code fence or text around it.

    Raises StructureMismatch where there is none.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise StructureMismatch("The answer holds no JSON object.")
    try:
        result: Json = orjson.loads(text[start : end + 1])
    except orjson.JSONDecodeError as err:
        raise StructureMismatch(f"The answer is no valid JSON: {err}") from None
    return result


def validate(structure: probatio.Schema, schema: Json, data: Json) -> Json:
    """Return the data, `{property: value}`, without nulls for what may be left out.

    Raises StructureMismatch where they do not fit the structure.
    """
    result: Json = _without_nulls(data, schema, "data")
    try:
        structure(result)
    except (probatio.Invalid, HomeAssistantError) as err:
        raise StructureMismatch(str(err)) from None
    return result


def _without_nulls(value: Any, schema: Any, path: str) -> Any:
    """Return a value without the nulls of optional properties, and with the types of its schema.

    Booleans are checked here: the selector would take the text "false" for true.
    """
    if not isinstance(schema, dict):
        return value
    value = _coerce(value, schema)
    if schema.get("type") == "boolean" and not isinstance(value, bool):
        raise StructureMismatch(f"{path} must be true or false.")
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


def _coerce(value: Any, schema: Json) -> Any:
    """Return a value in the type of its schema, if the conversion is unambiguous.

    Small models write one item without its list, and a number as a text. An empty text, and one
    that looks like a list, is no item.
    """
    kind = schema.get("type")
    if kind == "array" and isinstance(value, str | int | float) and not isinstance(value, bool):
        is_item = not isinstance(value, str) or value.lstrip()[:1] not in {"", "["}
        return [value] if is_item else value
    if not isinstance(value, str):
        return value
    if kind in {"number", "integer"} and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if schema.get("format") == _TIME and (result := _TIME_WITH_ZONE.fullmatch(value)) is not None:
        return result[1]
    return value
