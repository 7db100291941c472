"""Sends one request of one SDK method, and returns the body of the response."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httpx2

from ..types import Json
from .host import ServiceHost
from .response import async_parse_body
from .retries import MAY_REPEAT, is_repeatable_method
from .route import PlainRequest
from .transport import async_read_body, replaying

MIN_UPLOAD_RATE: Final = 64 * 1024
"""Bytes per second: a slower upload exceeds the time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of the API, as the SDK names it."""

    method: str
    """The path of the SDK method, such as `vector_stores.search`."""
    has_body: bool = True
    """Whether arguments that the SDK does not know are sent in the body or in the query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What a caller adds to a request of any method."""

    timeout: float | None = None
    """Seconds to wait for the response; None for the time limit of the service."""
    extra_query: Mapping[str, Any] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_mapping(
        cls, options: Mapping[str, Any], *, timeout: float | None = None
    ) -> RequestOptions:
        """Read the options of an action, and its `timeout` unless one is given."""
        return cls(
            timeout=options.get("timeout") if timeout is None else timeout,
            extra_query=options.get("extra_query") or {},
            extra_body=options.get("extra_body") or {},
        )


class PreparedRequest(NamedTuple):
    """An SDK method with its arguments, and its time limit in seconds."""

    method: Callable[..., Any]
    arguments: dict[str, Any]
    seconds: float


async def async_prepare(
    host: ServiceHost,
    operation: Operation,
    values: Mapping[str, Any],
    options: RequestOptions,
    *,
    response_mode: str,
    upload_size: int = 0,
) -> PreparedRequest:
    """Return an SDK method in its `raw` or `streaming` form with its arguments, ready to be called.

    `values` that the SDK method has no parameter for are sent in the body or the query.
    `upload_size` is in bytes and extends the time limit. Raises MethodMissing if the installed SDK
    lacks the method.
    """
    method = await host.method(operation.method, response_mode)
    timeout = float(options.timeout or host.settings.timeout)
    arguments: dict[str, Any] = {}
    query, body = dict(options.extra_query), dict(options.extra_body)
    unknown = body if operation.has_body else query
    for key, value in values.items():
        if key in method.parameters:
            arguments[key] = value
        else:
            # The API may know it, though the installed SDK does not.
            unknown[key] = value
    if query:
        arguments["extra_query"] = query
    if body:
        arguments["extra_body"] = body
    if is_repeatable_method(operation.method) or "idempotency_key" in values:
        arguments["extra_headers"] = {MAY_REPEAT: "true"}
    arguments["timeout"] = timeout
    return PreparedRequest(method.call, arguments, timeout + upload_size / MIN_UPLOAD_RATE)


async def async_request_bytes(
    host: ServiceHost,
    operation: Operation,
    values: Mapping[str, Any],
    options: RequestOptions | None = None,
    *,
    upload_size: int = 0,
) -> tuple[bytes, str]:
    """Send a request, and return the body of the response and its content type.

    Returns `(body, content type)`. `upload_size` is the size of the files among the values, in
    bytes, and extends the time limit. Raises an ApiError, or another translated HomeAssistantError,
    as `translate` returns them.
    """
    prepared = await async_prepare(
        host,
        operation,
        values,
        options or RequestOptions(),
        response_mode="raw",
        upload_size=upload_size,
    )
    async with host.async_request_scope(prepared.seconds):
        if upload_size == 0 and (plain := await _async_build(host, operation, prepared)):
            return await _async_send(host, plain, prepared)
        return await _async_call(prepared)


async def async_request_json(
    host: ServiceHost,
    operation: Operation,
    values: Mapping[str, Any],
    options: RequestOptions | None = None,
) -> Json:
    """Send a request, and return the JSON object in the response.

    Returns what `parse_body` returns, the API's object unchanged. Raises what `async_request_bytes`
    and `parse_body` raise.
    """
    body, content_type = await async_request_bytes(host, operation, values, options)
    return await async_parse_body(host.hass, host.settings, body, content_type)


async def _async_build(
    host: ServiceHost, operation: Operation, prepared: PreparedRequest
) -> PlainRequest | None:
    """Return the request as it is sent; None if only the SDK can build it."""
    arguments = dict(prepared.arguments)
    timeout = arguments.pop("timeout")
    # This is for the retries, which only the SDK does.
    arguments.pop("extra_headers", None)
    query, body = arguments.pop("extra_query", None), arguments.pop("extra_body", None)
    if (route := await host.routes.async_get(operation.method, arguments)) is None:
        return None
    return route.build(arguments, timeout=timeout, extra_query=query, extra_body=body)


async def _async_send(
    host: ServiceHost, plain: PlainRequest, prepared: PreparedRequest
) -> tuple[bytes, str]:
    """Send a request without the SDK; an error is given to the SDK as its first attempt.

    So the SDK alone decides about retries, their pauses and the final error.
    """
    outcome: httpx2.Response | httpx2.TransportError
    try:
        response = await host.client.transport.async_send(
            plain.method,
            plain.url,
            plain.headers,
            plain.body,
            # The time limit of the whole request, which has begun before, ends no later.
            connect_timeout=None,
            read_timeout=None,
        )
        if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            return await async_read_body(response), response.headers.get("content-type", "")
        outcome = host.client.transport.as_httpx(response)
    except httpx2.TransportError as err:
        outcome = err
    with replaying(outcome):
        return await _async_call(prepared)


async def _async_call(prepared: PreparedRequest) -> tuple[bytes, str]:
    """Send a request with the SDK."""
    response = (await prepared.method(**prepared.arguments)).http_response
    return response.content, response.headers.get("content-type", "")
