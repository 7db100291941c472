"""One WebSocket: opened, listened to, opened again after a drop, and closed."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode

from ..api.host import ServiceHost
from ..const import EVENT_SERVER, LOGGER
from ..error_bodies import redact_error
from ..exceptions import (
    AuthenticationFailed,
    ConnectionFailed,
    ConnectionRejected,
    EntryUnloaded,
    ResponseTooComplex,
    api_error,
    sanitize,
    validation_error,
)
from ..streaming.decode import FAILURES
from ..streaming.large_json import MAX_CONTAINERS, TooManyContainers
from ..streaming.text import SurrogateJoiner
from ..types import Json
from .close import Close, parse_close
from .connect_options import CLOSE_TIMEOUT, async_connect_options
from .connection_state import ConnectionState
from .handshake import rejection
from .messages import encode
from .reconnect import ReconnectPolicy
from .sdk_connection import ConnectFactory, SdkConnection
from .state import State

if TYPE_CHECKING:
    from .protocol import KeepaliveConnection

MAX_CONNECTIONS = 50
"""Of one service."""
_CREATED = "response.created"
_USAGE_EVENTS = frozenset(
    {
        *("error", _CREATED, "response.completed", "response.done", "response.failed"),
        "response.incomplete",
    }
)
"""Events that tell what a response has taken of the quota, or that another has begun."""


def reports_usage(event: Json) -> bool:
    """Return whether an event is about what responses take of the quota."""
    event_type = event.get("type")
    return isinstance(event_type, str) and event_type in _USAGE_EVENTS


type Connections = dict[str, Connection]
"""The connections of one entry by their ids."""


class Connection(ConnectionState):
    """A connection that keeps its id for as long as it is open or being opened again."""

    def __init__(
        self,
        host: ServiceHost,
        connections: Connections,
        connection_id: str,
        connect: ConnectFactory,
        event_types: Collection[str] | None = None,
        *,
        opener: Context,
        is_admin_only: bool = False,
    ) -> None:
        """Initialize the connection; nothing is opened yet.

        While it is open it is in `connections` under its id.
        Only server events of `event_types` are fired, all if there are none. `opener` is the
        call that opens it; with `is_admin_only`, only administrators may use it.
        """
        super().__init__(host, connection_id)
        self._connections = connections
        self.opener = opener
        self.is_admin_only = is_admin_only
        self._event_types = event_types or None
        self._connect = connect
        self._socket: SdkConnection | None = None
        self._websocket: KeepaliveConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._opening: asyncio.Timeout | None = None
        self._requested_close: tuple[int, str] | None = None
        # Copied for each event: that is faster than a new dictionary.
        self._event_data: dict[str, Any] = {
            **self._own,
            "transport": self.transport,
            "direction": "server",
            "event_type": None,
            "event": None,
        }
        self._joiner = SurrogateJoiner()
        self._counted_response: object = None
        """The id of the last response whose tokens were counted."""
        self._reconnects = ReconnectPolicy()
        self._is_loss_logged = False
        """Whether the log tells of a loss, but not yet that it is over."""

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self.state is State.CONNECTED

    async def async_connect(self) -> None:
        """Open the socket and start to listen.

        The id is taken before anything is awaited, so that two calls cannot both open it.
        Raises ServiceValidationError "connection_exists" or "too_many_connections" before anything is
        sent, ConnectionFailed, HandshakeFailed, or another ApiError.
        """
        if self.id in self._connections:
            raise validation_error("connection_exists", connection_id=self.id)
        if len(self._connections) >= MAX_CONNECTIONS:
            raise validation_error("too_many_connections", limit=MAX_CONNECTIONS)
        self._connections[self.id] = self
        self._set_state(State.CONNECTING)
        try:
            async with self.host.async_request_scope(self.host.settings.timeout) as self._opening:
                try:
                    self._socket = await self._async_open()
                except asyncio.CancelledError:
                    if self._requested_close is None:
                        raise
            if self._requested_close is not None:
                raise self._closed_error()
        except BaseException as err:
            self._abort()
            self._set_disconnected(error=self._error_text(err))
            raise
        finally:
            self._opening = None
        self.host.usage.record_connection()
        self._set_state(State.CONNECTED)
        self._task = self.host.entry.async_create_background_task(
            self.host.hass, self._async_listen(), f"openai_api {self.transport} {self.id}"
        )

    async def async_send(self, event: Mapping[str, Any]) -> None:
        """Send one event; raises what `messages.encode` and `async_send_message` raise."""
        await self.async_send_message(encode(event))

    async def async_send_message(self, message: str) -> None:
        """Send one message: an event as JSON text.

        Raises ServiceValidationError "connection_not_open", and HomeAssistantError
        "connection_closed" if it is lost on the way.
        """
        if self.state is not State.CONNECTED or self._socket is None:
            raise validation_error("connection_not_open", connection_id=self.id, state=self.state)
        websocket = self._websocket
        try:
            await self._socket.send_raw(message)
        except ConnectionClosed:
            raise self._closed_error() from None
        if websocket is not None and websocket.transport.is_closing():
            # The connection was aborted while the message was queued; the library raises nothing.
            raise self._closed_error()

    async def async_close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection, in whatever state it is; its id is free when this returns.

        `code` and `reason` are those of the close frame, as `validate_close` allows them.
        """
        self._requested_close = (code, reason)
        socket, task = self._socket, self._task
        if self._opening is not None:
            # A timeout that has just run out cannot end any sooner.
            with suppress(RuntimeError):
                self._opening.reschedule(asyncio.get_running_loop().time())
        elif self.state is State.CONNECTED and socket is not None:
            await self._async_close_socket(socket, code, reason)
        elif task is not None:
            task.cancel()
        if task is not None and task is not asyncio.current_task():
            await asyncio.wait([task])
        self._set_disconnected(code=code, reason=reason)

    async def _async_close_socket(self, socket: SdkConnection, code: int, reason: str) -> None:
        """Perform the closing handshake; abort if it does not finish within CLOSE_TIMEOUT + 1 s."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT + 1):
                await self.async_drain()
                await socket.close(code=code, reason=reason)
        except TimeoutError:
            self._abort()

    async def async_drain(self) -> None:
        """Wait until the send queue is empty; this class has none."""

    @callback
    def _abort(self) -> None:
        """Abort the connection, whatever its state."""
        if (websocket := self._websocket) is not None and hasattr(websocket, "transport"):
            websocket.transport.abort()

    def _closed_error(self) -> HomeAssistantError:
        """Return the error for calls that wait for this connection."""
        if self.host.closed:
            return EntryUnloaded()
        return api_error("connection_closed", connection_id=self.id)

    @callback
    def _connection_factory(self, *args: Any, **kwargs: Any) -> KeepaliveConnection:
        """Return a new connection, and keep it: what the SDK returns cannot be aborted."""
        from .protocol import KeepaliveConnection  # noqa: PLC0415

        self._websocket = KeepaliveConnection(*args, **kwargs)
        return self._websocket

    async def _async_open(self) -> SdkConnection:
        """Open a socket; raises translated errors."""
        host = self.host
        try:
            return await self._connect(await async_connect_options(host, self._connection_factory))
        except InvalidStatus as err:
            raise rejection(err, host.settings) from None
        except (OSError, ValueError, WebSocketException) as err:
            if isinstance(err, TimeoutError):
                raise
            reason = sanitize(str(err), host.settings) or type(err).__name__
            raise ConnectionFailed(message=reason) from None

    async def _async_listen(self) -> None:
        """Fire an event for every message until the connection ends for good."""
        try:
            await self._async_receive()
        except Exception as err:  # noqa: BLE001
            LOGGER.exception("Connection %s has ended unexpectedly", self.id)
            if (socket := self._socket) is not None:
                with suppress(Exception):
                    await self._async_close_socket(socket, CloseCode.INTERNAL_ERROR, "")
            error = api_error("connection_failed", reason=type(err).__name__)
            self._set_disconnected(code=CloseCode.INTERNAL_ERROR, error=self._error_text(error))

    async def _async_receive(self) -> None:
        """Fire an event for every message, also after reconnecting."""
        while True:
            websocket = self._websocket
            assert websocket is not None
            self._reconnects.on_opened()
            try:
                await websocket.async_receive(self._handle_message, self._async_handle_large)
            except ConnectionClosed as err:
                close = self._reconnects.on_closed(parse_close(err, self.host.settings))
            self._socket = None
            if self._requested_close is not None:
                self._set_disconnected(
                    code=self._requested_close[0], reason=self._requested_close[1]
                )
                return
            if not self._reconnects.is_recoverable(close):
                if close.error:
                    LOGGER.info("Connection %s has ended: %s", *self._log_args(close.error))
                self._set_disconnected(**self._close_details(close))
                return
            if self._reconnects.on_lost():
                self._is_loss_logged = True
                LOGGER.info(
                    "Connection %s is lost and will be opened again: %s",
                    *self._log_args(close.error),
                )
            self._set_state(State.RECONNECTING, **self._close_details(close))
            if not await self._async_reconnect(close):
                return

    async def _async_reconnect(self, close: Close) -> bool:
        """Reconnect with growing delays; return False if no further attempt is made."""
        error = close.error
        while (delay := self._reconnects.next_delay()) is not None:
            await asyncio.sleep(delay)
            try:
                async with self.host.async_request_scope(self.host.settings.timeout):
                    self._socket = await self._async_open()
            except Exception as err:  # noqa: BLE001
                error = err if isinstance(err, HomeAssistantError) else str(err)
                if isinstance(err, AuthenticationFailed | ConnectionRejected):
                    break
                LOGGER.debug("Connection %s is still down: %s", *self._log_args(error))
                continue
            if self._is_loss_logged:
                self._is_loss_logged = False
                LOGGER.info("Connection %s is back", self.id)
            self.host.usage.record_connection()
            self._joiner = SurrogateJoiner()
            self._set_state(State.CONNECTED, context_lost=True)
            return True
        LOGGER.info("Connection %s could not be opened again: %s", *self._log_args(error))
        self._set_disconnected(**self._close_details(close._replace(error=error)))
        return False

    @callback
    def _handle_message(self, message: bytes) -> None:
        """Handle one message."""
        try:
            event = self._joiner.load(message)
        except ValueError as err:
            self._handle_unreadable(err)
        else:
            self._handle_event(event)

    async def _async_handle_large(self, message: bytes) -> None:
        """Handle one message that is read outside of the event loop."""
        try:
            event = await self.host.hass.async_add_executor_job(self._joiner.load, message)
        except ValueError as err:
            self._handle_unreadable(err)
        else:
            self._handle_event(event)

    @callback
    def _handle_unreadable(self, err: ValueError) -> None:
        """Report a message that cannot be read; nothing else happens."""
        self._reconnects.is_proven = True
        is_complex = isinstance(err, TooManyContainers)
        error = ResponseTooComplex(MAX_CONTAINERS) if is_complex else api_error("message_not_json")
        self._fire_state(error=self._error_text(error))

    @callback
    def _handle_event(self, event: Any) -> None:
        """Fire an event."""
        is_object = isinstance(event, dict)
        event_type = event.get("type") if is_object else None
        if event_type != "error":
            # Gateways say with an event, too, that there is nothing behind them.
            self._reconnects.is_proven = True
        if isinstance(event_type, str) and (event_type == "error" or event_type in FAILURES):
            event = redact_error(event, self.host.settings.redact)
        if self._event_types is None or event_type in self._event_types:
            data = self._event_data.copy()
            data["event_type"], data["event"] = event_type, event
            self.host.hass.bus.async_fire(EVENT_SERVER, data, context=self.opener)
        if is_object:
            if reports_usage(event):
                self._record_usage(event)
            self.on_event(event)

    @callback
    def _record_usage(self, event: Json) -> None:
        """Record what a response has taken of the quota, once for each response."""
        response = event.get("response")
        response_id = response.get("id") if isinstance(response, dict) else None
        if event["type"] == _CREATED:
            # There are servers whose ids are all the same.
            self._counted_response = None
        elif response_id is None or response_id != self._counted_response:
            # Some servers end a response with two events.
            self._counted_response = response_id
            self.host.record_event(event)

    @callback
    def _set_disconnected(self, **details: Any) -> None:
        """Free the id and fire the end of the connection, once."""
        self._socket = None
        if self._connections.get(self.id) is not self:
            return
        del self._connections[self.id]
        self._set_state(State.DISCONNECTED, **details)

    @callback
    def on_event(self, event: Json) -> None:
        """Handle a server event, after it was fired; subclasses override this."""
