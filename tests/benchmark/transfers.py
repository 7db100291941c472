"""Files sent and fetched: how much memory it takes, how fast it is, whether the event loop waits.

`python -m tests.benchmark.transfers --megabytes 500` prints the figures.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
import sys
import time
from typing import Any
from urllib.request import Request, urlopen

from homeassistant.core import Event, HomeAssistant, callback

from .core import DOMAIN, KEY, loaded_core
from .measure import memory, watch_loop

_LOOK = 0.005
"""Seconds between two looks at the memory and at the event loop."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What a file did to Home Assistant on its way."""

    name: str
    megabytes: int
    seconds: float
    growth: float
    """Megabytes by which the process was larger than before, at the most."""
    stall: float
    """Seconds for which the event loop was away, at the longest."""
    events: int
    """Progress events that were fired."""

    def __str__(self) -> str:
        """Write the line."""
        return (
            f"  {self.name:<22} {self.megabytes} MB in {self.seconds:6.1f} s "
            f"({self.megabytes / self.seconds:5.0f} MB/s)   memory +{self.growth:5.1f} MB   "
            f"loop away {self.stall * 1000:5.1f} ms   {self.events} progress events"
        )


async def measure(megabytes: int) -> list[Transfer]:
    """Send and fetch a file of so many megabytes in each way, print and return the figures.

    Fails if a byte is lost or another one arrives.
    """
    async with _standin() as address, loaded_core(f"{address}/v1", timeout=600.0) as hass:
        path = Path(hass.config.media_dirs["local"]) / "large.bin"
        digest = await asyncio.to_thread(_write, path, megabytes)

        async def upload(action: str) -> None:
            answer = await _call(hass, action, file=str(path), purpose="user_data")
            assert answer.get("file", answer)["bytes"] == path.stat().st_size

        async def download() -> None:
            size = megabytes * 1024**2
            fault = {"path": "/content", "size": size, "content_type": "application/zip"}
            await _standin_says(address, "faults", fault)
            saved = await _call(hass, "download_file", file_id="file-1")
            assert saved["size"] == size == Path(saved["path"]).stat().st_size

        # What the first call loads is not what a file takes.
        await _call(hass, "list_files")
        found = []
        for name, work in {
            "create_file": lambda: upload("create_file"),
            "upload_file_chunked": lambda: upload("upload_file_chunked"),
            "download_file": download,
        }.items():
            found.append(await _watch(hass, name, megabytes, work))
            print(found[-1], flush=True)
        seen = await _standin_says(address, "requests")
        (form,) = [
            request["body"]
            for request in seen
            if request["method"] == "POST" and request["path"] == "/files"
        ]
        assert digest in [part["digest"] for part in form]
        return found


async def _watch(
    hass: HomeAssistant, name: str, megabytes: int, work: Callable[[], Awaitable[None]]
) -> Transfer:
    """Do something, and look at the memory, the loop and the events meanwhile."""
    fired: list[Event] = []

    @callback
    def take(event: Event) -> None:
        fired.append(event)

    stop_listening = hass.bus.async_listen("openai_api_progress_event", take)
    before, start = memory(), time.monotonic()
    sizes = [before]
    async with watch_loop(_LOOK) as stalls:
        looking = asyncio.create_task(_look(sizes))
        await work()
        seconds = time.monotonic() - start
        looking.cancel()
    stop_listening()
    return Transfer(
        name=name,
        megabytes=megabytes,
        seconds=seconds,
        growth=max(sizes) - before,
        stall=stalls.longest,
        events=len(fired),
    )


async def _look(sizes: list[float]) -> None:
    """Note the size of the process until cancelled."""
    page = 4096 / 1024**2
    statm = Path("/proc/self/statm")
    while True:
        sizes.append(int(statm.read_text().split()[1]) * page)
        await asyncio.sleep(_LOOK)


def _write(path: Path, megabytes: int) -> str:
    """Write a file in which no megabyte is like another; return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(megabytes):
            piece = number.to_bytes(8) * (1024**2 // 8)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


async def _call(hass: HomeAssistant, action: str, **data: Any) -> Any:
    """Call an action and return its answer."""
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


@asynccontextmanager
async def _standin() -> AsyncIterator[str]:
    """Run the stand-in as a process of its own, whose memory is not counted; yield its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.standin", "--port", "0", "--key", KEY,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def _standin_says(address: str, what: str, body: Any = None) -> Any:
    """Ask the stand-in by its own interface."""

    def ask() -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{address}/_standin/{what}", data)  # noqa: S310
        with urlopen(request) as response:  # noqa: S310
            return json.load(response)

    return await asyncio.to_thread(ask)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.transfers")
    parser.add_argument("--megabytes", type=int, default=500)
    asyncio.run(measure(parser.parse_args().megabytes))


if __name__ == "__main__":
    main()
