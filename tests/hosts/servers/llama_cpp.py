"""llama.cpp's server, from Debian."""

from typing import ClassVar

from ..install import FOLDER, debian, debian_version, ggml_by_loader
from ..server import Command, Json, Server
from ..talker import write_gguf


class LlamaCpp(Server):
    """A talker at `llama-server`."""

    name = "llama.cpp"
    version = "of Debian"
    families: ClassVar[tuple[str, ...]] = ("models", "chat", "responses", "completions", "missing")
    models: ClassVar[Json] = {"chat": "talker"}
    packages: ClassVar[tuple[str, ...]] = ("llama.cpp-tools", "whisper.cpp-tools")
    options: ClassVar[tuple[str, ...]] = ("--jinja", "--parallel", "2")

    def install(self) -> None:
        """Unpack it and make the model."""
        debian("debian", *self.packages)
        self.version = debian_version("debian", "llama.cpp-tools")
        write_gguf(FOLDER / "talker.gguf")

    def command(self) -> Command:
        """Return how it is started; one thread is enough for such a model."""
        line, cwd = ggml_by_loader(FOLDER / "debian", "llama-server")
        options = ("--model", FOLDER / "talker.gguf", "--alias", "talker", "--threads", "1")
        where = ("--host", "127.0.0.1", "--port", str(self.port), "--ctx-size", "8192")
        return Command([*line, *options, *where, *self.options], cwd)


class LlamaCppEmbeddings(LlamaCpp):
    """The same model as one for embeddings: such a server does nothing else."""

    name = "llama.cpp-embeddings"
    families: ClassVar[tuple[str, ...]] = ("models", "embeddings")
    options: ClassVar[tuple[str, ...]] = ("--embeddings", "--pooling", "mean")
