"""Events of a WebSocket onto Home Assistant's bus, beside the leanest way to get them there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import median
import time
from typing import Any

from homeassistant.core import Context, Event
import orjson
from websockets.asyncio.client import ClientConnection, connect

from .comparison import EVENT_PLAIN, Aims, Bench, Counter, fire_plain, run, table
from .core import DOMAIN, KEY
from .measure import Cost, Row, Stopwatch, watch_loop

NAMES = ("action", "plain websockets + orjson + bus", "ws")
AIMS = Aims(rate="at least 0.95, aim 2")
PACE = 0.003
_PATIENCE = 60
_LARGEST = 64 * 1024 * 1024

type Send = Callable[[dict[str, Any]], Awaitable[None]]


async def compare(bench: Bench) -> dict[str, list[Row]]:
    """Receive a burst of events, then single ones."""
    count, singles = bench.amount(20_000), bench.amount(300)
    async with opened(bench) as send, _opened_plainly(bench) as socket:

        async def ours() -> Cost:
            return await receive_burst(bench, send, count)

        async def limit() -> Cost:
            return await _plain_burst(bench, socket, count)

        async def peer() -> Cost:
            assert bench.peer is not None
            return await bench.peer.run("socket", count=count)

        runners = (ours, limit, peer) if bench.peer else (ours, limit)
        rows = table(NAMES, "event", await run(bench.rounds, *runners), AIMS)
        stalls = []
        for _ in range(bench.rounds):
            async with watch_loop() as stall:
                await ours()
            stalls.append(stall.longest * 1000)
        rows.append(
            Row(name="longest stall of the loop", figures=stalls, unit="ms", aim="at most 3 ms")
        )
        found, plain = [], []
        for _ in range(bench.rounds):
            found.append(await latency(bench, send, singles))
            plain.append(await _plain_latency(bench, socket, singles))
    latencies = [
        Row(name="action", figures=[figure * 1e6 for figure in found], unit="µs"),
        Row(name=NAMES[1], figures=[figure * 1e6 for figure in plain], unit="µs"),
        Row(
            name="ratio",
            figures=[one / other for one, other in zip(found, plain, strict=True)],
            aim="at most 1.2",
        ),
    ]
    return {
        f"{count} events of a WebSocket onto the bus, in a burst": rows,
        "From the host to the bus, single events": latencies,
    }


@asynccontextmanager
async def opened(bench: Bench) -> AsyncIterator[Send]:
    """Open a connection with the action; yield what sends over it."""

    async def manage(action: str, **data: Any) -> None:
        await bench.hass.services.async_call(
            DOMAIN,
            "manage_model_response_websocket",
            {"action": action, "connection_id": "benchmark", **data},
            blocking=True,
        )

    await manage("connect")
    yield lambda event: manage("send", event=event)
    await manage("close")


@asynccontextmanager
async def _opened_plainly(bench: Bench) -> AsyncIterator[ClientConnection]:
    """Open a connection with the library alone."""
    async with connect(
        f"{bench.url.replace('http', 'ws', 1)}/responses",
        additional_headers={"Authorization": f"Bearer {KEY}"},
        max_size=_LARGEST,
        proxy=None,
    ) as socket:
        yield socket


def _wish(count: int, **more: Any) -> dict[str, Any]:
    """Return the client event that asks for so many events."""
    return {"type": "response.create", "events": count, **more}


async def _receive(bench: Bench, send: Send, wish: dict[str, Any], counter: Counter) -> None:
    """Send the wish and wait until the last event is on the bus."""
    done = asyncio.get_running_loop().create_future()
    watched = counter.on_event

    def look(event: Event) -> None:
        if watched is not None:
            watched(event)
        if event.data["event_type"] == "response.completed":
            done.set_result(None)

    counter.on_event = look
    async with asyncio.timeout(_PATIENCE):
        await send(wish)
        await done


async def receive_burst(bench: Bench, send: Send, count: int) -> Cost:
    """Receive a burst through the integration."""
    counter = Counter(bench.hass, "openai_api_server_event")
    watch = Stopwatch()
    await _receive(bench, send, _wish(count), counter)
    cost = watch.stop(count)
    counter.stop()
    assert counter.count == count
    return cost


async def _listen(bench: Bench, socket: ClientConnection, wish: dict[str, Any]) -> None:
    """Fire what comes, without a thought for anything else."""
    context = Context()
    await socket.send(orjson.dumps(wish).decode())
    while True:
        event = orjson.loads(await socket.recv(decode=False))
        fire_plain(bench.hass, context, event, event["type"])
        if event["type"] == "response.completed":
            return


async def _plain_burst(bench: Bench, socket: ClientConnection, count: int) -> Cost:
    """Receive a burst with the library alone."""
    counter = Counter(bench.hass, EVENT_PLAIN)
    # The integration has a listener look at each event for the last one, too.
    counter.on_event = lambda event: event.data["event_type"] == "response.completed"
    watch = Stopwatch()
    await _listen(bench, socket, _wish(count))
    cost = watch.stop(count)
    counter.stop()
    assert counter.count == count
    return cost


def _clock(times: list[float]) -> Callable[[Event], None]:
    """Return what takes down how long a stamped event was on its way."""

    def look(event: Event) -> None:
        if (sent := event.data["event"].get("sent")) is not None:
            times.append(time.monotonic() - sent)

    return look


async def latency(bench: Bench, send: Send, count: int) -> float:
    """Return the median of seconds that single events take through the integration."""
    times: list[float] = []
    counter = Counter(bench.hass, "openai_api_server_event")
    counter.on_event = _clock(times)
    await _receive(bench, send, _wish(count, pace=PACE), counter)
    counter.stop()
    return median(times)


async def _plain_latency(bench: Bench, socket: ClientConnection, count: int) -> float:
    """Return the median of seconds that single events take with the library alone."""
    times: list[float] = []
    counter = Counter(bench.hass, EVENT_PLAIN)
    counter.on_event = _clock(times)
    await _listen(bench, socket, _wish(count, pace=PACE))
    counter.stop()
    return median(times)
