"""How the cost grows: of events, connections, pages and uploads, each at three sizes."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from homeassistant.core import Event, callback

from .calls import QUESTION
from .comparison import Bench, Counter, run
from .core import DOMAIN
from .measure import Cost, Row, Stopwatch, micros, ratios

_PATIENCE = 120
_SOCKET = "manage_model_response_websocket"
_EACH = 100
"""Events on every connection."""
_AIM = "at most 1.3"


class Scenario(NamedTuple):
    """Something that there may be much of."""

    unit: str
    sizes: tuple[int, int, int]
    work: Callable[[Bench, int], Awaitable[Cost]]


async def compare(bench: Bench) -> dict[str, list[Row]]:
    """Do each at its three sizes, in turns, and compare what a unit costs."""
    found = {}
    for title, matter in _SCENARIOS.items():
        sizes = [max(1, round(size * bench.scale)) for size in matter.sizes]
        costs = await run(bench.rounds, *(partial(matter.work, bench, size) for size in sizes))
        rows = [
            Row(name=f"{size} {matter.unit}s: CPU time, µs for each", figures=micros(cost))
            for size, cost in zip(sizes, costs, strict=True)
        ]
        growth = ratios(costs[-1], costs[0], "cpu")
        rows.append(Row(name=f"one of {sizes[-1]} / one of {sizes[0]}", figures=growth, aim=_AIM))
        found[f"Growth: {title}"] = rows
    return found


async def _call(bench: Bench, name: str, /, **data: Any) -> Any:
    """Call an action."""
    return await bench.hass.services.async_call(
        DOMAIN, name, data, blocking=True, return_response=True
    )


async def _stream(bench: Bench, count: int) -> Cost:
    """Receive so many events of a stream."""
    counter = Counter(bench.hass, "openai_api_stream_event")
    watch = Stopwatch()
    await _call(
        bench, "create_model_response", **QUESTION, stream=True, extra_query={"events": count}
    )
    cost = watch.stop(count)
    counter.stop()
    assert counter.count == count
    return cost


async def _frames(bench: Bench, count: int) -> Cost:
    """Receive so many events over a WebSocket."""
    await _call(bench, _SOCKET, action="connect", connection_id="growth")
    cost = await _receive(bench, ["growth"], count, count)
    await _call(bench, _SOCKET, action="close", connection_id="growth")
    return cost


async def _connections(bench: Bench, number: int) -> Cost:
    """Open so many connections, receive events on all of them, and close them."""
    names = [f"growth{one}" for one in range(number)]
    watch = Stopwatch()
    for name in names:
        await _call(bench, _SOCKET, action="connect", connection_id=name)
    await _receive(bench, names, _EACH, number)
    for name in names:
        await _call(bench, _SOCKET, action="close", connection_id=name)
    return watch.stop(number)


async def _receive(bench: Bench, names: list[str], each: int, units: int) -> Cost:
    """Ask for events on each connection, and wait until all have come."""
    counter, done = Counter(bench.hass, "openai_api_server_event"), asyncio.Event()

    @callback
    def look(_: Event) -> None:
        if counter.count == each * len(names):
            done.set()

    counter.on_event = look
    watch = Stopwatch()
    async with asyncio.timeout(_PATIENCE):
        for name in names:
            wish = {"type": "response.create", "events": each}
            await _call(bench, _SOCKET, action="send", connection_id=name, event=wish)
        await done.wait()
    cost = watch.stop(units)
    counter.stop()
    return cost


async def _pages(bench: Bench, number: int) -> Cost:
    """Page through a long list."""
    watch = Stopwatch()
    answer = await _call(bench, "list_files", all_pages=True, extra_query={"pages": number})
    cost = watch.stop(number)
    assert answer["data"][-1]["id"] == f"file-{number - 1}-99"
    assert len(answer["data"]) == 100 * number
    return cost


async def _upload(bench: Bench, megabytes: int) -> Cost:
    """Send a file."""
    path = Path(bench.hass.config.media_dirs["local"]) / f"growth-{megabytes}.bin"
    await bench.hass.async_add_executor_job(_write, path, megabytes)
    watch = Stopwatch()
    await _call(bench, "create_file", file=str(path), purpose="user_data")
    return watch.stop(megabytes)


def _write(path: Path, megabytes: int) -> None:
    """Write a file, unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for _ in range(megabytes):
                file.write(b"growing " * (1024**2 // 8))


_SCENARIOS = {
    "events of a stream": Scenario("event", (5_000, 20_000, 80_000), _stream),
    "events of a WebSocket": Scenario("event", (5_000, 20_000, 80_000), _frames),
    f"connections with {_EACH} events": Scenario("connection", (5, 15, 45), _connections),
    "pages of 100 items": Scenario("page", (10, 40, 160), _pages),
    "uploads": Scenario("megabyte", (4, 16, 64), _upload),
}
