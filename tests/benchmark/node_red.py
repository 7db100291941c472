"""Home Assistant with the integration beside Node-RED with its OpenAI package, in turns."""

import asyncio
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
import json
from pathlib import Path
import re
import shutil
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from .calls import call_action, spread
from .comparison import Bench, Runner, run
from .core import KEY
from .events import stream_action
from .measure import Cost, micros, ratios, show
from .peer import child
from .websocket import PACE, latency, opened, receive_burst

PACKAGE = "@inductiv/node-red-openai-api"
_OLDEST_NODE = 22
_PATIENCE = 120
"""Seconds for one task; on a busy machine the longest takes a few."""
_FEW, _MANY, _FLIGHT, _STREAMED, _BURST, _SINGLES = 600, 3000, 50, 5000, 20_000, 300
_WARM_UPS = 3
_NODES = Path(__file__).with_name("node_red_nodes")
_FUNCTION = """
if (msg.payload.object === "response.websocket.connection") return msg;
if (msg.payload.type !== "response.completed") return null;
msg.is_last = true;
return msg;
"""
"""A user's consumer of events: looks at each, and passes on only the last."""
_CONSUMERS = {"a function node": "-function", "a native node": ""}
_SETTINGS = {
    "credentialSecret": False,
    "diagnostics": {"enabled": False, "ui": False},
    "externalModules": {"autoInstall": False},
    "flowFile": "flows.json",
    # Without pages, nothing listens.
    "httpAdminRoot": False,
    "httpNodeRoot": False,
    "logging": {"console": {"level": "error", "metrics": False, "audit": False}},
    "nodesDir": str(_NODES),
    "telemetry": {"enabled": False, "updateNotification": False},
}


class MissingError(Exception):
    """Something that the comparison needs is not there; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A Node.js, and a folder with Node-RED and the package."""

    node: str
    folder: Path
    versions: str
    """Those of the three, for people."""


async def find(folder: Path | None, node: str | None) -> Installation:
    """Return what is installed; `node` is the path of a Node.js, or None to look for one.

    Raises MissingError.
    """
    if folder is None:
        raise MissingError("no --node-red FOLDER was given")
    modules = folder.resolve() / "node_modules"
    versions = []
    for name in ("node-red", PACKAGE):
        if not (manifest := modules / name / "package.json").is_file():
            raise MissingError(f"{modules} has no {name}")
        versions.append(f"{name} {json.loads(manifest.read_text())['version']}")
    binary = node or shutil.which("node", path=modules / ".bin") or shutil.which("node")
    if binary is None:
        raise MissingError(f"there is no Node.js {_OLDEST_NODE} or newer")
    try:
        process = await create_subprocess_exec(binary, "--version", stdout=PIPE)
    except OSError as error:
        raise MissingError(f"{binary} cannot be run ({error.strerror})") from error
    version = (await process.communicate())[0].decode().strip()
    found = re.match(r"v(\d+)\.", version)
    if found is None or int(found[1]) < _OLDEST_NODE:
        raise MissingError(
            f"{binary} is {version or 'something else'}, not Node.js {_OLDEST_NODE} or newer"
        )
    named = f"Node.js {version[1:]}, {', '.join(versions)}"
    return Installation(node=binary, folder=folder.resolve(), versions=named)


