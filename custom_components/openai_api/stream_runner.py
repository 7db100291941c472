"""Runs streams: every event is fired on the bus, the caller gets the final object."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
import time
from typing import Any

from homeassistant.util.ulid import ulid_now
import httpx2

from .action import ActionCall
from .action_request import async_finish, async_parse_answer, async_run_large
from .api.response import stray_answer
from .api.transport import MAX_RESPONSE_BYTES, async_join
from .const import EVENT_STREAM
from .error_bodies import redact_error
from .error_translation import parse_error_body, raise_translated_errors
from .exceptions import (
    ErrorInStream,
    ResponseTooLarge,
    StreamIncomplete,
    StreamMalformed,
    api_error,
)
from .streaming.base import AnswerError, StreamAccumulator
from .streaming.decode import (
    FAILURES,
    KEEP_ALIVE,
    ODDITIES,
    StreamGarbled,
    can_tell,
    check,
    check_stray,
    is_event_stream,
    is_suspect,
    lines_in_stray,
    reader_for,
    words_in_stray,
)
from .streaming.ndjson import NdjsonDecoder, is_event_line, may_be_ndjson
from .streaming.sse import EventTooLarge, SSEDecoder
from .streaming.text import LARGE_BYTES
from .types import Json

# Seconds after which the event loop runs other tasks: the listeners of an event run while it is
# fired.
_MAX_LOOP_HOLD = 0.001
# The types of events that are more than a part of the answer.
_SPECIAL = FAILURES | KEEP_ALIVE | {"", "error"}
# Seconds that a server has to end a stream after its last event.
_GRACE = 3.0

type ReadBody = Callable[[bytes, str], Awaitable[Json]]


async def async_run(
    request: ActionCall,
    opened: Callable[[], Awaitable[object]] | None = None,
    read_body: ReadBody | None = None,
) -> Json:
    """Fire every event of a stream as it arrives, and return the final object.

    Returns `{…, "stream_id": …}`: the object of the accumulator, with the id in the fired events.
    `opened` is awaited once the stream is open: it may cause the events. `read_body` takes the body
    and content type of a response that is no stream, instead of `async_parse_answer`. Raises
    RequestTimedOut if no event comes within the timeout of the request, HomeAssistantError
    "stream_too_long" after `max_wait_seconds`, StreamIncomplete, StreamMalformed, ErrorInStream for
    an error in the stream, and what `finish` raises.
    """
    host, action = request.host, request.action
    assert action.accumulator is not None
    stream_id = ulid_now()
    start = time.monotonic()
    method, arguments, seconds = await request.build("streaming")
    async with AsyncExitStack() as stack:
        wait = await stack.enter_async_context(host.async_request_scope(seconds))
        response = await stack.enter_async_context(method(**arguments))
        content_type = response.headers.get("content-type", "")
        chunks: AsyncIterator[bytes] = response.iter_bytes()
        first = b""
        if not content_type.lower().startswith("text/event-stream"):
            first = await _async_peek(chunks)
        is_lines = bool(first) and is_event_line(first.partition(b"\n")[0])
        if first and not is_lines and not is_event_stream(first):
            # Some servers do not stream: the response is complete.
            body = await _async_read(first, chunks)
            if read_body is not None:
                answer = await read_body(body, content_type)
            else:
                answer = await async_parse_answer(request, body, content_type)
        elif not first and not content_type.lower().startswith("text/event-stream"):
            answer = await async_parse_answer(request, b"", content_type)
        else:
            # From here on each event has its own time limit: a stream may take long.
            host.disable_timeout(wait)
            if opened is not None:
                await opened()
            relay = _Relay(request, stream_id, action.accumulator(), response.headers)
            if is_lines:
                relay.take_lines()
            answer = await relay.async_run(first, chunks, start)
    return {**await async_finish(request, answer), "stream_id": stream_id}


async def _async_peek(chunks: AsyncIterator[bytes]) -> bytes:
    """Return enough of a body to tell whether it is a stream."""
    first = b""
    while not can_tell(first) or may_be_ndjson(first):
        if (chunk := await anext(chunks, None)) is None:
            break
        first += chunk
    return first


async def _async_read(first: bytes, chunks: AsyncIterator[bytes]) -> bytes:
    """Return a whole body."""
    pieces, size = [first], len(first)
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise ResponseTooLarge(MAX_RESPONSE_BYTES)
        pieces.append(chunk)
    return await async_join(pieces, size)


class _Relay:
    """Passes the events of one stream to the bus and to the accumulator."""

    def __init__(
        self,
        request: ActionCall,
        stream_id: str,
        accumulator: StreamAccumulator,
        headers: Mapping[str, str],
    ) -> None:
        """Take the request, the response headers, and the accumulator."""
        self._request = request
        # Bound once: they are called for every event.
        self._fire, self._add = request.hass.bus.async_fire, accumulator.add
        self._context = request.context
        self._accumulator = accumulator
        self._headers = headers
        self._decoder: SSEDecoder | NdjsonDecoder = SSEDecoder(join_stray=accumulator.takes_text)
        self._reader = reader_for(accumulator)
        # Copied for each event: that is faster than a new dictionary.
        self._event_data: dict[str, Any] = {
            "config_entry_id": request.entry.entry_id,
            "action": request.action.key,
            "stream_id": stream_id,
            "sequence": 0,
            "event_type": "",
            "event": None,
        }
        self._sequence = 0
        self._suspect: tuple[Json, int] = {}, 0
        """The last event that may be an error, and how many had come with it."""
        self._size = 0
        """Bytes that were read."""
        self._is_done = False
        """Whether the server has sent the end of the stream."""

    def take_lines(self) -> None:
        """Read each line as an event."""
        self._decoder = NdjsonDecoder()

    async def async_run(self, first: bytes, chunks: AsyncIterator[bytes], start: float) -> Json:
        """Return the final object; `first` was read already, `start` is when the request began."""
        request = self._request
        loop = asyncio.get_running_loop()
        longest = request.longest
        end = None if longest is None else loop.time() + longest - (time.monotonic() - start)
        cut: Exception | None = None
        try:
            async with asyncio.timeout_at(end) as whole, asyncio.timeout(None) as idle:
                try:
                    await self._async_pass_on(first, chunks, idle)
                except httpx2.TransportError as err:
                    cut = err
        except TimeoutError as err:
            if not (whole.expired() or idle.expired()):
                raise
            cut = err
        if cut is None:
            return await self._async_run_large(self._result)
        accumulator = self._accumulator
        if accumulator.is_complete:
            # The object is complete, though the stream has not ended.
            with suppress(*ODDITIES):
                whole_answer = partial(self._add_up, ended=False)
                if (answer := await self._async_run_large(whole_answer)) is not None:
                    return answer
        if whole.expired():
            raise api_error("stream_too_long", seconds=f"{longest:g}") from None
        if isinstance(cut, httpx2.ReadError | httpx2.RemoteProtocolError):
            raise StreamIncomplete from None
        with raise_translated_errors(request.host.settings, request.timeout):
            raise cut
        raise AssertionError

    async def _async_pass_on(
        self, first: bytes, chunks: AsyncIterator[bytes], idle: asyncio.Timeout
    ) -> None:
        """Handle the events in the chunks, until the server ends the stream.

        `idle` expires if no event comes within the timeout of the request, whatever else comes.
        """
        loop = asyncio.get_running_loop()
        seconds, accumulator = self._request.timeout, self._accumulator
        decoder = self._decoder
        # Bound once: they are called for every event.
        read, pass_on = self._reader.read, self._pass_on
        last, is_armed = loop.time(), False
        turn_ends = time.monotonic() + _MAX_LOOP_HOLD
        with _translated_oddities(self._request):
            async for chunk in _chain(first, chunks) if first else chunks:
                has_progressed = False
                self._size += len(chunk)
                events = decoder.feed(chunk)
                if decoder.stray and not self._sequence:
                    self._decoder, events = lines_in_stray(decoder, events)
                    decoder = self._decoder
                for name, data in events:
                    if data[:1] == b"{" and len(data) <= LARGE_BYTES:
                        event, event_type = read(name, data)
                        progress = pass_on(event, event_type)
                    else:
                        progress = await self._async_take_odd(name, data)
                    if progress:
                        has_progressed = True
                    elif progress is None:
                        return
                    if time.monotonic() > turn_ends:
                        await asyncio.sleep(0)
                        turn_ends = time.monotonic() + _MAX_LOOP_HOLD
                if decoder.stray:
                    check_stray(decoder.stray[-2:])
                if accumulator.is_final:
                    if not is_armed:
                        idle.reschedule(loop.time() + min(_GRACE, seconds))
                        is_armed = True
                elif has_progressed:
                    last = loop.time()
                    if is_armed:
                        idle.reschedule(None)
                        is_armed = False
                elif not is_armed:
                    # Comments and parts of events arrive, but no event.
                    idle.reschedule(last + seconds)
                    is_armed = True
            await self._async_take_last()

    async def _async_take_odd(self, name: str, data: bytes) -> bool | None:
        """Take an event that is no object, or a large one; return what `_pass_on` does."""
        if len(data) <= LARGE_BYTES:
            if data.startswith(b"[DONE]"):
                self._is_done = True
                return None
            if not data.strip() or name in KEEP_ALIVE:
                # Of a sign of life, the data may be a time or a word.
                return False
        return self._pass_on(*await self._async_read_large(name, data))

    async def _async_read_large(self, name: str, data: bytes) -> tuple[Json, str]:
        """Return the object and type of an event, decoded in the executor if it is large."""
        read = partial(self._reader.read, name, data)
        if len(data) <= LARGE_BYTES:
            return read()
        return await self._request.hass.async_add_executor_job(read)

    async def _async_run_large[T](self, work: Callable[[], T]) -> T:
        """Return the result of work on the whole stream, in the executor if it is large."""
        self._request.answer_size.bytes = self._size
        return await async_run_large(self._request, work)

    def _pass_on(self, event: Json, event_type: str) -> bool | None:
        """Fire an event and add it up.

        Returns whether it is more than a sign of life, None if it was the last.
        """
        is_special = (
            event_type in _SPECIAL or "error" in event or "message" in event or ":" in event_type
        )
        if is_special:
            event = self._without_secrets(event, event_type)
        data = self._event_data.copy()
        data["sequence"], data["event_type"], data["event"] = self._sequence, event_type, event
        # One context for all: a new one for each event would be garbage to collect.
        self._fire(EVENT_STREAM, data, context=self._context)
        self._sequence += 1
        if is_special:
            if is_suspect(event, event_type):
                check(event, event_type)
                self._suspect = event, self._sequence
            if event_type in KEEP_ALIVE:
                return False
        if self._add(event):
            self._is_done = True
            return None
        return True

    def _without_secrets(self, event: Json, event_type: str) -> Json:
        """Return an event whose error does not repeat the key."""
        if event_type in FAILURES or (is_suspect(event, event_type) and event.get("error", True)):
            return redact_error(event, self._request.host.settings.redact)
        return event

    async def _async_take_last(self) -> None:
        """Handle an event without its final blank line, if its data is complete.

        The HTML standard and openai-python drop it, but a server that leaves out the blank line has
        sent the end of its response nevertheless.
        """
        for name, data in self._decoder.flush():
            if data.startswith(b"[DONE]"):
                self._is_done = True
            elif data.strip() and not b"[DONE]".startswith(data):
                try:
                    event = await self._async_read_large(name, data)
                except StreamGarbled:
                    continue
                self._pass_on(*event)

    def _result(self) -> Json:
        """Return the final object of a stream that has ended."""
        request, accumulator = self._request, self._accumulator
        with _translated_oddities(request):
            if self._sequence or accumulator.may_be_empty:
                is_whole = self._sequence or self._is_done or self._is_framed()
                answer = self._add_up(ended=self._is_done) if is_whole else None
                if answer is not None:
                    return answer
            event, sequence = self._suspect
            if sequence == self._sequence:
                check(event, "", is_last=True)
            check_stray(self._decoder.stray)
        stray = stray_answer(request.host.settings, self._decoder.stray, "text/event-stream")
        if isinstance(stray, dict) and not self._sequence:
            # The whole response, with the content type of a stream.
            return stray
        if words := words_in_stray(self._decoder.stray):
            # A proxy says in words of its own why it has cut the stream.
            raise ErrorInStream(**parse_error_body(words, request.host.settings))
        raise StreamIncomplete

    def _add_up(self, *, ended: bool) -> Json | None:
        """Return the object of the accumulator, None if it is not complete."""
        for event in self._reader.read_held():
            # The server has not sent it, so it is not fired.
            self._accumulator.add(event)
        return self._accumulator.result(ended=ended)

    def _is_framed(self) -> bool:
        """Return whether HTTP shows the end of the body: otherwise it may be cut."""
        return "transfer-encoding" in self._headers or "content-length" in self._headers


async def _chain(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what was read already, then the rest."""
    yield first
    async for chunk in chunks:
        yield chunk


@contextmanager
def _translated_oddities(request: ActionCall) -> Iterator[None]:
    """Raise errors in a stream, and undecodable events, as translated errors."""
    try:
        yield
    except AnswerError as err:
        details = parse_error_body(err.body, request.host.settings)
        raise ErrorInStream(**details) from None
    except (StreamGarbled, EventTooLarge, *ODDITIES):
        raise StreamMalformed from None
