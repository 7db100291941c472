"""Sends requests for Assist through the SDK and reads what comes back, as it comes.

An answer is a stream of server-sent events, each a dict from its JSON, or one dict where the
service does not stream. Nothing is parsed into models and nothing is copied.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
import json
import time
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import orjson

from ..api.client import most_retries
from ..api.host import ServiceHost
from ..api.response import parse_body
from ..const import LOGGER
from ..error_translation import parse_error_body, raise_translated_errors
from ..exceptions import ErrorInStream, RequestTimedOut, ResponseTooLarge, StreamMalformed
from ..streaming.sse import EventTooLarge, SSEDecoder
from ..types import Json

_LARGEST: Final = 16 * 1024**2
"""Bytes of one streamed answer; a spoken hour has 60 kB."""
_CAN_WARM_UP: Final = "can_warm_up"
"""Key of `ServiceHost.known`: False once the service has refused to list its models."""
_WARM: Final = 10.0
"""Seconds for which a connection stays open, at the least, after an answer."""
_WARM_UP: Final = 5.0
"""Seconds that opening one may take."""
_EVENT_STREAM: Final = "text/event-stream"


class Stream:
    """An answer under way."""

    def __init__(
        self, host: ServiceHost, response: Any, wait: asyncio.Timeout, seconds: float
    ) -> None:
        self.is_follow_up = False
        self.content_type: str = response.headers.get("content-type", "").lower()
        self._host = host
        self._response = response
        self._wait = wait
        self._seconds = seconds

    @property
    def is_event_stream(self) -> bool:
        """Whether the service streams; if not, `async_whole` returns the answer."""
        return self.content_type.startswith(_EVENT_STREAM)

    def begun(self) -> None:
        """Lift the time limit on the whole: from now on it counts between two pieces."""
        self._host.disable_timeout(self._wait)

    async def async_whole(self) -> Json:
        """Return the answer of a service that does not stream.

        Raises a translated error for anything that is no JSON object.
        """
        return parse_body(self._host.settings, await self._response.read(), self.content_type)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; raises translated errors."""
        with raise_translated_errors(self._host.settings, self._seconds):
            async for piece in self._response.iter_bytes():
                yield piece

    async def events(self) -> AsyncIterator[list[Json]]:
        """Yield the events that have arrived together, until the stream or `[DONE]` ends it.

        Raises `timed_out` where nothing but signs of life comes for the time limit,
        StreamMalformed for an event that is no JSON, ResponseTooLarge, ErrorInStream for an
        error that the service sends, and what `pieces` raises.
        """
        decoder = SSEDecoder()
        loop = asyncio.get_running_loop()
        size, heard = 0, loop.time()
        async for piece in self.pieces():
            size += len(piece)
            if size > _LARGEST:
                raise ResponseTooLarge(_LARGEST)
            try:
                found = decoder.feed(piece)
            except EventTooLarge:
                raise StreamMalformed from None
            events: list[Json] = []
            is_done = False
            for name, data in found:
                if data.startswith(b"[DONE]"):
                    is_done = True
                    break
                if data.strip():
                    events.append(self._parse(name, data))
            if events:
                heard = loop.time()
                yield events
                # Whoever takes the events may run tools meanwhile.
                heard = loop.time()
            elif loop.time() - heard > self._seconds:
                raise RequestTimedOut(seconds=f"{self._seconds:g}")
            if is_done:
                return

    def _parse(self, name: str, data: bytes) -> Json:
        """Return the JSON object of an event."""
        try:
            event: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            try:
                # It takes half an emoji, whose other half comes with the next event.
                event = json.loads(data)
            except ValueError:
                raise StreamMalformed from None
        if not isinstance(event, dict):
            raise StreamMalformed
        error = event.get("error")
        if name == "error" or event.get("type") == "error" or (error and "response" not in event):
            raise ErrorInStream(**parse_error_body(error or event, self._host.settings))
        return event


@asynccontextmanager
async def async_stream(
    host: ServiceHost, method: str, arguments: Mapping[str, Any], seconds: float
) -> AsyncIterator[Stream]:
    """Send a request and yield its answer; the SDK does not retry.

    `method` is that of the SDK, such as `responses.create`; what `arguments` holds under
    `extra_body` is sent as it is. `seconds` bound the time until `Stream.begun`, and then the time
    between two pieces. Raises the translated errors of `errors.translate`.
    """
    call, _ = await host.method(method, "streaming")
    async with AsyncExitStack() as stack:
        wait = await stack.enter_async_context(host.async_request_scope(seconds))
        token = most_retries.set(0)
        try:
            response = await stack.enter_async_context(call(**arguments, timeout=seconds))
        finally:
            most_retries.reset(token)
        yield Stream(host, response, wait, seconds)


async def async_warm_up(host: ServiceHost) -> None:
    """Have an open connection, so that the next request need not wait for one.

    Does nothing if the service has answered within the last 10 seconds. Whatever goes wrong is
    for the next request to tell; a service that does not list its models is not asked again.
    """
    if host.closed or not host.known.get(_CAN_WARM_UP, True):
        return
    if time.monotonic() - host.usage.last_response_at < _WARM:
        return
    token = most_retries.set(0)
    try:
        call, _ = await host.method("models.list", "raw")
        async with asyncio.timeout(_WARM_UP):
            with raise_translated_errors(host.settings, _WARM_UP):
                await call(timeout=_WARM_UP)
    except (HomeAssistantError, TimeoutError) as err:
        LOGGER.debug("No connection could be opened in advance: %r", err)
        if isinstance(err, ServiceValidationError):
            host.known[_CAN_WARM_UP] = False
    finally:
        most_retries.reset(token)


async def async_ask(
    host: ServiceHost, method: str, arguments: Mapping[str, Any], seconds: float
) -> Json:
    """Return the JSON object that a method answers with; raises translated errors."""
    async with async_stream(host, method, arguments, seconds) as stream:
        return await stream.async_whole()
