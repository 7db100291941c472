"""Prints a draft row for a method of the SDK, such as `vector_stores.search`."""

import argparse
import ast
import inspect
from pathlib import Path
import sys
from typing import Any, Union, get_args, get_origin, get_type_hints

from openai import AsyncOpenAI, Omit

sys.path.insert(0, str(Path(__file__).parent.parent))

_OF_THE_SDK = {"self", "extra_headers", "extra_query", "extra_body", "timeout", "stream_cls"}
# How the SDK marks what is no plain object.
_ANSWERS = {"Paginator": "LIST", "BinaryResponse": "FILE", "NoneType": "NONE"}
_KINDS = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "dict": "json_object",
    "list": "objects",
}


def find(method: str) -> Any:
    """Return the SDK's method; exits with a message if it has none of that name."""
    target: Any = AsyncOpenAI(api_key="unused")
    for part in method.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            sys.exit(f"The SDK has no {method}: {type(target).__name__} knows no {part!r}")
    return target


def variants(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows, without the SDK's own marks."""
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        return [found for part in get_args(annotation) for found in variants(part)]
    return [] if annotation is Omit else [annotation]


def draft_field(name: str, parameter: inspect.Parameter, annotation: Any) -> str:
    """Return a draft of a parameter's field."""
    types = variants(annotation)
    is_nullable = type(None) in types
    literals = [value for kind in types for value in get_args(kind) if isinstance(value, str)]
    origins = [get_origin(kind) or kind for kind in types if kind is not type(None)]
    words = {getattr(origin, "__name__", str(origin)) for origin in origins}
    title = name.replace("_", " ").capitalize()
    options = f", {tuple(literals)!r}" if literals and words <= {"Literal", "str"} else ""
    if options:
        kind = "choice"
    elif words & {"str"} and len(words) > 1:
        kind = "string_or_object"
    else:
        kind = next((_KINDS[word] for word in _KINDS if word in words), "json_object")
        kind = "values" if words & {"Iterable", "SequenceNotStr", "List"} else kind
    if parameter.default is inspect.Parameter.empty and name.endswith("_id"):
        kind = "identifier"
    rest = ", nullable=True" if is_nullable else ""
    return f'{kind}("{name}", "{title}", "…"{options}{rest}),'


def draft(method: str) -> str:
    """Return a draft row for a method."""
    function = inspect.unwrap(find(method))
    signature = inspect.signature(function)
    hints = get_type_hints(function)
    needed: list[str] = []
    rest: list[str] = []
    for name, parameter in signature.parameters.items():
        if name in _OF_THE_SDK:
            continue
        line = draft_field(name, parameter, hints.get(name, Any))
        (needed if parameter.default is inspect.Parameter.empty else rest).append(line)
    *resources, last = method.split(".")
    key = f"{last}_{resources[-1].removesuffix('s')}"
    answer = str(hints.get("return"))
    kind = next((kind for mark, kind in _ANSWERS.items() if mark in answer), "")
    verb = inspect.getsource(function).partition("self._")[2]
    rest_of_row = f"response=ResponseKind.{kind}," if kind else ""
    rest_of_row += "has_body=False," if verb.startswith(("get", "delete")) else ""
    row = f"""ActionDescription(
    key="{key}",
    method="{method}",
    name="{key.replace("_", " ").capitalize()}",
    description="…",
    icon="mdi:…",
    fields=(*required({" ".join(needed)}), *advanced({" ".join(rest)})),
    {rest_of_row}
)"""
    ast.parse(row)
    return row


def main() -> None:
    """Print the draft."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", help="for example vector_stores.search")
    print(draft(parser.parse_args().method))


if __name__ == "__main__":
    main()
