"""A Home Assistant process with a configuration folder of its own."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from aiohttp import ClientError

from .client import Client
from .config_dir import prepare
from .process import HOST, ROOT, ManagedProcess, free_port

# Home Assistant installs the packages of its own integrations at its first start.
START_TIMEOUT = 600
OUTPUT = "output.log"


class HomeAssistantProcess(Client):
    """A real Home Assistant, from the first start to the last line of its log."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        environment: Path = ROOT / ".venv" / "newest",
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        demo: bool = False,
        quiet: bool = True,
    ) -> None:
        """Prepare a folder, a temporary one unless given; nothing is started yet."""
        self.port = port or free_port()
        super().__init__(f"http://{HOST}:{self.port}")
        self._temporary = None if folder else TemporaryDirectory(prefix="home-")
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self._python = environment / "bin" / "python"
        self._env = env
        self._demo = demo
        self._quiet = quiet
        self._child: ManagedProcess | None = None

    async def __aenter__(self) -> Self:
        """Start."""
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop and clean up."""
        await self.close()

    async def start(self) -> bool:
        """Start, and return once everything is set up; tell whether it was the first start."""
        prepare(self.folder, self.port, demo=self._demo)
        self._child = await ManagedProcess.start(
            "Home Assistant",
            self._python,
            "-m",
            "homeassistant",
            "--config",
            self.folder,
            cwd=self.folder,
            env=self._env,
            output=self.folder / OUTPUT if self._quiet else None,
        )
        await self._child.wait_until(self._is_answering, START_TIMEOUT)
        first = await self.onboard()
        await self._child.wait_until(self.is_running, START_TIMEOUT)
        return first

    async def wait(self) -> int:
        """Wait until the process ends by itself."""
        return await self._running.wait()

    async def stop(self, within: float = 60) -> float:
        """Stop the process and return the seconds it took; folder and logs stay."""
        return await self._running.stop(within)

    async def close(self) -> None:
        """Close the connections, stop the process and remove a temporary folder."""
        try:
            await super().close()
            if self._child:
                await self._child.stop()
        finally:
            if self._temporary:
                self._temporary.cleanup()

    def logs(self) -> str:
        """Return what Home Assistant wrote to its log and its output."""
        names = ("home-assistant.log.1", "home-assistant.log", OUTPUT)
        files = (self.folder / name for name in names)
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    @property
    def _running(self) -> ManagedProcess:
        """The process."""
        if self._child is None:
            raise RuntimeError("Not started")
        return self._child

    async def _is_answering(self) -> bool:
        """Tell whether the web server answers."""
        with suppress(ClientError):
            await self.rest("GET", "/manifest.json")
            return True
        return False
