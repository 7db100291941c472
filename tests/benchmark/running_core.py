"""A Home Assistant for long runs: a recorder with a real database, automations, and measurements."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import gc
import os
from pathlib import Path
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.recorder import async_initialize_recorder
from homeassistant.setup import async_setup_component

from .core import DOMAIN, core, new_entry
from .measure import Stalls, resident, watch_loop

_LOOK = 0.005
"""Seconds between two looks at the event loop."""
_SETTLED = 1 / 3
"""The share of a run that counts as warming up."""
TRIGGERED = "openai_api_benchmark_triggered"
_AUTOMATIONS: list[dict[str, Any]] = [
    {
        "alias": "One for each piece of text, by our trigger",
        "mode": "parallel",
        "max": 1000,
        "max_exceeded": "silent",
        "triggers": [
            {
                "trigger": f"openai_api.{kind}_event",
                "options": {"event_type": ["response.output_text.delta"]},
            }
            for kind in ("server", "stream")
        ],
        "actions": [{"event": TRIGGERED}],
    },
    {
        "alias": "A slow one, for everything",
        "mode": "queued",
        "max_exceeded": "silent",
        "triggers": [
            {"trigger": "event", "event_type": f"openai_api_{kind}_event"}
            for kind in ("server", "stream")
        ],
        "actions": [{"delay": {"milliseconds": 10}}],
    },
]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A line of the result."""

    name: str
    value: str
    aim: str = ""
    is_met: bool = True


@dataclass(kw_only=True)
class Metrics:
    """What a run took of Home Assistant: measured from time to time, and at the end."""

    hass: HomeAssistant
    stalls: Stalls = field(default_factory=Stalls)
    samples: list[tuple[float, float, int]] = field(default_factory=list)
    """Seconds since the start, MB of memory, KB of database."""
    cpu: float = 0
    wall: float = 0

    async def sample(self) -> None:
        """Look."""
        size = await self.hass.async_add_executor_job(database, self.hass)
        # To collect garbage first, as `memory` does, would stall the loop itself.
        self.samples.append((time.monotonic() - self.wall, resident(), size))
        seconds, megabytes, kilobytes = self.samples[-1]
        print(f"{seconds:6.0f} s  {megabytes:7.1f} MB  {kilobytes} KB", flush=True)

    def results(self, *, is_calling: bool = False) -> list[Result]:
        """Return what every run tells; `is_calling`: actions are called, which Home Assistant records."""
        settled = self.samples[int(len(self.samples) * _SETTLED) :]
        grown = settled[-1][1] - settled[0][1]
        kept = self.samples[-1][2] - self.samples[0][2]
        stall = self.stalls.longest * 1000
        return [
            Result(
                name="longest stall of the loop (its own work)",
                value=f"{stall:.0f} ms ({self.stalls.longest_cpu * 1000:.0f} ms)",
                aim="at most 50 ms",
                # On a busy machine, the scheduler has its part in the first.
                is_met=min(stall, self.stalls.longest_cpu * 1000) <= 50,
            ),
            Result(
                name="longest full collection of Python's garbage",
                value=f"{self.stalls.collection * 1000:.0f} ms",
            ),
            Result(
                name="memory: first, last, growth once warm",
                value=f"{self.samples[0][1]:.0f} MB, {self.samples[-1][1]:.0f} MB, {grown:+.1f} MB",
                aim="at most +10 MB",
                is_met=grown <= 10,
            ),
            Result(
                name="growth of the database",
                value=f"{kept:+d} KB",
                aim="what Home Assistant records of calls" if is_calling else "at most +1000 KB",
                is_met=is_calling or kept <= 1000,
            ),
            Result(
                name="processor time of the loop's process",
                value=f"{self.cpu:.1f} s in {self.wall:.1f} s ({self.cpu / self.wall:.0%})",
            ),
        ]


