"""Drive the stand-in as a process, by its control interface and the real SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
import signal
import sys
from typing import Any

import aiohttp
from openai import APITimeoutError, AsyncOpenAI, AuthenticationError, RateLimitError
import pytest
import pytest_asyncio
import websockets

from tests.standin.sdk import KEY, MODEL, read_until

pytest_plugins = ["tests.standin.fixtures"]

ROOT = Path(__file__).parents[2]


class Remote:
    """The control interface of a stand-in in another process."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        """Remember where it is."""
        self.address = address
        self._session = session

    async def get(self, what: str) -> Any:
        """Read something."""
        async with self._session.get(f"{self.address}/_standin/{what}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, what: str, expected: int = 200, /, **body: Any) -> Any:
        """Do something."""
        url = f"{self.address}/_standin/{what}"
        async with self._session.post(url, json=body) as answer:
            assert answer.status == expected, await answer.text()
            return await answer.json()


@pytest_asyncio.fixture
async def remote(sockets_allowed: None) -> AsyncIterator[Remote]:
    """Run a stand-in as a process, and see that it stops when told to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.standin", "--port", "0", "--key", KEY, "--pace", "0.001"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        address = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        async with aiohttp.ClientSession() as session:
            yield Remote(address, session)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_process_control_interface(remote: Remote) -> None:
    assert (await remote.get("health"))["status"] == "ok"
    async with AsyncOpenAI(base_url=f"{remote.address}/v1", api_key=KEY, max_retries=0) as client:
        await remote.post("faults", path="^/models$", status=429, headers={"Retry-After": "3"})
        with pytest.raises(RateLimitError):
            await client.models.list()
        await remote.post("faults", 400, typo=True)
        await client.files.create(file=("a.bin", b"\x00\xff"), purpose="batch")
        listing, upload = await remote.get("requests")
        assert (listing["method"], listing["path"]) == ("GET", "/models")
        file = next(part for part in upload["body"] if part["name"] == "file")
        assert file["data"] == {"size": 2, "base64": "AP8="}

        async with client.responses.connect() as connection:
            await connection.response.create(model=MODEL, input="Hi")
            await read_until(connection, "response.completed")
            await remote.post("sockets/0/send", event={"type": "made.up"})
            await remote.post("sockets/0/send", text="{oops")
            assert json.loads(await connection.recv_bytes()) == {"type": "made.up"}
            assert await connection.recv_bytes() == b"{oops"
            shown = await remote.post("sockets/0/close", code=1012, reason="restart")
            assert (shown["closed"], shown["received"][0]["input"]) == (True, "Hi")
            with pytest.raises(websockets.ConnectionClosedError):
                await connection.recv_bytes()
        async with client.responses.connect() as connection:
            await remote.post("sockets/1/freeze")
            await remote.post("sockets/1/abort")
            with pytest.raises(websockets.ConnectionClosedError):
                await connection.recv_bytes()
        await remote.post("sockets/7/abort", 404)

        await remote.post("settings", key="sk-rotated")
        with pytest.raises(AuthenticationError):
            await client.models.list()
        await remote.post("reset")
        assert await remote.get("requests") == []
        assert await remote.get("sockets") == []


async def test_process_stops_with_pending_requests(remote: Remote) -> None:
    async with AsyncOpenAI(base_url=f"{remote.address}/v1", api_key=KEY, max_retries=0) as client:
        await client.realtime.connect(model="gpt-realtime").enter()
        await remote.post("sockets/0/freeze")
        await remote.post("faults", hang=True)
        with pytest.raises(APITimeoutError):
            await client.with_options(timeout=0.1).models.list()
