"""What it means when a host refuses to open a WebSocket."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import orjson
from websockets.exceptions import InvalidStatus

from ..errors import AuthFailed, DeniedForGood, error_details, quote, translated_error
from ..settings import Settings

FATAL_STATUSES = frozenset({400, 401, 403, 404, 405, 410, 426, 501})
"""To ask again gives the same answer."""
# A server that knows no WebSocket at this path. Those built on Starlette answer 403 without a word.
_MISSING = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)


def rejection(err: InvalidStatus, settings: Settings) -> HomeAssistantError:
    """Return the error for an answer that is not 101.

    AuthFailed "auth_failed" for 401; DeniedForGood for what stays so, with "websocket_missing"
    where the host has none; else HomeAssistantError "websocket_refused".
    """
    response = err.response
    status = response.status_code
    content = response.body or b""
    body: Any = content.decode(errors="replace")
    with suppress(orjson.JSONDecodeError):
        body = orjson.loads(content)
    details = {
        **error_details(body, settings),
        "status": status,
        "request_id": quote(response.headers.get("x-request-id") or "–", settings),
    }
    if status == HTTPStatus.UNAUTHORIZED:
        return translated_error(AuthFailed, "auth_failed", **details)
    is_missing = status in _MISSING or (status == HTTPStatus.FORBIDDEN and not content.strip())
    key = "websocket_missing" if is_missing else "websocket_refused"
    kind = DeniedForGood if status in FATAL_STATUSES else HomeAssistantError
    return translated_error(kind, key, **details)
