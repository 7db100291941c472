"""LiteLLM's gateway, from PyPI, in front of llama.cpp."""

import json
from pathlib import Path
from typing import ClassVar

from ..install import FOLDER, venv
from ..server import KEY, Command, Json, Server
from .llama_cpp import LlamaCpp, LlamaCppEmbeddings


class LiteLlm(Server):
    """Two models of llama.cpp behind one address and a key."""

    name = "litellm"
    version = "1.108.7"
    families = (
        "models",
        "chat",
        "responses",
        "completions",
        "embeddings",
        "responses_socket",
        "missing",
    )
    models: ClassVar[Json] = {"chat": "talker", "embeddings": "vectors"}
    settings: ClassVar[Json] = {"api_key": KEY, "service_kind": "litellm"}
    health = "/health/liveliness"
    behind = (LlamaCpp, LlamaCppEmbeddings)

    def install(self) -> None:
        """Install it, and what is behind it."""
        for server in self.upstream:
            server.install()
        venv("litellm", f"litellm[proxy]=={self.version}")

    def command(self) -> Command:
        """Return how it is started; YAML takes JSON, too."""
        models = [
            {
                "model_name": name,
                "litellm_params": {
                    "model": "openai/talker",
                    "api_base": server.base_url,
                    "api_key": "none",
                },
            }
            for name, server in zip(("talker", "vectors"), self.upstream, strict=True)
        ]
        config = FOLDER / "litellm.yaml"
        config.write_text(
            json.dumps({"model_list": models, "general_settings": {"master_key": KEY}})
        )
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        line: list[str | Path] = [
            FOLDER / "litellm/bin/litellm",
            "--config",
            config,
            *where,
            "--telemetry",
            "False",
        ]
        return Command(line, env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
