"""Realtime conversations for as long as one likes: nothing lost, nothing reordered, nothing grown."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
import time
from typing import Any

from aiohttp import WSMsgType, web
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.recorder import async_initialize_recorder
from homeassistant.setup import async_setup_component

from .core import DOMAIN, core, new_entry
from .measure import memory, watch_loop

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


class Watch:
    """Counts what arrives, and notices what is lost or out of order."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.wrong = 0
        self.saved = 0
        hass.bus.async_listen("openai_api_server_event", self._take)
        hass.bus.async_listen("openai_api_realtime_event", self._note)

    @callback
    def _take(self, event: Event) -> None:
        """Look at a server event."""
        if (number := event.data["event"].get("number")) is not None:
            connection_id = event.data["connection_id"]
            self.wrong += number != self.counts[connection_id]
            self.counts[connection_id] = number + 1

    @callback
    def _note(self, event: Event) -> None:
        """Look at a notice."""
        self.saved += event.data["type"] == "audio_done"


def _database(hass: HomeAssistant) -> int:
    """Return the size of the database in KB."""
    files = Path(hass.config.config_dir).glob("home-assistant_v2.db*")
    return sum(file.stat().st_size for file in files) // 1024


async def soak(sessions: int, rate: float, seconds: float) -> bool:
    """Hold the conversations, print the figures, and tell whether all is well."""
    async with _host(rate) as url, core() as hass:
        async_initialize_recorder(hass)
        database = f"sqlite:///{hass.config.config_dir}/home-assistant_v2.db"
        assert await async_setup_component(
            hass, "recorder", {"recorder": {"db_url": database, "commit_interval": 1}}
        )
        await hass.config_entries.async_add(new_entry(url, skip_validation=True))
        watch = Watch(hass)
        for number in range(sessions):
            await hass.services.async_call(
                DOMAIN,
                "connect_realtime_websocket",
                {"connection_id": f"c{number}", "model": "m"},
                blocking=True,
            )
        figures: list[tuple[float, float, int]] = []
        start = time.monotonic()
        async with watch_loop(0.005) as stalls:
            while (elapsed := time.monotonic() - start) < seconds:
                await asyncio.sleep(min(30, seconds - elapsed))
                size = await hass.async_add_executor_job(_database, hass)
                figures.append((time.monotonic() - start, memory(), size))
                print(f"{figures[-1][0]:6.0f} s  {figures[-1][1]:7.1f} MB  {size} KB", flush=True)
        total = sum(watch.counts.values())
    settled = figures[len(figures) // 3 :]
    growth = settled[-1][1] - settled[0][1]
    database_growth = settled[-1][2] - settled[0][2]
    print(f"events of {sessions} conversations: {total} ({total / seconds:.0f} a second)")
    print(f"lost or out of order: {watch.wrong}; spoken answers saved: {watch.saved}")
    print(f"memory after the first third: {growth:+.1f} MB; database: {database_growth:+d} KB")
    print(f"longest stall of the loop: {stalls.longest * 1000:.0f} ms")
    expected = sessions * rate * seconds
    return not watch.wrong and total > 0.95 * expected and growth < 10
