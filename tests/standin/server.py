"""The server: mounts with their authentication, dispatch, and life cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
import logging
import time
from typing import Any, override

from aiohttp import web

from .areas import ROUTES, SOCKETS
from .control import control
from .faults import Fault, Faults, deliver, drop_connection
from .records import (
    Log,
    RecordedRequest,
    SocketSession,
    record,
)
from .routing import Call, find_route, find_socket
from .state import State
from .wire import ApiError, Reply, json_reply, new_id, now

LOGGER = logging.getLogger(__name__)
MOUNTS = {
    "bearer": "/v1",
    "header": "/header/v1",
    "query": "/query/v1",
    "none": "/none/v1",
}
AUTH_HEADER = "api-key"
AUTH_QUERY = "key"
CONTROL_PREFIX = "/_standin/"
REQUEST_LIMIT = 10_000
TOKEN_LIMIT = 2_000_000
MAX_BODY = 512 * 1024**2


class StandIn:
    """An OpenAI-compatible service on this machine, at a test's disposal."""

    def __init__(self, key: str = "sk-standin", *, pace: float = 0) -> None:
        """Set the accepted key, and the seconds between streamed events."""
        self.key = key
        self.pace = pace
        self.reroutes: dict[str, str] = {}
        """Where an origin out in the world is to be found on this machine."""
        self.requests: Log[RecordedRequest] = Log()
        self.sockets: Log[SocketSession] = Log()
        self.state = State()
        self._faults = Faults()
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._address = ""

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes any free one."""
        self._stopping.clear()
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Cut every connection and stop listening."""
        self._stopping.set()
        for socket in self.sockets:
            if not socket.closed:
                socket.abort()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> StandIn:
        """Start on a free port."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def url(self, style: str = "bearer") -> str:
        """Return the base URL with the given authentication style."""
        return self._address + MOUNTS[style]

    @property
    def address(self) -> str:
        """The server's address without any mount."""
        return self._address

    def fail(self, fault: Fault) -> None:
        """Arm a fault."""
        self._faults.add(fault)

    def reset(self) -> None:
        """Forget faults, records and state; cut hanging requests and open WebSockets."""
        for socket in self.sockets:
            if not socket.closed:
                socket.abort()
        self._faults.clear()
        self._stopping.set()
        self._stopping = asyncio.Event()
        self.requests.clear()
        self.sockets.clear()
        self.state = State()

    def wait_for_request(self, count: int = 1) -> Awaitable[RecordedRequest]:
        """Wait until so many requests arrived and return the last of them."""
        return self.requests.reach(count)

    def wait_for_socket(self, count: int = 1) -> Awaitable[SocketSession]:
        """Wait until so many WebSockets opened and return the last of them."""
        return self.sockets.reach(count)

    async def pause(self) -> None:
        """Wait between two streamed events."""
        await asyncio.sleep(self.pace)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """Answer any request at all."""
        if request.path.startswith(CONTROL_PREFIX):
            return await control(self, request)
        started = time.monotonic()
        recorded = await record(request, *_mount(request.path))
        self.requests.append(recorded)
        fault = None
        try:
            self._authorize(recorded)
            fault = self._faults.take(recorded)
            if fault is not None and await self._stall(fault):
                return drop_connection(request)
            if fault is not None and fault.answers:
                reply = fault.reply
            elif recorded.upgrade:
                return await self._converse(request, recorded, fault)
            else:
                route, ids = find_route(ROUTES, recorded)
                call = Call(standin=self, request=recorded, ids=ids)
                result = await route.handler(call)
                reply = result if isinstance(result, Reply) else json_reply(result)
        except ApiError as err:
            reply = err.reply
        except Exception:
            LOGGER.exception("The stand-in failed on %s %s", recorded.method, recorded.path)
            message = "The server had an error while processing your request."
            reply = ApiError(500, message, kind="server_error").reply
        return await deliver(request, reply, self._headers(started), fault, self._stopping)

    async def _stall(self, fault: Fault) -> bool:
        """Let time pass as a fault wants; tell whether the connection is to go."""
        await asyncio.sleep(fault.delay)
        if fault.hang:
            await self._stopping.wait()
        return fault.hang or fault.drop == "before"

    async def _converse(
        self, request: web.Request, recorded: RecordedRequest, fault: Fault | None
    ) -> web.StreamResponse:
        """Upgrade to a WebSocket and let the route's handler talk."""
        route, ids = find_socket(SOCKETS, recorded)
        call = Call(standin=self, request=recorded, ids=ids)
        if route.admit is not None:
            route.admit(call)
        # Pings are answered by the session, so that it can cease to.
        ws = web.WebSocketResponse(autoping=False, max_msg_size=0, compress=False, timeout=1)
        ws.headers.update(self._headers(time.monotonic()))
        await ws.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        session = SocketSession(recorded, ws, request.transport)
        self.sockets.append(session)
        try:
            if fault is not None and fault.close_code is not None:
                await session.close(fault.close_code, fault.close_reason)
            else:
                await route.handler(call, session)
        finally:
            session.finish()
        return ws

    def _authorize(self, request: RecordedRequest) -> None:
        """Insist on the mount's own credentials and on no others."""
        if request.mount not in MOUNTS:
            raise ApiError(
                404, f"Invalid URL ({request.method} {request.path})", code="unknown_url"
            )
        shown = _credentials(request)
        expected = {} if request.mount == "none" else {request.mount: self.key}
        if shown == expected or self._is_ephemeral(request, shown):
            return
        if not shown:
            raise ApiError(401, "You didn't provide an API key.")
        raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def _is_ephemeral(self, request: RecordedRequest, shown: Mapping[str, str]) -> bool:
        """Tell whether a client secret admits a realtime request."""
        return (
            request.mount == "bearer"
            and list(shown) == ["bearer"]
            and f"{request.path}/".startswith("/realtime/")
            and self.state.secrets.get(shown["bearer"], 0) > now()
        )

    def _headers(self, started: float) -> dict[str, str]:
        """Return what every answer carries in its headers."""
        self.state.requests_served += 1
        remaining = max(0, REQUEST_LIMIT - self.state.requests_served)
        return {
            "x-request-id": new_id("req_"),
            "openai-version": "2020-10-01",
            "openai-processing-ms": str(round((time.monotonic() - started) * 1000)),
            "x-ratelimit-limit-requests": str(REQUEST_LIMIT),
            "x-ratelimit-remaining-requests": str(remaining),
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-limit-tokens": str(TOKEN_LIMIT),
            "x-ratelimit-remaining-tokens": str(TOKEN_LIMIT - 100),
            "x-ratelimit-reset-tokens": "3ms",
        }

    @override
    def __repr__(self) -> str:
        """Show the address but never the key."""
        return f"<StandIn {self._address}>"


def _mount(path: str) -> tuple[str, str]:
    """Split a path into mount and the rest."""
    for style, prefix in MOUNTS.items():
        if path.startswith(f"{prefix}/"):
            return style, path.removeprefix(prefix)
    return "", path


def _credentials(request: RecordedRequest) -> dict[str, Any]:
    """Collect every credential that a request shows, by style."""
    shown: dict[str, Any] = {}
    if (authorization := request.headers.get("Authorization")) is not None:
        shown["bearer"] = authorization.removeprefix("Bearer ")
        if not authorization.startswith("Bearer "):
            shown["malformed"] = authorization
    if (header := request.headers.get(AUTH_HEADER)) is not None:
        shown["header"] = header
    if (query := request.param(AUTH_QUERY)) is not None:
        shown["query"] = query
    return shown
