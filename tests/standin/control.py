"""The stand-in's own interface, for tests that run it as another process."""

from __future__ import annotations

import base64
from dataclasses import asdict
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .faults import Fault
from .records import Garbled, Part, RecordedRequest, SocketSession
from .wire import Json

if TYPE_CHECKING:
    from .server import StandIn

_SOCKET_PATH = re.compile(r"sockets/(\d+)/(send|close|abort|freeze)")


async def control(standin: StandIn, request: web.Request) -> web.Response:
    """Answer a request below /_standin/."""
    action = request.path.removeprefix("/_standin/")
    try:
        body: Any = await request.json() if request.can_read_body else {}
        match request.method, action:
            case "GET", "health":
                answer: Any = {"status": "ok", "pace": standin.pace}
            case "GET", "requests":
                answer = [_request(item) for item in standin.requests]
            case "GET", "sockets":
                answer = [_socket(item) for item in standin.sockets]
            case "GET", _ if name := _after(action, "blobs/"):
                blob = standin.state.blobs[name]
                return web.Response(body=blob.data, content_type=blob.content_type)
            case "POST", "faults":
                standin.fail(Fault(**body))
                answer = {"status": "armed"}
            case "POST", "settings":
                standin.key = str(body.get("key", standin.key))
                standin.pace = float(body.get("pace", standin.pace))
                standin.reroutes = dict(body.get("reroutes", standin.reroutes))
                answer = {"status": "set"}
            case "POST", "reset":
                standin.reset()
                answer = {"status": "reset"}
            case "POST", _ if found := _SOCKET_PATH.fullmatch(action):
                session = standin.sockets[int(found[1])]
                await _pull(session, found[2], body)
                answer = _socket(session)
            case _:
                return web.json_response({"error": "unknown action"}, status=404)
    except LookupError:
        return web.json_response({"error": "there is no such thing"}, status=404)
    except (TypeError, ValueError, AttributeError, re.PatternError) as err:
        return web.json_response({"error": str(err)}, status=400)
    return web.json_response(answer)


def _after(action: str, prefix: str) -> str:
    """Return what follows a prefix, nothing where it does not lead."""
    return action.removeprefix(prefix) if action.startswith(prefix) else ""


async def _pull(session: SocketSession, string: str, body: Json) -> None:
    """Do something to a WebSocket."""
    match string:
        case "send":
            await session.send(body["text"] if "text" in body else body.get("event"))
        case "close":
            await session.close(body.get("code", 1000), body.get("reason", ""))
        case "abort":
            session.abort()
        case "freeze":
            session.freeze()


def _request(item: RecordedRequest) -> Json:
    """Show a request."""
    return {
        "method": item.method,
        "path": item.path,
        "mount": item.mount,
        "query": item.query,
        "headers": list(item.headers.items()),
        "body": _plain(item.body),
        "upgrade": item.upgrade,
    }


def _socket(item: SocketSession) -> Json:
    """Show a WebSocket session."""
    return {
        "path": item.path,
        "mount": item.mount,
        "query": item.query,
        "headers": list(item.headers.items()),
        "received": _plain(item.received),
        "sent": _plain(item.sent),
        "closed": item.closed,
        "close_code": item.close_code,
        "frozen": item.frozen,
    }


def _plain(value: Any) -> Any:
    """Make a recorded value fit for JSON."""
    if isinstance(value, Garbled):
        return {"garbled": _plain(value.data)}
    if isinstance(value, Part):
        return _plain(asdict(value))
    if isinstance(value, bytes):
        return {"size": len(value), "base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
