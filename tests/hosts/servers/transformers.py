"""transformers' own server, from PyPI."""

import sys
from typing import ClassVar

from ..install import FOLDER, InstallError, by_loader, debian, debian_version, packages
from ..server import Command, Json, Server
from ..talker import write_transformers

PYTHON = f"python3.{sys.version_info.minor}"


class Transformers(Server):
    """The talker at `transformers serve`."""

    name = "transformers"
    version = "5.24.0"
    families = ("models", "chat", "responses", "missing")
    requirements = (f"transformers[serving]=={version}", "python-multipart")
    start_timeout = 400.0
    # It would read for minutes, and answers nobody else meanwhile.
    skips = ("too long",)
    models: ClassVar[Json] = {"chat": str(FOLDER / "talker")}
    endless: ClassVar[Json] = {"generation_config": '{"do_sample": true, "eos_token_id": -1}'}

    def install(self) -> None:
        """Install it and make the model.

        Debian's torch is for the CPU alone; PyPI's brings gigabytes for graphics cards along.
        """
        torch = debian("torch", "python3-torch")
        self.version = f"{type(self).version}, torch {debian_version('torch', 'python3-torch')}"
        if not (torch / "usr/bin" / PYTHON).exists():
            raise InstallError(f"Debian's torch is not for {PYTHON}, which runs this")
        packages("transformers", *self.requirements, without="torch")
        write_transformers(FOLDER / "talker")

    def command(self) -> Command:
        """Return how it is started: by the Python that comes with torch."""
        where = ("--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu")
        parts = (FOLDER / "transformers", FOLDER / "torch/usr/lib/python3/dist-packages")
        environment = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": ":".join(map(str, parts))}
        program = FOLDER / "transformers/bin/transformers"
        line = [*by_loader(FOLDER / "torch", PYTHON), program, "serve", FOLDER / "talker", *where]
        return Command(line, env=environment)
