"""A WebSocket that serves one turn after the other, and of which nothing is told on the bus."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, override

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.ulid import ulid_now
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from ..api.host import ServiceHost
from ..const import LOGGER
from ..data import OpenAIData
from ..exceptions import EntryUnloaded
from ..types import Json
from ..websocket.close import parse_close
from ..websocket.connection import Connection, reports_usage
from ..websocket.sdk_connection import ConnectFactory, SdkConnection, async_open
from ..websocket.state import State
from .errors import SessionLost


class Channel(Connection):
    """A connection that fires no events, and that is not opened again when it is lost.

    Whoever uses it knows what to say again; nobody else may use it, so its id is not known to
    any action. It is closed with the entry, and counted as an open connection.
    """

    def __init__(
        self,
        data: OpenAIData,
        transport: str,
        connect: ConnectFactory,
        *,
        on_event: Callable[[Json], None],
        on_end: Callable[[HomeAssistantError], None],
        is_counted: bool = True,
    ) -> None:
        """Take what to do with each server event, and once with the end; nothing is opened yet.

        `is_counted` says that what responses take is counted here, and not by whoever reads them.
        """
        self.transport = transport
        self._on_event, self._on_end = on_event, on_end
        self._was_open = False
        self._is_counted = is_counted
        # Nobody but Assist itself takes part.
        super().__init__(
            data.host, data.connections, f"assist-{ulid_now()}", connect, opener=Context()
        )

    async def async_end(self) -> None:
        """Close it; what happens to be on its way is lost."""
        await self.async_close()

    @override
    async def async_close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        if self.host.closed and self._was_open:
            # Whoever waits for an event need not wait for the closing handshake.
            self._was_open = False
            self._on_end(EntryUnloaded())
        await super().async_close(code, reason)

    @override
    async def _async_receive(self) -> None:
        """Pass on every frame until the connection is closed."""
        assert self._websocket is not None
        try:
            await self._websocket.async_receive(self._handle_message, self._async_handle_large)
        except ConnectionClosed as err:
            code, reason, error = parse_close(err, self.host.settings)
        self._socket = None
        if self._requested_close is None and error:
            LOGGER.debug("A connection of Assist has ended: %s", error)
        self._set_disconnected(code=code, reason=reason, error=error)

    @override
    @callback
    def _handle_unreadable(self, err: ValueError) -> None:
        LOGGER.debug("A service has sent something that is not JSON")

    @override
    @callback
    def _handle_event(self, event: Any) -> None:
        if not isinstance(event, dict):
            return
        if self._is_counted and reports_usage(event):
            self._record_usage(event)
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001
            # An event of an odd shape must not end the turn; without it, a time limit does.
            LOGGER.debug("A server event has an unexpected shape", exc_info=True)

    @override
    @callback
    def fire(self, event_type: str, data: dict[str, Any]) -> None:
        """Fire nothing: what is said in a home is nobody else's business."""

    @override
    @callback
    def on_state(self, state: State) -> None:
        if state is State.CONNECTED:
            self._was_open = True
        elif state is State.DISCONNECTED and self._was_open:
            self._was_open = False
            closed = EntryUnloaded() if self.host.closed else SessionLost()
            self._on_end(closed)


async def _async_open_realtime(
    host: ServiceHost, query: Mapping[str, str], options: dict[str, Any]
) -> SdkConnection:
    """Open a socket of the Realtime API with the SDK, which knows the path."""
    options["extra_query"] = {**options["extra_query"], **query}
    # Sound in base64 hardly shrinks, and to try costs more than all else on this socket.
    options["websocket_connection_options"] = {
        **(options.get("websocket_connection_options") or {}),
        "compression": None,
    }
    return await async_open(host, "realtime", options)


def realtime(host: ServiceHost, query: Mapping[str, str]) -> ConnectFactory:
    """Return what opens a realtime session, for a model or for an intent."""
    return partial(_async_open_realtime, host, query)


def responses(host: ServiceHost) -> ConnectFactory:
    """Return what opens a connection on which one response is made after the other."""
    return partial(async_open, host, "responses")
