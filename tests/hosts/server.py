"""What every server here is: how it is had, started, and added to Home Assistant."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.harness.process import HOST, ManagedProcess, ProcessError, free_port

from .install import FOLDER

KEY: Final = "sk-of-scripts-hosts"

type Json = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """A process to start."""

    line: list[str | Path]
    cwd: Path = FOLDER
    env: Mapping[str, str] = field(default_factory=dict)


class Server:
    """A real server; each is a subclass in a module of `tests.hosts.servers`."""

    name: ClassVar[str]
    version: str
    families: ClassVar[tuple[str, ...]]
    """What it claims to serve: keys of `families.FAMILIES`."""
    models: ClassVar[Json] = {}
    """The model for each family whose actions want one; `chat` for those that are not named."""
    settings: ClassVar[Json] = {}
    """What a person enters besides the address."""
    path: ClassVar[str] = "/v1"
    health: ClassVar[str] = "/v1/models"
    """A path that answers once it is ready."""
    start_timeout: ClassVar[float] = 180
    """Seconds."""
    voice: ClassVar[str] = "alloy"
    skips: ClassVar[tuple[str, ...]] = ()
    """Words in the names of calls that are not made."""
    endless: ClassVar[Json] = {"ignore_eos": True}
    """Fields of a chat completion that does not end by itself; these are llama.cpp's."""
    behind: ClassVar[tuple[type[Server], ...]] = ()
    """Servers that this one passes requests on to."""

    def __init__(self) -> None:
        """Choose a port; nothing is started yet."""
        self.port = free_port()
        self.origin = f"http://{HOST}:{self.port}"
        self.log = FOLDER / f"{self.name}.log"
        self.upstream = [kind() for kind in self.behind]
        self._child: ManagedProcess | None = None

    def install(self) -> None:
        """Get the server and its model; what is there already is kept."""
        raise NotImplementedError

    def command(self) -> Command:
        """Return how it is started."""
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        """The address that a person enters."""
        return f"{self.origin}{self.path}"

    def model(self, family: str) -> str:
        """Return the model that serves a family."""
        return str(self.models.get(family) or self.models.get("chat", "any"))

    async def start(self) -> None:
        """Start what is behind it, then itself, and return once it answers."""
        for server in self.upstream:
            await server.start()
        self.log.unlink(missing_ok=True)
        command = self.command()
        self._child = await ManagedProcess.start(
            self.name, *command.line, cwd=command.cwd, env=command.env, output=self.log
        )
        await self._child.wait_until(self._is_ready, self.start_timeout)

    async def stop(self) -> None:
        """Stop it, and what is behind it."""
        if self._child:
            # Some end only when their last stream has ended.
            with suppress(ProcessError):
                await self._child.stop(5)
        for server in self.upstream:
            await server.stop()

    async def _is_ready(self) -> bool:
        """Tell whether it answers, with whatever but trouble of its own."""
        headers = {"Authorization": f"Bearer {KEY}"}
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=5)) as session,
                session.get(f"{self.origin}{self.health}", headers=headers) as response,
            ):
                return response.status < 500
        except ClientError, TimeoutError:
            return False
