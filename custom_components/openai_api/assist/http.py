"""Sends requests of Assist with the SDK and streams their responses.

A response is a stream of server-sent events, each a dict from its JSON, or one dict where the
service does not stream. Nothing is parsed into pydantic models.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from functools import partial
import time
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..api.client import most_retries
from ..api.host import ServiceHost
from ..api.response import async_parse_body, stray_answer
from ..api.transport import AiohttpResponseStream
from ..const import LOGGER
from ..error_translation import parse_error_body, raise_translated_errors
from ..exceptions import ErrorInStream, RequestTimedOut, ResponseTooLarge, StreamMalformed
from ..streaming.base import AnswerError, StreamAccumulator
from ..streaming.decode import (
    KEEP_ALIVE,
    StreamGarbled,
    check,
    check_stray,
    is_suspect,
    lines_in_stray,
    reader_for,
)
from ..streaming.ndjson import NdjsonDecoder
from ..streaming.sse import EventTooLarge, SSEDecoder
from ..streaming.text import LARGE_BYTES
from ..types import Json
from .errors import status_from_codes
from .loop_turn import LoopTurn

_MAX_RESPONSE_BYTES: Final = 128 * 1024**2
"""Bytes of one streamed response: a token of four characters may come in an event of 400 bytes."""
_CAN_WARM_UP: Final = "can_warm_up"
"""Key of `ServiceHost.known`: False once the service has refused to list its models."""
_KEEP_ALIVE_SECONDS: Final = 10.0
"""Seconds for which a connection stays open, at the least, after a response."""
_WARM_UP_TIMEOUT: Final = 5.0
"""Seconds that opening one may take."""
_EVENT_STREAM: Final = "text/event-stream"
_COMPLETED: Final = "response.completed"


class Stream:
    """A response that is being received."""

    def __init__(
        self, host: ServiceHost, response: Any, timeout: asyncio.Timeout, seconds: float
    ) -> None:
        self.is_follow_up = False
        self.content_type: str = response.headers.get("content-type", "").lower()
        self._host = host
        self._response = response
        self._timeout = timeout
        self._seconds = seconds

    @property
    def is_event_stream(self) -> bool:
        """Whether the service streams; if not, `async_json` returns the response."""
        return self.content_type.startswith(_EVENT_STREAM)

    def mark_started(self) -> None:
        """End the time limit on the whole: from now on it counts between two chunks."""
        self._host.disable_timeout(self._timeout)

    async def async_json(self, accumulator: Callable[[], StreamAccumulator] | None = None) -> Json:
        """Return the response of a service that does not stream, what `async_parse_body` returns.

        `accumulator` reads a stream that is not labelled as one. Raises what that raises for
        anything that is no JSON object.
        """
        return await async_parse_body(
            self._host.hass,
            self._host.settings,
            await self._response.read(),
            self.content_type,
            accumulator=accumulator,
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives.

        Raises an ApiError, such as ConnectionFailed where the connection is lost.
        """
        with raise_translated_errors(self._host.settings, self._seconds):
            async with aclosing(iter_body(self._response)) as body:
                async for chunk in body:
                    yield chunk

    async def events(self) -> AsyncIterator[list[Json]]:
        """Yield the events that have arrived together, until the stream or `[DONE]` ends it.

        Each is the object of one server-sent event, `{"type": …}` or a chunk `{"choices": …}`.
        Raises RequestTimedOut where nothing but comments arrive for the time limit,
        StreamMalformed for an event that is no JSON, ResponseTooLarge, ErrorInStream for an
        error that the service sends, and what `chunks` raises.
        """
        loop = asyncio.get_running_loop()
        reader = _EventReader(self._host)
        size, last_event_at = 0, loop.time()
        turn = LoopTurn()
        async for chunk in self.chunks():
            size += len(chunk)
            if size > _MAX_RESPONSE_BYTES:
                raise ResponseTooLarge(_MAX_RESPONSE_BYTES)
            if events := await reader.async_read(chunk):
                yield events
                # The chat log may run tools meanwhile.
                last_event_at = loop.time()
                await turn.async_yield()
            elif loop.time() - last_event_at > self._seconds:
                raise RequestTimedOut(seconds=f"{self._seconds:g}")
            if reader.is_done:
                return
        if events := await reader.async_read_rest():
            yield events


