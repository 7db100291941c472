"""Home Assistant's WebSocket API."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

type Event = dict[str, Any]


class CommandError(Exception):
    """Home Assistant refused a command or an action."""

    def __init__(self, error: dict[str, Any]) -> None:
        """Keep what was said."""
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]
        self.message: str = error["message"]
        self.translation_key: str | None = error.get("translation_key")


class Events(list[Event]):
    """The events of one subscription, in order of arrival."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self._arrived = asyncio.Event()

    def arrive(self, event: Event) -> None:
        """Take in an event and wake whoever waits."""
        self.append(event)
        self._arrived.set()

    async def wait(
        self, matches: Callable[[Any], bool] = bool, *, within: float = 10
    ) -> dict[str, Any]:
        """Return the data of the first event, past or to come, whose data matches."""
        checked = 0
        try:
            async with asyncio.timeout(within):
                while True:
                    self._arrived.clear()
                    for event in self[checked:]:
                        checked += 1
                        data: dict[str, Any] = event.get("data", event)
                        if matches(data):
                            return data
                    await self._arrived.wait()
        except TimeoutError as err:
            seen = [event.get("data", event) for event in self[-5:]]
            raise TimeoutError(f"No such event among {len(self)}, the last being {seen}") from err


class Socket:
    """One authenticated connection."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        """Take over an authenticated connection."""
        self._ws = ws
        self._ids = count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[int, Events] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, session: ClientSession, url: str, token: str) -> Self:
        """Connect and authenticate."""
        ws = await session.ws_connect(url, max_msg_size=0)
        await ws.receive_json()
        await ws.send_json({"type": "auth", "access_token": token})
        if (answer := await ws.receive_json())["type"] != "auth_ok":
            await ws.close()
            raise PermissionError(answer)
        return cls(ws)

    async def command(self, type_: str, /, **fields: Any) -> Any:
        """Send a command and return its result."""
        return await self._send(next(self._ids), type_, fields)

    async def subscribe(self, type_: str, /, **fields: Any) -> Events:
        """Send a command that answers with events from now on."""
        number = next(self._ids)
        events = self._events[number] = Events()
        await self._send(number, type_, fields)
        return events

    async def send_bytes(self, content: bytes) -> None:
        """Send a binary frame, which begins with the number of who takes it."""
        await self._ws.send_bytes(content)

    async def close(self) -> None:
        """Close the connection."""
        await self._ws.close()
        await self._reader

    async def _send(self, number: int, type_: str, fields: dict[str, Any]) -> Any:
        """Send a command under its number and wait for the result."""
        if self._reader.done():
            raise ConnectionError("Home Assistant closed the connection")
        future = self._results[number] = asyncio.get_running_loop().create_future()
        await self._ws.send_json({"id": number, "type": type_, **fields})
        return await future

    async def _read(self) -> None:
        """Hand on what arrives until the connection is over."""
        async for message in self._ws:
            if message.type is not WSMsgType.TEXT:
                break
            content = message.json()
            if content["type"] == "event":
                self._events[content["id"]].arrive(content["event"])
            elif (future := self._results.pop(content["id"], None)) and not future.done():
                if content.get("success", True):
                    future.set_result(content.get("result"))
                else:
                    future.set_exception(CommandError(content["error"]))
        for future in self._results.values():
            if not future.done():
                future.set_exception(ConnectionError("Home Assistant closed the connection"))
