"""Crowds: many action calls in flight, and many connections that come and go."""

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import count as numbers
from statistics import median
import time

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .calls import QUESTION
from .core import DOMAIN
from .peer import host
from .running_core import EventCounter, Result, call, measured, running_core, show

_SOCKET = "manage_model_response_websocket"
_STAY = (5.0, 15.0)
"""Seconds for which a connection stays, the shortest and the longest."""
_APART = 0.005
"""Seconds between two calls when the first ones begin."""


async def calls(flight: int, seconds: float) -> bool:
    """Keep so many action calls in flight for a time."""
    times: list[float] = []
    errors: Counter[str] = Counter()
    async with host() as url, running_core(url) as hass:
        end = time.monotonic() + seconds

        async def worker(number: int) -> None:
            # Not all in the same turn of the loop: no home has so many automations at once.
            await asyncio.sleep(number * _APART)
            while (start := time.monotonic()) < end:
                try:
                    answer = await call(hass, "create_model_response", **QUESTION)
                except HomeAssistantError as err:
                    errors[str(err.translation_key)] += 1
                else:
                    assert answer["output_text"]
                    times.append(time.monotonic() - start)

        async with measured(hass, every=10) as gauges:
            await asyncio.gather(*(worker(number) for number in range(flight)))
    times.sort()
    worst = times[int(len(times) * 0.99)]
    found = [
        Result(name="calls answered", value=f"{len(times)} ({len(times) / seconds:.0f} a second)"),
        Result(name="calls failed", value=str(dict(errors) or 0), aim="0", is_met=not errors),
        Result(
            name="time for an answer: median, 99 of 100",
            value=f"{median(times) * 1000:.0f} ms, {worst * 1000:.0f} ms",
        ),
    ]
    return show(
        f"{flight} calls in flight for {seconds:g} s", [*found, *gauges.results(is_calling=True)]
    )


async def connections(number: int, rate: float, seconds: float) -> bool:
    """Keep so many connections open, each with so many events a second; they come and go."""
    names = numbers()
    opened = 0
    expected = 0
    async with host() as url, running_core(url, automations=False) as hass:
        watch = EventCounter(hass, "openai_api_server_event", "connection_id", "sequence_number")
        end = time.monotonic() + seconds

        async def place(shift: float) -> None:
            """Open one connection after the other, each for another while."""
            nonlocal opened, expected
            while time.monotonic() < end:
                name = f"c{next(names)}"
                stay = min(_STAY[0] + shift, max(0.1, end - time.monotonic()))
                # It goes when its last event has come, so that nothing is on the way.
                events = max(2, int(stay * rate))
                await call(hass, _SOCKET, action="connect", connection_id=name)
                wish = {"type": "response.create", "events": events, "rate": rate}
                await call(hass, _SOCKET, action="send", connection_id=name, event=wish)
                with suppress(TimeoutError):
                    await watch.last(name, stay + 60)
                await call(hass, _SOCKET, action="close", connection_id=name)
                opened += 1
                expected += events

        shifts = [(_STAY[1] - _STAY[0]) * place / number for place in range(number)]
        async with measured(hass, every=10) as gauges:
            await asyncio.gather(*(place(shift) for shift in shifts))
        left = _left(hass)
    found = [
        *watch.results(expected),
        Result(name="connections opened and closed", value=str(opened)),
        Result(name="connections left behind", value=str(left), aim="0", is_met=not left),
    ]
    title = f"{number} connections, {rate:g} events a second on each, for {seconds:g} s"
    return show(title, [*found, *gauges.results(is_calling=True)])


def _left(hass: HomeAssistant) -> int:
    """Return how many connections the service still knows."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    return len(entry.runtime_data.connections)
