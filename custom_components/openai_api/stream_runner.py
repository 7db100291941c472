"""Runs streamed answers: every event goes to the bus, the caller gets the whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
import time

from homeassistant.util.ulid import ulid_now
import httpx2

from .action import ActionCall
from .action_request import async_parse_answer, finish
from .api.response import stray_answer
from .api.transport import MAX_RESPONSE_BYTES
from .const import EVENT_STREAM
from .error_translation import parse_error_body, raise_translated_errors
from .exceptions import ErrorInStream, api_error
from .streaming.base import AnswerError, StreamAccumulator
from .streaming.decode import (
    KEEP_ALIVE,
    ODDITIES,
    StreamGarbled,
    can_tell,
    check,
    check_stray,
    is_event_stream,
    reader_for,
)
from .streaming.sse import EventTooLarge, SSEDecoder
from .streaming.text import LARGE_BYTES
from .types import Json

# Listeners run while an event is fired; the rest of the house gets its turn after so many
# seconds, or after a single event whose listeners take longer.
_TURN = 0.001
# Seconds that a host has to end a stream whose last event has come.
_GRACE = 3.0

type ReadBody = Callable[[bytes, str], Awaitable[Json]]


async def async_run(
    request: ActionCall,
    opened: Callable[[], Awaitable[object]] | None = None,
    read_body: ReadBody | None = None,
) -> Json:
    """Fire every event of the stream as it arrives; return the final object and `stream_id`.

    `opened` is awaited once the host listens: it may bring about what the stream tells.
    `read_body` takes the body and content type of an answer that is no stream, instead of
    `async_parse_answer`. Raises HomeAssistantError: `timed_out` when no event comes within
    the request's timeout, `stream_too_long` after its `max_wait_seconds`, `stream_cut`,
    `stream_garbled`, `stream_error` for an error that the host reports in it.
    """
    host, action = request.host, request.action
    assert action.accumulator is not None
    stream_id = ulid_now()
    start = time.monotonic()
    method, arguments, seconds = await request.build("streaming")
    async with AsyncExitStack() as stack:
        wait = await stack.enter_async_context(host.async_request_scope(seconds))
        response = await stack.enter_async_context(method(**arguments))
        kind = response.headers.get("content-type", "")
        chunks: AsyncIterator[bytes] = response.iter_bytes()
        first = b""
        if not kind.lower().startswith("text/event-stream"):
            first = await _async_peek(chunks)
        if first and not is_event_stream(first):
            # Some hosts do not stream; what they answer is the whole already.
            body = await _async_read(first, chunks)
            if read_body is not None:
                answer = await read_body(body, kind)
            else:
                answer = await async_parse_answer(request, body, kind)
        elif not first and not kind.lower().startswith("text/event-stream"):
            answer = await async_parse_answer(request, b"", kind)
        else:
            # From here on each event has its own time limit: a stream may go on for long.
            host.disable_timeout(wait)
            if opened is not None:
                await opened()
            relay = _Relay(request, stream_id, action.accumulator(), response.headers)
            answer = await relay.async_run(first, chunks, start)
    return {**finish(request, answer), "stream_id": stream_id}


async def _async_peek(chunks: AsyncIterator[bytes]) -> bytes:
    """Return so much of a body as is needed to tell whether it is a stream."""
    first = b""
    while not can_tell(first) and (chunk := await anext(chunks, None)) is not None:
        first += chunk
    return first


async def _async_read(first: bytes, chunks: AsyncIterator[bytes]) -> bytes:
    """Return a whole body."""
    pieces, size = [first], len(first)
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise api_error("answer_too_large", limit=MAX_RESPONSE_BYTES // 1024**2)
        pieces.append(chunk)
    return b"".join(pieces)


class _Relay:
    """Passes the events of one stream on to the bus and to its accumulator."""

    def __init__(
        self,
        request: ActionCall,
        stream_id: str,
        accumulator: StreamAccumulator,
        headers: Mapping[str, str],
    ) -> None:
        """Take the request, its answer's headers, and what makes the final object."""
        self._request = request
        # Bound once: they are called for every event.
        self._fire, self._add = request.hass.bus.async_fire, accumulator.add
        self._context = request.context
        self._accumulator = accumulator
        self._headers = headers
        self._decoder = SSEDecoder(join_stray=accumulator.takes_text)
        self._reader = reader_for(accumulator)
        self._common = {
            "config_entry_id": request.entry.entry_id,
            "action": request.action.key,
            "stream_id": stream_id,
        }
        self._sequence = 0
        self._size = 0
        """The bytes that were read."""
        self._is_done = False
        """Whether the host said that there is no more."""

    async def async_run(self, first: bytes, chunks: AsyncIterator[bytes], start: float) -> Json:
        """Return the final object; `first` is what was read already, `start` when it began."""
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
            # The answer is whole, only the stream has not ended as it should.
            with suppress(*ODDITIES):
                whole_answer = partial(self._add_up, ended=False)
                if (answer := await self._async_run_large(whole_answer)) is not None:
                    return answer
        if whole.expired():
            raise api_error("stream_too_long", seconds=f"{longest:g}") from None
        if isinstance(cut, httpx2.ReadError | httpx2.RemoteProtocolError):
            raise api_error("stream_cut") from None
        with raise_translated_errors(request.host.settings, request.timeout):
            raise cut
        raise AssertionError

    async def _async_pass_on(
        self, first: bytes, chunks: AsyncIterator[bytes], idle: asyncio.Timeout
    ) -> None:
        """Take the events in the chunks, until the host says that there is no more or ends.

        `idle` expires when no event has come for the request's timeout, whatever else comes.
        """
        loop = asyncio.get_running_loop()
        seconds, decoder, accumulator = self._request.timeout, self._decoder, self._accumulator
        read = self._reader.read
        last, is_armed = loop.time(), False
        turn_ends = time.monotonic() + _TURN
        with _translated_oddities(self._request):
            async for chunk in _chain(first, chunks) if first else chunks:
                has_progressed = False
                self._size += len(chunk)
                for name, data in decoder.feed(chunk):
                    if data[:1] == b"{" and len(data) <= LARGE_BYTES:
                        progress = self._pass_on(*read(name, data))
                    else:
                        progress = await self._async_take_odd(name, data)
                    if progress:
                        has_progressed = True
                    elif progress is None:
                        return
                    if time.monotonic() > turn_ends:
                        await asyncio.sleep(0)
                        turn_ends = time.monotonic() + _TURN
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
                    # Comments and halves of events come, but no event.
                    idle.reschedule(last + seconds)
                    is_armed = True
            await self._async_take_last()

    async def _async_take_odd(self, name: str, data: bytes) -> bool | None:
        """Take an event that is no object, or a large one; return what `_pass_on` does."""
        if len(data) <= LARGE_BYTES:
            if data.startswith(b"[DONE]"):
                self._is_done = True
                return None
            if not data.strip():
                return False
        return self._pass_on(*await self._async_read_large(name, data))

    async def _async_read_large(self, name: str, data: bytes) -> tuple[Json, str]:
        """Return an event's object and its type, read outside of the event loop if it is large."""
        read = partial(self._reader.read, name, data)
        if len(data) <= LARGE_BYTES:
            return read()
        return await self._request.hass.async_add_executor_job(read)

    async def _async_run_large[T](self, work: Callable[[], T]) -> T:
        """Return what work on the whole stream comes to, done outside of the loop if it is large."""
        if self._size <= LARGE_BYTES:
            return work()
        return await self._request.hass.async_add_executor_job(work)

    def _pass_on(self, event: Json, event_type: str) -> bool | None:
        """Fire an event and add it up.

        Returns whether it is more than a sign of life, None if it was the last.
        """
        sequence = self._sequence
        # One context for all: a new one for each event would be garbage to collect.
        self._fire(
            EVENT_STREAM,
            {**self._common, "sequence": sequence, "event_type": event_type, "event": event},
            context=self._context,
        )
        self._sequence = sequence + 1
        # Written out: it is asked for every event.
        if "error" in event or not event_type or event_type == "error":
            check(event, event_type)
        if event_type in KEEP_ALIVE:
            return False
        if self._add(event):
            self._is_done = True
            return None
        return True

    async def _async_take_last(self) -> None:
        """Take an event that lacks its blank line at the end, if its data is whole.

        The HTML standard throws it away, and openai-python does so, too; a host that leaves the
        line out has sent the end of its answer all the same.
        """
        for name, data in self._decoder.flush():
            if data.startswith(b"[DONE]"):
                self._is_done = True
            elif data.strip() and not b"[DONE]".startswith(data):
                try:
                    found = await self._async_read_large(name, data)
                except StreamGarbled:
                    continue
                self._pass_on(*found)

    def _result(self) -> Json:
        """Return the final object of a stream that has come to its end."""
        request, accumulator = self._request, self._accumulator
        with _translated_oddities(request):
            if self._sequence or accumulator.may_be_empty:
                is_whole = self._sequence or self._is_done or self._is_framed()
                answer = self._add_up(ended=self._is_done) if is_whole else None
                if answer is not None:
                    return answer
            check_stray(self._decoder.stray)
        stray = stray_answer(request.host.settings, self._decoder.stray, "text/event-stream")
        if isinstance(stray, dict) and not self._sequence:
            # The whole answer, with the label of a stream.
            return stray
        raise api_error("stream_cut")

    def _add_up(self, *, ended: bool) -> Json | None:
        """Return what the events add up to, None if that is not whole."""
        for event in self._reader.read_held():
            # It is not the host's, so that nobody is told of it.
            self._accumulator.add(event)
        return self._accumulator.result(ended=ended)

    def _is_framed(self) -> bool:
        """Return whether the host can say that its body has ended: else it may have been cut."""
        return "transfer-encoding" in self._headers or "content-length" in self._headers


async def _chain(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what was read already, then the rest."""
    yield first
    async for chunk in chunks:
        yield chunk


@contextmanager
def _translated_oddities(request: ActionCall) -> Iterator[None]:
    """Raise what tells of an error, or cannot be read, as translated errors."""
    try:
        yield
    except AnswerError as err:
        details = parse_error_body(err.body, request.host.settings)
        raise ErrorInStream(**details) from None
    except (StreamGarbled, EventTooLarge, *ODDITIES):
        raise api_error("stream_garbled") from None
