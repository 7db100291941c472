"""JSON Schemas of tools within the part of the language that OpenAI accepts for functions.

The parameters of a function are an object without anyOf, oneOf, allOf, enum or not at the top;
every parameter has a type, every array its items, and no intersections.
"""

from collections.abc import Callable, Iterable, Mapping
import math
from typing import Any, Final

from .types import Json

_MAX_DEPTH: Final = 40
_MAX_LISTED: Final = 8
"""Alternatives that a hint names."""
_SCALARS: Final = ("string", "number", "boolean")
_NOT_AT_TOP: Final = (
    *("anyOf", "oneOf", "allOf", "enum", "const", "not", "if", "then", "else"),
    *("dependentRequired", "dependentSchemas"),
)
_ALTERNATIVES: Final = ("anyOf", "oneOf")
_SCHEMA_MAPS: Final = ("properties", "patternProperties", "$defs", "definitions")
# What a keyword says about the type of the value it restricts.
_TYPE_OF_KEYWORD: Final = {
    **dict.fromkeys(("properties", "required", "additionalProperties"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems"), "array"),
    **dict.fromkeys(("pattern", "minLength", "maxLength", "format"), "string"),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), "number"),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), "number"),
}
_TIGHTEST: Final[Mapping[str, Callable[..., Any]]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems"), min),
}
_MISSING: Final = object()


