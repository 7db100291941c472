"""The processes beside the one that is measured: the host, and the peer on Node.js."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import shutil
import sys
from typing import Any

from tests.harness.process import ROOT

from .core import KEY
from .measure import Cost
from .server import HOST

PACKAGES = ROOT / ".tools" / "node"


@asynccontextmanager
async def child(*command: str | Path) -> AsyncIterator[Process]:
    """Start a process that ends with its standard input."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def line(process: Process) -> str:
    """Return the next line that a process writes."""
    assert process.stdout is not None
    if not (line := await process.stdout.readline()):
        raise RuntimeError("A process of the benchmark ended before its time")
    return line.decode()


@asynccontextmanager
async def host() -> AsyncIterator[str]:
    """Start the host; yield its base URL."""
    async with child(sys.executable, "-m", "tests.benchmark.server") as process:
        yield f"http://{HOST}:{int(await line(process))}/v1"


class Peer:
    """The Node SDK and `ws`, doing the same work."""

    def __init__(self, process: Process) -> None:
        """Take over a started process."""
        self._process = process

    async def run(self, task: str, **wish: Any) -> Cost:
        """Have a task done."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"task": task, **wish}).encode() + b"\n")
        return Cost(**json.loads(await line(self._process)))


@asynccontextmanager
async def peer(url: str) -> AsyncIterator[Peer | None]:
    """Start the peer, where Node.js and its packages are."""
    node = shutil.which("node")
    if node is None or not (PACKAGES / "node_modules" / "ws").is_dir():
        yield None
        return
    script = Path(__file__).with_name("peer.mjs")
    async with child(node, script, PACKAGES, url, KEY) as process:
        yield Peer(process)
