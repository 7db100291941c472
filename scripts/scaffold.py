"""Prints a draft row for a method of the SDK, such as `vector_stores.search`.

Verb, body, answer, stream and paging follow from the request that the SDK makes and from the
method's signature and return type; fields that other rows share are named, not repeated.
"""

import argparse
import ast
import asyncio
from collections.abc import Collection, Iterator
from functools import cache, cached_property
import inspect
from itertools import takewhile
from pathlib import Path
import sys
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
import warnings

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from openai import AsyncOpenAI, AsyncStream, Omit
from openai._resource import AsyncAPIResource

sys.path.insert(0, str(Path(__file__).parent.parent))

from sdk_facts import learn_request

from custom_components.openai_api.action import (
    ActionDescription,
    FieldDescription,
    advanced,
    required,
)
from custom_components.openai_api.actions import ACTION_GROUPS, ACTIONS, common_fields, fields

_OF_THE_SDK = {"self", "extra_headers", "extra_query", "extra_body", "timeout", "stream_cls"}
# How the SDK marks what is no plain object.
_OF_ACTION = {
    *("ActionDescription", "Permission", "ResponseKind"),
    *("advanced", "get_action", "list_action", "required"),
}
_ANSWERS = {"Paginator": "LIST", "BinaryResponse": "FILE", "NoneType": "NONE"}
_KINDS = {
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "str": "text",
    "dict": "json_object",
}
_VERBS = {"update": "modify"}
_PAGING = ("after", "limit", "order")
_SHARED = {
    name: value
    for name, value in vars(common_fields).items()
    if isinstance(value, FieldDescription)
}
_PLACEHOLDER = "…"


@cache
def _client() -> AsyncOpenAI:
    """Return a client to look for methods in."""
    return AsyncOpenAI(api_key="unused")


def find(method: str) -> Any:
    """Return the SDK's method; exits with a message if it has none of that name."""
    target: Any = _client()
    for part in method.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            sys.exit(f"The SDK has no {method}: {type(target).__name__} knows no {part!r}")
    if isinstance(target, AsyncAPIResource):
        example = next(methods_of(target, method))
        sys.exit(f"{method} is no method but a group of them, such as {example}")
    if "." not in method or not callable(target):
        sys.exit(f"{method} is no method of the API")
    return target


def methods_of(resource: AsyncAPIResource, path: str) -> Iterator[str]:
    """Yield the methods of a group of the SDK, and of the groups in it; `path` leads there."""
    kind = type(resource)
    for name in dir(kind):
        if not name.startswith(("_", "with_")):
            found = inspect.getattr_static(kind, name)
            if isinstance(found, cached_property):
                yield from methods_of(getattr(resource, name), f"{path}.{name}")
            elif callable(found):
                yield f"{path}.{name}"


