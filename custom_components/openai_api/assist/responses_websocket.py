"""Responses over a WebSocket: a pool of connections, on which only new items are sent.

The service keeps the previous response of a connection for as long as that is open. A conversation
therefore keeps its connection while that is free; on any other, and whenever something was
changed, everything is sent again.

No turn waits for a connection: a turn that holds one may wait for a tool that asks another agent of
the same service, and both would wait forever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import time
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
import orjson

from ..api.host import ServiceHost
from ..const import LOGGER
from ..data import OpenAIData
from ..error_translation import parse_error_body
from ..exceptions import (
    ConnectionRejected,
    EntryUnloaded,
    ErrorInStream,
    RequestTimedOut,
    StreamIncomplete,
)
from ..types import Json
from .channel import Channel, responses
from .previous_response import PreviousResponse, is_model_item, item_hash, new_items, split_request

TRANSPORT: Final = "assist.responses.websocket"
_MAX_CONNECTIONS: Final = 4
"""Connections at a time; a turn beyond that is asked over HTTP."""
_IDLE_TIMEOUT: Final = 600.0
"""Seconds after which an idle connection is closed."""
_MAX_AGE: Final = 55 * 60.0
"""Seconds after which a connection is given up: services close them after an hour."""
_DRAIN_TIMEOUT: Final = 5.0
"""Seconds for the rest of a cancelled response."""
_NOT_SUPPORTED: Final = "no_response_socket"
"""Key of `ServiceHost.known`: that the service has no such WebSocket."""
_POOL: Final = "response_sockets"
_DONE: Final = "response.done"
"""What some services send at the end of a response, or once more after it."""
_COMPLETED: Final = frozenset({"response.completed", _DONE})
_TERMINAL: Final = frozenset({*_COMPLETED, "response.failed", "response.incomplete", "error"})
_UNKNOWN_RESPONSE_CODE: Final = "previous_response_not_found"
_LIMIT_CODE: Final = "websocket_connection_limit_reached"


class NoFreeConnection(HomeAssistantError):
    """All connections are in use; the request can be sent over HTTP."""


class _Connection:
    """One connection, on which one response is made after the other."""

    def __init__(self, data: OpenAIData) -> None:
        self.is_busy = False
        self.is_follow_up = False
        """Whether the last request built on a response that the service knew."""
        self.previous: PreviousResponse | None = None
        self.opened_at = self.last_used = time.monotonic()
        self.events: asyncio.Queue[Json | HomeAssistantError] = asyncio.Queue()
        self.channel = Channel(
            data,
            TRANSPORT,
            responses(data.host),
            on_event=self.events.put_nowait,
            on_end=self.events.put_nowait,
            is_counted=False,
        )

    @property
    def is_usable(self) -> bool:
        """Whether it can take a request."""
        return self.channel.is_open and time.monotonic() - self.opened_at < _MAX_AGE

    def knows(self, key: str) -> bool:
        """Return whether the service has the previous response of a conversation."""
        return self.previous is not None and self.previous.key == key


class WebSocketStream:
    """An answer under way, read in the same way as one over HTTP (`http.Stream`)."""

    def __init__(
        self, host: ServiceHost, connection: _Connection, first: Json, seconds: float
    ) -> None:
        self._host, self._connection, self._seconds = host, connection, seconds
        self._first: Json | None = first
        self.response_id: str | None = None
        """The id of the response, once it has ended well."""
        self.has_ended = False
        self.is_follow_up = connection.is_follow_up
        """Whether only what was new has been sent."""

    def mark_started(self) -> None:
        """Do nothing: the time limit counts between two events from the beginning."""

    async def events(self) -> AsyncIterator[list[Json]]:
        """Yield the events that have arrived together, until the response ends: `[{"type": …}]`.

        Raises RequestTimedOut where nothing comes for the time limit, StreamIncomplete where the
        connection is lost, and ErrorInStream for an error that the service sends.
        """
        while not self.has_ended:
            events: list[Json] = []
            event: Json | None = self._first or await self._async_next()
            self._first = None
            while event is not None and not self.has_ended:
                events.append(event)
                if event.get("type") in _TERMINAL:
                    self.has_ended = True
                    self._end(event)
                is_more = not self.has_ended and not self._connection.events.empty()
                event = (
                    self._raise_if_closed(self._connection.events.get_nowait()) if is_more else None
                )
            yield events

    async def _async_next(self) -> Json:
        """Return the next event, within the time limit."""
        try:
            async with asyncio.timeout(self._seconds):
                return self._raise_if_closed(await self._connection.events.get())
        except TimeoutError:
            raise RequestTimedOut(seconds=f"{self._seconds:g}") from None

    def _raise_if_closed(self, event: Json | HomeAssistantError) -> Json:
        """Return an event; raises the error that ended the connection."""
        if isinstance(event, HomeAssistantError):
            raise EntryUnloaded() if self._host.closed else StreamIncomplete()
        return event

    def _end(self, event: Json) -> None:
        """Handle the last event; raises ErrorInStream for one that is an error."""
        if event.get("type") == "error":
            error = event.get("error")
            details = parse_error_body(error or event, self._host.settings)
            raise ErrorInStream(**details)
        response: Any = event.get("response")
        if event.get("type") in _COMPLETED and isinstance(response, dict):
            self.response_id = response.get("id")


class ResponsesConnectionPool:
    """The connections of one service for the turns of its agents."""

    def __init__(self, data: OpenAIData) -> None:
        self._data = data
        self._host = data.host
        self._connections: list[_Connection] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_supported(self) -> bool:
        """Whether it is worth a try: the service has not yet refused one."""
        return _NOT_SUPPORTED not in self._host.known

    @property
    def free(self) -> int:
        """The number of open connections that can take a request."""
        return sum(item.is_usable and not item.is_busy for item in self._connections)

    async def async_prepare(self) -> None:
        """Open a connection unless one is free; the turn itself reports what goes wrong."""
        if not self.is_supported or self.free:
            return
        with suppress(HomeAssistantError):
            self._release(await self._async_acquire(""))

    @asynccontextmanager
    async def async_stream(
        self, key: str, body: Json, seconds: float
    ) -> AsyncIterator[WebSocketStream]:
        """Send a Responses request and yield its answer.

        `key` names the conversation, whose earlier items are not sent again where the service
        knows them. `body` is the whole request as over HTTP, with all of its `input`. Nothing
        may have been taken from the stream that yields an error: it can be asked over HTTP then.
        Raises ConnectionRejected where the service has no such WebSocket, NoFreeConnection while all are
        used, and what `Channel.async_connect` raises.
        """
        connection = await self._async_acquire(key)
        stream: WebSocketStream | None = None
        try:
            connection, first, item_hashes, parameters = await self._async_create_response(
                connection, key, body, seconds
            )
            stream = WebSocketStream(self._host, connection, first, seconds)
            yield stream
            if stream.response_id:
                connection.previous = PreviousResponse(
                    key, stream.response_id, parameters, item_hashes
                )
        finally:
            if stream is not None and stream.has_ended:
                self._release(connection)
            elif connection.channel.is_open:
                # The rest comes before the next response.
                self._create_task(self._async_drain(connection))
            else:
                self._discard(connection)

    async def _async_create_response(
        self, connection: _Connection, key: str, body: Json, seconds: float
    ) -> tuple[_Connection, Json, tuple[int, ...], bytes]:
        """Send a request and return its first event; send all items where the service asks for it."""
        parameters, items = split_request(body)
        item_hashes = tuple(item_hash(item) for item in items if not is_model_item(item))
        new = new_items(connection.previous, key, parameters, items)
        previous_id = (
            connection.previous.response_id if connection.previous and new is not None else None
        )
        connection.previous = None
        has_retried = False
        while True:
            request: Json = {
                **orjson.loads(parameters),
                "type": "response.create",
                "input": items if new is None else new,
            }
            if previous_id:
                request["previous_response_id"] = previous_id
            try:
                first = await self._async_first_event(connection, request, seconds)
            except HomeAssistantError as err:
                if has_retried or self._host.closed or not isinstance(err, StreamIncomplete):
                    raise
                # The service has closed the idle connection.
                first = {"type": "error", "error": {"code": _LIMIT_CODE}}
            code = _code(first)
            if has_retried or code not in {_UNKNOWN_RESPONSE_CODE, _LIMIT_CODE}:
                connection.is_follow_up = previous_id is not None
                return connection, first, item_hashes, parameters
            has_retried, new, previous_id = True, None, None
            if code == _LIMIT_CODE:
                self._discard(connection)
                connection = await self._async_acquire(key, is_new=True)

    async def _async_first_event(
        self, connection: _Connection, request: Json, seconds: float
    ) -> Json:
        """Send a request and return the first event of its answer.

        An end that comes first is that of the response before, for the second time.
        """
        try:
            await connection.channel.async_send(request)
        except HomeAssistantError:
            raise StreamIncomplete from None
        try:
            async with asyncio.timeout(seconds):
                event = await connection.events.get()
                while isinstance(event, dict) and event.get("type") == _DONE:
                    event = await connection.events.get()
        except TimeoutError:
            raise RequestTimedOut(seconds=f"{seconds:g}") from None
        if isinstance(event, HomeAssistantError):
            raise EntryUnloaded() if self._host.closed else StreamIncomplete()
        return event

    async def _async_acquire(self, key: str, *, is_new: bool = False) -> _Connection:
        """Return a connection for one request: the conversation's own, a free one, or a new one.

        Raises NoFreeConnection instead of waiting, and what `Channel.async_connect` raises.
        """
        self._stop_timer()
        for connection in tuple(self._connections):
            if not connection.is_busy and not connection.is_usable:
                self._discard(connection)
        free = [item for item in self._connections if not item.is_busy and not is_new]
        # Its own, then one without a previous response, then the one unused for longest.
        free.sort(key=lambda item: (not item.knows(key), item.previous is not None, item.last_used))
        is_full = len(self._connections) >= _MAX_CONNECTIONS
        if free and (is_full or free[0].knows(key) or free[0].previous is None):
            free[0].is_busy = True
            return free[0]
        if is_full:
            raise NoFreeConnection
        connection = _Connection(self._data)
        connection.is_busy = True
        self._connections.append(connection)
        try:
            await connection.channel.async_connect()
        except BaseException as err:
            if isinstance(err, ConnectionRejected):
                self._host.known[_NOT_SUPPORTED] = True
            self._discard(connection)
            raise
        connection.opened_at = time.monotonic()
        return connection

    @callback
    def _release(self, connection: _Connection) -> None:
        """Let the next turn use a connection."""
        connection.last_used = time.monotonic()
        connection.is_busy = False
        if self._timer is None and not self._host.closed:
            self._timer = self._host.hass.loop.call_later(_IDLE_TIMEOUT, self._close_idle)

    @callback
    def _discard(self, connection: _Connection) -> None:
        """Close a connection for good."""
        if connection in self._connections:
            self._connections.remove(connection)
        self._create_task(connection.channel.async_end())

    async def _async_drain(self, connection: _Connection) -> None:
        """Read the rest of a cancelled response; then the connection is free again."""
        connection.previous = None
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                while True:
                    event = await connection.events.get()
                    if isinstance(event, HomeAssistantError):
                        break
                    if event.get("type") in _TERMINAL:
                        self._release(connection)
                        return
        except TimeoutError:
            LOGGER.debug("A cancelled response goes on, its connection is closed")
        self._discard(connection)

    @callback
    def _close_idle(self) -> None:
        """Close the idle connections."""
        self._timer = None
        now = time.monotonic()
        for connection in tuple(self._connections):
            if not connection.is_busy and now - connection.last_used >= _IDLE_TIMEOUT - 1:
                self._discard(connection)
        if self._connections and not self._host.closed:
            self._timer = self._host.hass.loop.call_later(_IDLE_TIMEOUT, self._close_idle)

    @callback
    def _stop_timer(self) -> None:
        """Cancel the timer that closes idle connections."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @callback
    def close(self) -> None:
        """Cancel the timer; the entry closes the connections."""
        self._stop_timer()

    def _create_task(self, work: Any) -> None:
        """Run a coroutine in the background, for as long as the entry is loaded."""
        self._host.entry.async_create_background_task(
            self._host.hass, work, "openai_api response socket"
        )


@callback
def connection_pool(data: OpenAIData) -> ResponsesConnectionPool:
    """Return the connections of a service, the same ones for all of its agents."""
    host = data.host
    if _POOL not in host.known:
        sockets = host.known[_POOL] = ResponsesConnectionPool(data)
        host.entry.async_on_unload(sockets.close)
    pool: ResponsesConnectionPool = host.known[_POOL]
    return pool


def _code(event: Json) -> str | None:
    """Return the code of an error event."""
    error = event.get("error")
    if event.get("type") != "error" or not isinstance(error, dict):
        return None
    return str(error.get("code"))
