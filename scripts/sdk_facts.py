"""Prints as JSON what the installed SDK knows of the methods of the rows, for the docs.

Of each method `http` (verb and path, learned from the request that the SDK makes) and `returns`
(the name of an object); of each object its keys with their types. Run with the newest SDK, which
has all methods that rows name.
"""

import argparse
import asyncio
from collections.abc import Iterator, Mapping
import contextlib
from functools import cache
import inspect
import json
from pathlib import Path
import sys
from types import UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints
import warnings

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
import httpx2
from openai import AsyncOpenAI, BaseModel

sys.path.insert(0, str(Path(__file__).parent.parent))

from custom_components.openai_api.action import ActionDescription
from custom_components.openai_api.actions import ACTIONS

_BASE = "http://sdk.test"
_MARKER = "zz{}zz"
_FILE = ("a.bin", b"x")
_FEW = 4
_WORDS = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "list",
}

type Facts = dict[str, Any]


class _RecordedError(BaseException):
    """Carries a request out of the SDK, which would retry after any other exception."""

    def __init__(self, request: httpx2.Request) -> None:
        super().__init__()
        self.request = request


class _Recorder(httpx2.AsyncBaseTransport):
    """Takes requests and sends none."""

    async def handle_async_request(self, request: httpx2.Request) -> NoReturn:
        raise _RecordedError(request)


@cache
def _client() -> AsyncOpenAI:
    """Return a client that sends nothing."""
    http_client = httpx2.AsyncClient(transport=_Recorder())
    return AsyncOpenAI(api_key="unused", base_url=_BASE, http_client=http_client, max_retries=0)


def find(method: str) -> Any:
    """Return the SDK's method of a name such as `vector_stores.search`."""
    target: Any = _client()
    for part in method.split("."):
        target = getattr(target, part)
    return target


def _attempts(action: ActionDescription, function: Any) -> Iterator[dict[str, Any]]:
    """Yield arguments to try a method with: the fewest first, then all that the row has."""
    parameters = inspect.signature(inspect.unwrap(function)).parameters
    files = {field.key for field in action.fields if field.file}
    required = [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
        and name != "self"
    ]
    known = [field.key for field in action.fields if field.key in parameters]
    for names, binary in (
        (required, set[str]()),
        (required, files),
        ([*required, *known], files),
        ([*required, *known], {*files, "file"}),
    ):
        yield {
            name: (b"x" if name == "file" else _FILE) if name in binary else _MARKER.format(name)
            for name in names
        }


async def learn_request(action: ActionDescription, method: str) -> str | None:
    """Return the verb and path of a method, or None if it is more than one request, or none."""
    function = find(method)
    for arguments in _attempts(action, function):
        try:
            answer = function(**arguments)
            if (url := getattr(answer, "_prepare_url", None)) is not None:
                return f"WebSocket {url().path}"
            await answer
        except _RecordedError as recorded:
            path = recorded.request.url.path
            for name in arguments:
                path = path.replace(_MARKER.format(name), f"{{{name}}}")
            return f"{recorded.request.method.upper()} {path}"
        except Exception:  # noqa: BLE001, S112
            # Some methods check what they are given; there are other arguments to try.
            continue
    return None


def _variants(hint: Any) -> Iterator[Any]:
    """Yield the types that a hint allows."""
    origin = get_origin(hint)
    if origin is Annotated:
        yield from _variants(get_args(hint)[0])
    elif origin in {Union, UnionType}:
        for part in get_args(hint):
            yield from _variants(part)
    elif hint is not type(None):
        yield hint


def _is_object(hint: Any) -> bool:
    """Return whether a type is an object of the API."""
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def type_name(hint: Any) -> str:
    """Return the type of a key in words."""
    found: list[str] = []
    for kind in _variants(hint):
        origin = get_origin(kind) or kind
        if origin is Literal:
            word = "text" if isinstance(get_args(kind)[0], str) else "boolean"
        elif origin is list:
            items = [type_name(part) for part in get_args(kind)[:1]]
            word = f"list of {items[0]}s" if items and items[0] in _WORDS.values() else "list"
        else:
            word = _WORDS.get(origin, "object")
        if word not in found:
            found.append(word)
    return " or ".join(found) or "any"


def learn_return(method: str, objects: dict[str, list[list[str]]]) -> str | None:
    """Return the name of the object that a method returns or lists, and note its keys.

    Of several objects, what they have in common is noted under a name that says so.
    """
    hint = get_type_hints(inspect.unwrap(find(method))).get("return")
    found: list[type[BaseModel]] = []
    for kind in _variants(hint):
        # A page names its item first.
        parts = _variants(get_args(kind)[0]) if "Paginator" in str(kind) else [kind]
        found += [part for part in parts if _is_object(part)]
    if not found:
        return None
    names = [part.__name__ for part in found]
    keys = [_keys(part) for part in found]
    is_family = len(found) > _FEW
    shared = [key for key in keys[0] if not is_family or all(key in other for other in keys)]
    name = f"one of {len(found)} types" if is_family else names[0]
    objects[name] = [[key, keys[0][key]] for key in shared]
    return name


def _keys(model: type[BaseModel]) -> dict[str, str]:
    """Return the keys of an object with their types in words."""
    return {
        field.alias or name: type_name(field.annotation)
        for name, field in model.model_fields.items()
    }


async def facts() -> Facts:
    """Return what is known of all methods."""
    objects: dict[str, list[list[str]]] = {}
    methods: dict[str, Mapping[str, str | None]] = {}
    for action in ACTIONS:
        names = [action.method, *([action.poll.method] if action.poll else [])]
        for method in names:
            if method and method not in methods:
                methods[method] = {
                    "http": await learn_request(action, method),
                    "returns": learn_return(method, objects),
                }
    return {"methods": methods, "objects": objects}


def main() -> None:
    """Print the facts."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        found = asyncio.run(facts())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
