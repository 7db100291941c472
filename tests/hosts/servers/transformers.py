"""transformers' own server, from PyPI."""

import os
import sys
from typing import ClassVar

from ..install import FOLDER, venv
from ..server import Command, Json, Server
from ..talker import write_transformers


class Transformers(Server):
    """The talker at `transformers serve`."""

    name = "transformers"
    version = "5.24.0"
    families = ("models", "chat", "responses", "missing")
    start_timeout = 400
    models: ClassVar[Json] = {"chat": str(FOLDER / "talker")}

    def install(self) -> None:
        """Install it and make the model."""
        # Builds of torch for the CPU alone are often there for one version of Python only.
        python = os.environ.get("HOSTS_TORCH_PYTHON", sys.executable)
        parts = (f"transformers[serving]=={self.version}", "torch==2.13.0", "python-multipart")
        venv("transformers", *parts, python=python)
        write_transformers(FOLDER / "talker")

    def command(self) -> Command:
        """Return how it is started."""
        where = ("--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu")
        line = [FOLDER / "transformers/bin/transformers", "serve", FOLDER / "talker", *where]
        return Command(line, env={"HF_HUB_OFFLINE": "1"})
