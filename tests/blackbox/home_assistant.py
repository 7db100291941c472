"""A Home Assistant that keeps everything it says, and files to send from it."""

from contextlib import closing
from dataclasses import dataclass, field
import json
import math
from pathlib import Path
import re
import shutil
import sqlite3
import struct
from typing import Any, override
import wave
import zlib

from tests.harness import CommandError, Events, HomeAssistantProcess
from tests.harness.client import Json

CANARY = "sk-canary-5f0c8a1de7b94c33"
WRONG = "sk-wrong-canary-2b7761fa90"
KEY_VARIABLE = "BLACKBOX_OPENAI_KEY"
PACKAGES = Path(__file__).parent / "packages.yaml"


class RecordingHomeAssistant(HomeAssistantProcess):
    """A Home Assistant with a memory for every event, answer and refusal."""

    def __init__(self, **options: Any) -> None:
        """Start without memories."""
        super().__init__(**options)
        self.answers: list[Any] = []
        self.events = Events()

    async def record(self) -> None:
        """Keep every event from now on."""
        self.events = await self.socket.subscribe("subscribe_events")

    async def restart(self) -> None:
        """Stop and start again; what it has said before is not forgotten."""
        before = list(self.events)
        await self.stop()
        await self.start()
        await self.record()
        self.events[:0] = before

    @override
    async def call(
        self, action: str, data: Json | None = None, *, return_response: bool = True
    ) -> Json:
        """Call an action and keep what it said."""
        try:
            answer = await super().call(action, data, return_response=return_response)
        except CommandError as err:
            self.answers.append(vars(err))
            raise
        self.answers.append(answer)
        return answer

    @override
    async def submit(self, flow: Json, user_input: Json, **options: Any) -> Json:
        """Fill in a form and keep what it said."""
        result = await super().submit(flow, user_input, **options)
        self.answers.append(result)
        return result

    @override
    async def diagnostics(self, entry_id: str) -> Json:
        """Download diagnostics and keep what they say."""
        found = await super().diagnostics(entry_id)
        self.answers.append(found)
        return found

    def files_with(self, text: str) -> list[str]:
        """Return the files below the configuration folder that hold a text."""
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and text.encode() in path.read_bytes()
        )

    def recorded(self, event_type: str) -> int:
        """Return how many events of a type the recorder has written."""
        with closing(sqlite3.connect(self.folder / "home-assistant_v2.db")) as database:
            rows = database.execute(
                "SELECT count(*) FROM events JOIN event_types USING (event_type_id)"
                " WHERE event_types.event_type = ?",
                (event_type,),
            )
            return int(rows.fetchone()[0])

    def error_log_lines(self) -> list[str]:
        """Return the lines of the log that the integration should not have caused."""
        return [
            line
            for line in self.logs().splitlines()
            if "openai_api" in line
            and re.search(r" (ERROR|CRITICAL) |blocking call|thread-safety", line)
            # Home Assistant logs every refused call.
            and "[homeassistant.components.websocket_api" not in line
        ]


@dataclass(frozen=True)
class SampleFiles:
    """Files below the allowed folder."""

    folder: Path
    names: dict[str, bytes] = field(
        default_factory=lambda: {
            "note.txt": b"Water boils at 100 degrees.\n",
            "training.jsonl": json.dumps({"prompt": "a", "completion": "b"}).encode(),
            "picture.png": png(64, 64),
            "SKILL.md": b"---\nname: butler\ndescription: Serves tea.\n---\nBe polite.\n",
        }
    )

    def write(self) -> None:
        """Write all of them, to the allowed folder and to the media folder."""
        for name, content in self.names.items():
            (self.folder / "files" / name).write_bytes(content)
        for place in ("files", "media"):
            write_tone(self.folder / place / "sound.wav")
        (self.folder / "secret.txt").write_text("nobody's business")


def add_demo_entities(folder: Path) -> None:
    """Configure a light and a media player before Home Assistant starts."""
    (folder / "packages").mkdir(exist_ok=True)
    shutil.copy(PACKAGES, folder / "packages" / PACKAGES.name)


def png(width: int, height: int) -> bytes:
    """Return a picture with an alpha channel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        """Return one chunk of the file."""
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(
        b"\0" + bytes(value for x in range(width) for value in (x * 4 % 256, y * 4 % 256, 99, 255))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def write_tone(path: Path) -> None:
    """Write half a second of a tone."""
    rate = 16000
    samples = (int(9000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate // 2))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
