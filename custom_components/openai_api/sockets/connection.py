"""One WebSocket: opened, listened to, opened again after a drop, and closed."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from enum import StrEnum
import random
import time
from typing import Any, Protocol

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError
import orjson
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from yarl import URL

from ..const import EVENT_CONNECTION, EVENT_SERVER, LOGGER
from ..errors import (
    AuthFailed,
    DeniedForGood,
    error_details,
    failure,
    quote,
    refusal,
    translated_error,
)
from ..events import fire
from ..host import ServiceHost
from ..model import Json
from .options import CLOSE_TIMEOUT, async_connect_options

# Listeners run while an event is fired; the rest of the house gets its turn after so many
# seconds. Looking at the clock is cheap, but for a single event not worth it.
_TURN = 0.001
_LOOK = 10
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_ATTEMPTS = 10
"""About three minutes of trying, each wait twice the one before."""
_RECOVERABLE = frozenset({1006, 1011, 1012, 1013, 1014})
_SPENDING = frozenset({"response.completed", "response.incomplete", "response.done"})
_DENIED = frozenset({400, 401, 403, 404, 405, 410, 426})


class Socket(Protocol):
    """What this needs of the SDK's connections, which are alike but share no type."""

    async def recv_bytes(self) -> bytes:
        """Return the next frame."""

    async def send_raw(self, data: bytes | str) -> None:
        """Send a frame as it is."""

    async def close(self, *, code: int = 1000, reason: str = "") -> None:
        """Close with a code and a reason."""


type Open = Callable[[dict[str, Any]], Awaitable[Socket]]
"""Opens a socket of the SDK with these arguments for its `connect`."""


