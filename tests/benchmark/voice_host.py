"""A service with a clock: every stage of a turn takes a time that is known.

What is measured on top is the client's. It speaks Responses (over HTTP and WebSocket), speech,
uploaded transcription, and the Realtime API; `POST /clock` changes its times, `GET /requests`
tells how many bytes each request to a model had, and forgets them.
"""

import asyncio
from collections.abc import Awaitable, Callable
import itertools
import json
import re
import sys
import time
from typing import Any, Final

from aiohttp import WSMsgType, web

from tests.standin import media

from .voice_answers import answer_to, tokens, until
from .voice_host_realtime import Session

HOST = "127.0.0.1"
CLOCK: Final[dict[str, float]] = {
    "model_first_ms": 400,
    "token_ms": 15,
    "speech_first_ms": 250,
    "speech_speed": 4,
    "characters_per_s": 15,
    "transcription_ms": 300,
    "transcription_ms_per_s": 60,
    "live_transcription_ms": 150,
    "silence_ms": 500,
    "spoken_first_ms": 500,
}
"""Model: until the first token, and from one to the next. Speech: until the first sound, how
many seconds of it are made in one, and how fast it talks. Transcription of an upload: in any
case, and for each second of sound; live: after the end of speech. The service hears the end of
speech after that much silence; a model that speaks begins that much later."""
MODELS: Final = (
    "gpt-5-mini",
    "gpt-4o-mini",
    "gpt-4o-mini-tts",
    "gpt-4o-mini-transcribe",
    "gpt-realtime",
)
_ids = itertools.count(1)

type Json = dict[str, Any]
type Send = Callable[[Json], Awaitable[None]]


