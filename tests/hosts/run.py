"""Tries a server: the config flow, every family, the WebSockets, and a stop in mid-stream."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
import json
from pathlib import Path
import re
from time import monotonic
from typing import Any, Final

from aiohttp import ClientError, ClientSession

from tests.harness import CommandError, Events, HomeAssistantProcess
from tests.harness.client import RestError

from .families import FAMILIES, QUESTION, SOCKETS, Check, find, write_files
from .server import Json, Server

_TOTALS: Final = ("input_tokens", "output_tokens", "failed_requests")
_WIDTH: Final = 150


@dataclass(frozen=True)
class Row:
    """What came of one call."""

    name: str
    worked: bool
    told: str
    """A part of the answer, or the error as a person reads it."""
    tokens: str = ""
    """The tokens that the sensors counted, in and out."""
    seconds: float = 0


class Trial:
    """One server that is added to a running Home Assistant."""

    def __init__(self, home: HomeAssistantProcess, server: Server) -> None:
        """Begin without anything seen."""
        self.home = home
        self.server = server
        self.rows: list[Row] = []
        self.entry_id = ""
        self._sensors: dict[str, str] = {}
        self._counted: list[int] = []

    async def add(self) -> bool:
        """Add the server through the config flow, and tell whether that went well."""
        settings = {"base_url": self.server.base_url, "timeout": 60, **self.server.settings}
        began = monotonic()
        result = await self.home.add_entry(settings)
        worked: bool = result["type"] == "create_entry"
        told = result["title"] if worked else json.dumps(result.get("errors") or result)
        if worked:
            self.entry_id = result["result"]["entry_id"]
            entry = await self.home.entry_until(self.entry_id, "loaded", within=30)
            told = f"{entry['title']}, recognized as {await self._kind()}"
            await self._find_sensors()
            self._counted = await self.totals()
        self.rows.append(Row("config flow", worked, told, seconds=monotonic() - began))
        return worked

    async def _kind(self) -> str:
        """Return what the service was taken for; it takes a while until diagnostics are there."""
        for _ in range(20):
            with suppress(RestError):
                found = await self.home.diagnostics(self.entry_id)
                return _find_key(found["data"], "service_kind") or "nothing"
            await asyncio.sleep(0.5)
        return "?"

    async def _find_sensors(self) -> None:
        """Find the sensors of the entry."""
        for item in await self.home.command("config/entity_registry/list"):
            if item["config_entry_id"] == self.entry_id:
                key = str(item["unique_id"] or "").removeprefix(f"{self.entry_id}_")
                self._sensors[key] = item["entity_id"]

    async def totals(self) -> list[int]:
        """Return what the sensors have counted; they follow within a second."""
        await asyncio.sleep(1.2)
        states = await self.home.states()
        return [int(float(states[self._sensors[key]]["state"])) for key in _TOTALS]

    async def reachable(self) -> str:
        """Return whether the entry's host counts as reachable."""
        states = await self.home.states()
        entity = next(
            (id_ for id_ in self._sensors.values() if id_.startswith("binary_sensor.")), ""
        )
        return str(states[entity]["state"]) if entity in states else "unknown"

    async def check(self, check: Check) -> None:
        """Make one call and write down what came of it."""
        before = self._counted
        began = monotonic()
        try:
            answer = await self._call(check.action, check.data)
            worked, told = True, _text(find(answer, check.show))
        except (CommandError, TimeoutError) as err:
            worked, told = False, getattr(err, "message", str(err))
        seconds = monotonic() - began
        after = self._counted = await self.totals()
        counted = [new - old for new, old in zip(after, before, strict=True)]
        tokens = f"{counted[0]}/{counted[1]}"
        if await self.reachable() == "off":
            told = f"[Reachable: off] {told}"
        self.rows.append(Row(check.name, worked, told, tokens, seconds))

    async def _call(self, action: str, data: Json) -> Json:
        """Call an action of this entry."""
        return await self.home.call(action, {"config_entry_id": self.entry_id, **data})

    async def sockets(self) -> None:
        """Open each WebSocket, see how it ends up, and close it."""
        for name, (action, data) in SOCKETS.items():
            states = await self.home.subscribe_events("openai_api_connection_event")
            began = monotonic()
            fields = {"connection_id": name, **data}
            if name == "realtime_socket":
                fields["model"] = self.server.model(name)
            try:
                await self._call(action, fields)
                told, worked = await _outcome(name, states)
            except (CommandError, TimeoutError) as err:
                worked, told = False, getattr(err, "message", str(err))
            self.rows.append(Row(name, worked, told, seconds=monotonic() - began))
            close = SOCKETS[name][0].replace("connect", "close")
            with_action = {"action": "close"} if "action" in data else {}
            with suppress(CommandError):
                await self._call(close, {"connection_id": name, **with_action})

    async def stop_in_mid_stream(self) -> None:
        """Stop the server while it streams; the call must end with what happened."""
        data: Json = {
            "model": self.server.model("chat"),
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": True,
            "max_tokens": 4000,
            "extra_body": self.server.endless,
        }
        events = await self.home.subscribe_events("openai_api_stream_event")
        call = asyncio.create_task(self._call("create_chat_completion", data))
        began = monotonic()
        try:
            first = asyncio.create_task(events.wait(within=60))
            await asyncio.wait((first, call), return_when=asyncio.FIRST_COMPLETED)
            if first.done():
                await self.server.stop()
            first.cancel()
            answer = await call
            worked, told = True, f"had ended before: {_text(answer['choices'][0]['message'])}"
        except (CommandError, TimeoutError) as err:
            worked, told = False, getattr(err, "message", str(err))
            call.cancel()
        self.rows.append(Row("stop in mid-stream", worked, told, seconds=monotonic() - began))

    async def run(self, files: Path, wanted: list[str]) -> None:
        """Add the server and try all of it."""
        if not await self.add():
            return
        for family in self.server.families:
            if family in FAMILIES and (not wanted or family in wanted):
                for check in FAMILIES[family](self.server, files):
                    if not any(words in check.name for words in self.server.skips):
                        await self.check(check)
        if not wanted:
            await self.sockets()
            if "chat" in self.server.families:
                await self.stop_in_mid_stream()

    def table(self) -> str:
        """Return everything that was seen as a table in Markdown."""
        lines = [
            f"## {self.server.name} {self.server.version}",
            "",
            "| Call | | What came, or what the person was told | Tokens in/out | s |",
            "| --- | --- | --- | --- | --- |",
        ]
        for row in self.rows:
            told = re.sub(r"\s+", " ", row.told).replace("|", "\\|")
            told = told if len(told) <= _WIDTH * 3 else f"{told[: _WIDTH * 3]}…"
            mark = "worked" if row.worked else "error"
            lines.append(f"| {row.name} | {mark} | {told} | {row.tokens} | {row.seconds:.1f} |")
        return "\n".join([*lines, ""])


