"""Sends the SDK's requests over Home Assistant's aiohttp session."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
import math
import re
import time
from types import TracebackType
from typing import override

import aiohttp
from homeassistant.exceptions import HomeAssistantError
import httpx2
from multidict import CIMultiDict
from yarl import URL

from ..error_bodies import condense_error
from ..exceptions import ResponseTooLarge, SdkPassthroughError
from .config import HostConfig
from .pacing import LoopPacer
from .usage import Usage

MAX_RESPONSE_BYTES = 256 * 1024**2
"""Bytes: the most that is read into memory as one response."""
MAX_ERROR_BYTES = 1024**2
"""Bytes: the most that is read of a response with an error status."""
_LARGE_BYTES = 4 * 1024**2
_LARGE_ERROR_BYTES = 32 * 1024
# Chunks of a form that are read at once: 1 MiB of a large file.
CHUNKS_PER_READ = 16
MAX_CONCURRENT_REQUESTS = 100
"""Requests: as many as the connections that Home Assistant opens to one server.

Others wait here in order; the session itself would serve new requests before waiting ones.
"""
_PACKED_PIECE = 4096
# Chunks may be ten times as large; the events in them are found in the event loop.
_MAX_PIECE_BYTES = 64 * 1024
_MAX_LOOP_HOLD = 0.005
"""Seconds after which the event loop runs other tasks between the pieces of one chunk."""
_TLS_SETTING = re.compile(r" ssl:\S+")
# The SDK's placeholder for the key, and what aiohttp sets itself.
_DROPPED_HEADERS = {"authorization", "transfer-encoding"}


class TransportErrors:
    """Raises aiohttp's errors inside as those of httpx2, which the SDK retries.

    Raises httpx2.TransportError, and SdkPassthroughError where a retry cannot help. No generator,
    which would cost a short request several times as much.
    """

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        err: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; raise the error of httpx2, if there is one."""
        if err is not None and (translated := _as_transport_error(err)) is not None:
            raise translated from err


def _as_transport_error(err: BaseException) -> Exception | None:
    """Return the error of httpx2 for one of aiohttp, None if it is another."""
    match err:
        case aiohttp.ConnectionTimeoutError():
            return httpx2.ConnectTimeout(str(err))
        case TimeoutError():
            return httpx2.ReadTimeout(str(err))
        case aiohttp.ClientConnectorError():
            # How aiohttp was told to use TLS is nothing to read at home.
            return httpx2.ConnectError(_TLS_SETTING.sub("", str(err)))
        case aiohttp.ServerDisconnectedError():
            return httpx2.RemoteProtocolError("the host closed the connection")
        case aiohttp.ClientResponseError():
            # Its text quotes the URL, which may hold the key, and bytes of the server.
            return httpx2.RemoteProtocolError("the host does not answer in proper HTTP")
        case aiohttp.InvalidURL():
            return httpx2.UnsupportedProtocol("the address is not valid")
        case aiohttp.ClientError() | OSError():
            if isinstance(cause := err.__cause__, HomeAssistantError):
                # The file that is sent could not be read to its end.
                return SdkPassthroughError(cause)
            return httpx2.ReadError(str(err))
        case ValueError():
            # A header with line breaks, for one; its text is not quoted.
            return httpx2.LocalProtocolError("the request cannot be sent")
    return None


_TRANSPORT_ERRORS = TransportErrors()


class AiohttpResponseStream(httpx2.AsyncByteStream):
    """The body of a response, read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Each packed byte may become a thousand when it is decompressed, in the event loop.
        is_packed = "content-encoding" in self._response.headers
        largest = _PACKED_PIECE if is_packed else _MAX_PIECE_BYTES
        with _TRANSPORT_ERRORS:
            async for chunk in self._response.content.iter_any():
                if len(chunk) <= largest and not is_packed:
                    yield chunk
                    continue
                turn_ends = time.monotonic() + _MAX_LOOP_HOLD
                for start in range(0, len(chunk), largest):
                    yield chunk[start : start + largest]
                    if is_packed or time.monotonic() > turn_ends:
                        await asyncio.sleep(0)
                        turn_ends = time.monotonic() + _MAX_LOOP_HOLD

    @override
    async def aclose(self) -> None:
        # A connection whose body was not read to its end cannot be reused.
        self._response.close()


class SizeLimitedResponse(httpx2.Response):
    """A response whose size is limited when it is read into memory as a whole."""

    _max_size = math.inf

    @override
    async def aread(self) -> bytes:
        self._max_size = MAX_RESPONSE_BYTES
        content = await super().aread()
        if self.is_error and len(content) > _LARGE_ERROR_BYTES:
            # The SDK reads it in the event loop, with a decoder that takes its time.
            loop = asyncio.get_running_loop()
            content = self._content = await loop.run_in_executor(None, condense_error, content)
        return content

    @override
    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncGenerator[bytes]:
        size = 0
        async with aclosing(super().aiter_bytes(chunk_size)) as chunks:
            async for chunk in chunks:
                if self.is_error and size + len(chunk) > MAX_ERROR_BYTES:
                    # Enough for an error; reading all of it would block the event loop.
                    yield chunk[: MAX_ERROR_BYTES - size]
                    return
                # The decompressed size: a short body may become a very long one.
                size += len(chunk)
                if size > self._max_size:
                    raise SdkPassthroughError(ResponseTooLarge(MAX_RESPONSE_BYTES))
                yield chunk


async def _async_wait(turn: asyncio.Future[None], response: aiohttp.ClientResponse) -> None:
    """Wait for a turn; nobody has the response if that is cancelled."""
    try:
        await turn
    except BaseException:
        response.close()
        raise


@lru_cache(maxsize=32)
def _client_timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    """Return what aiohttp takes for these seconds: there are few, and each comes many times."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)


