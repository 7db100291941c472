"""Decides what may be sent again after it may have arrived.

A request that makes something, or is paid for, is sent again only if it certainly was not
taken: the line never stood, or the host has refused it.
"""

from http import HTTPMethod, HTTPStatus
from typing import Final

import httpx2

MAY_REPEAT: Final = "x-openai-api-may-repeat"
"""Marks a request on its way through the SDK; it is taken off before anything is sent."""
EXTENSION: Final = "may_repeat"
_SAFE_METHODS: Final = frozenset(
    {HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS, HTTPMethod.PUT, HTTPMethod.DELETE}
)
_REFUSED: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)
_PAUSES: Final = frozenset({"retry-after", "retry-after-ms"})
# What ends in these says what something is to be like, or asks for what is there already.
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
# These cost nothing, and leave nothing behind.
_FREE: Final = frozenset({"moderations.create", "uploads.parts.create"})


def is_repeatable_method(name: str) -> bool:
    """Tell whether calling a method of the SDK twice comes to the same as calling it once.

    This is about methods that send a POST: those of the other HTTP methods always may.
    """
    return name in _FREE or name.rpartition(".")[2] in _SETTING


def is_repeatable(request: httpx2.Request) -> bool:
    """Tell whether a request may be sent again after it may have arrived."""
    return request.method in _SAFE_METHODS or bool(request.extensions.get(EXTENSION))


def was_refused(response: httpx2.Response) -> bool:
    """Tell whether an error says that the request was not taken, or is to be sent again."""
    if response.headers.get("x-should-retry") == "true" or response.status_code in _REFUSED:
        return True
    return response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and not _PAUSES.isdisjoint(
        name.lower() for name in response.headers
    )
