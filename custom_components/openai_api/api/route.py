"""Learns from the SDK how it sends a method: one route per method and names of arguments.

The SDK builds a request by walking over typed dicts and creating several objects, which costs more
than sending it. The result depends on the method and on the names of its arguments, not on their
values. So the SDK builds one request with a marker in place of each value; later requests have
their values in the places of the markers. What is not that simple (files, lists in a query, unusual
ids) is left to the SDK.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import re
from typing import Any, Final, NoReturn, override
from urllib.parse import parse_qsl

import httpx2
import orjson
from yarl import URL

from ..const import LOGGER
from .client import Client, HttpClient, resolve_method
from .config import HostConfig

_MARKER: Final = "argument0{}0marker"
_TIMEOUT: Final = 86_399.25
"""Seconds: the marker for the header that repeats the time limit."""
_PLAINEST: Final = "models.list"
"""The SDK method with the simplest request."""
# An id that no version of the SDK quotes in a path.
_PLAIN_ID: Final = re.compile(r"(?=.*[^.])[\w.-]+", re.ASCII)
# Computed for each request.
_VARYING_HEADERS: Final = frozenset({"content-length", "host", "authorization"})

type Query = Mapping[str, str]


class _Recorded(BaseException):
    """Carries a request out of the SDK, which retries after any other exception."""

    def __init__(self, request: httpx2.Request) -> None:
        super().__init__()
        self.request = request


class _Recorder(httpx2.AsyncBaseTransport):
    """Takes requests and sends none."""

    @override
    async def handle_async_request(self, request: httpx2.Request) -> NoReturn:
        raise _Recorded(request)


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A request as it is sent."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How the SDK sends a method with certain arguments."""

    method: str
    url: str
    """Without a query; `{name}` stands for each argument that is part of the path."""
    path: frozenset[str]
    query: Mapping[str, str]
    """The query parameter of each argument that is sent there."""
    fixed_query: Mapping[str, str]
    body: Mapping[str, str] | None
    """The key in the body of each argument that is sent there; None for no body at all."""
    fixed_body: Mapping[str, Any]
    headers: Mapping[str, str]
    timeout_header: str | None

    def build(
        self,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
        extra_query: Mapping[str, Any] | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> PlainRequest | None:
        """Return the request for these values, or None if the SDK has to build it.

        `timeout` is in seconds, for the header that repeats it; `extra_query` and `extra_body` are
        added.
        """
        url = self.url
        for name in self.path:
            value = arguments[name]
            if not isinstance(value, str) or _PLAIN_ID.fullmatch(value) is None:
                return None
            url = url.replace(f"{{{name}}}", value)
        query = dict(self.fixed_query)
        for name, key in self.query.items():
            # Older SDKs leave out an empty text, newer ones send it.
            if not (text := _query_text(arguments[name])):
                return None
            query[key] = text
        for key, value in (extra_query or {}).items():
            if (text := _query_text(value)) is None:
                return None
            query[str(key)] = text
        content = None
        if self.body is not None or (extra_body and self.method != "GET"):
            body = dict(self.fixed_body)
            for name, key in (self.body or {}).items():
                body[key] = arguments[name]
            body.update(extra_body or {})
            try:
                content = orjson.dumps(body)
            except TypeError:
                # Integers of more than 64 bits, for one.
                return None
        headers = self.headers
        if self.timeout_header is not None:
            headers = {**headers, self.timeout_header: str(timeout)}
        address = URL(url, encoded=True)
        return PlainRequest(
            self.method, address.with_query(query) if query else address, headers, content
        )


def _query_text(value: Any) -> str | None:
    """Return a value as the SDK writes it into a query; None for lists and objects."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
    return None


class RouteTable:
    """The routes of one service, learned when they are first used."""

    def __init__(self, settings: HostConfig) -> None:
        """Take the settings that the service's own client has."""
        self._client = Client(settings, HttpClient(transport=_Recorder(), trust_env=False))
        self._routes: dict[tuple[str, frozenset[str]], Route | None] = {}
        self._is_warned = False

    async def async_get(self, method: str, arguments: Mapping[str, Any]) -> Route | None:
        """Return the route of an SDK method such as `responses.create` with these arguments.

        None means that the SDK has to build and send the request. The resource of the method
        must have been imported.
        """
        key = (method, frozenset(arguments))
        try:
            return self._routes[key]
        except KeyError:
            pass
        try:
            route = await self._async_learn(method, arguments)
        except Exception as err:  # noqa: BLE001
            # Some methods read their arguments, for which a marker does not work.
            LOGGER.debug("The SDK builds every request of %s: %r", method, err)
            route = None
        self._routes[key] = route
        if route is None and method == _PLAINEST and not self._is_warned:
            self._is_warned = True
            LOGGER.warning(
                "The installed openai library builds requests in a way that is not known here. "
                "It sends them by itself, which is slower"
            )
        elif route is None and method != _PLAINEST:
            # Find out whether the method or the SDK is the exception.
            await self.async_get(_PLAINEST, {})
        return route

    async def _async_learn(self, method: str, arguments: Mapping[str, Any]) -> Route | None:
        """Let the SDK build a request with markers, and another with the values to compare."""
        markers = {name: _MARKER.format(number) for number, name in enumerate(arguments)}
        marked = await self._async_record(method, markers)
        route = _read_route(marked, {marker: name for name, marker in markers.items()})
        if route is None or set(arguments) != {*route.path, *route.query, *(route.body or ())}:
            return None
        expected = await self._async_record(method, arguments)
        built = route.build(arguments, timeout=_TIMEOUT)
        return route if built is not None and _is_same(built, expected) else None

    async def _async_record(self, method: str, arguments: Mapping[str, Any]) -> httpx2.Request:
        """Return the request that the SDK builds of these arguments."""
        call = resolve_method(self._client, method, "raw").call
        try:
            await call(**arguments, timeout=_TIMEOUT)
        except _Recorded as recorded:
            return recorded.request
        raise RuntimeError("the SDK sent no request")


def _read_route(request: httpx2.Request, names: Mapping[str, str]) -> Route | None:
    """Return the route of a request in which the keys of `names` mark the arguments."""
    url = request.url
    path = str(url.copy_with(query=None))
    path_arguments = {name for marker, name in names.items() if marker in path}
    for marker, name in names.items():
        path = path.replace(marker, f"{{{name}}}")
    query = dict(parse_qsl(url.query.decode(), keep_blank_values=True))
    headers = {
        name: value for name, value in request.headers.items() if name not in _VARYING_HEADERS
    }
    content_type = headers.get("content-type", "")
    try:
        content = request.content
    except httpx2.RequestNotRead:
        return None
    if content and not content_type.startswith("application/json"):
        return None
    body = orjson.loads(content) if content else None
    if body is not None and not isinstance(body, dict):
        return None
    timeout_header = next((name for name, value in headers.items() if value == str(_TIMEOUT)), None)
    headers.pop(timeout_header or "", None)
    return Route(
        method=request.method.upper(),
        url=path,
        path=frozenset(path_arguments),
        query={names[value]: key for key, value in query.items() if value in names},
        fixed_query={key: value for key, value in query.items() if value not in names},
        body=None if body is None else _places(body, names),
        fixed_body={key: value for key, value in (body or {}).items() if not _marks(value, names)},
        headers=headers,
        timeout_header=timeout_header,
    )


def _marks(value: Any, names: Mapping[str, str]) -> bool:
    """Return whether a value in a body is a marker."""
    return isinstance(value, str) and value in names


def _places(body: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Return the key in a body for each argument."""
    return {names[value]: key for key, value in body.items() if _marks(value, names)}


def _is_same(built: PlainRequest, expected: httpx2.Request) -> bool:
    """Return whether two requests are equal."""
    url = URL(str(expected.url), encoded=True)
    content = expected.content
    return (
        built.method == expected.method.upper()
        and built.url.with_query(None) == url.with_query(None)
        and dict(built.url.query) == dict(url.query)
        and (orjson.loads(built.body) if built.body else None)
        == (orjson.loads(content) if content else None)
    )
