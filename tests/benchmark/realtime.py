"""Realtime conversations for as long as one likes: nothing lost, nothing reordered, nothing grown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import multiprocessing
from multiprocessing.connection import Connection
import time
from typing import Any

from aiohttp import WSMsgType, web
from homeassistant.core import Event, callback

from .running_core import EventCounter, Result, call, measured, running_core, show

_PIECE = "AAAA" * 640
"""40 ms of silence at 24 kHz, in base64."""
_ANSWER = 20
"""Seconds that one spoken answer lasts."""


async def _speak(request: web.Request) -> web.WebSocketResponse:
    """Speak at the real rate, one answer after the other, every piece numbered."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    rate = float(request.app["rate"])
    await socket.send_json({"type": "session.created", "session": {"tracing": "auto"}})
    listening = asyncio.create_task(_ignore(socket))
    number, began = 0, time.monotonic()
    while not socket.closed:
        answer, place = divmod(number, int(_ANSWER * rate))
        base = {"response_id": f"r{answer}", "item_id": f"i{answer}", "content_index": 0}
        if not place:
            await _end(socket, answer - 1, base)
            await socket.send_json({"type": "response.created", "response": {"id": f"r{answer}"}})
        delta = {"type": "response.output_audio.delta", "delta": _PIECE, "number": number, **base}
        try:
            await socket.send_json(delta)
        except ConnectionError:
            break
        number += 1
        await asyncio.sleep(max(0, began + number / rate - time.monotonic()))
    await listening
    return socket


async def _end(socket: web.WebSocketResponse, answer: int, base: dict[str, Any]) -> None:
    """Bring the answer before to its end."""
    if answer >= 0:
        ids = {**base, "response_id": f"r{answer}", "item_id": f"i{answer}"}
        await socket.send_json({"type": "response.output_audio.done", **ids})
        await socket.send_json({"type": "response.done", "response": {"id": f"r{answer}"}})


async def _ignore(socket: web.WebSocketResponse) -> None:
    """Read what the client says, until it has gone."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return


def _serve(rate: float, told: Connection) -> None:
    """Run the host, in a process of its own."""

    async def main() -> None:
        app = web.Application()
        app["rate"] = rate
        app.router.add_get("/v1/realtime", _speak)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


@asynccontextmanager
async def _host(rate: float) -> AsyncIterator[str]:
    """Start the host, and yield its address."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(rate, there), daemon=True)
    process.start()
    port = await asyncio.get_running_loop().run_in_executor(None, here.recv)
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()


async def realtime(sessions: int, rate: float, seconds: float) -> bool:
    """Hold so many conversations, each with so many pieces of audio a second."""
    async with _host(rate) as url, running_core(url, automations=False) as hass:
        watch = EventCounter(hass, "openai_api_server_event", "connection_id", "number")
        saved = 0

        @callback
        def note(event: Event) -> None:
            nonlocal saved
            saved += event.data["type"] == "audio_done"

        hass.bus.async_listen("openai_api_realtime_event", note)
        async with measured(hass) as gauges:
            for number in range(sessions):
                await call(
                    hass, "connect_realtime_websocket", connection_id=f"c{number}", model="m"
                )
            await asyncio.sleep(seconds)
    enough = 0.95 * sessions * rate * seconds
    found = [
        Result(
            name="pieces of audio",
            value=f"{watch.total} ({watch.total / seconds:.0f} a second)",
            aim=f"at least {enough:.0f}",
            is_met=watch.total >= enough,
        ),
        Result(
            name="lost or out of order", value=f"{watch.wrong}", aim="0", is_met=not watch.wrong
        ),
        Result(name="spoken answers saved", value=f"{saved}"),
    ]
    return show(f"{sessions} conversations for {seconds:g} s", [*found, *gauges.results()])