class Service:
    """What is known of the requests."""

    def __init__(self) -> None:
        """Begin with the usual clock."""
        self.clock = dict(CLOCK)
        self.requests: list[Json] = []
        self.say = "medium"

    def seconds(self, key: str) -> float:
        """Return a time of the clock."""
        return self.clock[key] / 1000

    def application(self) -> web.Application:
        """Return what is served."""
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/responses", self._socket)
        app.router.add_post("/v1/responses", self._responses)
        app.router.add_post("/v1/audio/speech", self._speech)
        app.router.add_post("/v1/audio/transcriptions", self._transcriptions)
        app.router.add_get("/v1/realtime", self._realtime)
        app.router.add_post("/clock", self._clock)
        app.router.add_get("/requests", self._tell)
        return app

    async def _models(self, _: web.Request) -> web.Response:
        """List the models."""
        found = [
            {"id": name, "object": "model", "created": 1, "owned_by": "clock"} for name in MODELS
        ]
        return web.json_response({"object": "list", "data": found})

    async def _clock(self, request: web.Request) -> web.Response:
        """Change the clock; what is not named is as usual."""
        changes = await request.json()
        self.say = changes.pop("say", "medium")
        self.clock = {**CLOCK, **changes}
        return web.json_response(self.clock)

    async def _tell(self, _: web.Request) -> web.Response:
        """Tell what was asked, and forget it."""
        found, self.requests = self.requests, []
        return web.json_response(found)

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        """Answer as a stream."""
        raw = await request.read()
        self.requests.append({"transport": "http", "bytes": len(raw)})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def send(event: Json) -> None:
            text = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            await response.write(text.encode())

        await self._respond(json.loads(raw), send, {})
        await response.write_eof()
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        """Answer over a WebSocket, which remembers its responses."""
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        remembered: dict[str, list[Any]] = {}
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                self.requests.append({"transport": "websocket", "bytes": len(message.data)})
                await self._respond(json.loads(message.data), ws.send_json, remembered)
        return ws

    async def _respond(self, body: Json, send: Send, remembered: dict[str, list[Any]]) -> None:
        """Send the events of a response at the pace of the clock."""
        due = time.monotonic() + self.seconds("model_first_ms")
        items = [*remembered.get(body.get("previous_response_id") or "", []), *body["input"]]
        number = itertools.count()

        async def emit(kind: str, **data: Any) -> None:
            await send({"type": kind, "sequence_number": next(number), **data})

        shell = {
            "id": f"resp_{next(_ids)}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "model": body["model"],
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
        await emit("response.created", response=shell)
        await until(due)
        if call := _call(items, body.get("tools") or []):
            added = {**call, "arguments": "", "status": "in_progress"}
            await emit("response.output_item.added", output_index=0, item=added)
            place = {"item_id": call["id"], "output_index": 0}
            await emit("response.function_call_arguments.delta", **place, delta="{}")
            await emit("response.function_call_arguments.done", **place, arguments="{}")
            item = call
        else:
            item = await self._write(answer_to(_question(items)), due, emit)
        await emit("response.output_item.done", output_index=0, item=item)
        remembered[shell["id"]] = [*items, item]
        usage = {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 130,
        }
        done = {**shell, "status": "completed", "output": [item], "usage": usage}
        await emit("response.completed", response=done)

    async def _write(self, text: str, due: float, emit: Callable[..., Awaitable[None]]) -> Json:
        """Send the events of a message and return it."""
        message: Json = {"type": "message", "id": f"msg_{next(_ids)}", "role": "assistant"}
        added = {**message, "status": "in_progress", "content": []}
        await emit("response.output_item.added", output_index=0, item=added)
        place = {"item_id": message["id"], "output_index": 0, "content_index": 0}
        part = {"type": "output_text", "text": "", "annotations": []}
        await emit("response.content_part.added", **place, part=part)
        for piece in tokens(text):
            await until(due)
            await emit("response.output_text.delta", **place, delta=piece, logprobs=[])
            due += self.seconds("token_ms")
        await emit("response.output_text.done", **place, text=text, logprobs=[])
        part = {**part, "text": text}
        await emit("response.content_part.done", **place, part=part)
        return {**message, "status": "completed", "content": [part]}

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        """Speak a text as it is made."""
        body = await request.json()
        start = time.monotonic() + self.seconds("speech_first_ms")
        seconds = len(body["input"]) / self.clock["characters_per_s"]
        kind = body.get("response_format") or "mp3"
        content = media.mp3(seconds) if kind == "mp3" else media.tone(seconds)
        if kind == "wav":
            content = media.wav(content)
        response = web.StreamResponse(headers={"Content-Type": f"audio/{kind}"})
        await response.prepare(request)
        count = max(1, round(seconds * 10))
        size = -(-len(content) // count)
        for index in range(count):
            await until(start + index / 10 / self.clock["speech_speed"])
            if piece := content[index * size : (index + 1) * size]:
                await response.write(piece)
        await response.write_eof()
        return response

    async def _transcriptions(self, request: web.Request) -> web.Response:
        """Transcribe a recording."""
        form = await request.post()
        start = time.monotonic()
        file: Any = form["file"]
        seconds = len(file.file.read()) / 32_000
        spent = self.seconds("transcription_ms") + self.seconds("transcription_ms_per_s") * seconds
        await until(start + spent)
        return web.json_response({"text": self.heard})

    @property
    def heard(self) -> str:
        """What everybody says who speaks."""
        return f"Tell me about it [{self.say}]"

    async def _realtime(self, request: web.Request) -> web.WebSocketResponse:
        """Hear and answer over a WebSocket."""
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        is_transcription = request.query.get("intent") == "transcription"
        session = Session(ws, self, "transcription" if is_transcription else "realtime")
        await session.run()
        return ws


def _question(items: list[Any]) -> str:
    """Return what was asked last."""
    asked = [item for item in items if item.get("role") == "user"]
    return json.dumps(asked[-1].get("content")) if asked else ""


def _call(items: list[Any], tools: list[Json]) -> Json | None:
    """Return a call of the clock while the question wants more of them than there are."""
    wanted = re.search(r"\[tools(\d)\]", _question(items))
    done = sum(item.get("type") == "function_call_output" for item in items)
    if wanted is None or done >= int(wanted.group(1)):
        return None
    name = next(tool["name"] for tool in tools if tool["name"].endswith("GetDateTime"))
    return {
        "type": "function_call",
        "id": f"fc_{next(_ids)}",
        "call_id": f"call_{next(_ids)}",
        "name": name,
        "arguments": "{}",
        "status": "completed",
    }


async def serve() -> None:
    """Serve until the standard input ends."""
    runner = web.AppRunner(Service().application(), access_log=None, keepalive_timeout=3600)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
