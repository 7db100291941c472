"""Carries the SDK's requests over Home Assistant's shared aiohttp session."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
import math
import time
from typing import override

import aiohttp
from homeassistant.exceptions import HomeAssistantError
import httpx2
from multidict import CIMultiDict
from yarl import URL

from ..exceptions import SdkPassthroughError, api_error
from .config import HostConfig
from .turn import LoopTurn
from .usage import Usage

MAX_RESPONSE_BYTES = 256 * 1024**2
"""Bytes: the most that is read into memory as one answer."""
MAX_ERROR_BYTES = 1024**2
"""Bytes: the most that is read of a response with an error status."""
# What is read of a form at once: of a large file that makes a megabyte.
CHUNKS_PER_READ = 16
MAX_CONCURRENT_REQUESTS = 100
"""Requests: as many as Home Assistant opens connections to one host.

Those beyond it wait here, first come, first served: the session itself would serve whoever
asks again before those that wait.
"""
_PACKED_PIECE = 4096
# The SDK's stand-in for a key, and what aiohttp works out by itself.
_DROPPED_HEADERS = {"authorization", "transfer-encoding"}


@contextmanager
def map_aiohttp_exceptions() -> Iterator[None]:
    """Turn aiohttp's errors into those that the SDK knows how to retry.

    Raises httpx2.TransportError, and SdkPassthroughError for what no retry can help.
    """
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
            raise SdkPassthroughError(cause) from None
        raise httpx2.ReadError(str(err)) from err
    except ValueError as err:
        # A header with line breaks, for one; its text is not quoted.
        raise httpx2.LocalProtocolError("the request cannot be sent") from err


class AiohttpResponseStream(httpx2.AsyncByteStream):
    """The body of an answer, read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_packed = "content-encoding" in self._response.headers
        with map_aiohttp_exceptions():
            async for chunk in self._response.content.iter_any():
                if not is_packed:
                    yield chunk
                    continue
                # Each byte may be a thousand once it is unpacked, which is done in the loop.
                for start in range(0, len(chunk), _PACKED_PIECE):
                    yield chunk[start : start + _PACKED_PIECE]
                    await asyncio.sleep(0)

    @override
    async def aclose(self) -> None:
        # A body that was not read to its end leaves a connection nobody can use again.
        self._response.close()


