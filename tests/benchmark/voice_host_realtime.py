"""A realtime session of the service with a clock: hears, notices the end of speech, answers."""

import array
import asyncio
import base64
from collections.abc import Coroutine
import itertools
import time
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.standin import media

from .voice_answers import answer_to, until

if TYPE_CHECKING:
    from .voice_host import Service

_LOUD = 900
"""Samples beyond it are speech."""
_ids = itertools.count(1)


class Session:
    """One connection."""

    def __init__(self, ws: web.WebSocketResponse, service: Service, kind: str) -> None:
        """Begin to listen; `kind` is `realtime` or `transcription`."""
        self._ws, self._service = ws, service
        self._session: dict[str, Any] = {"type": kind, "id": f"sess_{next(_ids)}"}
        self._is_speaking = False
        self._quiet = 0.0
        self._heard = 0.0
        self._item = f"item_{next(_ids)}"
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer every event until the connection is closed."""
        await self._send("session.created", session=self._session)
        async for message in self._ws:
            if message.type is WSMsgType.TEXT:
                await self._take(message.json())
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something meanwhile."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, kind: str, **data: Any) -> None:
        """Send an event."""
        if not self._ws.closed:
            await self._ws.send_json({"type": kind, "event_id": f"event_{next(_ids)}", **data})

    @property
    def _detection(self) -> dict[str, Any] | None:
        """How the end of speech is noticed, None if that is left to the client."""
        audio = self._session.get("audio", {}).get("input", {})
        found: dict[str, Any] | None = audio.get("turn_detection", {"type": "server_vad"})
        return found

    async def _take(self, event: dict[str, Any]) -> None:
        """Do what a client event asks for."""
        match event["type"]:
            case "session.update":
                self._session |= event["session"]
                await self._send("session.updated", session=self._session)
            case "input_audio_buffer.append":
                await self._hear(base64.b64decode(event["audio"]))
            case "input_audio_buffer.commit":
                await self._commit()
            case "conversation.item.create":
                await self._send("conversation.item.added", item=event["item"])
            case "response.create":
                self._start(self._answer(time.monotonic()))
            case "response.cancel":
                for task in tuple(self._tasks):
                    task.cancel()

    async def _hear(self, sound: bytes) -> None:
        """Listen for the beginning and the end of speech."""
        seconds = media.audio_seconds(len(sound))
        self._heard += seconds
        if self._detection is None:
            return
        samples = array.array("h", sound[: len(sound) // 2 * 2])
        if max(map(abs, samples[::16]), default=0) > _LOUD:
            self._quiet = 0
            if not self._is_speaking:
                self._is_speaking = True
                start = int(self._heard * 1000)
                await self._send(
                    "input_audio_buffer.speech_started", item_id=self._item, audio_start_ms=start
                )
        elif self._is_speaking:
            self._quiet += seconds
            if self._quiet >= self._service.seconds("silence_ms"):
                self._is_speaking, self._quiet = False, 0
                end = int(self._heard * 1000)
                await self._send(
                    "input_audio_buffer.speech_stopped", item_id=self._item, audio_end_ms=end
                )
                await self._commit()

    async def _commit(self) -> None:
        """Take what was heard as a question."""
        item, self._item = self._item, f"item_{next(_ids)}"
        ended = time.monotonic()
        await self._send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        self._start(self._transcribe(item, ended))
        detection = self._detection
        if self._session["type"] == "realtime" and (detection or {}).get("create_response", True):
            self._start(self._answer(ended))

    async def _transcribe(self, item: str, ended: float) -> None:
        """Tell what was heard."""
        text = self._service.heard
        await until(ended + self._service.seconds("live_transcription_ms"))
        kind = "conversation.item.input_audio_transcription"
        await self._send(f"{kind}.delta", item_id=item, content_index=0, delta=text)
        await self._send(f"{kind}.completed", item_id=item, content_index=0, transcript=text)

    async def _answer(self, ended: float) -> None:
        """Speak an answer, whose text runs a little ahead of its sound."""
        response, item = f"resp_{next(_ids)}", f"item_{next(_ids)}"
        await self._send("response.created", response={"id": response, "status": "in_progress"})
        await until(ended + self._service.seconds("spoken_first_ms"))
        message: dict[str, Any] = {"id": item, "type": "message", "role": "assistant"}
        await self._send(
            "response.output_item.added",
            response_id=response,
            output_index=0,
            item={**message, "content": []},
        )
        place = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        words = answer_to(self._service.heard)
        seconds = len(words) / self._service.clock["characters_per_s"]
        sound, count = media.tone(seconds), max(1, round(seconds * 10))
        size = -(-len(sound) // count // 2) * 2
        start, said = time.monotonic(), 0
        for index in range(count):
            await until(start + index / 10 / self._service.clock["speech_speed"])
            ahead = min(len(words), len(words) * (index + 3) // count + 1)
            if ahead > said:
                delta = words[said:ahead]
                await self._send("response.output_audio_transcript.delta", **place, delta=delta)
                said = ahead
            piece = base64.b64encode(sound[index * size : (index + 1) * size]).decode()
            await self._send("response.output_audio.delta", **place, delta=piece)
        await self._send("response.output_audio_transcript.done", **place, transcript=words)
        await self._send("response.output_audio.done", **place)
        part = {"type": "output_audio", "transcript": words}
        done = {**message, "status": "completed", "content": [part]}
        await self._send(
            "response.output_item.done", response_id=response, output_index=0, item=done
        )
        usage = {"input_tokens": 1, "output_tokens": 1}
        whole = {"id": response, "status": "completed", "output": [done], "usage": usage}
        await self._send("response.done", response=whole)