async def _iter_body(form: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield a form with files, which are read from disk in the executor."""
    loop = asyncio.get_running_loop()
    chunks = iter(form)
    while piece := await loop.run_in_executor(None, _read_chunks, chunks):
        yield piece


def _read_chunks(chunks: Iterator[bytes]) -> bytes:
    """Return the next chunks joined, empty at the end; blocks."""
    return b"".join(islice(chunks, CHUNKS_PER_READ))


_outcome: ContextVar[httpx2.Response | httpx2.TransportError | None] = ContextVar(
    "openai_api_outcome", default=None
)


@contextmanager
def replaying(outcome: httpx2.Response | httpx2.TransportError) -> Iterator[None]:
    """Give this outcome to the next request of this context instead of sending it."""
    token = _outcome.set(outcome)
    try:
        yield
    finally:
        _outcome.reset(token)


async def async_read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body of a response, decompressed.

    Raises httpx2.TransportError if it is cut short, and SdkPassthroughError with ResponseTooLarge
    if it is larger than `MAX_RESPONSE_BYTES`.
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
    read_chunk = response.content.readany
    try:
        with _TRANSPORT_ERRORS:
            while chunk := await read_chunk():
                size += len(chunk)
                if size > MAX_RESPONSE_BYTES:
                    raise SdkPassthroughError(ResponseTooLarge(MAX_RESPONSE_BYTES))
                chunks.append(chunk)
    except BaseException:
        response.close()
        raise
    response.release()
    return await async_join(chunks, size)


async def async_join(chunks: list[bytes], size: int) -> bytes:
    """Return chunks of so many bytes in one piece; many megabytes are copied outside of the loop."""
    if len(chunks) == 1:
        return chunks[0]
    if size <= _LARGE_BYTES:
        return b"".join(chunks)
    # Python lets go of its lock meanwhile.
    return await asyncio.get_running_loop().run_in_executor(None, b"".join, chunks)


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends requests, and adds the key at the last moment.

    Nothing above the transport holds the key, so that no log or error text of the SDK or its HTTP
    client can show it; and it is sent to the configured origin only.
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
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)
        self._responses = LoopPacer()

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
        """Send a request, with the key unless `with_key` is false; the body is not read yet.

        The time limits are in seconds. Raises httpx2.TransportError, and UnsupportedProtocol for a
        URL of another origin.
        """
        if url.origin() != self._origin:
            raise httpx2.UnsupportedProtocol("requests go to the configured host alone")
        if self._auth_query:
            # A query parameter of the caller never replaces the key.
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
                start = time.monotonic()
                if self._session.closed:
                    # Home Assistant stops; aiohttp would raise a RuntimeError.
                    raise httpx2.ConnectError("Home Assistant is shutting down")
                with _TRANSPORT_ERRORS:
                    response = await self._session.request(
                        method,
                        url,
                        headers=sent,
                        data=body,
                        allow_redirects=False,
                        auto_decompress=False,
                        timeout=_client_timeout(connect_timeout, read_timeout),
                    )
                if (turn := self._responses.take()) is not None:
                    # Very many were answered at the same moment.
                    await _async_wait(turn, response)
        except httpx2.TransportError:
            self._usage.record_failure()
            raise
        self._usage.record_response(time.monotonic() - start, response.headers, response.status)
        return response

    def as_httpx(
        self, response: aiohttp.ClientResponse, request: httpx2.Request | None = None
    ) -> httpx2.Response:
        """Return a response as the SDK takes it, with the secrets in its headers redacted."""
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
