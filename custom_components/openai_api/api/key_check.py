"""Finds out whether a service refuses the API key itself, or only what was done with it."""

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

    A gateway passes on a 401 of its provider, though the key of the gateway is right. So a 401
    alone does not count: the list of models is asked for with the key and, where that works,
    without it. A server that gives its list to nobody else shows that the key is right; where
    anybody gets it, the words of the 401 decide.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry[Any], client: Client, routes: RouteTable
    ) -> None:
        """Take the entry whose key it is, and what its models are asked for with."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._routes = routes
        self._is_checking = False

    @callback
    def on_refused(self, words: str = "") -> None:
        """Check the key, because a request with it was answered with 401 and these words."""
        if not self._is_checking:
            self._is_checking = True
            entry = self._entry
            check = self._async_check(is_of_provider=_PROVIDER_WORDS.search(words) is not None)
            entry.async_create_task(self._hass, check, f"check key of {entry.title}")

    @callback
    def on_accepted(self) -> None:
        """End a reauthentication, because a request succeeded with the same key."""
        issues.end_reauth(self._hass, self._entry)

    async def _async_check(self, *, is_of_provider: bool) -> None:
        """Start reauthentication unless the key is known to be right, or nobody answers."""
        try:
            if not await self._async_is_right(is_of_provider=is_of_provider):
                self._entry.async_start_reauth(self._hass)
        finally:
            self._is_checking = False

    async def _async_is_right(self, *, is_of_provider: bool) -> bool:
        """Return whether the key is known to be right; True as well if the server is away.

        `is_of_provider`: the refusal speaks of another key.
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
        """Return the HTTP status of the list of models; None if it cannot be asked for here."""
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
