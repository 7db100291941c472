"""The WebSocket of the Responses API."""

from functools import partial

from ..action import ActionCall
from ..data import runtime_data_of
from ..exceptions import validation_error
from ..types import Json
from ..websocket.connect_options import display_url
from ..websocket.connection import Connection
from ..websocket.sdk_connection import async_open
from ..websocket.state import Transport
from .websockets import async_close, async_find

_CLIENT_EVENTS = "response."
"""How the types of client events begin; newer servers accept others than those that are named."""
_KNOWN_EVENTS = ("response.create", "response.steer", "response.inject")


class ResponsesConnection(Connection):
    """A connection on which responses are created one after another."""

    transport = Transport.RESPONSES.value


async def async_manage(request: ActionCall) -> Json:
    """Open a connection, send a client event on it, or close it, as the field `action` says.

    Returns `{"object": "response.websocket.connection", "action": "connect", "connection_id": …,
    "url": …}`, `{"object": "response.websocket.client_event", "action": "send", "connection_id": …,
    "event_type": …}`, or what `websockets.async_close` returns. Raises ServiceValidationError
    "event_missing" or "event_type_invalid", and what `async_find`, `Connection.async_connect` and
    `Connection.async_send` raise. SDK method: `responses.connect`.
    """
    match request.data["action"]:
        case "connect":
            return await _async_connect(request)
        case "send":
            return await _async_send(request)
        case _:
            return await async_close(request, ResponsesConnection, "response.websocket.connection")


async def _async_connect(request: ActionCall) -> Json:
    """Open a connection with this id."""
    host, connection_id = request.host, request.data["connection_id"]
    opening = partial(async_open, host, "responses")
    await ResponsesConnection(
        host, runtime_data_of(request).connections, connection_id, opening, opener=request.context
    ).async_connect()
    return {
        "object": "response.websocket.connection",
        "action": "connect",
        "connection_id": connection_id,
        "url": display_url(host, "responses"),
    }


async def _async_send(request: ActionCall) -> Json:
    """Send a client event; the server's events are fired as they arrive."""
    connection = await async_find(request, ResponsesConnection)
    event: Json | None = request.data.get("event")
    if event is None:
        raise validation_error("event_missing")
    event_type = event.get("type")
    if not isinstance(event_type, str) or not event_type.startswith(_CLIENT_EVENTS):
        raise validation_error("event_type_invalid", allowed=", ".join(_KNOWN_EVENTS))
    await connection.async_send(event)
    return {
        "object": "response.websocket.client_event",
        "action": "send",
        "connection_id": connection.id,
        "event_type": event_type,
    }
