"""A server that records the requests and answers as planned."""

from dataclasses import dataclass
from typing import Any, override
from urllib.parse import unquote

from aiohttp import web

from custom_components.openai_api.types import Json
from tests.integration.wire import Recorder


@dataclass(frozen=True, kw_only=True)
class SeenRequest:
    """A request: where it went, before anything was decoded."""

    method: str
    raw_path: str
    host: str
    headers: frozenset[str]

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, as they were written."""
        return tuple(self.raw_path.partition("?")[0].split("/"))


class RequestInspector(Recorder):
    """Answers as the row says, or with an error if `status` says so."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        super().__init__()
        self.status = 200
        self.is_quick = False
        """Whether all is done at once: a fuzzed pause may be a century."""
        self.error: Json = {"error": {"message": "No", "type": "invalid_request_error"}}
        self.seen: list[SeenRequest] = []
        self.failures: list[Exception] = []

    @override
    async def serve(self, request: web.Request) -> Any:
        self.seen.append(
            SeenRequest(
                method=request.method,
                raw_path=request.raw_path,
                host=request.headers.get("Host", ""),
                headers=frozenset(name.lower() for name in request.headers),
            )
        )
        if "upgrade" in request.headers:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _ in socket:
                pass
            return socket
        if self.status != 200:
            await request.read()
            return web.json_response(self.error, status=self.status)
        try:
            return await super().serve(request)
        except Exception as err:
            self.failures.append(err)
            raise

    @override
    def object(self) -> Json:
        found = super().object()
        assert self.action is not None
        if self.is_quick and self.action.poll is not None:
            found["status"] = "completed"
        return found


type PathTemplate = tuple[str, ...]


def path_template(seen: SeenRequest, data: Json) -> PathTemplate:
    """Return a request's method and path, with a field's name where its value stands."""
    # A type may be called like a part of the path.
    names = {
        str(value): key
        for key, value in data.items()
        if isinstance(value, str | int) and key != "type"
    }

    def name(segment: str) -> str:
        value = unquote(segment)
        if value.startswith("thing_") or value.endswith("_made"):
            return "{}"
        return f"{{{names[value]}}}" if value in names and value else segment

    head = ("", "v1")
    assert seen.segments[:2] == head
    return (seen.method, *head, *map(name, seen.segments[2:]))


def matches(seen: SeenRequest, known: PathTemplate, data: Json) -> bool:
    """Tell whether a request went where this one goes, whatever its ids are."""
    method, *path = known
    if seen.method != method or len(path) != len(seen.segments):
        return False
    for wanted, segment in zip(path, seen.segments, strict=True):
        if not wanted.startswith("{"):
            if segment != wanted:
                return False
        elif (key := wanted[1:-1]) and unquote(segment, errors="strict") != str(data.get(key)):
            return False
    return True