def to_function_parameters(schema: Mapping[str, Any]) -> tuple[Json, str]:
    """Return the parameters of a function, and a hint on what they cannot express.

    Returns `({"type": "object", "properties": …}, hint)`. `schema` is the JSON Schema of a tool's
    arguments; it is not changed. The hint is a sentence for the description of the function such as
    "Requires at least one of: hours; minutes.", or "". Raises ValueError if no object fits the
    schema.
    """
    plain = _plain(schema)
    parameters = _simplify(_dereferenced(plain, plain), is_arguments=True)
    parameters, hint = _without_alternatives(parameters)
    for keyword in _NOT_AT_TOP:
        parameters.pop(keyword, None)
    types = _types(parameters.get("type", "object"))
    if "object" not in types:
        raise ValueError(f"its arguments are no object but {', '.join(types)}")
    properties = parameters.get("properties")
    parameters = {**parameters, "type": "object", "properties": properties or {}}
    _keep_known_required(parameters)
    return parameters, hint


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a copy that JSON can hold: no infinite numbers, no keys but texts."""
    if depth > _MAX_DEPTH:
        raise ValueError("its parameters are nested too deeply")
    if isinstance(value, Mapping):
        copied = {str(key): _plain(item, depth + 1) for key, item in value.items()}
        return {key: item for key, item in copied.items() if item is not _MISSING}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        copies = (_plain(item, depth + 1) for item in items)
        return [item for item in copies if item is not _MISSING]
    if isinstance(value, float) and not math.isfinite(value):
        return _MISSING
    # Members of enumerations are subclasses of what they stand for.
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    return None if value is None else str(value)


def _dereferenced(schema: Json, root: Json) -> Json:
    """Return the schema that a reference at the top leads to."""
    seen: set[str] = set()
    while isinstance(reference := schema.get("$ref"), str):
        target: Any = root
        for part in reference.removeprefix("#").strip("/").split("/"):
            target = target.get(part) if isinstance(target, dict) else None
        if reference in seen or not isinstance(target, dict):
            raise ValueError(f"its parameters refer to {reference}, which does not exist")
        seen.add(reference)
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **siblings}
    return schema


def _simplify(schema: Any, *, is_arguments: bool = False) -> Json:
    """Return a schema without intersections whose every part has a type.

    Arguments as a whole are an object, whether or not they say so.
    """
    if not isinstance(schema, dict):
        return {"type": list(_SCALARS)}
    simplified = {key: value for key, value in schema.items() if key != "allOf"}
    for keyword in _SCHEMA_MAPS:
        if isinstance(children := simplified.get(keyword), dict):
            simplified[keyword] = {
                name: _simplify(child) for name, child in children.items() if child is not False
            }
    for keyword in _ALTERNATIVES:
        if isinstance(branches := simplified.get(keyword), list):
            simplified[keyword] = [
                # What only names keys is no value that needs a type.
                branch if _is_requirement(branch) else _simplify(branch)
                for branch in branches
            ]
            if not branches:
                del simplified[keyword]
    if isinstance(items := simplified.get("items"), list):
        simplified["items"] = _one_of(_simplify(item) for item in items)
    elif "items" in simplified:
        simplified["items"] = _simplify(items)
    if isinstance(extra := simplified.get("additionalProperties"), dict):
        simplified["additionalProperties"] = _simplify(extra) if extra else True
    for part in schema.get("allOf") or ():
        if isinstance(part, dict) and set(part) != {"not"}:
            simplified = _merged(
                simplified,
                _simplify(part, is_arguments=is_arguments) if not _is_requirement(part) else part,
            )
    if simplified.get("enum") == []:
        del simplified["enum"]
    _name_limits(simplified)
    return simplified if is_arguments else _typed(simplified)


def _name_limits(schema: Json) -> None:
    """Say limits as numbers that older schemas, such as those of MCP servers, say by true or false."""
    for bound in ("minimum", "maximum"):
        exclusive = f"exclusive{bound.capitalize()}"
        if isinstance(excludes := schema.get(exclusive), bool):
            del schema[exclusive]
            if excludes and bound in schema:
                schema[exclusive] = schema.pop(bound)


def _typed(schema: Json) -> Json:
    """Return a schema that says of what type its value is."""
    if not any(key in schema for key in ("type", "anyOf", "oneOf", "$ref")):
        values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
        if values:
            types = list(dict.fromkeys(map(_type_of, values)))
        else:
            types = list(
                dict.fromkeys(_TYPE_OF_KEYWORD[key] for key in schema if key in _TYPE_OF_KEYWORD)
            )
        types = types or list(_SCALARS)
        schema = {"type": types[0] if len(types) == 1 else types, **schema}
    if "array" in _types(schema.get("type")) and "items" not in schema:
        schema = {**schema, "items": _one_of(schema.get("prefixItems") or ())}
    return schema


def _type_of(value: Any) -> str:
    """Return the JSON Schema type of a value."""
    if value is None:
        return "null"
    types = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return types.get(type(value), "object")


def _types(value: Any) -> list[str]:
    """Return the types that the keyword `type` names."""
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _one_of(schemas: Iterable[Any]) -> Json:
    """Return a schema for any of these; for scalars if there are none."""
    distinct: list[Json] = []
    for schema in map(_simplify, schemas):
        if schema not in distinct:
            distinct.append(schema)
    if not distinct:
        return {"type": list(_SCALARS)}
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _is_requirement(schema: Any) -> bool:
    """Return whether a schema does nothing but name keys that must be there."""
    return isinstance(schema, dict) and set(schema) == {"required"}


def _merged(first: Json, second: Json) -> Json:
    """Return one schema for two that hold at once; what contradicts the first is left out.

    Home Assistant's validators run one after the other: the first sees what the model sends.
    """
    merged = dict(first)
    for key, value in second.items():
        if key not in merged:
            merged[key] = value
            continue
        known = merged[key]
        if key == "type":
            merged[key] = _common_type(known, value)
        elif key in _TIGHTEST and not isinstance(known, bool):
            merged[key] = _TIGHTEST[key](known, value)
        elif key == "enum":
            merged[key] = [item for item in known if item in value] or known
        elif key == "required":
            merged[key] = list(dict.fromkeys([*known, *value]))
        elif key in _SCHEMA_MAPS:
            merged[key] = {
                **known,
                **{
                    name: _merged(known[name], child) if name in known else child
                    for name, child in value.items()
                },
            }
        elif key == "items":
            merged[key] = _merged(known, value)
        elif key == "additionalProperties" and value is False:
            merged[key] = False
    return merged


def _common_type(first: Any, second: Any) -> Any:
    """Return the types that two keywords have in common; the first ones if there are none."""
    types, others = _types(first), _types(second)
    common = [name for name in types if name in others]
    if "integer" not in common and "integer" in others and "number" in types:
        common.append("integer")
    if "integer" in types and "number" in others and "integer" not in common:
        common.append("integer")
    if not common:
        return first
    return common[0] if len(common) == 1 else common


def _without_alternatives(schema: Json) -> tuple[Json, str]:
    """Return an object schema that allows what any of its alternatives does, and a hint."""
    merged, hints = schema, []
    for keyword in _ALTERNATIVES:
        branches = [item for item in merged.get(keyword) or () if isinstance(item, dict)]
        merged = {key: value for key, value in merged.items() if key != keyword}
        objects = [
            branch
            for branch in branches
            if _is_requirement(branch) or "object" in _types(branch.get("type", "object"))
        ]
        if branches and not objects and "properties" not in merged:
            raise ValueError("its arguments are no object")
        if not objects:
            continue
        merged = _joined(merged, objects)
        needed = [branch["required"] for branch in objects if branch.get("required")]
        if len(needed) == len(objects) > 1:
            quantity = "exactly one" if keyword == "oneOf" else "at least one"
            listed = "; ".join(" and ".join(map(str, keys)) for keys in needed[:_MAX_LISTED])
            hints.append(f"Requires {quantity} of: {listed}.")
    return merged, " ".join(hints)


def _joined(schema: Json, branches: list[Json]) -> Json:
    """Return an object schema with the properties of its alternatives."""
    properties: Json = dict(schema.get("properties") or {})
    inner = [_without_alternatives(branch)[0] for branch in branches]
    for branch in inner:
        for name, child in (branch.get("properties") or {}).items():
            known = properties.get(name)
            properties[name] = child if known is None else _one_of([known, child])
    needed = [set(branch.get("required") or ()) for branch in inner]
    always = set.intersection(*needed)
    required = [*(schema.get("required") or ()), *sorted(always)]
    described = [branch for branch in inner if "properties" in branch]
    is_closed = all(branch.get("additionalProperties") is False for branch in described)
    closed = {"additionalProperties": False} if described and is_closed else {}
    joined = {**closed, **schema, "type": "object", "properties": properties}
    return {**joined, "required": list(dict.fromkeys(required))}


def _keep_known_required(schema: Json) -> None:
    """Leave out of `required` what is no property; an empty list is left out, too."""
    required = [name for name in schema.pop("required", None) or () if name in schema["properties"]]
    if required:
        schema["required"] = required