class State(StrEnum):
    """What a connection is at."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"


class Connection:
    """A connection that keeps its id for as long as it is open or being opened again."""

    transport: str

    def __init__(
        self,
        host: ServiceHost,
        connection_id: str,
        open_socket: Open,
        event_types: Collection[str] | None = None,
    ) -> None:
        """Initialize the connection; nothing is opened yet.

        Only server events of `event_types` are fired, all if there are none.
        """
        self.host = host
        self.id = connection_id
        self._event_types = event_types or None
        self.state = State.DISCONNECTED
        self._open_socket = open_socket
        self._socket: Socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: tuple[int, str] | None = None
        # One for all events of this connection: one each would be garbage to collect.
        self._context = Context()
        self._attempt = 0

    async def async_connect(self) -> None:
        """Open the socket and start to listen.

        The id is taken before anything is awaited, so that two calls cannot both open it.
        """
        if self.id in self.host.connections:
            raise refusal("connection_exists", connection_id=self.id)
        self.host.connections[self.id] = self
        self._set_state(State.CONNECTING)
        try:
            async with self.host.waiting(self.host.settings.timeout):
                self._socket = await self._async_open()
            if self._closing is not None:
                await self._socket.close(code=1000, reason="OK")
                raise failure("connection_closed", connection_id=self.id)
        except BaseException as err:
            self._forget(error=str(err) or type(err).__name__)
            raise
        self._set_state(State.CONNECTED)
        self._task = self.host.entry.async_create_background_task(
            self.host.hass, self._async_listen(), f"openai_api {self.transport} {self.id}"
        )

    async def async_send(self, event: Mapping[str, Any]) -> None:
        """Send one event; raises a translated error unless the connection is open."""
        await self.async_send_frame(encode(event))

    async def async_send_frame(self, frame: str) -> None:
        """Send one event that is encoded already."""
        if self.state is not State.CONNECTED or self._socket is None:
            raise refusal("connection_not_open", connection_id=self.id, state=self.state)
        try:
            await self._socket.send_raw(frame)
        except ConnectionClosed:
            raise failure("connection_closed", connection_id=self.id) from None

    async def async_close(self, code: int, reason: str) -> None:
        """Close the connection, in whatever state it is; its id is free when this returns."""
        self._closing = (code, reason)
        socket, task = self._socket, self._task
        is_heard = False
        if self.state is State.CONNECTED and socket is not None:
            # A line that takes nothing any more takes no goodbye either.
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT + 1):
                    await socket.close(code=code, reason=reason)
                    is_heard = True
        if task is not None and task is not asyncio.current_task():
            # The listener ends by itself once the socket is closed, but not while it waits
            # to open it again.
            if not is_heard:
                task.cancel()
            await asyncio.wait([task])
        self._forget(code=code, reason=reason)

    async def _async_open(self) -> Socket:
        """Open a socket; raises translated errors."""
        host = self.host
        try:
            return await self._open_socket(await async_connect_options(host))
        except InvalidStatus as err:
            response = err.response
            body: Any = (response.body or b"").decode(errors="replace")
            with suppress(orjson.JSONDecodeError):
                body = orjson.loads(body)
            details = {
                **error_details(body, host.settings),
                "status": response.status_code,
                "request_id": response.headers.get("x-request-id", "–"),
            }
            if response.status_code == 401:
                raise translated_error(AuthFailed, "auth_failed", **details) from None
            kind = DeniedForGood if response.status_code in _DENIED else HomeAssistantError
            raise translated_error(kind, "websocket_refused", **details) from None
        except (OSError, WebSocketException) as err:
            if isinstance(err, TimeoutError):
                raise
            raise failure("cannot_connect", message=quote(str(err), host.settings)) from None

    async def _async_listen(self) -> None:
        """Pass on every frame until the connection ends for good."""
        while True:
            assert self._socket is not None
            received, turn_ends = 0, time.monotonic() + _TURN
            try:
                while True:
                    self._pass_on(await self._socket.recv_bytes())
                    received += 1
                    if not received % _LOOK and time.monotonic() > turn_ends:
                        await asyncio.sleep(0)
                        turn_ends = time.monotonic() + _TURN
            except ConnectionClosed as err:
                code, reason, error = _ending(err)
            self._socket = None
            if self._closing is not None:
                self._forget(code=self._closing[0], reason=self._closing[1])
                return
            if code not in _RECOVERABLE:
                self._forget(code=code, reason=reason, error=error)
                return
            # A server that takes us in only to drop us gets no fresh start each time.
            self._attempt = 0 if received else self._attempt
            self._set_state(State.RECONNECTING, code=code, reason=reason, error=error)
            if not await self._async_reconnect(code, reason):
                return

    async def _async_reconnect(self, code: int, reason: str) -> bool:
        """Open the socket again, with growing pauses; False once that is hopeless."""
        error = ""
        while self._attempt < _ATTEMPTS:
            delay = min(_FIRST_DELAY * 2**self._attempt, _LONGEST_DELAY)
            self._attempt += 1
            await asyncio.sleep(delay * random.uniform(0.75, 1))  # noqa: S311
            try:
                async with self.host.waiting(self.host.settings.timeout):
                    self._socket = await self._async_open()
            except Exception as err:  # noqa: BLE001
                error = str(err)
                if isinstance(err, AuthFailed | DeniedForGood):
                    break
                LOGGER.debug("Connection %s is still down: %s", self.id, error)
                continue
            self._set_state(State.CONNECTED, context_lost=True)
            return True
        self._forget(code=code, reason=reason, error=error)
        return False

    @callback
    def _pass_on(self, frame: bytes) -> None:
        """Fire the event in a frame; what cannot be read is reported, and nothing else happens."""
        try:
            event: Any = orjson.loads(frame)
        except orjson.JSONDecodeError:
            self._fire_state(error="The host sent something that is not JSON")
            return
        event_type = event.get("type") if isinstance(event, dict) else None
        if self._event_types is None or event_type in self._event_types:
            self.fire(
                EVENT_SERVER,
                {
                    "transport": self.transport,
                    "direction": "server",
                    "event_type": event_type,
                    "event": event,
                },
            )
        if isinstance(event, dict):
            if isinstance(event_type, str) and event_type in _SPENDING:
                self.host.usage.spent(event.get("response"))
            self.on_event(event)

    @callback
    def _forget(self, **details: Any) -> None:
        """Give the id back and say that the connection has ended; once is enough."""
        self._socket = None
        if self.host.connections.get(self.id) is not self:
            return
        del self.host.connections[self.id]
        self._set_state(State.DISCONNECTED, **details)

    @callback
    def _set_state(self, state: State, **details: Any) -> None:
        """Take on a state and tell the bus."""
        self.state = state
        self._fire_state(**details)
        self.on_state(state)

    @callback
    def _fire_state(
        self,
        *,
        code: int | None = None,
        reason: str | None = None,
        error: str | None = None,
        context_lost: bool = False,
    ) -> None:
        """Fire the connection event."""
        self.fire(
            EVENT_CONNECTION,
            {
                "transport": self.transport,
                "state": self.state.value,
                "code": code,
                "reason": reason,
                "error": error or None,
                "context_lost": context_lost,
            },
        )

    @callback
    def fire(self, event_type: str, data: dict[str, Any]) -> None:
        """Fire an event of this connection."""
        fire(
            self.host.hass,
            event_type,
            {"config_entry_id": self.host.entry.entry_id, "connection_id": self.id, **data},
            self._context,
        )

    @callback
    def on_event(self, event: Json) -> None:
        """Take a server event; for connections that do more than pass it on."""

    @callback
    def on_state(self, state: State) -> None:
        """Take a change of state; for connections that do more than tell it."""


def _ending(err: ConnectionClosed) -> tuple[int, str, str | None]:
    """Return the close code, the reason and what went wrong."""
    if err.sent is not None and (err.rcvd is None or not err.rcvd_then_sent):
        if err.sent.code == 1009:
            return 1009, err.sent.reason, "The host sent an event larger than 64 MiB"
        # We gave up on a host that did not answer our pings, or that broke the protocol.
        return 1006, err.sent.reason, err.sent.reason or "The host no longer answers"
    if err.rcvd is None:
        return 1006, "", "The connection was lost"
    code = err.rcvd.code
    return code, err.rcvd.reason, None if code in {1000, 1001} else (err.rcvd.reason or None)


def encode(event: Mapping[str, Any]) -> str:
    """Return an event as it is sent; raises a translated error for what JSON cannot hold."""
    try:
        return orjson.dumps(event).decode()
    except TypeError as err:
        raise refusal("invalid_arguments", message=str(err)) from None


def find(host: ServiceHost, connection_id: str, transport: str) -> Connection:
    """Return an open connection of this kind, or raise a translated error."""
    connection = host.connections.get(connection_id)
    if connection is None or connection.transport != transport:
        raise refusal("connection_unknown", connection_id=connection_id)
    return connection


def check_close(code: int, reason: str) -> None:
    """Raise a translated error for what a WebSocket must not be closed with."""
    if code not in {1000, 1001} and not 3000 <= code <= 4999:
        raise refusal("close_code_invalid", code=code)
    if len(reason.encode()) > 123:
        raise refusal("close_reason_too_long")


def shown_url(host: ServiceHost, path: str) -> str:
    """Return the address of a WebSocket, without its query: that may hold a key."""
    url = URL(host.settings.base_url)
    return str((url / path).with_scheme("wss" if url.scheme == "https" else "ws"))
