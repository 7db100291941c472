"""A browser's place: a process that subscribes to the events over Home Assistant's own WebSocket."""

import asyncio
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
import sys

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from tests.harness.process import HOST, ROOT

_TYPES = ("openai_api_server_event", "openai_api_stream_event")
_QUIET = 2
"""Seconds without a message after which all has come that will."""


@dataclass
class Share:
    """What reached the subscriber, known at the end."""

    told: str = ""


@asynccontextmanager
async def subscribed(hass: HomeAssistant, *, wanted: bool) -> AsyncIterator[Share]:
    """Start the subscriber, if wanted; yield where it tells what reached it."""
    share = Share()
    if not wanted:
        yield share
        return
    assert await async_setup_component(hass, "websocket_api", {})
    user = await hass.auth.async_create_system_user("Benchmark", group_ids=[GROUP_ID_ADMIN])
    refresh = await hass.auth.async_create_refresh_token(user)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmark.subscriber", str(hass.http.server_port),
        cwd=ROOT, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(hass.auth.async_create_access_token(refresh).encode() + b"\n")
    await process.stdout.readline()
    try:
        yield share
    finally:
        process.stdin.close()
        share.told = (await process.stdout.readline()).decode().strip()
        await process.wait()


async def _count(socket: ClientWebSocketResponse, found: Counter[str]) -> None:
    """Count what arrives, until the connection ends."""
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            break
        # Home Assistant sends several at once where they wait.
        content = json.loads(message.data)
        for one in content if isinstance(content, list) else [content]:
            found[one["type"]] += 1
    found["closed"] = 1


async def main() -> None:
    """Subscribe with the token on the standard input; when that ends, tell what came."""
    loop, found = asyncio.get_running_loop(), Counter[str]()
    token = (await loop.run_in_executor(None, sys.stdin.readline)).strip()
    url = f"http://{HOST}:{sys.argv[1]}/api/websocket"
    async with ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        assert (await socket.receive_json())["type"] == "auth_ok"
        # What a current frontend can take.
        features = {"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}}
        await socket.send_json(features)
        for number, event_type in enumerate(_TYPES, 2):
            await socket.send_json(
                {"id": number, "type": "subscribe_events", "event_type": event_type}
            )
        counting = asyncio.create_task(_count(socket, found))
        while found["result"] < len(_TYPES):
            await asyncio.sleep(0.05)
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        before = -1
        while found["event"] != before:
            before = found["event"]
            await asyncio.sleep(_QUIET)
        counting.cancel()
    ending = (
        ", then Home Assistant closed the connection: it was too slow" if found["closed"] else ""
    )
    print(f"{found['event']} events{ending}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