@asynccontextmanager
async def measured(hass: HomeAssistant, every: float = 30) -> AsyncIterator[Metrics]:
    """Measure a Home Assistant every so many seconds."""
    gauges = Metrics(hass=hass)
    start = gauges.wall = time.monotonic()
    cpu = time.process_time()

    async def look() -> None:
        while True:
            await gauges.sample()
            await asyncio.sleep(every)

    gc.collect()
    async with watch_loop(_LOOK) as gauges.stalls:
        looking = asyncio.create_task(look())
        try:
            yield gauges
        finally:
            looking.cancel()
    gauges.cpu = time.process_time() - cpu
    gc.collect()
    await gauges.sample()
    gauges.wall = time.monotonic() - start


@asynccontextmanager
async def running_core(url: str, *, automations: bool = True) -> AsyncIterator[HomeAssistant]:
    """Start a Home Assistant with a recorder, a service and, if wanted, automations."""
    async with core() as hass:
        async_initialize_recorder(hass)
        path = f"sqlite:///{hass.config.config_dir}/home-assistant_v2.db"
        # That an automation has run is Home Assistant's to record, and no matter of ours.
        left_out = {"domains": ["automation"], "event_types": ["automation_triggered", TRIGGERED]}
        recorder = {"db_url": path, "commit_interval": 1, "exclude": left_out}
        assert await async_setup_component(hass, "recorder", {"recorder": recorder})
        await hass.config_entries.async_add(new_entry(url, skip_validation=True))
        if automations:
            config = {"automation": [{"id": one["alias"], **one} for one in _AUTOMATIONS]}
            assert await async_setup_component(hass, "automation", config)
        await hass.async_block_till_done()
        yield hass


class EventCounter:
    """Counts numbered events, and notices what is lost or out of order."""

    def __init__(self, hass: HomeAssistant, event_type: str, line: str, number: str) -> None:
        """Listen: `line` tells whose event it is, `number` is its place among them."""
        self.counts: dict[str, int] = defaultdict(int)
        self.wrong = 0
        self.others = 0
        self._line, self._number = line, number
        self._last: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.stop = hass.bus.async_listen(event_type, self._take)

    @callback
    def _take(self, event: Event) -> None:
        """Look at an event."""
        inner = event.data["event"]
        if (number := inner.get(self._number)) is None:
            self.others += 1
            return
        line = event.data[self._line]
        self.wrong += number != self.counts[line]
        self.counts[line] = number + 1
        if inner["type"] == "response.completed":
            self._last[line].set()

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.counts.values())

    async def last(self, line: str, within: float) -> None:
        """Wait for the event that ends a response."""
        async with asyncio.timeout(within):
            await self._last[line].wait()
        del self._last[line]

    def results(self, expected: int) -> list[Result]:
        """Return how many came, and in which order."""
        lost = expected - self.total
        return [
            Result(name="events", value=f"{self.total}"),
            Result(name="lost", value=f"{lost}", aim="0", is_met=not lost),
            Result(name="out of order", value=f"{self.wrong}", aim="0", is_met=not self.wrong),
        ]


def count(hass: HomeAssistant, event_type: str) -> list[int]:
    """Return a list whose only member is the number of such events so far."""
    found = [0]

    @callback
    def take(_: Event) -> None:
        found[0] += 1

    hass.bus.async_listen(event_type, take)
    return found


def database(hass: HomeAssistant) -> int:
    """Return the size of the database in KB."""
    files = Path(hass.config.config_dir).glob("home-assistant_v2.db*")
    return sum(file.stat().st_size for file in files) // 1024


async def call(hass: HomeAssistant, action: str, /, **data: Any) -> Any:
    """Call an action, and return its answer."""
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


def show(title: str, figures: list[Result]) -> bool:
    """Print the result as a Markdown table; tell whether all that was aimed at was reached."""
    print(f"\n| {title} | figure | aim |\n|---|---|---|")
    for figure in figures:
        mark = "" if figure.is_met else " **missed**"
        print(f"| {figure.name} | {figure.value} | {figure.aim}{mark} |")
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    return all(figure.is_met for figure in figures)
