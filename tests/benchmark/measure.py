"""Clocks, the watch over the event loop, and figures with their spread."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
import gc
from importlib.machinery import ModuleSpec
from pathlib import Path
from statistics import median
import sys
import threading
import time
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What some units of work took."""

    wall: float
    """Seconds on the clock."""
    cpu: float
    """Seconds of processor time."""
    units: int
    """How many calls or events it was."""

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.wall


class Stopwatch:
    """Measures between its making and `stop`."""

    def __init__(self) -> None:
        """Start."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, units: int) -> Cost:
        """Return what it took."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Cost(wall=wall, cpu=cpu, units=units)


@dataclass(kw_only=True)
class Stalls:
    """How long the event loop was away from everything else, at the longest."""

    longest: float = 0
    """Seconds on the clock; on a busy machine the scheduler has its part in it."""
    longest_cpu: float = 0
    """Seconds of the loop's own work, but for Python's full collections of garbage."""
    collection: float = 0
    """Seconds of the longest full collection: it looks at every object of Home Assistant."""


@asynccontextmanager
async def watch_loop(pause: float = 0) -> AsyncIterator[Stalls]:
    """Look at the clock in every turn of the event loop, or only every so many seconds.

    Looking in every turn slows down what is watched, so speed is measured without.
    """
    loop = asyncio.get_running_loop()
    found = Stalls()
    wall, cpu = time.perf_counter(), time.thread_time()
    handle: asyncio.Handle
    thread, began, collected = threading.get_ident(), 0.0, 0.0

    def on_garbage(phase: str, info: dict[str, int]) -> None:
        nonlocal began, collected
        if info["generation"] < 2:
            return
        if phase == "start":
            began = time.thread_time()
            return
        took = time.thread_time() - began
        found.collection = max(found.collection, took)
        if threading.get_ident() == thread:
            collected += took

    def tick() -> None:
        nonlocal handle, wall, cpu, collected
        now, now_cpu = time.perf_counter(), time.thread_time()
        found.longest = max(found.longest, now - wall - pause)
        found.longest_cpu = max(found.longest_cpu, now_cpu - cpu - collected)
        wall, cpu, collected = now, now_cpu, 0
        handle = loop.call_later(pause, tick) if pause else loop.call_soon(tick)

    gc.callbacks.append(on_garbage)
    tick()
    try:
        yield found
    finally:
        gc.callbacks.remove(on_garbage)
        # What blocked last is only seen in the turn after it.
        await asyncio.sleep(2 * pause)
        handle.cancel()


class _Imports:
    """Stands first among the finders of modules and finds none, but takes down who asked."""

    def __init__(self) -> None:
        self.here: list[str] = []
        self.elsewhere = 0
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Note a module that is about to be imported."""
        if threading.get_ident() == self._thread:
            self.here.append(name)
        else:
            self.elsewhere += 1
        return None


@contextmanager
def watch_imports() -> Iterator[_Imports]:
    """Take down the modules that this thread imports, and how many others do."""
    watch = _Imports()
    sys.meta_path.insert(0, watch)
    try:
        yield watch
    finally:
        sys.meta_path.remove(watch)


def memory() -> float:
    """Return the memory of this process in MB, garbage left out."""
    gc.collect()
    return resident()


def resident() -> float:
    """Return the memory of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@dataclass(kw_only=True)
class Row:
    """A line of the table: the figures of all rounds, and what they should reach."""

    name: str
    figures: list[float] = field(default_factory=list)
    unit: str = ""
    aim: str = ""

    def __str__(self) -> str:
        """Write the line: median, extremes, aim."""
        if not self.figures:
            return f"| {self.name:<62} | {'–':>12} | {'':<20} | {self.aim} |"
        low, high = show(min(self.figures)), show(max(self.figures))
        middle = f"{show(median(self.figures))}{self.unit and f' {self.unit}'}"
        return f"| {self.name:<62} | {middle:>12} | {f'{low} – {high}':<20} | {self.aim} |"


def show(figure: float) -> str:
    """Write a figure with three digits that count."""
    if figure == 0 or abs(figure) >= 100:
        return f"{figure:.0f}"
    return f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"


def ratios(ours: Sequence[Cost], others: Sequence[Cost], of: str) -> list[float]:
    """Return the ratios of the pairs: of their `rate`, or of their `cpu` or `wall` per unit."""

    def figure(cost: Cost) -> float:
        return cost.rate if of == "rate" else float(getattr(cost, of)) / cost.units

    return [figure(one) / figure(other) for one, other in zip(ours, others, strict=True)]


def micros(costs: Iterable[Cost]) -> list[float]:
    """Return the microseconds of processor time per unit."""
    return [cost.cpu / cost.units * 1e6 for cost in costs]
