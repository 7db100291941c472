"""Works in the checkout that is the working directory, whenever it is told to.

Started as a file and not as a module, so that it also measures checkouts that do not have it. It
knows the integration by its actions and its events alone, whatever its modules are called.

With `startup` as the second argument it sets up a service, writes what that took, and ends. Else
it reads a task as a JSON object from each line of its standard input, and writes what it found as
another one.
"""

import asyncio
from collections.abc import Awaitable, Callable
import gc
import json
import logging
from pathlib import Path
from statistics import median
import sys
import time
from typing import Any

sys.path[0] = str(Path.cwd())

import homeassistant  # noqa: E402, F401  # It decides what `import voluptuous` means.
from homeassistant.config_entries import ConfigEntryState  # noqa: E402
from homeassistant.core import Event, HomeAssistant, callback  # noqa: E402

from tests.benchmark.core import core, loaded_core, new_entry  # noqa: E402

DOMAIN = "openai_api"
QUESTION = {"model": "gpt-5-mini", "input": "Is it a good day to hang out the laundry?"}
SERVER_EVENT, STREAM_EVENT = "openai_api_server_event", "openai_api_stream_event"
_PATIENCE = 120

type Look = Callable[[Event], None]


async def _call(hass: HomeAssistant, action: str, **data: Any) -> Any:
    """Call an action, and return its answer."""
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


async def _calls(hass: HomeAssistant, count: int, flight: int) -> int:
    """Make so many calls, with so many in flight; return how many it were."""

    async def worker() -> None:
        for _ in range(count // flight):
            answer = await _call(hass, "create_model_response", **QUESTION)
            assert answer["output_text"]

    await asyncio.gather(*(worker() for _ in range(flight)))
    return count // flight * flight


async def _stream(hass: HomeAssistant, count: int) -> int:
    """Have an action stream so many events; return how many were heard."""
    heard = 0

    @callback
    def take(event: Event) -> None:
        nonlocal heard
        heard += 1

    stop = hass.bus.async_listen(STREAM_EVENT, take)
    answer = await _call(
        hass, "create_model_response", **QUESTION, stream=True, extra_query={"events": count}
    )
    stop()
    assert answer["output_text"]
    assert heard == count
    return heard


async def _socket(hass: HomeAssistant, look: Look, **wish: Any) -> int:
    """Ask for events over the WebSocket; return how many were heard, once the last was."""
    heard = 0
    done = asyncio.get_running_loop().create_future()

    @callback
    def take(event: Event) -> None:
        nonlocal heard
        heard += 1
        look(event)
        if event.data["event_type"] == "response.completed":
            done.set_result(None)

    stop = hass.bus.async_listen(SERVER_EVENT, take)
    async with asyncio.timeout(_PATIENCE):
        await hass.services.async_call(
            DOMAIN,
            "manage_model_response_websocket",
            {
                "action": "send",
                "connection_id": "benchmark",
                "event": {"type": "response.create", **wish},
            },
            blocking=True,
        )
        await done
    stop()
    assert heard == wish["events"]
    return heard


async def _latency(hass: HomeAssistant, count: int, pace: float) -> float:
    """Return the median of seconds from the server to the bus."""
    times: list[float] = []

    def look(event: Event) -> None:
        if (sent := event.data["event"].get("sent")) is not None:
            times.append(time.monotonic() - sent)

    await _socket(hass, look, events=count, pace=pace)
    return median(times)


async def _work(url: str) -> None:
    """Load the integration, and do what standard input says."""
    loop = asyncio.get_running_loop()
    async with loaded_core(url) as hass:
        tasks: dict[str, Callable[..., Awaitable[int]]] = {
            "call": lambda count, flight: _calls(hass, count, flight),
            "stream": lambda count: _stream(hass, count),
            "socket": lambda count: _socket(hass, lambda _: None, events=count),
        }
        await hass.services.async_call(
            DOMAIN,
            "manage_model_response_websocket",
            {"action": "connect", "connection_id": "benchmark"},
            blocking=True,
        )
        print("{}", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            wanted = json.loads(line)
            task = wanted.pop("task")
            gc.collect()
            if task == "latency":
                print(json.dumps({"seconds": await _latency(hass, **wanted)}), flush=True)
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            units = await tasks[task](**wanted)
            cost = {
                "wall": time.perf_counter() - wall,
                "cpu": time.process_time() - cpu,
                "units": units,
            }
            print(json.dumps(cost), flush=True)


def _memory() -> float:
    """Return the memory of this process in MB, garbage left out."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def _startup(url: str) -> None:
    """Set up a service, and write what that took."""
    async with core() as hass:
        await hass.async_block_till_done()
        entry = new_entry(url)
        memory = _memory()
        wall, cpu = time.perf_counter(), time.process_time()
        await hass.config_entries.async_add(entry)
        await hass.async_block_till_done()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert entry.state is ConfigEntryState.LOADED, entry.state
        memory = _memory() - memory
        print(json.dumps({"wall": wall, "cpu": cpu, "memory": memory}), flush=True)


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.ERROR)
    asyncio.run((_startup if "startup" in sys.argv[2:] else _work)(sys.argv[1]))
