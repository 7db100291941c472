"""Checks values against a JSON Schema, as far as that shows whether a server obeyed it."""

from collections.abc import Callable
from typing import Any

from ..types import Json

_MAX_DEPTH = 20
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool)
        and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}


def mismatch(schema: Json, value: Any) -> str | None:
    """Return where a value does not match a schema, such as `$.rooms[0].name`; None if it does.

    Checks `type`, `enum`, `const`, `required`, `properties`, `additionalProperties: false`,
    `items`, `anyOf`, `oneOf`, `allOf` and references within the schema; other keywords, such as
    bounds and patterns, are ignored.
    """
    return _Check(schema).find(schema, value, "$", 0)


class _Check:
    """Finds the first place that does not match."""

    def __init__(self, root: Json) -> None:
        """Take the schema that references point into."""
        self._root = root

    def find(self, schema: Any, value: Any, place: str, depth: int) -> str | None:
        """Return the place that does not match, None if all do."""
        if not isinstance(schema, dict) or depth > _MAX_DEPTH:
            return None
        if isinstance(reference := schema.get("$ref"), str):
            return self.find(self._resolve(reference), value, place, depth + 1)
        if not _has_type(schema.get("type"), value, nullable=schema.get("nullable") is True):
            return place
        if isinstance(enum := schema.get("enum"), list) and value not in enum:
            return place
        if "const" in schema and value != schema["const"]:
            return place
        if (found_at := self._find_in_options(schema, value, place, depth)) is not None:
            return found_at
        if isinstance(value, dict):
            return self._find_in_object(schema, value, place, depth)
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            for index, item in enumerate(value):
                found_at = self.find(schema["items"], item, f"{place}[{index}]", depth + 1)
                if found_at is not None:
                    return found_at
        return None

    def _find_in_options(self, schema: Json, value: Any, place: str, depth: int) -> str | None:
        """Return the place that matches no alternative, or not all of `allOf`."""
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if isinstance(options, list) and options:
                mismatches = [self.find(option, value, place, depth + 1) for option in options]
                if None not in mismatches:
                    return place
        options = schema.get("allOf")
        for option in options if isinstance(options, list) else ():
            if (found_at := self.find(option, value, place, depth + 1)) is not None:
                return found_at
        return None

    def _find_in_object(self, schema: Json, value: Json, place: str, depth: int) -> str | None:
        """Return the place in an object that does not match."""
        required = schema.get("required")
        for key in required if isinstance(required, list) else ():
            if key not in value:
                return f"{place}.{key}"
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        for key, item in value.items():
            if key in properties:
                mismatch = self.find(properties[key], item, f"{place}.{key}", depth + 1)
                if mismatch is not None:
                    return mismatch
            elif schema.get("additionalProperties") is False:
                return f"{place}.{key}"
        return None

    def _resolve(self, reference: str) -> Any:
        """Return the part of the schema that a reference such as `#/$defs/room` points at."""
        target: Any = self._root
        for key in reference.removeprefix("#").split("/")[1:]:
            target = target.get(key) if isinstance(target, dict) else None
        return target


def _has_type(expected: object, value: Any, *, nullable: bool) -> bool:
    """Return whether a value is of one of the types."""
    if nullable and value is None:
        return True
    names = expected if isinstance(expected, list) else [expected]
    known = [_TYPES[name] for name in names if isinstance(name, str) and name in _TYPES]
    return not known or any(is_type(value) for is_type in known)
