"""Child processes that are started, watched and stopped."""

import asyncio
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
import os
from pathlib import Path
import signal
import socket
from time import monotonic
from typing import Self

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"


def free_port(*wanted: int) -> int:
    """Return the first wanted port that nobody listens on, or any free one."""
    for port in (*wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise RuntimeError("No free port")


class ProcessError(Exception):
    """A process ended before its time, or never came up."""


class ManagedProcess:
    """One process in a group of its own, so that Ctrl-C reaches only its parent."""

    def __init__(self, process: Process, name: str) -> None:
        """Take over a started process."""
        self.name = name
        self._process = process

    @classmethod
    async def start(
        cls,
        name: str,
        *command: str | Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        output: Path | None = None,
    ) -> Self:
        """Start a process whose output goes to a file, or where ours goes."""
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        with (output or Path(os.devnull)).open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=cwd,
                env={**environment, **(env or {})},
                stdin=DEVNULL,
                stdout=file if output else None,
                stderr=STDOUT if output else None,
                start_new_session=True,
            )
        return cls(process, name)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How the process ended, or None while it runs."""
        return self._process.returncode

    async def wait_until(self, ready: Callable[[], Awaitable[bool]], within: float) -> None:
        """Wait until the process answers as it should."""
        try:
            async with asyncio.timeout(within):
                while not await ready():
                    if self.returncode is not None:
                        raise ProcessError(f"{self.name} ended with {self.returncode}")
                    await asyncio.sleep(0.1)
        except TimeoutError as err:
            raise ProcessError(f"{self.name} was not ready after {within:.0f} s") from err

    async def wait(self) -> int:
        """Wait until the process ends."""
        return await self._process.wait()

    async def stop(self, within: float = 60) -> float:
        """Ask the process to end, kill it if it does not, and return the seconds it took."""
        began = monotonic()
        if self.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(within):
                    await self._process.wait()
            except TimeoutError as err:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                await self._process.wait()
                raise ProcessError(f"{self.name} had to be killed after {within:.0f} s") from err
        return monotonic() - began
