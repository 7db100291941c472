"""Finds out whether a server refuses the API key itself, or only one request with it."""

import asyncio
from http import HTTPStatus
import re
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
import httpx2

from .. import issues
from ..error_rules import is_server_error
from .client import Client
from .route import RouteTable

_LIST_MODELS = "models.list"
"""The SDK method."""
# Gateways that name whose key was refused: LiteLLM, OpenRouter, Portkey, one-api and new-api.
_PROVIDER_WORDS = re.compile(
    r"[a-z]exception\b|litellm|\bprovider\b|\bupstream|\bdeployment\b|\bmodel[ _]group\b",
    re.IGNORECASE,
)
_TIMEOUT = 10.0
"""Seconds: long enough for any server that is up."""


class KeyCheck:
    """Starts reauthentication when the key is refused, and ends it when the key works again.

    A gateway passes on the 401 of a provider, though its own key is right. So a 401 alone does not
    count: the models are listed with the key and, if that works, without it. The key is right if
    the server lists its models with the key only; if the list is public, the message of the 401
    decides.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry[Any], client: Client, routes: RouteTable
    ) -> None:
        """Take the entry of the key, and what lists its models."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._routes = routes
        self._is_checking = False
        self._may_be_refused = True
        """Whether there may be a reauthentication, since the entry was loaded."""

    @callback
    def on_refused(self, message: str = "") -> None:
        """Check the key because a request was answered with 401 and this message."""
        if not self._is_checking:
            self._is_checking = True
            entry = self._entry
            check = self._async_check(is_of_provider=_PROVIDER_WORDS.search(message) is not None)
            entry.async_create_task(self._hass, check, f"check key of {entry.title}")

    @callback
    def on_accepted(self) -> None:
        """End a reauthentication because a request succeeded with the same key."""
        if self._may_be_refused:
            self._may_be_refused = self._is_checking
            issues.end_reauth(self._hass, self._entry)

    async def _async_check(self, *, is_of_provider: bool) -> None:
        """Start reauthentication unless the key is right, or the server is unreachable."""
        try:
            if not await self._async_is_right(is_of_provider=is_of_provider):
                self._may_be_refused = True
                self._entry.async_start_reauth(self._hass)
        finally:
            self._is_checking = False

    async def _async_is_right(self, *, is_of_provider: bool) -> bool:
        """Return whether the key is right; True as well if the server is unreachable.

        `is_of_provider` says that the message of the 401 is about the key of a provider.
        """
        try:
            async with asyncio.timeout(_TIMEOUT):
                if (status := await self._async_list_models(with_key=True)) is None:
                    return False
                if is_server_error(status):
                    return True
                if status >= HTTPStatus.BAD_REQUEST:
                    return False
                status = await self._async_list_models(with_key=False)
        except TimeoutError, httpx2.TransportError:
            return True
        return is_of_provider or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

    async def _async_list_models(self, *, with_key: bool) -> int | None:
        """Return the HTTP status of `GET /models`; None if only the SDK could send it."""
        route = await self._routes.async_get(_LIST_MODELS, {})
        if route is None or (plain := route.build({}, timeout=_TIMEOUT)) is None:
            return None
        response = await self._client.transport.async_send(
            plain.method,
            plain.url,
            plain.headers,
            plain.body,
            connect_timeout=_TIMEOUT,
            read_timeout=_TIMEOUT,
            with_key=with_key,
        )
        response.close()
        return response.status
