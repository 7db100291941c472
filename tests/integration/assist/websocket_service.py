"""A service with the Responses WebSocket, which stores the previous response of each connection."""

import asyncio
from collections.abc import AsyncGenerator
import itertools
import json
from typing import Any

from aiohttp import WSMsgType, web
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.integration.conftest import add_entry, service_data

from .answers import SSE, call_event, completed, sse, text_events

type Json = dict[str, Any]


class Service:
    """Answers every request on a socket with its number."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, Json]] = []
        self.lines = 0
        self.open: list[web.WebSocketResponse] = []
        self.status: int | None = None
        self.pause = 0.0
        self.errors: list[Json | None] = []
        self.forgets = False
        self.is_silent = False
        self.drops_at: int | None = None
        self.url = ""
        self.calls: list[tuple[str, str]] = []
        """Functions to call, each a name and its arguments, one an answer."""
        self.together = 0
        """How many calls go out at once; none goes out before that many were asked for."""
        self.raw: list[str] = []
        """Messages of the next answer, as they are, before its own."""
        self.ends = ["response.completed"]
        """The events at the end of an answer, each but the first a moment later."""
        self.phase: str | None = None
        """What its own message is called."""
        self.posts: list[Json] = []
        """Requests over HTTP."""
        self.called = 0
        self.lists = 0
        """How often the models were listed."""
        self.list_status = 200
        self._ids = itertools.count(1)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/v1/responses", self._socket)
        app.router.add_post("/v1/responses", self._post)
        app.router.add_get("/v1/models", self._list)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """Stop."""
        if self._runner:
            await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.posts.append(await request.json())
        events = [*text_events("Hello", " by HTTP"), completed()]
        return web.Response(body=sse(events), content_type=SSE)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.lists += 1
        return web.json_response({"object": "list", "data": []}, status=self.list_status)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.status:
            return web.json_response({"error": {"message": "no"}}, status=self.status)
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        self.lines += 1
        self.open.append(ws)
        line, known = self.lines, set[str]()
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            body = json.loads(message.data)
            self.requests.append((line, body))
            if self.is_silent:
                continue
            previous = body.get("previous_response_id")
            error = self.errors.pop(0) if self.errors else None
            if previous and (previous not in known or self.forgets):
                error = {"code": "previous_response_not_found", "message": "forgotten"}
            if error:
                await ws.send_json({"type": "error", "status": 400, "error": error})
                continue
            number = f"resp_{next(self._ids)}"
            known = {number}
            response = {"id": number, "status": "completed", "usage": {"input_tokens": 1}}
            await ws.send_json({"type": "response.created", "response": {"id": number}})
            if self.calls:
                self.called += 1
                while self.called < self.together:
                    await asyncio.sleep(0.01)
                await ws.send_json(call_event(*self.calls.pop(0), number))
                await self._end(ws, response)
                continue
            item = {"type": "message", "id": f"msg_{number}", "role": "assistant"}
            if self.phase:
                item["phase"] = self.phase
            raw, self.raw = self.raw, []
            for text in raw:
                await ws.send_str(text)
            await ws.send_json({"type": "response.output_item.added", "item": item})
            for index, piece in enumerate(("Hello", " there")):
                if self.drops_at == index:
                    assert request.transport is not None
                    request.transport.abort()
                    return ws
                await ws.send_json({"type": "response.output_text.delta", "delta": piece})
                await asyncio.sleep(self.pause)
            await self._end(ws, response)
        return ws

    async def _end(self, ws: web.WebSocketResponse, response: Json) -> None:
        """End an answer."""
        first, *others = self.ends
        await ws.send_json({"type": first, "response": response})
        for kind in others:
            await asyncio.sleep(0.05)
            told = {key: response[key] for key in ("id", "usage")}
            await ws.send_json({"type": kind, "response": told})


@pytest.fixture
async def remote() -> AsyncGenerator[Service]:
    """Return the service."""
    found = Service()
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def loaded(hass: HomeAssistant, remote: Service) -> MockConfigEntry:
    """Return an entry for it."""
    return await add_entry(hass, service_data(remote.url))
