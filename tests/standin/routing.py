"""Which handler answers which request, and what a handler is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
import re
from typing import TYPE_CHECKING, Any

from .records import Part, RecordedRequest, SocketSession
from .state import Collection, Kind, State
from .wire import ApiError, Json, Reply, invalid

if TYPE_CHECKING:
    from .server import StandIn

TYPE_NAMES: dict[type, str] = {
    str: "string",
    list: "array",
    dict: "object",
    int: "integer",
    float: "decimal",
    bool: "boolean",
    type(None): "null",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request on its way to a handler."""

    standin: StandIn
    request: RecordedRequest
    ids: dict[str, str]

    @property
    def state(self) -> State:
        """What the service remembers."""
        return self.standin.state

    @property
    def json(self) -> Json:
        """The JSON object in the body; none at all counts as an empty one."""
        body = {} if self.request.body is None else self.request.body
        if not isinstance(body, dict):
            raise invalid("We could not parse the JSON body of your request.", None)
        return body

    @property
    def form(self) -> Form:
        """The multipart form in the body."""
        if not isinstance(self.request.body, list):
            raise invalid("A multipart/form-data body is expected.", None)
        return Form(parts=self.request.body)

    def collection(self, kind: Kind, *parents: str) -> Collection:
        """Return the resources of a kind below the given parent ids."""
        return self.state.collection(kind, *parents)

    async def paced[T](self, items: Iterable[T]) -> AsyncIterator[T]:
        """Yield items at the stand-in's pace."""
        for item in items:
            yield item
            await self.standin.pause()


@dataclass(frozen=True, kw_only=True)
class Form:
    """A multipart form, whose list fields may be written with brackets."""

    parts: list[Part]

    def files(self, name: str) -> list[Part]:
        """Return the files of a field; an empty or missing one is refused."""
        found = [
            part
            for part in self._named(name)
            if part.filename is not None and isinstance(part.data, bytes)
        ]
        if not found:
            raise missing(name)
        for part in found:
            if not part.size:
                raise invalid(f"The file '{part.filename}' is empty.", name)
        return found

    def file(self, name: str) -> tuple[Part, bytes]:
        """Return the one file of a field with its bytes."""
        part = self.files(name)[0]
        assert isinstance(part.data, bytes)
        return part, part.data

    def has(self, name: str) -> bool:
        """Tell whether a field is there."""
        return any(self._named(name))

    def text(self, name: str, default: str = "") -> str:
        """Return a field's text."""
        return next((str(part.data) for part in self._named(name)), default)

    def texts(self, name: str) -> list[str]:
        """Return the texts of a list field."""
        return [str(part.data) for part in self._named(name)]

    def need(self, name: str) -> str:
        """Return a required field's text."""
        if not (text := self.text(name)):
            raise missing(name)
        return text

    def _named(self, name: str) -> Iterable[Part]:
        """Yield the parts of a field."""
        return (part for part in self.parts if part.name in (name, f"{name}[]"))


def missing(name: str) -> ApiError:
    """Build the refusal of a request without a required parameter."""
    message = f"Missing required parameter: '{name}'."
    return invalid(message, name, "missing_required_parameter")


def need[T](body: Json, name: str, *types: type[T]) -> Any:
    """Return a required parameter of one of the given types."""
    if body.get(name) is None:
        raise missing(name)
    return check(body, name, *types)


def check[T](body: Json, name: str, *types: type[T]) -> Any:
    """Return an optional parameter, refusing any other type."""
    value = body.get(name)
    # To Python a boolean is an integer, to JSON it is not.
    right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    if value is not None and not right:
        wanted = " or ".join(TYPE_NAMES[kind] for kind in types)
        raise invalid(
            f"Invalid type for '{name}': expected {wanted}, "
            f"but got {TYPE_NAMES[type(value)]} instead.",
            name,
            "invalid_type",
        )
    return value


def within(body: Json, name: str, low: float, high: float) -> None:
    """Refuse a number outside of its range."""
    value = check(body, name, int, float)
    if value is not None and not low <= value <= high:
        raise invalid(
            f"Invalid '{name}': expected a value from {low} to {high}.",
            name,
            "decimal_out_of_range",
        )


def one_of(name: str, value: str, allowed: Iterable[str]) -> str:
    """Return a value, refusing one that is not listed."""
    if value not in allowed:
        raise invalid(
            f"Invalid value: '{value}'. Supported values are: "
            + ", ".join(f"'{item}'" for item in allowed),
            name,
            "invalid_value",
        )
    return value


type Handler = Callable[[Call], Awaitable[Reply | Json]]
type SocketHandler = Callable[[Call, SocketSession], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    """A row of an area's table: method, path template, handler."""

    method: str
    path: str
    handler: Handler

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression."""
        return _pattern(self.path)


@dataclass(frozen=True)
class SocketRoute:
    """A row of an area's table for a WebSocket; admit may refuse the handshake."""

    path: str
    handler: SocketHandler
    admit: Callable[[Call], None] | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression."""
        return _pattern(self.path)


def _pattern(template: str) -> re.Pattern[str]:
    """Compile a path template such as /files/{file_id}; ids contain no slash."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + "/?")


def find_route(routes: Iterable[Route], request: RecordedRequest) -> tuple[Route, dict[str, str]]:
    """Return the first route for a request, with the ids in its path."""
    path_known = False
    for route in routes:
        if (match := route.pattern.fullmatch(request.path)) is None:
            continue
        path_known = True
        if route.method == request.method:
            return route, match.groupdict()
    if path_known:
        raise ApiError(
            405,
            f"Not allowed to {request.method} on {request.path}.",
            code="method_not_supported",
        )
    raise ApiError(
        404,
        f"Invalid URL ({request.method} {request.path})",
        code="unknown_url",
    )


def find_socket(
    routes: Iterable[SocketRoute], request: RecordedRequest
) -> tuple[SocketRoute, dict[str, str]]:
    """Return the WebSocket route for a request."""
    for route in routes:
        if (match := route.pattern.fullmatch(request.path)) is not None:
            return route, match.groupdict()
    raise ApiError(404, f"Invalid URL (WebSocket {request.path})", code="unknown_url")


def resource_routes(
    kind: Kind,
    path: str,
    *verbs: str,
    updatable: Iterable[str] = ("metadata",),
) -> tuple[Route, ...]:
    """Build the usual routes of a resource: list, retrieve, update, delete.

    The path ends in the resource's own id; ids before it name the parents.
    """
    *_, own = re.findall(r"\{(\w+)\}", path)
    listing = path.rpartition("/")[0]
    changeable = tuple(updatable)

    def below(call: Call) -> Collection:
        parents = (value for name, value in call.ids.items() if name != own)
        return call.collection(kind, *parents)

    async def list_them(call: Call) -> Json:
        return below(call).page(call.request)

    async def retrieve(call: Call) -> Json:
        return below(call).advance(call.ids[own])

    async def update(call: Call) -> Json:
        changes = {key: call.json[key] for key in changeable if key in call.json}
        return below(call).update(call.ids[own], changes)

    async def delete(call: Call) -> Json:
        return below(call).delete(call.ids[own])

    routes = {
        "list": Route("GET", listing, list_them),
        "retrieve": Route("GET", path, retrieve),
        "update": Route("POST", path, update),
        "delete": Route("DELETE", path, delete),
    }
    return tuple(routes[verb] for verb in verbs)