async def _outcome(name: str, states: Events) -> tuple[str, bool]:
    """Return how a WebSocket ends up: a gateway may open one before it knows what is behind it."""

    def is_in(*wanted: str) -> Callable[[Json], bool]:
        return lambda event: event["connection_id"] == name and event["state"] in wanted

    await states.wait(is_in("connected"), within=15)
    with suppress(TimeoutError):
        await states.wait(is_in("reconnecting", "disconnected"), within=4)
        await states.wait(is_in("disconnected"), within=60)
    seen = [event["data"] for event in states if event["data"]["connection_id"] == name]
    told = ", ".join(data["state"] for data in seen)
    if seen[-1]["state"] == "connected":
        return told, True
    return f"{told}: {seen[-1].get('error') or seen[-1]}", False


def _find_key(value: Any, key: str) -> Any:
    """Return the first value of a key anywhere in an object."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for item in value if (found := _find_key(item, key))), None)
    return None


def _text(value: Any) -> str:
    """Return a value in a line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def say(server: Server, text: str, path: Path) -> None:
    """Have a speech server say something into a WAV file."""
    data = {"model": server.model("speech"), "voice": server.voice, "input": text}
    async with (
        ClientSession() as session,
        session.post(
            f"{server.base_url}/audio/speech", json={**data, "response_format": "wav"}
        ) as response,
    ):
        response.raise_for_status()
        path.write_bytes(await response.read())


__all__ = ["ClientError", "Row", "Trial", "say", "write_files"]
