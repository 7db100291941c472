"""What it means when a host refuses to open a WebSocket."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
from websockets.exceptions import InvalidStatus

from ..api.config import HostConfig
from ..error_translation import parse_error_body
from ..exceptions import (
    ApiError,
    AuthenticationFailed,
    ConnectionRejected,
    HandshakeFailed,
    WebSocketMissing,
    sanitize,
)

FATAL_STATUSES = frozenset({400, 401, 403, 404, 405, 410, 426, 501})
"""To ask again gives the same answer."""
# A server that knows no WebSocket at this path. Those built on Starlette answer 403 without a word,
# those with a page for every other path, such as Piper Studio, show that page.
_MISSING = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.NO_CONTENT,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)


def rejection(err: InvalidStatus, settings: HostConfig) -> ApiError:
    """Return the error for a response of the handshake that is not 101 (RFC 6455, section 4.1).

    AuthenticationFailed for 401, WebSocketMissing where the server has none, ConnectionRejected
    for what stays so, and HandshakeFailed for anything else.
    """
    response = err.response
    status = response.status_code
    content = response.body or b""
    body: Any = content.decode(errors="replace")
    with suppress(orjson.JSONDecodeError):
        body = orjson.loads(content)
    kind: type[ApiError] = HandshakeFailed
    if status == HTTPStatus.UNAUTHORIZED:
        kind = AuthenticationFailed
    elif status in _MISSING or (status == HTTPStatus.FORBIDDEN and not content.strip()):
        kind = WebSocketMissing
    elif status in FATAL_STATUSES:
        kind = ConnectionRejected
    request_id = sanitize(response.headers.get("x-request-id") or "", settings) or None
    return kind(status=status, request_id=request_id, **parse_error_body(body, settings))
