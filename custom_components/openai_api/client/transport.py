"""Carries the SDK's requests over Home Assistant's shared aiohttp session."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from itertools import islice
import math
import time
from typing import override

import aiohttp
from homeassistant.exceptions import HomeAssistantError
import httpx2
from multidict import CIMultiDict
from yarl import URL

from ..errors import Passed, failure
from ..settings import Settings
from ..usage import Usage

LARGEST_ANSWER = 256 * 1024**2
"""Bytes: the most that is read into memory as one answer."""
# What is read of a form at once: of a large file that makes a megabyte.
_CHUNKS = 16
_AT_ONCE = 100
"""Requests: as many as Home Assistant opens connections to one host.

Those beyond it wait here, first come, first served: the session itself would serve whoever
asks again before those that wait.
"""
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
    except aiohttp.ClientResponseError as err:
        # Its text quotes the address, which may hold the key, and what the host has sent.
        raise httpx2.RemoteProtocolError("the host does not answer in proper HTTP") from err
    except aiohttp.InvalidURL as err:
        raise httpx2.UnsupportedProtocol("the address is not valid") from err
    except (aiohttp.ClientError, OSError) as err:
        if isinstance(cause := err.__cause__, HomeAssistantError):
            # It is the file being sent that cannot be read to its end.
            raise Passed(cause) from None
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


class Answer(httpx2.Response):
    """An answer that is only read into memory as a whole when it is not too large for that."""

    _largest = math.inf

    @override
    async def aread(self) -> bytes:
        self._largest = LARGEST_ANSWER
        return await super().aread()

    @override
    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncGenerator[bytes]:
        size = 0
        async with aclosing(super().aiter_bytes(chunk_size)) as chunks:
            async for chunk in chunks:
                # Counted as unpacked: a short answer may have been a very long one.
                size += len(chunk)
                if size > self._largest:
                    raise Passed(failure("answer_too_large", limit=LARGEST_ANSWER // 1024**2))
                yield chunk


async def _pieces(form: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield a form with files, which are read from disk meanwhile, outside the event loop."""
    loop = asyncio.get_running_loop()
    chunks = iter(form)
    while piece := await loop.run_in_executor(None, _piece, chunks):
        yield piece


def _piece(chunks: Iterator[bytes]) -> bytes:
    """Return the next chunks together, nothing at the end; blocks."""
    return b"".join(islice(chunks, _CHUNKS))


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
        self._gate = asyncio.Semaphore(_AT_ONCE)

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
            body: bytes | AsyncIterator[bytes] | None = request.content or None
        except httpx2.RequestNotRead:
            assert isinstance(request.stream, httpx2.SyncByteStream)
            body = _pieces(request.stream)
        try:
            async with self._gate:
                start = time.monotonic()
                with _httpx_errors():
                    response = await self._session.request(
                        request.method,
                        url,
                        headers=headers,
                        data=body,
                        allow_redirects=False,
                        auto_decompress=False,
                        timeout=aiohttp.ClientTimeout(
                            total=None,
                            sock_connect=limits.get("connect"),
                            sock_read=limits.get("read"),
                        ),
                    )
        except httpx2.TransportError:
            self._usage.failed()
            raise
        self._usage.asked(time.monotonic() - start, response.headers, response.status)
        return Answer(
            response.status,
            headers=list(response.raw_headers),
            stream=_Body(response),
            request=request,
        )

    @override
    async def aclose(self) -> None:
        """Leave the session open: it belongs to Home Assistant."""
