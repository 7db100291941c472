"""What the model would say: answers that follow from the question."""

from __future__ import annotations

from collections.abc import Iterable
import json
import re
from typing import Any

from .wire import Json

MAX_DEPTH = 6
FORMATS = {
    "date": "2026-01-31",
    "time": "12:30:00Z",
    "date-time": "2026-01-31T12:30:00Z",
    "duration": "PT5M",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}


def tokens(text: str) -> int:
    """Estimate how many tokens a text has."""
    return (len(text) + 3) // 4


def pieces(text: str) -> list[str]:
    """Cut a text into the pieces it is streamed in."""
    return re.findall(r"\S+\s*|\s+", text)


def echo(prompt: str, turn: int = 1, attachments: Iterable[str] = ()) -> str:
    """Answer a prompt."""
    answer = f"You said: {prompt}"
    if shown := ", ".join(attachments):
        answer += f" (with {shown})"
    return answer if turn == 1 else f"{answer} (turn {turn} of our conversation)"


def wanted_tools(tools: Any, choice: Any, prompt: str, parallel: bool) -> list[Json]:
    """Return the function tools that the model would call.

    These are the ones named in the prompt, or the one that the tool choice insists on.
    """
    functions: list[Json] = [
        tool.get("function", tool)
        for tool in tools or ()
        if isinstance(tool, dict) and tool.get("type") == "function"
    ]
    if choice == "none" or not functions:
        return []
    if isinstance(choice, dict):
        name = choice.get("function", choice).get("name")
        return [tool for tool in functions if tool["name"] == name]
    named = [tool for tool in functions if tool["name"] in prompt]
    if choice == "required" and not named:
        return functions[:1]
    return named if parallel else named[:1]


def arguments(tool: Json, prompt: str) -> str:
    """Return JSON arguments for a function tool."""
    return json.dumps(example(tool.get("parameters") or {"type": "object"}, prompt))


def structured(text_format: Any, prompt: str) -> str | None:
    """Return the JSON that a text format asks for, None where it wants plain text."""
    if not isinstance(text_format, dict):
        return None
    match text_format.get("type"):
        case "json_schema":
            # Chat completions nest what the Responses API spells out flat.
            schema = text_format.get("json_schema", text_format).get("schema", {})
            return json.dumps(example(schema, prompt))
        case "json_object":
            return json.dumps({"answer": echo(prompt)})
    return None


def example(schema: Json, seed: str, root: Json | None = None, depth: int = 0) -> Any:
    """Return a value that is valid against a schema and depends on the seed."""
    root = schema if root is None else root
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        named = [value for value in schema["enum"] if str(value) in seed]
        return (named or schema["enum"])[0]
    for union in ("anyOf", "oneOf"):
        if options := schema.get(union):
            plain = [option for option in options if option.get("type") != "null"]
            option = options[-1] if depth > MAX_DEPTH else (plain or options)[0]
            return example(option, seed, root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = "null" if depth > MAX_DEPTH and "null" in kind else kind[0]
    match kind:
        case "object":
            return {
                name: example(value, seed, root, depth + 1)
                for name, value in schema.get("properties", {}).items()
                if depth <= MAX_DEPTH or name in schema.get("required", ())
            }
        case "array":
            shortest = schema.get("minItems", 0)
            count = shortest if depth > MAX_DEPTH else max(shortest, 1)
            count = min(count, schema.get("maxItems", count))
            items = schema.get("items", {"type": "string"})
            return [example(items, seed, root, depth + 1) for _ in range(count)]
        case "boolean":
            return not re.search(r"\b(off|no|not|false)\b", seed)
        case "integer" | "number":
            return _number(schema, seed, whole=kind == "integer")
        case "null":
            return None
    return _text(schema, seed)


def _resolved(schema: Json, root: Json) -> Json:
    """Follow a reference and merge what must hold all at once."""
    while reference := schema.get("$ref"):
        target: Any = root
        for step in reference.removeprefix("#").strip("/").split("/"):
            target = target[step] if step else target
        schema = target
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema.get("allOf", ()):
        for key, value in _resolved(part, root).items():
            if isinstance(value, dict):
                merged[key] = {**merged.get(key, {}), **value}
            elif isinstance(value, list):
                merged[key] = [*merged.get(key, ()), *value]
            else:
                merged[key] = value
    return merged


def _number(schema: Json, seed: str, *, whole: bool) -> float:
    """Return the first number of the seed, moved into the schema's range."""
    found = re.search(r"-?\d+(\.\d+)?", seed)
    step = schema.get("multipleOf")
    gap = step or (1 if whole else 0.5)
    value = float(found[0]) if found else 1.0
    if (low := schema.get("minimum")) is not None:
        value = max(value, low)
    if (low := schema.get("exclusiveMinimum")) is not None and value <= low:
        value = low + gap
    if (high := schema.get("maximum")) is not None:
        value = min(value, high)
    if (high := schema.get("exclusiveMaximum")) is not None and value >= high:
        value = high - gap
    if step:
        value = value // step * step
    return int(value) if whole else value


def _text(schema: Json, seed: str) -> str:
    """Return the seed, in the schema's format and length."""
    text = FORMATS.get(schema.get("format", ""), seed)
    text = text.ljust(schema.get("minLength", 0), ".")
    return text[: schema.get("maxLength", len(text))]
