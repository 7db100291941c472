"""A service with speech, transcription and realtime sessions, scripted by a test."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
import itertools
import json
import math
import struct
from typing import Any

from aiohttp import WSMsgType, web
import audioop

from .answers import SSE, says

type Json = dict[str, Any]
RATE = 24_000
_LOUD = 900


def tone(seconds: float, rate: int = RATE, loudness: int = 9_000) -> bytes:
    """Return a tone as 16-bit mono PCM."""
    count = int(seconds * rate)
    return struct.pack(
        f"<{count}h",
        *(int(loudness * math.sin(2 * math.pi * 220 * at / rate)) for at in range(count)),
    )


def wav(samples: bytes, rate: int = RATE, size: int | None = None, channels: int = 1) -> bytes:
    """Return a WAV file, with a length that may be a lie."""
    length = len(samples) if size is None else size
    return (
        struct.pack("<4sI4s", b"RIFF", min(length + 36, 0xFFFFFFFF), b"WAVE")
        + struct.pack(
            "<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16
        )
        + struct.pack("<4sI", b"data", length)
        + samples
    )


def mp3(frames: int = 3, *, tagged: bool = True) -> bytes:
    """Return frames of an MP3 of 24 kHz, 32 kbit/s, with a tag and a count of frames in front."""
    header = b"\xff\xf3\x44\xc4"
    frame = header + bytes(96 - 4)
    counting = header + bytes(9) + b"Info" + bytes(96 - 17)
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
    return (tag + counting if tagged else b"") + frame * frames


type Body = list[bytes] | AsyncIterator[bytes]


@dataclass
class ScriptedBody:
    """The scripted body of a response."""

    body: Any = b""
    """Bytes, or a list of chunks; a number in it is a pause in seconds, None drops the connection."""
    content_type: str = "audio/pcm"
    status: int = 200


@dataclass
class Answer:
    """One scripted response of a realtime session."""

    words: str = "It is sunny outside."
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Names and arguments."""
    status: str = "completed"
    details: Json | None = None
    seconds: float = 0.5
    """Of sound."""
    pause: float = 0.0
    """Seconds between two pieces."""
    drops_at: int | None = None
    """The number of words after which the line is dropped."""
    linger: float = 0.0
    """Seconds during which more sound is made after the last word."""
    has_sound: bool = True
    events: list[Json] = field(default_factory=list)
    """What is sent of the response before its words."""
    output: list[Any] = field(default_factory=list)
    """Items that come with the end of the response alone."""


