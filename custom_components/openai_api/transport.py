"""Carries the SDK's requests over Home Assistant's shared aiohttp session."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
import time
from typing import override

import aiohttp
import httpx2
from multidict import CIMultiDict
from yarl import URL

from .settings import Settings
from .usage import Usage

# The SDK's stand-in for a key, and what aiohttp works out by itself.
_NOT_PASSED_ON = {"authorization", "transfer-encoding"}


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Turn aiohttp's errors into those that the SDK knows how to retry."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as err:
        raise httpx2.ConnectTimeout(str(err)) from err
    except TimeoutError as err:
        raise httpx2.ReadTimeout(str(err)) from err
    except aiohttp.ClientConnectorError as err:
        raise httpx2.ConnectError(str(err)) from err
    except aiohttp.ServerDisconnectedError as err:
        raise httpx2.RemoteProtocolError("the host closed the connection") from err
    except aiohttp.InvalidURL as err:
        raise httpx2.UnsupportedProtocol("the address is not valid") from err
    except (aiohttp.ClientError, OSError) as err:
        raise httpx2.ReadError(str(err)) from err


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for chunk in self._response.content.iter_any():
                yield chunk

    @override
    async def aclose(self) -> None:
        # A body that was not read to its end leaves a connection nobody can use again.
        self._response.close()


class Transport(httpx2.AsyncBaseTransport):
    """Sends requests, and adds the key at the last moment.

    Nothing above this line ever holds the key, so that no log or error text of the
    SDK or of its HTTP client can show it; and it goes to the configured host alone.
    """

    def __init__(self, session: aiohttp.ClientSession, settings: Settings, usage: Usage) -> None:
        self._session = session
        self._settings = settings
        self._usage = usage
        self._origin = URL(settings.base_url).origin()

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = URL(str(request.url), encoded=True)
        if url.origin() != self._origin:
            raise httpx2.UnsupportedProtocol("requests go to the configured host alone")
        settings = self._settings
        if query := {
            key: value
            for key, value in {**settings.query, **settings.auth_query}.items()
            if key not in url.query
        }:
            url = url.extend_query(query)
        headers = CIMultiDict(
            (name, value)
            for name, value in request.headers.multi_items()
            if name not in _NOT_PASSED_ON
        )
        headers.update({**settings.account_headers, **settings.auth_headers})
        limits = request.extensions.get("timeout", {})
        try:
            body: bytes | httpx2.AsyncByteStream | None = request.content or None
        except httpx2.RequestNotRead:
            assert isinstance(request.stream, httpx2.AsyncByteStream)
            body = request.stream
        start = time.monotonic()
        try:
            with _httpx_errors():
                response = await self._session.request(
                    request.method,
                    url,
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(
                        total=None, sock_connect=limits.get("connect"), sock_read=limits.get("read")
                    ),
                )
        except httpx2.TransportError:
            self._usage.failed()
            raise
        self._usage.asked(time.monotonic() - start, response.headers, is_ok=response.ok)
        return httpx2.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=_Body(response),
            request=request,
        )

    @override
    async def aclose(self) -> None:
        """Leave the session open: it belongs to Home Assistant."""