def variants(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows, without the SDK's own marks."""
    if get_origin(annotation) in {Union, UnionType}:
        return [found for part in get_args(annotation) for found in variants(part)]
    return [] if annotation is Omit else [annotation]


def choices_of(types: Collection[Any]) -> tuple[str, ...]:
    """Return the texts among the types that are literal."""
    return tuple(
        value
        for kind in types
        if get_origin(kind) is Literal
        for value in get_args(kind)
        if isinstance(value, str)
    )


def kind_of(types: Collection[Any]) -> str:
    """Return the name of the function that makes a field of these types."""
    words = {
        getattr(origin, "__name__", str(origin))
        for origin in (get_origin(kind) or kind for kind in types)
    }
    is_list = bool(words & {"Iterable", "Sequence", "SequenceNotStr", "List", "list"})
    parts = [item for kind in types for part in get_args(kind) for item in variants(part)]
    if is_list and bytes in parts:
        return "files"
    if bytes in types:
        return "file"
    if is_list and "str" in words:
        return "text_or_texts"
    if is_list:
        if choices_of(parts):
            return "choices"
        return "texts" if str in parts else "objects"
    if any(isinstance(value, bool) for kind in types for value in get_args(kind)):
        return "boolean"
    if choices_of(types):
        return "choice" if words <= {"Literal", "str"} else "choice_or_object"
    if "str" in words and len(words) > 1:
        return "string_or_object"
    if "dict" in words and set(parts) == {str}:
        return "text_map"
    return next((_KINDS[word] for word in _KINDS if word in words), "json_object")


def draft_field(name: str, annotation: Any, *, is_required: bool) -> str:
    """Return a draft of a parameter's field: the name of a shared one, or the call that makes it."""
    is_nullable = type(None) in variants(annotation)
    types = [kind for kind in variants(annotation) if kind is not type(None)]
    kind = kind_of(types)
    if name == "model" or (is_required and kind == "text" and name.endswith("_id")):
        kind = "identifier"
    items = [item for part in types for inner in get_args(part) for item in variants(inner)]
    options = choices_of(items if kind == "choices" else types)
    takes_options = kind in {"choice", "choices", "choice_or_object"}
    arguments = [
        *map(repr, (name, name.removesuffix("_id").replace("_", " ").capitalize(), _PLACEHOLDER)),
        *([repr(options)] if takes_options else []),
        *(["nullable=True"] if is_nullable else []),
        *([f"example={_PLACEHOLDER!r}"] if is_required else []),
    ]
    call = f"{kind}({', '.join(arguments)})"
    return shared_field(eval(call, vars(fields))) or call  # noqa: S307


def shared_field(drafted: FieldDescription) -> str | None:
    """Return the name of the field in common_fields.py that is the same but for its texts."""
    form, settings = next(iter(drafted.selector.items()))
    offered = settings.get("options")
    found = [
        name
        for name, field in _SHARED.items()
        if (field.key, field.nullable) == (drafted.key, drafted.nullable)
        and form in field.selector
        and field.selector[form].get("multiple") == settings.get("multiple")
        and field.selector[form].get("options") == offered
    ]
    return next(
        (name for name in found if name == drafted.key.upper()), found[0] if found else None
    )


def draft_fields(function: Any, hints: dict[str, Any]) -> str:
    """Return the drafts of a method's fields as the elements of a tuple."""
    needed: dict[str, str] = {}
    rest: dict[str, str] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in _OF_THE_SDK and parameter.kind is not parameter.VAR_KEYWORD:
            is_required = parameter.default is inspect.Parameter.empty
            place = needed if is_required else rest
            place[name] = draft_field(name, hints.get(name, Any), is_required=is_required)
    paging = ""
    if all(rest.get(name) == name.upper() for name in _PAGING):
        paging = "*PAGING,"
        rest = {name: field for name, field in rest.items() if name not in _PAGING}
    stream = f"{rest.pop('stream')}," if rest.get("stream") == "STREAM" else ""
    first = f"*required({', '.join(needed.values())})," if needed else ""
    last = f"*advanced({', '.join(rest.values())})," if rest else ""
    return f"{first}{paging}{stream}{last}"


def key_of(method: str, answer: str) -> str:
    """Return a key for the row: what is done to what; with all of its path if that is taken."""
    *resources, last = (part for part in method.split(".") if part != "beta")
    singular = [
        f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s") for name in resources
    ]
    taken = {action.key for action in ACTIONS if action.method != method}
    verb = _VERBS.get(last, last)
    ending = "s" if last == "list" and answer == "LIST" else ""
    keys = [f"{verb}_{'_'.join(singular[-size:])}{ending}" for size in range(1, len(singular) + 1)]
    return next((key for key in keys if key not in taken), keys[-1])


def accumulator_of(hint: Any) -> str:
    """Return the accumulator of another row whose stream has the same events."""
    streams = [kind for kind in variants(hint) if _is_stream(kind)]
    for action in ACTIONS:
        if streams and action.accumulator is not None and action.method:
            try:
                function = inspect.unwrap(find(action.method))
            except SystemExit:
                continue  # An older SDK lacks what some rows name.
            if set(streams) & set(variants(get_type_hints(function).get("return"))):
                name: str = getattr(action.accumulator, "__name__", "")
                return name if name.isidentifier() else _accumulator_source(action)
    return repr(_PLACEHOLDER) if streams else ""


def _accumulator_source(action: ActionDescription) -> str:
    """Return a hint where a row is that makes its accumulator itself."""
    return repr(f"{_PLACEHOLDER} as in the row of {action.key}")


def _is_stream(kind: Any) -> bool:
    """Return whether a type is a stream of events."""
    origin = get_origin(kind)
    return isinstance(origin, type) and (
        issubclass(origin, AsyncStream) or origin.__name__.endswith("EventStream")
    )


def _shared_parts(method: str, other: str) -> int:
    """Return how many groups of the SDK two methods have in common, counted from the first."""
    parts = zip(method.split(".")[:-1], other.split(".")[:-1], strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], parts)))