class Peer:
    """The service's end of a realtime session: it notices speech by its loudness."""

    def __init__(self, server: VoiceServer, ws: web.WebSocketResponse, query: Json) -> None:
        self.server, self.ws, self.query = server, ws, query
        self.received: list[Json] = []
        self.sound = bytearray()
        self.session: Json = {}
        self._ids = itertools.count(1)
        self._speaking = False
        self._quiet = 0.0
        self._heard = 0.0
        self._committed = False
        self._item = ""
        self._active: asyncio.Task[None] | None = None
        self._response: Json = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def events(self, *kinds: str) -> list[Json]:
        """Return what was received of these types."""
        return [event for event in self.received if event["type"] in kinds]

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a server event."""
        with suppress(ConnectionError):
            await self.ws.send_json({"type": kind, "event_id": f"e{next(self._ids)}", **fields})

    async def take(self, event: Json) -> None:
        """Take a client event."""
        self.received.append(event)
        if self.server.is_silent:
            return
        kind = event["type"]
        if kind in self.server.refused:
            error = {"event_id": event.get("event_id"), **self.server.refused[kind]}
            await self.send("error", error=error)
            return
        if kind in self.server.drops_after:
            self.server.drops_after.remove(kind)
            assert self.ws._req is not None
            transport = self.ws._req.transport
            assert transport is not None
            transport.abort()
            return
        match kind:
            case "session.update":
                self.session = event["session"]
                await self.send("session.updated", session=self.session)
            case "input_audio_buffer.append":
                await self.hear(base64.b64decode(event["audio"]))
            case "input_audio_buffer.clear":
                self._speaking = False
                await self.send("input_audio_buffer.cleared")
            case "input_audio_buffer.commit":
                await self.commit()
            case "conversation.item.create":
                await self.send("conversation.item.added", item=event["item"])
            case "conversation.item.truncate":
                await self.send("conversation.item.truncated", item_id=event["item_id"])
            case "response.create":
                await self.answer(event.get("response") or {})
            case "response.cancel":
                await self.cancel("client_cancelled", event.get("event_id"))

    async def hear(self, sound: bytes) -> None:
        """Listen, and notice where speech begins and ends."""
        if self._committed:
            lag, self.server.lag = self.server.lag, 0.0
            await asyncio.sleep(lag)
        detection = self.session.get("audio", {}).get("input", {}).get("turn_detection")
        if detection is None or not self.server.hears_ends:
            self.sound += sound
            return
        silence = detection.get("silence_duration_ms", 500) / 1000
        # Pieces that came together are looked at one by one.
        for start in range(0, len(sound), 2400):
            piece = sound[start : start + 2400]
            self.sound += piece
            self._heard += len(piece) / 2 / RATE
            if audioop.max(piece, 2) > _LOUD:
                self._quiet = 0
                if not self._speaking:
                    self._speaking = True
                    self._item = f"item{next(self._ids)}"
                    await self.send("input_audio_buffer.speech_started", item_id=self._item)
                    if detection.get("interrupt_response", True):
                        await self.cancel("turn_detected", None, quietly=True)
            elif self._speaking:
                self._quiet += len(piece) / 2 / RATE
                if self._quiet >= silence:
                    self._speaking = False
                    await self.send(
                        "input_audio_buffer.speech_stopped",
                        item_id=self._item,
                        audio_end_ms=round(self._heard * 1000),
                    )
                    await self.commit(self._item)
                    if (
                        detection.get("create_response", True)
                        and self.session.get("type") == "realtime"
                    ):
                        await self.answer({})

    async def commit(self, item: str | None = None) -> None:
        """Take what was heard for an utterance, and write it down."""
        if audioop.max(bytes(self.sound), 2) <= _LOUD:
            code = "input_audio_buffer_commit_empty"
            await self.send("error", error={"code": code, "message": "buffer is empty"})
            return
        item = item or f"item{next(self._ids)}"
        self.sound.clear()
        self._committed = True
        await self.send("input_audio_buffer.committed", item_id=item)
        self.run(self.transcribe(item))

    async def transcribe(self, item: str) -> None:
        """Send what was understood."""
        text = self.server.next_text()
        if text is None:
            return
        await asyncio.sleep(self.server.transcript_delay)
        kind = "conversation.item.input_audio_transcription"
        if text == "!":
            error = {"code": "bad_audio", "message": "nothing understood"}
            await self.send(f"{kind}.failed", item_id=item, error=error)
            return
        for word in text.split(" "):
            await self.send(f"{kind}.delta", item_id=item, delta=f"{word} ")
        await self.send(f"{kind}.completed", item_id=item, transcript=text)

    async def answer(self, asked: Json) -> None:
        """Begin to answer."""
        if self._active is not None and not self._active.done():
            code = "conversation_already_has_active_response"
            await self.send("error", error={"code": code, "message": "busy"})
            return
        self._response = {"id": f"resp{next(self._ids)}", "status": "in_progress", "output": []}
        await self.send("response.created", response=self._response)
        self._active = self.run(self.speak(self._response, asked))

    async def cancel(self, reason: str, event_id: Any, *, quietly: bool = False) -> None:
        """Stop answering."""
        if self._active is None or self._active.done():
            if not quietly:
                error = {"code": "response_cancel_not_active", "event_id": event_id}
                await self.send("error", error=error)
            return
        self._active.cancel()
        details = {"type": "cancelled", "reason": reason}
        response = {**self._response, "status": "cancelled", "status_details": details}
        await self.send("response.done", response=response)

    async def speak(self, response: Json, asked: Json) -> None:
        """Send one response."""
        answer = self.server.next_answer()
        self.server.asked.append(asked)
        item = f"msg{next(self._ids)}"
        place = {"response_id": response["id"], "item_id": item, "content_index": 0}
        output: list[Any] = list(answer.output)
        for event in answer.events:
            await self.ws.send_json({"response_id": response["id"], **event})
        words = [word + " " for word in answer.words.split(" ")] if answer.words else []
        if words:
            words[-1] = words[-1].rstrip()
        in_writing = asked.get("output_modalities") == ["text"] or not answer.has_sound
        sound = tone(answer.seconds) if words and not in_writing else b""
        size = max(2, len(sound) // max(1, len(words)) // 2 * 2)
        text_kind = "response.output_text" if in_writing else "response.output_audio_transcript"
        for index, word in enumerate(words):
            await self.send(f"{text_kind}.delta", **place, delta=word)
            last = index == len(words) - 1
            chunk = sound[index * size :] if last else sound[index * size : (index + 1) * size]
            if chunk:
                delta = base64.b64encode(chunk).decode()
                await self.send("response.output_audio.delta", **place, delta=delta)
            if answer.drops_at == index + 1:
                assert self.ws._req is not None
                transport = self.ws._req.transport
                assert transport is not None
                transport.abort()
                return
            await asyncio.sleep(answer.pause)
        if words:
            await self.send(f"{text_kind}.done", **place, transcript=answer.words)
            for _ in range(10 if answer.linger else 0):
                await asyncio.sleep(answer.linger / 10)
                delta = base64.b64encode(tone(0.1)).decode()
                await self.send("response.output_audio.delta", **place, delta=delta)
            if sound:
                await self.send("response.output_audio.done", **place)
        for name, arguments in answer.calls:
            number = next(self._ids)
            call = {
                "type": "function_call",
                "id": f"fc{number}",
                "call_id": f"call{number}",
                "name": name,
                "arguments": arguments,
                "status": "completed",
            }
            output.append(call)
            await self.send("response.output_item.done", response_id=response["id"], item=call)
        done = {**response, "status": answer.status, "output": output}
        if answer.details:
            done["status_details"] = answer.details
        done["usage"] = {"input_tokens": 7, "output_tokens": 5}
        for kind in self.server.response_ends:
            await self.send(kind, response=done)

    def run(self, work: Any) -> asyncio.Task[None]:
        """Do something beside listening."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class VoiceServer:
    """The service; every attribute may be changed while it runs."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.speeches: list[Json] = []
        self.uploads: list[Json] = []
        self.peers: list[Peer] = []
        self.asked: list[Json] = []
        self.sounds: list[ScriptedBody | Callable[[Json], ScriptedBody]] = []
        """What the next requests to speak get; then PCM, as long as the text."""
        self.texts: list[str | None] = []
        """What is understood next: "!" cannot be, None never comes; then "Turn on the light"."""
        self.answers: list[Answer] = []
        self.heads: list[ScriptedBody | Callable[[Json], ScriptedBody]] = []
        """What the next requests for a response get; then `says("It is sunny outside.")`."""
        self.questions: list[Json] = []
        """The bodies of the requests for a response."""
        self.transcript_delay = 0.0
        self.lag = 0.0
        """Seconds after the first utterance in which what was sent has not arrived."""
        self.upload: Callable[[], Awaitable[web.Response]] | None = None
        self.hears_ends = True
        self.response_ends = ["response.done"]
        """The events at the end of a response of a realtime session."""
        self.is_silent = False
        self.refuses_sockets: int | None = None
        self.refused: dict[str, Json] = {}
        self.drops_after: list[str] = []
        self.greeting: list[Any] = []
        """Events at the beginning of each session; a text is sent as it is."""
        self.running = 0
        self.most_running = 0
        self.lost = 0
        """Requests to speak or to answer whose listener went away."""
        self._ended = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/responses", self._respond)
        app.router.add_post("/v1/audio/speech", self._speech)
        app.router.add_post("/v1/audio/transcriptions", self._transcriptions)
        app.router.add_get("/v1/realtime", self._realtime)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """Stop."""
        self._ended.set()
        for peer in self.peers:
            for task in tuple(peer.tasks):
                task.cancel()
        if self._runner:
            await self._runner.cleanup()

    async def _pause(self, seconds: float, request: web.Request) -> None:
        """Wait, but not beyond the end of the test; raises where nobody listens any more."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.05)):
                    await self._ended.wait()
                    return
            if request.transport is None:
                raise ConnectionResetError

    async def never(self) -> web.Response:
        """Answer an upload never, but end with the test."""
        await self._ended.wait()
        return web.Response()

    @property
    def peer(self) -> Peer:
        """The session that was opened last."""
        return self.peers[-1]

    def next_text(self) -> str | None:
        """Return what is understood now."""
        return self.texts.pop(0) if self.texts else "Turn on the light"

    def next_answer(self) -> Answer:
        """Return what the model says now."""
        return self.answers.pop(0) if self.answers else Answer()

    async def _models(self, request: web.Request) -> web.Response:
        names = ["gpt-4o-mini-tts", "gpt-4o-mini-transcribe", "gpt-realtime"]
        return web.json_response({"data": [{"id": name, "object": "model"} for name in names]})

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        """Answer a question as the test says."""
        body = await request.json()
        self.questions.append(body)
        return await self._write(request, body, self.heads, _answer)

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        """Speak as the test says."""
        body = await request.json()
        self.speeches.append(body)
        return await self._write(request, body, self.sounds, as_asked)

    async def _write(
        self,
        request: web.Request,
        body: Json,
        planned: list[Any],
        usual: Callable[[Json], ScriptedBody],
    ) -> web.StreamResponse:
        """Answer with what is planned next, or as usual."""
        found = planned.pop(0) if planned else usual
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return await self._send(request, found(body) if callable(found) else found)
        except ConnectionError, asyncio.CancelledError:
            self.lost += 1
            raise
        finally:
            self.running -= 1

    async def _send(self, request: web.Request, sound: ScriptedBody) -> web.StreamResponse:
        """Send a body piece by piece."""
        response = web.StreamResponse(
            status=sound.status, headers={"Content-Type": sound.content_type}
        )
        await response.prepare(request)
        pieces = [sound.body] if isinstance(sound.body, bytes | str) else sound.body
        for piece in pieces:
            if isinstance(piece, int | float):
                await self._pause(piece, request)
            elif piece is None:
                assert request.transport is not None
                request.transport.abort()
            else:
                await response.write(piece.encode() if isinstance(piece, str) else piece)
        await response.write_eof()
        return response

    async def _transcriptions(self, request: web.Request) -> web.Response:
        """Write down an upload."""
        form = await request.post()
        fields: Json = {}
        for name, value in form.items():
            is_file = isinstance(value, web.FileField)
            fields[name] = value.file.read() if isinstance(value, web.FileField) else value
            if is_file:
                fields["filename"] = value.filename  # type: ignore[union-attr]
        self.uploads.append(fields)
        if self.upload:
            return await self.upload()
        return web.json_response({"text": self.next_text()})

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        """Hold a session."""
        if self.refuses_sockets:
            raise _refusal(self.refuses_sockets)
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        peer = Peer(self, ws, dict(request.query))
        self.peers.append(peer)
        await peer.send("session.created", session={})
        for event in self.greeting:
            await ws.send_str(event if isinstance(event, str) else json.dumps(event))
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await peer.take(json.loads(message.data))
        for task in tuple(peer.tasks):
            task.cancel()
        return ws


def _refusal(status: int) -> web.HTTPException:
    """Return the refusal of a socket."""
    error: web.HTTPException = web.HTTPNotFound() if status == 404 else web.HTTPBadRequest()
    return error


def _answer(_: Json) -> ScriptedBody:
    """Return a response that says something."""
    return ScriptedBody(says("It is sunny outside.").body, SSE)


def as_asked(body: Json) -> ScriptedBody:
    """Return sound in the format that was asked for, 15 characters a second."""
    seconds = len(body["input"]) / 15
    match body.get("response_format") or "mp3":
        case "pcm":
            return ScriptedBody(tone(seconds), "audio/pcm")
        case "wav":
            return ScriptedBody(wav(tone(seconds)), "audio/wav")
        case "mp3":
            return ScriptedBody(mp3(), "audio/mpeg")
    return ScriptedBody(b"OggS" + bytes(100), "audio/opus")
