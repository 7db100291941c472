"""Runs streamed answers: every event goes to the bus, the caller gets the whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
import time
from typing import TYPE_CHECKING, Any, Protocol

from homeassistant.util.ulid import ulid_now
import orjson

from .. import requests
from ..const import EVENT_STREAM
from ..errors import error_details, failure, refusal, translated
from ..events import fire
from ..model import Json
from .sse import Decoder, EventTooLarge

if TYPE_CHECKING:
    from ..media.download import StreamedResponse
    from ..requests import Request

# Listeners run while an event is fired; the rest of the house gets its turn after so many
# seconds, or after a single event whose listeners take longer.
_TURN = 0.001
# What an assembler trips over where events have other shapes than the API's.
_ODDITIES = (AttributeError, LookupError, TypeError, ValueError)


class Assembler(Protocol):
    """Makes the final object out of a stream's events."""

    def add(self, event: Json) -> bool | None:
        """Take the next event; return whether to stop here, in a stream that has no end."""

    def result(self, *, ended: bool) -> Json | None:
        """Return the final object, or None if it is not whole; `ended`: the host said it is."""


async def async_run(
    request: Request,
    opened: Callable[[], Awaitable[object]] | None = None,
    read_plain: Callable[[StreamedResponse], Awaitable[Json]] | None = None,
) -> Json:
    """Fire every event of the stream as it arrives; return the final object and `stream_id`.

    `opened` is awaited once the host listens: it may bring about what the stream tells.
    `read_plain` reads the answer of a host that does not stream, where that is no JSON.
    """
    host, action = request.host, request.action
    assert action.assemble is not None
    assembler = action.assemble()
    stream_id = ulid_now()
    method, arguments, seconds = await request.prepare("streaming")
    async with AsyncExitStack() as stack:
        wait = await stack.enter_async_context(host.waiting(seconds))
        response = await stack.enter_async_context(method(**arguments))
        kind = response.headers.get("content-type", "")
        if not kind.lower().startswith("text/event-stream"):
            # Some hosts do not stream; what they answer is the whole already.
            if read_plain is not None:
                host.unbind(wait)
                answer = await read_plain(response)
            else:
                answer = requests.parse(host.settings, await response.read(), kind)
        else:
            # From here on each piece has its own time limit: a stream may go on for long.
            host.unbind(wait)
            if opened is not None:
                await opened()
            ended = await _async_pass_on(request, response.iter_bytes(), assembler, stream_id)
            try:
                assembled = assembler.result(ended=ended)
            except _ODDITIES:
                raise failure("stream_garbled") from None
            if assembled is None:
                raise failure("stream_cut")
            answer = assembled
    if action.finish:
        answer = action.finish(answer)
    return {**answer, "stream_id": stream_id}


async def async_ask_or_follow(request: Request) -> Json:
    """Stream a new response, or follow the one that `response_id` names."""
    data = request.data
    if "response_id" in data:
        if others := sorted(data.keys() - {"response_id", "starting_after", "include"}):
            raise refusal("follow_takes_no_question", fields=", ".join(others))
        action = replace(request.action, method="responses.retrieve", body=False)
    else:
        for field in ("model", "input"):
            # A prompt template may bring along both.
            if field not in data and "prompt" not in data:
                raise refusal("field_missing", field=field)
        action = replace(request.action, method="responses.create")
    return await async_run(replace(request, action=action, data={**data, "stream": True}))


async def _async_pass_on(
    request: Request, chunks: AsyncIterator[bytes], assembler: Assembler, stream_id: str
) -> bool:
    """Fire the events in the chunks; return whether the host said that these were all."""
    host = request.host
    decoder = Decoder()
    common = {
        "config_entry_id": request.entry.entry_id,
        "action": request.action.key,
        "stream_id": stream_id,
    }
    sequence, turn_ends = 0, time.monotonic() + _TURN
    with translated(host.settings, request.seconds):
        async for chunk in chunks:
            try:
                events = decoder.feed(chunk)
            except EventTooLarge:
                raise failure("stream_garbled") from None
            for name, data in events:
                if data[:1] != b"{":
                    if data.startswith(b"[DONE]"):
                        return True
                    if not data.strip():
                        # A sign of life.
                        continue
                event, event_type = _parse(name, data)
                # One context for all: a new one for each event would be garbage to collect.
                fire(
                    request.hass,
                    EVENT_STREAM,
                    {**common, "sequence": sequence, "event_type": event_type, "event": event},
                    request.context,
                )
                sequence += 1
                if event_type == "error" or event.get("error"):
                    raise failure("stream_error", **error_details(event, host.settings))
                try:
                    if assembler.add(event):
                        return True
                except _ODDITIES:
                    raise failure("stream_garbled") from None
                if time.monotonic() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = time.monotonic() + _TURN
    return False


def _parse(name: str, data: bytes) -> tuple[Json, str]:
    """Return an event's object and its type."""
    try:
        event: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise failure("stream_garbled") from None
    if not isinstance(event, dict):
        event = {"data": event}
    if name and (event.get("type") == name or name == "error" or name.startswith("thread.")):
        # The `type` of an assistant's step, or of an error, is not that of the event.
        return event, name
    return event, str(event.get("type") or name or event.get("object") or "")