def heading(method: str, row: str) -> Iterator[str]:
    """Yield comments: where the row belongs, and what it imports."""
    resources = method.split(".")[:-1]
    shared = {
        group.key: max(
            (_shared_parts(action.method, method) for action in group.actions), default=0
        )
        for group in ACTION_GROUPS
    }
    nearest = max(shared, key=lambda key: shared[key])
    place = f"custom_components/openai_api/actions/{nearest}.py"
    if shared[nearest] == len(resources):
        yield f"# For {place}"
    elif shared[nearest] > (resources[0] == "beta"):
        yield f"# For {place}, which comes closest, or for a new group"
    else:
        yield "# For a new group"
    names = {node.id for node in ast.walk(ast.parse(row)) if isinstance(node, ast.Name)}
    for module, known in (
        ("..action", _OF_ACTION),
        ("..streaming.accumulators", {name for name in names if name.endswith("Accumulator")}),
        (".common_fields", set(_SHARED) | {"PAGING"}),
        (".fields", {name for name in vars(fields) if name.islower()}),
    ):
        if used := sorted(names & known):
            yield f"# from {module} import {', '.join(used)}"


async def draft(method: str) -> str:
    """Return a draft row for a method."""
    function = inspect.unwrap(find(method))
    hints = get_type_hints(function)
    hint = hints.get("return")
    answer = next((kind for mark, kind in _ANSWERS.items() if mark in str(hint)), "")
    key = key_of(method, answer)
    drafted = draft_fields(function, hints)
    names = {
        **vars(fields),
        **vars(common_fields),
        "required": required,
        "advanced": advanced,
    }
    row = ActionDescription(
        key=key,
        method=method,
        name="",
        description="",
        icon="",
        fields=eval(f"({drafted})", names),  # noqa: S307
    )
    verb = (await learn_request(row, method) or "").partition(" ")[0]
    kind, rest = "ActionDescription", f"response=ResponseKind.{answer}," if answer else ""
    if verb == "GET" and answer in {"", "LIST"}:
        kind, rest = "list_action" if answer else "get_action", ""
    elif verb in {"GET", "DELETE"}:
        rest += "has_body=False,"
    elif answer == "LIST":
        rest += "only_answers=True,"
    accumulator = accumulator_of(hint)
    if answer == "FILE" and any("sse" in choices_of(variants(kind)) for kind in hints.values()):
        accumulator = repr(_PLACEHOLDER)
    if accumulator:
        rest += f"accumulator={accumulator},"
    permission = "permission=Permission.ADMINISTRATORS," if verb == "DELETE" else ""
    asks_model = verb == "POST" and "model" in hints
    model_kind = f'model_kind="{_PLACEHOLDER}",' if asks_model else ""
    text = f"""{kind}(
    key="{key}",
    method="{method}",
    name="{key.replace("_", " ").capitalize()}",
    description="{_PLACEHOLDER}",
    icon="mdi:{_PLACEHOLDER}",
    {permission}{model_kind}
    fields=({drafted}),
    {rest}
)"""
    return "\n".join((*heading(method, text), text))


def main() -> None:
    """Print the draft."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", help="for example vector_stores.search")
    warnings.simplefilter("ignore")
    print(asyncio.run(draft(parser.parse_args().method)))


if __name__ == "__main__":
    main()