def flow(url: str, events: int) -> list[dict[str, Any]]:
    """Return the flow: the benchmark's node drives the package's, and hears them.

    `events`: how many a stream is to have.
    """
    calls, stream = (
        {
            "id": name,
            "type": "Service Host",
            "apiBase": base,
            "apiBaseType": "str",
            "secureApiKeyHeaderOrQueryName": "Authorization",
            "secureApiKeyHeaderOrQueryNameType": "str",
            "secureApiKeyIsQuery": False,
            "secureApiKeyValueType": "str",
            "secureApiKeyValueRef": KEY,
            "organizationId": "",
            "organizationIdType": "str",
        }
        for name, base in (
            ("host", url),
            ("host-stream", f"{url}/events={events}"),
        )
    )
    workers = [
        {
            "id": name,
            "type": "OpenAI API",
            "z": "tab",
            "name": "",
            "property": "payload",
            "propertyType": "msg",
            "service": host["id"],
            "method": method,
            "x": 300,
            "y": 100,
            "wires": [["function" if name.endswith("-function") else "benchmark"]],
        }
        for name, host, method in (
            ("call", calls, "createModelResponse"),
            ("stream", stream, "createModelResponse"),
            ("socket", calls, "manageModelResponseWebSocket"),
            ("stream-function", stream, "createModelResponse"),
            ("socket-function", calls, "manageModelResponseWebSocket"),
        )
    ]
    return [
        {"id": "tab", "type": "tab", "label": "Benchmark", "disabled": False, "env": []},
        calls,
        stream,
        *workers,
        {
            "id": "benchmark",
            "type": "benchmark",
            "z": "tab",
            "x": 100,
            "y": 100,
            "wires": [[worker["id"]] for worker in workers],
        },
        {
            "id": "function",
            "type": "function",
            "z": "tab",
            "func": _FUNCTION,
            "outputs": 1,
            "timeout": 0,
            "initialize": "",
            "finalize": "",
            "libs": [],
            "x": 500,
            "y": 100,
            "wires": [["benchmark"]],
        },
        {
            "id": "failures",
            "type": "catch",
            "z": "tab",
            "scope": None,
            "uncaught": False,
            "x": 100,
            "y": 200,
            "wires": [["benchmark"]],
        },
    ]


class NodeRed:
    """A running Node-RED that does what it is told."""

    def __init__(self, process: Process) -> None:
        """Take over a started process."""
        self._process = process

    async def result(self) -> dict[str, Any]:
        """Return what the benchmark's node says next.

        Raises RuntimeError with what Node-RED wrote, if a task failed or Node-RED ended.
        """
        assert self._process.stdout is not None
        said = []
        async with asyncio.timeout(_PATIENCE):
            while line := (await self._process.stdout.readline()).decode():
                if not line.startswith("{"):
                    said.append(line)
                    continue
                found: dict[str, Any] = json.loads(line)
                if "error" in found:
                    raise RuntimeError(f"Node-RED: {found['error']}\n{''.join(said)}")
                return found
        raise RuntimeError(f"Node-RED ended before its time\n{''.join(said)}")

    async def ask(self, task: str, **wish: Any) -> dict[str, Any]:
        """Have a task done, and return what it found."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"task": task, **wish}).encode() + b"\n")
        return await self.result()

    async def run(self, task: str, **wish: Any) -> Cost:
        """Have a task done, and return what it cost."""
        return Cost(**await self.ask(task, **wish))


@asynccontextmanager
async def running(installation: Installation, url: str, events: int) -> AsyncIterator[NodeRed]:
    """Start Node-RED with a folder of its own, and stop it."""
    with TemporaryDirectory(prefix="benchmark-node-red-") as folder:
        settings = Path(folder, "settings.js")
        settings.write_text(f"module.exports = {json.dumps(_SETTINGS)};\n")
        Path(folder, "flows.json").write_text(json.dumps(flow(url, events)))
        script = installation.folder / "node_modules" / "node-red" / "red.js"
        options: list[str | Path] = ["--userDir", folder, "--settings", settings]
        async with child(installation.node, script, *options) as process:
            other = NodeRed(process)
            await other.result()
            for consumer in _CONSUMERS.values():
                await other.run("connect", node=f"socket{consumer}")
            # Its engine compiles what runs often; without this, its calls cost up to four times.
            for _ in range(_WARM_UPS):
                await other.run("call", count=_FEW, flight=1)
                await other.run("call", count=_MANY, flight=_FLIGHT)
                for consumer in _CONSUMERS.values():
                    await other.run("stream", count=events, node=f"stream{consumer}")
                    await other.run("socket", count=_BURST, node=f"socket{consumer}")
            yield other


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the table: the figures of both in the same rounds, and what to reach."""

    work: str
    theirs: list[float]
    ours: list[float]
    ratios: list[float]
    unit: str
    limit: float | None
    """What to reach; None for what is only told."""
    is_most: bool = False
    """Whether the ratio is to be at most, and not at least, the limit."""

    def __str__(self) -> str:
        """Write the line: medians, the ratio with its extremes, and whether it is enough."""
        ratio = median(self.ratios)
        to_reach = ""
        if self.limit is not None:
            is_met = ratio <= self.limit if self.is_most else ratio >= self.limit
            mark = "" if is_met else " **missed**"
            to_reach = f"at {'most' if self.is_most else 'least'} {self.limit:g}{mark}"
        spread = f"{ratio:.2f} ({min(self.ratios):.2f} – {max(self.ratios):.2f})"
        theirs, ours = (f"{show(median(found))} {self.unit}" for found in (self.theirs, self.ours))
        return f"| {self.work} | {theirs} | {ours} | {spread} | {to_reach} |"


