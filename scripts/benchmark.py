"""Measures the integration beside the limits of its tools and beside its peer, and prints Markdown tables.

Every figure is the median of the rounds, with the lowest and the highest. The rounds of what
is compared follow each other, so that ratios hold where the machine has other things to do.
"""

import argparse
import asyncio
import json
import logging
import os
from pathlib import Path
import platform
import sys

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import homeassistant.const  # noqa: E402
from homeassistant.helpers.aiohttp_client import async_get_clientsession  # noqa: E402
import openai  # noqa: E402

from tests.benchmark import (  # noqa: E402
    calls,
    checkouts,
    events,
    node_red,
    scaling,
    voice,
    websocket,
)
from tests.benchmark.comparison import Bench  # noqa: E402
from tests.benchmark.core import loaded_core  # noqa: E402
from tests.benchmark.measure import Row  # noqa: E402
from tests.benchmark.peer import host, peer  # noqa: E402
from tests.benchmark.startup import Startup  # noqa: E402

CONTESTS = {
    "calls": calls.compare,
    "events": events.compare,
    "sockets": websocket.compare,
    "growth": scaling.compare,
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--part",
        action="append",
        choices=["startup", "voice", *CONTESTS, "node-red"],
        help="measure this part alone",
    )
    parser.add_argument(
        "--node-red",
        type=Path,
        metavar="FOLDER",
        help=f"where node_modules has node-red and {node_red.PACKAGE}",
    )
    parser.add_argument("--node", metavar="PATH", help="the Node.js for Node-RED, 22 or newer")
    parser.add_argument("--rounds", type=int, help="how often (7)")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="CHECKOUT",
        help="compare with another checkout alone: startup, calls, events, sockets",
    )
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, 3 rounds")
    return parser.parse_args()


async def main() -> None:
    """Measure and print."""
    options = arguments()
    # A custom integration and a slow zlib are nothing to be warned of here.
    logging.getLogger().setLevel(logging.ERROR)
    parts = options.part or ["startup", "voice", *CONTESTS, "node-red"]
    rounds = options.rounds or (3 if options.quick else 7)
    scale = 0.2 if options.quick else 1
    if options.against:
        show_machine()
        async with host() as url:
            other = options.against.resolve()
            await checkouts.compare(other, url, rounds, scale, set(parts), show)
        return
    show_machine()
    if "voice" in parts:
        for title, rows in (await voice.compare(rounds, scale)).items():
            show(title, rows)
    if "node-red" in parts:
        await beside_node_red(options, rounds, scale)
    if not {"startup", *CONTESTS} & set(parts):
        return
    async with host() as url, peer(url) as other:
        if other is None:
            print("Node.js or its packages are missing: the peer is left out")
        else:
            print("The peer is the bare Node SDK and ws; Node-RED's own work would come on top")
        if "startup" in parts:
            show("Setting up a service", await startup(url, rounds))
        if not CONTESTS.keys() & set(parts):
            return
        async with loaded_core(url) as hass:
            bench = Bench(
                hass=hass,
                session=async_get_clientsession(hass),
                url=url,
                rounds=rounds,
                scale=scale,
                peer=other,
            )
            for part, contest in CONTESTS.items():
                if part in parts:
                    for title, rows in (await contest(bench)).items():
                        show(title, rows)


async def beside_node_red(options: argparse.Namespace, rounds: int, scale: float) -> None:
    """Measure beside Node-RED, or say what is missing for it."""
    try:
        installation = await node_red.find(options.node_red, options.node)
    except node_red.MissingError as missing:
        print(f"\nNode-RED is left out: {missing}")
        return
    async with host() as url, loaded_core(url) as hass:
        bench = Bench(
            hass=hass,
            session=async_get_clientsession(hass),
            url=url,
            rounds=rounds,
            scale=scale,
            peer=None,
        )
        await node_red.compare(bench, installation, lambda line: print(line, flush=True))


def show_machine() -> None:
    """Print what the figures belong to."""
    model = "unknown processor"
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    print(
        f"{os.cpu_count()} × {model}, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, "
        f"Home Assistant {homeassistant.const.__version__}, openai {openai.__version__}"
    )


def show(title: str, rows: list[Row]) -> None:
    """Print a part of the table."""
    print(f"\n| {title:<62} | {'median':>12} | {'min – max':<20} | aim |\n|---|---:|---|---|")
    for row in rows:
        print(row, flush=True)


async def startup(url: str, rounds: int) -> list[Row]:
    """Set up a service in fresh processes, with and without looking at the event loop."""
    plain, watched = [], []
    for _ in range(rounds):
        plain.append(await one_startup(url))
        watched.append(await one_startup(url, "--watched"))
    here = sorted({name for found in watched for name in found.imported_here})
    print(f"\nModules imported on the event loop: {', '.join(here) or 'none'}")
    return [
        Row(
            name="until it is loaded, imports included",
            figures=[found.loaded * 1000 for found in plain],
            unit="ms",
            aim="at most 500 ms",
        ),
        Row(
            name="reload, everything imported",
            figures=[found.reloaded * 1000 for found in plain],
            unit="ms",
        ),
        Row(
            name="longest stall of the loop",
            figures=[found.stall * 1000 for found in watched],
            unit="ms",
            aim="at most 10 ms",
        ),
        Row(
            name="longest piece of work on the loop (CPU time)",
            figures=[found.stall_cpu * 1000 for found in watched],
            unit="ms",
        ),
        Row(
            name=f"registering {plain[0].actions} actions (CPU time)",
            figures=[found.registered * 1000 for found in plain],
            unit="ms",
            aim="at most 10 ms",
        ),
        Row(
            name="memory added",
            figures=[found.memory for found in plain],
            unit="MB",
            aim="at most 35 MB",
        ),
        Row(name="modules imported, off the loop", figures=[watched[0].imported]),
    ]


async def one_startup(url: str, *options: str) -> Startup:
    """Set up a service in a fresh process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmark.startup",
        url,
        *options,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())
    return Startup(**json.loads(output))


if __name__ == "__main__":
    asyncio.run(main())
