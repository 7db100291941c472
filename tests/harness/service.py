"""The stand-in service in a process of its own."""

from pathlib import Path
from typing import Any, Self

from aiohttp import ClientError, ClientSession

from .process import HOST, ROOT, ManagedProcess, free_port

MOUNTS = {"bearer": "/v1", "header": "/header/v1", "query": "/query/v1", "none": "/none/v1"}


class Service:
    """An OpenAI-compatible service on this machine, and its control."""

    def __init__(
        self,
        *,
        key: str,
        port: int | None = None,
        pace: float = 0,
        python: Path = ROOT / ".venv" / "newest" / "bin" / "python",
        output: Path | None = None,
    ) -> None:
        """Choose a port; nothing is started yet."""
        self.key = key
        self.port = port or free_port()
        self._pace = pace
        self._python = python
        self._output = output
        self._http = ClientSession(f"http://{HOST}:{self.port}")
        self._child: ManagedProcess | None = None

    async def __aenter__(self) -> Self:
        """Start."""
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def url(self, style: str = "bearer") -> str:
        """Return the base URL that wants its key in this style."""
        return f"http://{HOST}:{self.port}{MOUNTS[style]}"

    async def start(self) -> None:
        """Start, and return once it answers."""
        self._child = await ManagedProcess.start(
            "The stand-in service",
            self._python,
            "-m",
            "tests.standin",
            "--port",
            str(self.port),
            "--key",
            self.key,
            "--pace",
            str(self._pace),
            cwd=ROOT,
            output=self._output,
        )
        await self._child.wait_until(self._is_healthy, 30)

    async def stop(self) -> None:
        """Stop."""
        await self._http.close()
        if self._child:
            await self._child.stop(10)

    async def requests(self) -> list[dict[str, Any]]:
        """Return the requests that arrived."""
        found: list[dict[str, Any]] = await self._control("GET", "requests")
        return found

    async def sockets(self) -> list[dict[str, Any]]:
        """Return the WebSocket sessions, alive and finished."""
        found: list[dict[str, Any]] = await self._control("GET", "sockets")
        return found

    async def fail(self, **fault: Any) -> None:
        """Make requests fail from now on."""
        await self._control("POST", "faults", fault)

    async def pull(self, number: int, string: str, **fields: Any) -> None:
        """Send on a WebSocket session, close, abort or freeze it."""
        await self._control("POST", f"sockets/{number}/{string}", fields)

    async def change(self, **settings: Any) -> None:
        """Change the accepted key, the pace of streams, or where webhooks really go."""
        await self._control("POST", "settings", settings)
        self.key = settings.get("key", self.key)

    async def reset(self) -> None:
        """Forget faults, records and resources."""
        await self._control("POST", "reset")

    async def _control(self, method: str, path: str, json: Any = None) -> Any:
        """Pull one of the strings of the stand-in."""
        async with self._http.request(method, f"/_standin/{path}", json=json) as response:
            response.raise_for_status()
            return await response.json()

    async def _is_healthy(self) -> bool:
        """Tell whether it answers."""
        try:
            await self._control("GET", "health")
        except ClientError:
            return False
        return True
