"""Finds and closes the WebSocket connections that actions name."""

from websockets.frames import CloseCode

from ..action import ActionCall
from ..data import runtime_data_of
from ..types import Json
from ..websocket.access import async_check_access, find
from ..websocket.close import validate_close
from ..websocket.connection import Connection


async def async_find[T: Connection](request: ActionCall, kind: type[T]) -> T:
    """Return the open connection that a call names, if it may use it.

    Raises what `find` and `async_check_access` raise.
    """
    connections = runtime_data_of(request).connections
    connection = find(connections, request.data["connection_id"], kind.transport)
    assert isinstance(connection, kind)
    await async_check_access(request.hass, connection, request.context)
    return connection


async def async_close(request: ActionCall, kind: type[Connection], name: str) -> Json:
    """Close the connection that a call names; its id is free afterwards.

    Returns `{"object": name, "action": "close", "connection_id": …, "code": …, "reason": …}`.
    Raises what `async_find` and `validate_close` raise.
    """
    code = int(request.data.get("code", CloseCode.NORMAL_CLOSURE))
    reason = request.data.get("reason", "OK")
    connection = await async_find(request, kind)
    validate_close(code, reason)
    await connection.async_close(code, reason)
    return {
        "object": name,
        "action": "close",
        "connection_id": connection.id,
        "code": code,
        "reason": reason,
    }
