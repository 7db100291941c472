"""vLLM's Agentic API, from PyPI, in front of llama.cpp."""

from pathlib import Path
from typing import ClassVar

from ..install import FOLDER, venv
from ..server import Command, Json, Server
from .llama_cpp import LlamaCpp


class Agentic(Server):
    """Adds memory and a WebSocket to the responses of llama.cpp."""

    name = "agentic"
    version = "0.9.0"
    families = ("models", "chat", "responses", "responses_socket", "missing")
    models: ClassVar[Json] = {"chat": "talker"}
    settings: ClassVar[Json] = {"service_kind": "llama_cpp"}
    behind = (LlamaCpp,)

    def install(self) -> None:
        """Install it, and what is behind it."""
        for server in self.upstream:
            server.install()
        venv("agentic", f"agentic-api=={self.version}")

    def command(self) -> Command:
        """Return how it is started; it keeps its memory in a file of its own."""
        line: list[str | Path] = [FOLDER / "agentic/bin/agentic-api", "serve"]
        line += ["--host", "127.0.0.1", "--port", str(self.port)]
        line += ["--vllm-base-url", self.upstream[0].origin]
        memory = FOLDER / "agentic.db"
        return Command(line, env={"DATABASE_URL": f"sqlite://{memory}?mode=rwc"})
