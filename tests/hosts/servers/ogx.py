"""OGX, the successor of Llama Stack, from PyPI, in front of llama.cpp."""

import json
from typing import Any, ClassVar

from ..install import FOLDER, venv, wheel
from ..server import Command, Json, Server
from .litellm import LiteLlm
from .llama_cpp import LlamaCpp

# What the parts of the configuration below import.
PARTS = ("sqlalchemy[asyncio]", "aiosqlite", "sqlite-vec", "chardet", "pypdf", "mcp>=2.0", "numpy")


class Ogx(Server):
    """llama.cpp behind responses that are kept, files, vector stores and batches."""

    name = "ogx"
    version = "1.5.0"
    families = ("models", "chat", "responses", "completions", "missing")
    models: ClassVar[Json] = {"chat": "llama/talker"}
    behind = (LlamaCpp,)
    data = FOLDER / "ogx-data"

    def install(self) -> None:
        """Install it, and what is behind it."""
        self.upstream[0].install()
        venv("ogx", f"ogx=={self.version}", "tqdm", *PARTS)
        wheel("litellm", LiteLlm.version)
        self.data.mkdir(exist_ok=True)

    def command(self) -> Command:
        """Return how it is started; YAML takes JSON, too."""
        config = self.data / "config.yaml"
        config.write_text(json.dumps(self._config()))
        line = [FOLDER / "ogx/bin/ogx", "run", config, "--port", str(self.port), "--insecure"]
        # It wants a table of tokens, which it would fetch from elsewhere. LiteLLM brings it along.
        tables = wheel("litellm", LiteLlm.version) / "litellm/litellm_core_utils/tokenizers"
        return Command(line, env={"HOME": str(self.data), "TIKTOKEN_CACHE_DIR": str(tables)})

    def _config(self) -> Json:
        """Return its configuration: one provider for each part."""

        def table(name: str) -> Json:
            """Return where something is kept."""
            return {"table_name": name, "backend": "sql_default"}

        def provider(name: str, kind: str, **config: Any) -> list[Json]:
            """Return the one provider of a part."""
            return [{"provider_id": name, "provider_type": kind, "config": config}]

        kept = {"namespace": "vectors", "backend": "kv_default"}
        files = str(self.data / "files")
        llama = provider("llama", "remote::llama-cpp-server", base_url=self.upstream[0].base_url)
        providers = {
            "inference": llama,
            "vector_io": provider(
                "sqlite-vec",
                "inline::sqlite-vec",
                db_path=str(self.data / "vectors.db"),
                persistence=kept,
            ),
            "files": provider(
                "files", "inline::localfs", storage_dir=files, metadata_store=table("files")
            ),
            "responses": provider(
                "builtin", "inline::builtin", persistence={"responses": table("responses")}
            ),
            "tool_runtime": provider("file-search", "inline::file-search"),
            "batches": provider("reference", "inline::reference", sqlstore=table("batches")),
        }
        names = ("inference", "conversations", "prompts", "connectors")
        return {
            "version": 2,
            "distro_name": "hosts",
            "apis": list(providers),
            "providers": providers,
            "server": {"host": "127.0.0.1", "port": self.port},
            "storage": {
                "backends": {
                    "kv_default": {"type": "kv_sqlite", "db_path": str(self.data / "kv.db")},
                    "sql_default": {"type": "sql_sqlite", "db_path": str(self.data / "sql.db")},
                },
                "stores": {
                    "metadata": {"namespace": "registry", "backend": "kv_default"},
                    **{name: table(name) for name in names},
                },
            },
        }
