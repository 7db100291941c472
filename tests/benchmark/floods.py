"""Floods: bursts and a steady stream of events, over a WebSocket and as server-sent events."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import time

from homeassistant.core import HomeAssistant

from .calls import QUESTION
from .peer import host
from .running_core import (
    TRIGGERED,
    EventCounter,
    Result,
    call,
    count,
    measured,
    running_core,
    show,
)
from .subscriber import subscribed

_PATIENCE = 600
"""Seconds that a burst may take, on whatever machine."""
_SOCKET = "manage_model_response_websocket"


async def burst(events: int, *, subscriber: bool) -> bool:
    """Receive so many events at once, first over a WebSocket, then as a stream."""
    return await _flood(f"Burst of {events} events", events, None, subscriber=subscriber)


async def steady(rate: float, seconds: float, *, subscriber: bool) -> bool:
    """Receive so many events a second for a time, over a WebSocket and as a stream, half each."""
    events = max(2, int(rate * seconds / 2))
    title = f"{rate:g} events a second for {seconds:g} s"
    return await _flood(title, events, rate / 2, subscriber=subscriber)


async def _flood(title: str, events: int, rate: float | None, *, subscriber: bool) -> bool:
    """Receive the events: at a rate both ways at the same time, in bursts one after the other."""
    async with (
        host() as url,
        running_core(url) as hass,
        subscribed(hass, wanted=subscriber) as share,
    ):
        sockets = EventCounter(hass, "openai_api_server_event", "connection_id", "sequence_number")
        streams = EventCounter(hass, "openai_api_stream_event", "stream_id", "sequence_number")
        triggered = count(hass, TRIGGERED)
        await call(hass, _SOCKET, action="connect", connection_id="flood")
        ways: list[Callable[[], Awaitable[None]]] = [
            lambda: _over_socket(hass, sockets, events, rate),
            lambda: _over_stream(hass, events, rate),
        ]
        start = time.monotonic()
        async with measured(hass, every=5 if rate is None else 30) as gauges:
            if rate is None:
                for way in ways:
                    await way()
            else:
                await asyncio.gather(*(way() for way in ways))
        seconds = time.monotonic() - start
        await call(hass, _SOCKET, action="close", connection_id="flood")
    found = [
        *(_named("WebSocket", figure) for figure in sockets.results(events)),
        *(_named("stream", figure) for figure in streams.results(events)),
        Result(name="events a second", value=f"{2 * events / seconds:.0f}"),
        Result(
            name="runs of the automation with a filter",
            value=f"{triggered[0]} of {2 * events - 2}",
        ),
    ]
    if subscriber:
        found.append(Result(name="a browser's share", value=share.told))
    return show(title, [*found, *gauges.results()])


def _named(way: str, figure: Result) -> Result:
    """Return a figure that says what it belongs to."""
    return Result(
        name=f"{way}: {figure.name}", value=figure.value, aim=figure.aim, is_met=figure.is_met
    )


async def _over_socket(
    hass: HomeAssistant, watch: EventCounter, events: int, rate: float | None
) -> None:
    """Ask for the events on the open connection, and wait for the last."""
    wish = {"type": "response.create", "events": events, "rate": rate}
    await call(hass, _SOCKET, action="send", connection_id="flood", event=wish)
    with suppress(TimeoutError):
        # What is missing then is counted as lost.
        await watch.last("flood", _PATIENCE if rate is None else events / rate + _PATIENCE)


async def _over_stream(hass: HomeAssistant, events: int, rate: float | None) -> None:
    """Ask for the events as a stream."""
    query = {"events": events} | ({} if rate is None else {"rate": rate})
    await call(hass, "create_model_response", **QUESTION, stream=True, extra_query=query)