def _cpu_line(work: str, costs: list[list[Cost]], limit: float) -> Line:
    """Return how much processor time one costs; less is better."""
    ours, theirs = costs
    return Line(
        work=work,
        theirs=micros(theirs),
        ours=micros(ours),
        ratios=ratios(ours, theirs, "cpu"),
        unit="µs",
        limit=limit,
        is_most=True,
    )


def _rate_line(work: str, costs: list[list[Cost]], limit: float | None) -> Line:
    """Return how many there are in a second; more is better."""
    ours, theirs = costs
    return Line(
        work=work,
        theirs=[cost.rate for cost in theirs],
        ours=[cost.rate for cost in ours],
        ratios=ratios(ours, theirs, "rate"),
        unit="/s",
        limit=limit,
    )


async def compare(bench: Bench, installation: Installation, write: Callable[[str], None]) -> None:
    """Measure both in turns, and write the lines of a Markdown table as they are known."""
    few, many = bench.amount(_FEW), max(_FLIGHT, bench.amount(_MANY))
    streamed, burst, singles = (bench.amount(usual) for usual in (_STREAMED, _BURST, _SINGLES))

    async def pairs(ours: Runner, theirs: Runner) -> list[list[Cost]]:
        # Both collect their garbage when they see fit, on the clock.
        return await run(bench.rounds, ours, theirs, is_garbage_cleared=False)

    async def calls(count: int, flight: int) -> list[list[Cost]]:
        return await pairs(
            lambda: spread(lambda: call_action(bench), count, flight),
            lambda: other.run("call", count=count, flight=flight),
        )

    async with running(installation, bench.url, streamed) as other, opened(bench) as send:
        write(f"\n{installation.versions}\n")
        write("| Work | Node-RED | Home Assistant | ratio (min – max) | to reach |")
        write("|---|---:|---:|---:|---|")
        costs = await calls(few, 1)
        write(str(_cpu_line("one call after the other: CPU time a call", costs, 0.7)))
        costs = await calls(many, _FLIGHT)
        write(str(_rate_line("50 in flight: calls", costs, 1.2)))
        write(str(_cpu_line("50 in flight: CPU time a call", costs, 0.8)))
        for consumer, ending in _CONSUMERS.items():
            costs = await pairs(
                lambda: stream_action(bench, streamed),
                partial(other.run, "stream", count=streamed, node=f"stream{ending}"),
            )
            aim = 7.0 if ending else None
            write(str(_rate_line(f"streamed events; in Node-RED to {consumer}", costs, aim)))
        for consumer, ending in _CONSUMERS.items():
            costs = await pairs(
                lambda: receive_burst(bench, send, burst),
                partial(other.run, "socket", count=burst, node=f"socket{ending}"),
            )
            aim = 2.5 if ending else None
            write(str(_rate_line(f"WebSocket events; in Node-RED to {consumer}", costs, aim)))
        ours, theirs = [], []
        for _ in range(bench.rounds):
            ours.append(await latency(bench, send, singles) * 1e6)
            found = await other.ask("latency", count=singles, pace=PACE)
            theirs.append(found["seconds"] * 1e6)
        line = Line(
            work="latency of one WebSocket event, to a native node (ratio: Node-RED's to ours)",
            theirs=theirs,
            ours=ours,
            ratios=[their / our for our, their in zip(ours, theirs, strict=True)],
            unit="µs",
            limit=1.1,
        )
        write(str(line))
