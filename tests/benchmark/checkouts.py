"""Two checkouts of this repository, doing the same work in turns in processes of their own."""

from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
import json
from pathlib import Path
import sys
from typing import Any

from tests.harness.process import ROOT

from .measure import Cost, Row, micros, ratios
from .websocket import PACE

_WORKER = Path(__file__).with_name("checkout_worker.py")
AIM = "at most 1.05"
_WORK: tuple[tuple[str, str, str, int, int], ...] = (
    ("calls", "One action call after the other", "call", 600, 1),
    ("calls", "Action calls, 50 in flight", "call", 3000, 50),
    ("events", "Events of a stream onto the bus", "stream", 5000, 0),
    ("sockets", "Events of a WebSocket onto the bus, in a burst", "socket", 20_000, 0),
)
"""The part, the title, the task, how much of it, and how many in flight."""
_SINGLES = 300


@asynccontextmanager
async def _worker(checkout: Path, url: str, *mode: str) -> AsyncIterator[Process]:
    """Start a worker in a checkout; it ends with its standard input."""
    process = await create_subprocess_exec(
        sys.executable, _WORKER, url, *mode, cwd=checkout, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def _found(process: Process) -> dict[str, Any]:
    """Return what a worker writes next."""
    assert process.stdout is not None
    if not (line := await process.stdout.readline()):
        raise RuntimeError("A worker of the benchmark ended before its time")
    found: dict[str, Any] = json.loads(line)
    return found


async def _ask(process: Process, task: str, **wish: Any) -> dict[str, Any]:
    """Have a worker do a task, and return what it found."""
    assert process.stdin is not None
    process.stdin.write(json.dumps({"task": task, **wish}).encode() + b"\n")
    return await _found(process)


async def _start(checkout: Path, url: str) -> dict[str, Any]:
    """Set up a service in a fresh process of a checkout, and return what it took."""
    async with _worker(checkout, url, "startup") as process:
        return await _found(process)


async def _in_turns(
    rounds: int, *works: Callable[[], Awaitable[dict[str, Any]]]
) -> list[list[dict[str, Any]]]:
    """Let each work in turn; who is first changes. The first round is left out: it learns."""
    found: list[list[dict[str, Any]]] = [[] for _ in works]
    for number in range(rounds + 1):
        order = list(zip(works, found, strict=True))
        for work, results in order if number % 2 else reversed(order):
            result = await work()
            if number:
                results.append(result)
    return found


def _costs(unit: str, found: list[list[dict[str, Any]]]) -> list[Row]:
    """Return the lines of what costs processor time."""
    ours, theirs = ([Cost(**one) for one in half] for half in found)
    return [
        Row(name=f"this checkout: CPU time, µs a {unit}", figures=micros(ours)),
        Row(name=f"the other: CPU time, µs a {unit}", figures=micros(theirs)),
        Row(name="CPU time / the other", figures=ratios(ours, theirs, "cpu"), aim=AIM),
        Row(name="speed / the other", figures=ratios(ours, theirs, "rate")),
    ]


def _shares(
    name: str, key: str, factor: float, unit: str, found: list[list[dict[str, Any]]]
) -> list[Row]:
    """Return the lines of another figure, of which less is better."""
    ours, theirs = ([one[key] for one in half] for half in found)
    return [
        Row(name=f"this checkout: {name}", figures=[one * factor for one in ours], unit=unit),
        Row(name=f"the other: {name}", figures=[one * factor for one in theirs], unit=unit),
        Row(
            name=f"{name} / the other",
            figures=[our / their for our, their in zip(ours, theirs, strict=True)],
            aim=AIM,
        ),
    ]


async def compare(
    other: Path,
    url: str,
    rounds: int,
    scale: float,
    parts: set[str],
    show: Callable[[str, list[Row]], None],
) -> None:
    """Show the figures of both checkouts, and this one's as a share of the other's.

    `parts`: any of "startup", "calls", "events" and "sockets".
    """
    if "startup" in parts:
        found = await _in_turns(rounds, lambda: _start(ROOT, url), lambda: _start(other, url))
        rows = _shares("time until it is loaded", "wall", 1000, "ms", found)
        rows += _shares("CPU time until it is loaded", "cpu", 1000, "ms", found)
        rows += _shares("memory added", "memory", 1, "MB", found)
        show("Setting up a service, two checkouts", rows)
    if not {part for part, *_ in _WORK} & parts:
        return
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(_worker(checkout, url)) for checkout in (ROOT, other)
        ]
        for worker in workers:
            await _found(worker)
        here, there = workers
        for part, title, task, usual, flight in _WORK:
            if part not in parts:
                continue
            wish = {"count": max(flight, round(usual * scale))}
            if flight:
                wish["flight"] = flight
            found = await _in_turns(
                rounds, partial(_ask, here, task, **wish), partial(_ask, there, task, **wish)
            )
            show(f"{title}, two checkouts", _costs("call" if flight else "event", found))
        if "sockets" in parts:
            count = max(10, round(_SINGLES * scale))
            found = await _in_turns(
                rounds,
                partial(_ask, here, "latency", count=count, pace=PACE),
                partial(_ask, there, "latency", count=count, pace=PACE),
            )
            rows = _shares("latency", "seconds", 1e6, "µs", found)
            show("From the server to the bus, single events, two checkouts", rows)
