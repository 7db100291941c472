"""Two checkouts of this repository, doing the same calls in turns in processes of their own."""

from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
import json
from pathlib import Path
import sys

from tests.harness.process import ROOT

from .measure import Cost, Row, micros, ratios

_WORKER = Path(__file__).with_name("checkout_worker.py")


@asynccontextmanager
async def _worker(checkout: Path, url: str) -> AsyncIterator[Process]:
    """Start a worker in a checkout; it ends with its standard input."""
    process = await create_subprocess_exec(
        sys.executable, _WORKER, url, cwd=checkout, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    try:
        await _line(process)
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def _line(process: Process) -> bytes:
    """Return the next line that a worker writes."""
    assert process.stdout is not None
    if not (line := await process.stdout.readline()):
        raise RuntimeError("A worker of the benchmark ended before its time")
    return line


async def _calls(process: Process, count: int, flight: int) -> Cost:
    """Return what so many calls take."""
    assert process.stdin is not None
    process.stdin.write(f"{count} {flight}\n".encode())
    return Cost(**json.loads(await _line(process)))


async def compare(other: Path, url: str, rounds: int, scale: float) -> dict[str, list[Row]]:
    """Return the figures of both checkouts, and this one's as a share of the other's."""
    tables = {}
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(_worker(ROOT, url))
        there = await stack.enter_async_context(_worker(other, url))
        for title, usual, flight in (
            ("One action call after the other, two checkouts", 600, 1),
            ("Action calls, 50 in flight, two checkouts", 3000, 50),
        ):
            count = max(flight, round(usual * scale))
            ours: list[Cost] = []
            theirs: list[Cost] = []
            for number in range(rounds + 1):
                # The first round is left out: it imports and learns.
                costs = await _calls(here, count, flight), await _calls(there, count, flight)
                if number:
                    ours.append(costs[0])
                    theirs.append(costs[1])
            tables[title] = [
                Row(name="this checkout: CPU time, µs a call", figures=micros(ours, "cpu")),
                Row(name="the other: CPU time, µs a call", figures=micros(theirs, "cpu")),
                Row(name="CPU time / the other", figures=ratios(ours, theirs, "cpu")),
                Row(name="speed / the other", figures=ratios(ours, theirs, "rate")),
            ]
    return tables