class SizeLimitedResponse(httpx2.Response):
    """An answer that is only read into memory as a whole when it is not too large for that."""

    _max_size = math.inf

    @override
    async def aread(self) -> bytes:
        self._max_size = MAX_RESPONSE_BYTES
        return await super().aread()

    @override
    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncGenerator[bytes]:
        size = 0
        async with aclosing(super().aiter_bytes(chunk_size)) as chunks:
            async for chunk in chunks:
                if self.is_error and size + len(chunk) > MAX_ERROR_BYTES:
                    # Enough to say what is wrong; reading all of it would hold up the event loop.
                    yield chunk[: MAX_ERROR_BYTES - size]
                    return
                # Counted as unpacked: a short answer may have been a very long one.
                size += len(chunk)
                if size > self._max_size:
                    raise SdkPassthroughError(
                        api_error("answer_too_large", limit=MAX_RESPONSE_BYTES // 1024**2)
                    )
                yield chunk


@lru_cache(maxsize=32)
def _client_timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    """Return what aiohttp takes for these seconds: there are few, and each comes many times."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)


async def _iter_body(form: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield a form with files, which are read from disk meanwhile, outside the event loop."""
    loop = asyncio.get_running_loop()
    chunks = iter(form)
    while piece := await loop.run_in_executor(None, _read_chunks, chunks):
        yield piece


def _read_chunks(chunks: Iterator[bytes]) -> bytes:
    """Return the next chunks together, nothing at the end; blocks."""
    return b"".join(islice(chunks, CHUNKS_PER_READ))


_outcome: ContextVar[httpx2.Response | httpx2.TransportError | None] = ContextVar(
    "openai_api_outcome", default=None
)


@contextmanager
def replaying(outcome: httpx2.Response | httpx2.TransportError) -> Iterator[None]:
    """Give the next request of this context this outcome instead of sending it."""
    token = _outcome.set(outcome)
    try:
        yield
    finally:
        _outcome.reset(token)


async def async_read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body of a response, unpacked.

    Raises httpx2.TransportError if it is cut short, and SdkPassthroughError with
    `answer_too_large` if it is larger than MAX_RESPONSE_BYTES.
    """
    if "content-encoding" in response.headers:
        packed = SizeLimitedResponse(
            response.status,
            headers=list(response.raw_headers),
            stream=AiohttpResponseStream(response),
        )
        try:
            return await packed.aread()
        finally:
            await packed.aclose()
    chunks: list[bytes] = []
    size = 0
    try:
        with map_aiohttp_exceptions():
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > MAX_RESPONSE_BYTES:
                    raise SdkPassthroughError(
                        api_error("answer_too_large", limit=MAX_RESPONSE_BYTES // 1024**2)
                    )
                chunks.append(chunk)
    except BaseException:
        response.close()
        raise
    response.release()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends requests, and adds the key at the last moment.

    Nothing above this line ever holds the key, so that no log or error text of the
    SDK or of its HTTP client can show it; and it goes to the configured host alone.
    """

    def __init__(self, session: aiohttp.ClientSession, settings: HostConfig, usage: Usage) -> None:
        """Take the session of the service; it is not closed here."""
        self._session = session
        self._settings = settings
        self._usage = usage
        self._origin = URL(settings.base_url).origin()
        self._auth_query = settings.auth_query
        self._auth_headers = settings.auth_headers
        self._organization_headers = settings.organization_headers
        self._query = settings.query
        self.turn = LoopTurn()
        """Who may go on with a request, and when."""
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def async_send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
        *,
        connect_timeout: float | None,
        read_timeout: float | None,
        with_key: bool = True,
    ) -> aiohttp.ClientResponse:
        """Send a request, with the key unless told otherwise; return the response, of which no body is read yet.

        Raises httpx2.TransportError; a request to another origin raises UnsupportedProtocol.
        """
        if url.origin() != self._origin:
            raise httpx2.UnsupportedProtocol("requests go to the configured host alone")
        if self._auth_query:
            # What a caller adds to the address never replaces the key.
            url = url.without_query_params(*self._auth_query)
            if with_key:
                url = url.extend_query(self._auth_query)
        if self._query and (
            missing := {key: value for key, value in self._query.items() if key not in url.query}
        ):
            url = url.extend_query(missing)
        sent = CIMultiDict(headers)
        sent.update(self._organization_headers)
        if with_key:
            sent.update(self._auth_headers)
        try:
            async with self._semaphore:
                await self.turn.async_take()
                start = time.monotonic()
                with map_aiohttp_exceptions():
                    response = await self._session.request(
                        method,
                        url,
                        headers=sent,
                        data=body,
                        allow_redirects=False,
                        auto_decompress=False,
                        timeout=_client_timeout(connect_timeout, read_timeout),
                    )
        except httpx2.TransportError:
            self._usage.record_failure()
            raise
        self._usage.record_response(time.monotonic() - start, response.headers, response.status)
        return response

    def as_httpx(
        self, response: aiohttp.ClientResponse, request: httpx2.Request | None = None
    ) -> httpx2.Response:
        """Return a response as the SDK takes it, without any secret in its headers."""
        redact = self._settings.redact
        headers = [
            (name, redact(value.decode("latin-1")).encode("latin-1", "replace"))
            for name, value in response.raw_headers
        ]
        return SizeLimitedResponse(
            response.status,
            headers=headers,
            stream=AiohttpResponseStream(response),
            request=request,
        )

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if (outcome := _outcome.get()) is not None:
            _outcome.set(None)
            if isinstance(outcome, httpx2.TransportError):
                raise outcome
            outcome.request = request
            return outcome
        headers = {
            name: value
            for name, value in request.headers.multi_items()
            if name not in _DROPPED_HEADERS
        }
        limits = request.extensions.get("timeout", {})
        try:
            body: bytes | AsyncIterator[bytes] | None = request.content or None
        except httpx2.RequestNotRead:
            assert isinstance(request.stream, httpx2.SyncByteStream)
            body = _iter_body(request.stream)
        response = await self.async_send(
            request.method,
            URL(str(request.url), encoded=True),
            headers,
            body,
            connect_timeout=limits.get("connect"),
            read_timeout=limits.get("read"),
        )
        return self.as_httpx(response, request)

    @override
    async def aclose(self) -> None:
        """Leave the session open: it belongs to the entry."""
