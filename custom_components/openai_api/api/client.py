"""Builds the SDK client, and imports what it needs outside the event loop."""

from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
import inspect
import time
from typing import Any, NamedTuple, override

import aiohttp
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_create_clientsession
import httpx2
from lru import LRU
from openai import APIConnectionError, APITimeoutError, AsyncOpenAI
import orjson

from ..error_rules import is_quota_exceeded, is_request_fault
from ..error_translation import parse_error_body
from .config import HostConfig
from .retries import EXTENSION, MAY_REPEAT, is_repeatable, was_refused
from .transport import AiohttpTransport
from .usage import Usage

deadline: ContextVar[float | None] = ContextVar("openai_api_deadline", default=None)
"""When the caller stops waiting, as a time of `time.monotonic` in seconds."""
most_retries: ContextVar[int | None] = ContextVar("openai_api_most_retries", default=None)
"""How often the SDK retries a call, None for the number in the settings."""


class Client(AsyncOpenAI):
    """The SDK's client without the key, which the transport adds."""

    transport: AiohttpTransport
    """What sends its requests; also used past the SDK."""

    def __init__(self, settings: HostConfig, http_client: httpx2.AsyncClient) -> None:
        super().__init__(
            api_key="unused",  # It refuses an empty one.
            base_url=settings.base_url,
            timeout=settings.timeout,
            max_retries=settings.max_retries,
            http_client=http_client,
        )
        # The OPENAI_* environment variables of the process are ignored.
        self.organization = self.project = self.webhook_secret = self.admin_api_key = None
        self._custom_headers = {}
        self._settings = settings
        self._urls: LRU[str, httpx2.URL] = LRU(256)

    @property
    def max_retries(self) -> int:
        """How often the current call is retried."""
        most = most_retries.get()
        return self._max_retries if most is None else most

    @max_retries.setter
    def max_retries(self, value: int) -> None:
        self._max_retries = value

    @override
    def platform_headers(self) -> dict[str, str]:
        """Return none, so that no x-stainless headers describe the platform."""
        return {}

    @override
    def _should_retry(self, response: httpx2.Response) -> bool:
        return (
            super()._should_retry(response)
            and (is_repeatable(response.request) or was_refused(response))
            and not self._is_retry_pointless(response)
        )

    def _is_retry_pointless(self, response: httpx2.Response) -> bool:
        """Return whether a retry cannot succeed.

        The pause exceeds the deadline, the quota is exhausted, or the request itself is at fault.
        """
        pause = self._parse_retry_after_header(response.headers) or 0
        end = deadline.get()
        if end is not None and time.monotonic() + pause > end:
            return True
        body: object = response.content
        with suppress(orjson.JSONDecodeError):
            body = orjson.loads(response.content)
        details = parse_error_body(body, self._settings)
        status = response.status_code
        return is_quota_exceeded(status, details["code"], details["message"]) or is_request_fault(
            status, details["message"]
        )

    @override
    def _prepare_url(self, url: str) -> httpx2.URL:
        # Parsing the same few URLs takes a tenth of every call.
        if (prepared := self._urls.get(url)) is None:
            prepared = self._urls[url] = super()._prepare_url(url)
        return prepared


class HttpClient(httpx2.AsyncClient):
    """A client that leaves a request as the SDK has made it.

    It has no cookies, redirects or defaults of its own, and merging with none of them would
    still take a tenth of every call.
    """

    @override
    def build_request(
        self, method: str, url: httpx2.URL | str, *, timeout: Any = None, **content: Any
    ) -> httpx2.Request:
        """Return the request, as the SDK has made it."""
        limits = httpx2.Timeout(timeout).as_dict()
        request = httpx2.Request(method, _url(str(url)), extensions={"timeout": limits}, **content)
        if request.headers.pop(MAY_REPEAT, None):
            request.extensions[EXTENSION] = True
        return request

    @override
    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **_: Any
    ) -> httpx2.Response:
        """Send a request; the body of the response is read, unless it is a stream.

        Raises APIConnectionError or APITimeoutError of the SDK where it must not retry, because it
        retries after any other error.
        """
        try:
            return await self._exchange(request, stream=stream)
        except httpx2.ConnectError, httpx2.ConnectTimeout:
            raise
        except httpx2.TransportError as err:
            if is_repeatable(request):
                raise
            is_late = isinstance(err, httpx2.TimeoutException)
            error_type = APITimeoutError if is_late else APIConnectionError
            raise error_type(request=request) from err

    async def _exchange(self, request: httpx2.Request, *, stream: bool) -> httpx2.Response:
        """Send a request and return the answer."""
        response = await self._transport.handle_async_request(request)
        response.request = request
        try:
            # Whether to retry depends on the body of an error.
            if not stream or response.is_error:
                await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response


@lru_cache(maxsize=256)
def _url(text: str) -> httpx2.URL:
    """Return a URL, parsed once."""
    return httpx2.URL(text)


async def async_create_client(
    hass: HomeAssistant,
    settings: HostConfig,
    usage: Usage,
    session: aiohttp.ClientSession | None = None,
) -> Client:
    """Return a client; nothing is left to import for the first request.

    Without `session` it has its own, which ends with the config entry that is being set up.
    """
    transport = AiohttpTransport(session or create_session(hass, settings), settings, usage)
    client = Client(settings, HttpClient(transport=transport, trust_env=False))
    client.transport = transport
    await hass.async_add_import_executor_job(_preload_modules, client)
    return client


@callback
def create_session(
    hass: HomeAssistant, settings: HostConfig, *, auto_cleanup: bool = True
) -> aiohttp.ClientSession:
    """Return a session that shares the connections of Home Assistant, but keeps no cookies.

    A cookie of one account must not pay for the calls of another.
    """
    return async_create_clientsession(
        hass,
        verify_ssl=settings.verify_ssl,
        auto_cleanup=auto_cleanup,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _preload_modules(client: Client) -> None:
    """Import what would block the loop later."""
    resolve_method(client, "models.list", "raw")


class SdkMethod(NamedTuple):
    """A method of the SDK and the names of its parameters."""

    call: Callable[..., Any]
    parameters: frozenset[str]


def resolve_method(client: AsyncOpenAI, name: str, response_mode: str) -> SdkMethod:
    """Return an SDK method in its `raw` or `streaming` form; raises AttributeError if it is missing."""
    *resources, last = name.split(".")
    target: Any = client
    for resource in resources:
        target = getattr(target, resource)
    call = getattr(getattr(target, f"with_{response_mode}_response"), last)
    return SdkMethod(call, frozenset(inspect.signature(call).parameters))