class _EventReader:
    """Decodes the events in the body of a response."""

    def __init__(self, host: ServiceHost) -> None:
        self.is_done = False
        """Whether the service has said that there are no more."""
        self._host = host
        self._decoder: SSEDecoder | NdjsonDecoder = SSEDecoder()
        self._reader = reader_for(None)
        self._has_events = False

    async def async_read(self, chunk: bytes) -> list[Json]:
        """Return the events that a chunk completes; raises what `Stream.events` does."""
        with self._translated_errors():
            return await self._async_decode(self._parse(chunk))

    async def async_read_rest(self) -> list[Json]:
        """Return the event behind which the line break or the blank line is missing, if it is whole.

        A whole response that is only called a stream becomes an event. Raises what `stray_answer`
        raises.
        """
        with self._translated_errors(), suppress(StreamGarbled):
            events = await self._async_decode([*self._parse(b"\n"), *self._decoder.flush()])
            if self._has_events or not self._decoder.stray:
                return events
            answer: Any = await self._host.hass.async_add_executor_job(
                stray_answer, self._host.settings, self._decoder.stray, _EVENT_STREAM
            )
            if isinstance(answer, dict):
                is_response = "output" in answer
                return [{"type": _COMPLETED, "response": answer} if is_response else answer]
        return []

    def _parse(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Return the names and the data of the events that a chunk completes."""
        parsed = self._decoder.feed(chunk)
        if self._decoder.stray:
            if not self._has_events:
                self._decoder, parsed = lines_in_stray(self._decoder, parsed)
            check_stray(self._decoder.stray[-2:])
        return parsed

    async def _async_decode(self, parsed: list[tuple[str, bytes]]) -> list[Json]:
        """Return the objects of events without keep-alives; large ones are read in the executor."""
        events: list[Json] = []
        for name, data in parsed:
            if data.startswith(b"[DONE]"):
                self.is_done = True
                break
            # Some services send nulls while a model thinks.
            if data.strip() in (b"", b"null") or name in KEEP_ALIVE:
                continue
            if len(data) <= LARGE_BYTES:
                event, event_type = self._reader.read(name, data)
            else:
                read = partial(self._reader.read, name, data)
                event, event_type = await self._host.hass.async_add_executor_job(read)
            # What a choice says of an error is up to the decoder of the chunks.
            if is_suspect(event, event_type) and ("error" in event or "choices" not in event):
                check(event, event_type)
            if event_type not in KEEP_ALIVE:
                events.append(event)
        self._has_events = self._has_events or bool(events)
        return events

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Raise errors in the stream, and what cannot be decoded, as translated errors."""
        try:
            yield
        except AnswerError as err:
            details = parse_error_body(err.body, self._host.settings)
            raise ErrorInStream(status=status_from_codes(err.body), **details) from None
        except EventTooLarge, StreamGarbled:
            raise StreamMalformed from None


def iter_body(response: Any) -> AsyncGenerator[bytes]:
    """Return the chunks of a streamed response of the SDK, as they arrive.

    An uncompressed body comes straight from the connection: on a small machine, the layers that
    would decompress it take as much time as the rest. Raises errors of httpx and the SDK.
    """
    stream = response.http_response.stream
    if isinstance(stream, AiohttpResponseStream) and "content-encoding" not in response.headers:
        return stream.__aiter__()  # type: ignore[return-value]
    chunks: AsyncGenerator[bytes] = response.iter_bytes()
    return chunks


@contextmanager
def without_sdk_retries() -> Iterator[None]:
    """Leave it to `errors.retry_delay` whether a request is sent again: the SDK does not do it."""
    token = most_retries.set(0)
    try:
        yield
    finally:
        most_retries.reset(token)


@asynccontextmanager
async def async_stream(
    host: ServiceHost, method: str, arguments: Mapping[str, Any], seconds: float
) -> AsyncIterator[Stream]:
    """Send a request and yield its response; the SDK does not retry.

    `method` is that of the SDK, such as `responses.create`; what `arguments` holds under
    `extra_body` is sent as it is. `seconds` bound the time until `Stream.mark_started`, and then the time
    between two chunks. Raises ApiError and EntryUnloaded.
    """
    call, _ = await host.method(method, "streaming")
    async with AsyncExitStack() as stack:
        timeout = await stack.enter_async_context(host.async_request_scope(seconds))
        with without_sdk_retries():
            response = await stack.enter_async_context(call(**arguments, timeout=seconds))
        yield Stream(host, response, timeout, seconds)


async def async_warm_up(host: ServiceHost) -> None:
    """Open a connection, so that the next request need not wait for one.

    Does nothing if the service has responded within the last 10 seconds. Errors are left to the
    next request; a service that rejects to list its models is not asked again.
    """
    if host.closed or not host.known.get(_CAN_WARM_UP, True):
        return
    if time.monotonic() - host.usage.last_response_at < _KEEP_ALIVE_SECONDS:
        return
    try:
        call, _ = await host.method("models.list", "raw")
        async with asyncio.timeout(_WARM_UP_TIMEOUT):
            with raise_translated_errors(host.settings, _WARM_UP_TIMEOUT), without_sdk_retries():
                await call(timeout=_WARM_UP_TIMEOUT)
    except (HomeAssistantError, TimeoutError) as err:
        LOGGER.debug("No connection could be opened in advance: %r", err)
        if isinstance(err, ServiceValidationError):
            host.known[_CAN_WARM_UP] = False


async def async_request(
    host: ServiceHost, method: str, arguments: Mapping[str, Any], seconds: float
) -> Json:
    """Return the JSON object of a response, what `Stream.async_json` returns.

    The parameters and errors are those of `async_stream`.
    """
    async with async_stream(host, method, arguments, seconds) as stream:
        return await stream.async_json()
