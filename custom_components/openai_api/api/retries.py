"""Decides what may be sent again after it may have arrived.

A request that creates something, or is paid for, is sent again only if the server has certainly not
accepted it: no connection was made, or the server has refused it.
"""

from http import HTTPMethod, HTTPStatus
from typing import Final

import httpx2

MAY_REPEAT: Final = "x-openai-api-may-repeat"
"""A header that marks a request within the SDK; it is removed before the request is sent."""
EXTENSION: Final = "may_repeat"
_SAFE_METHODS: Final = frozenset(
    {HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS, HTTPMethod.PUT, HTTPMethod.DELETE}
)
_REFUSED: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)
_PAUSES: Final = frozenset({"retry-after", "retry-after-ms"})
# Methods with these names set a state or read something.
_SETTING: Final = frozenset(
    {
        "accept",
        "cancel",
        "complete",
        "count",
        "hangup",
        "pause",
        "refer",
        "reject",
        "resume",
        "search",
        "update",
        "validate",
    }
)
# These cost nothing and create nothing that stays.
_FREE: Final = frozenset({"moderations.create", "uploads.parts.create"})


def is_repeatable_method(name: str) -> bool:
    """Return whether calling an SDK method twice has the same effect as calling it once.

    This is about methods that send a POST; other HTTP methods are always repeatable.
    """
    return name in _FREE or name.rpartition(".")[2] in _SETTING


def is_repeatable(request: httpx2.Request) -> bool:
    """Return whether a request may be sent again after it may have arrived."""
    return request.method in _SAFE_METHODS or bool(request.extensions.get(EXTENSION))


def was_refused(response: httpx2.Response) -> bool:
    """Return whether an error response says that the request was not accepted, or may be retried."""
    if response.headers.get("x-should-retry") == "true" or response.status_code in _REFUSED:
        return True
    return response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and not _PAUSES.isdisjoint(
        name.lower() for name in response.headers
    )
