"""Sets up a service in a Home Assistant that has not known any, and prints what it took.

Each round needs a process of its own: what is imported once is there for good.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
import json
import sys
import time
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.loader import async_get_integration

from .core import DOMAIN, core, new_entry
from .measure import Stalls, memory, watch_imports, watch_loop

# A finer look would take the processor away from the thread that imports.
_PAUSE = 0.001


@dataclass(kw_only=True)
class Startup:
    """What setting up a service took, in seconds and MB."""

    loaded: float = 0
    """From adding the entry to its being loaded, imports included."""
    reloaded: float = 0
    """The same once everything is imported."""
    stall: float = 0
    stall_cpu: float = 0
    memory: float = 0
    registered: float = 0
    """What registering the actions takes of the event loop."""
    actions: int = 0
    imported_here: tuple[str, ...] = ()
    """Modules that were imported on the event loop."""
    imported: int = 0
    """How many modules were imported elsewhere."""


async def measure(base_url: str, *, watched: bool) -> Startup:
    """Set up a service; `watched` looks at the loop, the imports and the memory."""
    found = Startup()
    async with core() as hass:
        await hass.async_block_till_done()
        entry = new_entry(base_url)
        before = memory()
        with watch_imports() as imports:
            async with _watched(watched=watched) as stalls:
                start = time.perf_counter()
                await hass.config_entries.async_add(entry)
                await hass.async_block_till_done()
                found.loaded = time.perf_counter() - start
        assert entry.state is ConfigEntryState.LOADED, entry.state
        found.memory = memory() - before
        found.stall, found.stall_cpu = stalls.longest, stalls.longest_cpu
        found.imported_here, found.imported = tuple(imports.here), imports.elsewhere
        start = time.perf_counter()
        await hass.config_entries.async_reload(entry.entry_id)
        found.reloaded = time.perf_counter() - start
        found.actions = len(hass.services.async_services_for_domain(DOMAIN))
        found.registered = await _registered(hass)
    return found


@asynccontextmanager
async def _watched(*, watched: bool) -> AsyncIterator[Stalls]:
    """Watch the loop if so wanted."""
    if not watched:
        yield Stalls()
        return
    async with watch_loop(_PAUSE) as stalls:
        yield stalls


async def _registered(hass: HomeAssistant) -> float:
    """Return the seconds that registering the actions takes, the first time in a process.

    The schemas compile when they are first used, so that doing it again costs the same.
    """
    package: Any = (await async_get_integration(hass, DOMAIN)).get_component()
    register: Callable[[HomeAssistant], None] = package.async_setup_services
    start = time.thread_time()
    register(hass)
    return time.thread_time() - start


def main() -> None:
    """Measure against the host in the first argument, and print a JSON object."""
    found = asyncio.run(measure(sys.argv[1], watched="--watched" in sys.argv))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
