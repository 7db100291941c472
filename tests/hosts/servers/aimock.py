"""A mock of OpenAI's API, from npm, with a fixture that answers everything."""

import base64
import json
from typing import ClassVar

from tests.blackbox.home_assistant import png

from ..families import SPOKEN
from ..install import FOLDER, npm
from ..server import KEY, Command, Json, Server


class AiMock(Server):
    """The package @copilotkit/aimock."""

    name = "aimock"
    version = "1.43.0"
    families = (
        "models", "chat", "responses", "embeddings", "transcription", "speech", "images",
        "responses_socket", "realtime_socket", "missing",
    )  # fmt: skip
    models: ClassVar[Json] = {
        "chat": "gpt-5-mini",
        "speech": "tts-1",
        "transcription": "whisper-1",
        "embeddings": "text-embedding-3-small",
        "images": "gpt-image-1",
        "realtime_socket": "gpt-realtime",
    }
    settings: ClassVar[Json] = {"api_key": KEY}

    def install(self) -> None:
        """Install it and write the fixture."""
        npm("aimock", "@copilotkit/aimock@1.43.0")
        sound = {"audio": base64.b64encode(bytes(480)).decode(), "format": "wav"}
        picture = {"image": {"b64Json": base64.b64encode(png(8, 8)).decode()}}
        parts: dict[str, Json] = {
            "speech": sound,
            "transcription": {"transcription": {"text": SPOKEN}},
            "image": picture,
            "embedding": {"embedding": [0.6, 0.8]},
            "chat": {"content": "The light in the kitchen is on."},
        }
        fixtures = [
            {"match": {} if kind == "chat" else {"endpoint": kind}, "response": answer}
            for kind, answer in parts.items()
        ]
        (FOLDER / "aimock.json").write_text(json.dumps({"fixtures": fixtures}))

    def command(self) -> Command:
        """Return how it is started."""
        program = FOLDER / "aimock/node_modules/.bin/llmock"
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        return Command([program, *where, "--fixtures", FOLDER / "aimock.json"])
