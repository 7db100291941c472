"""A walk over the catalogue: every action is called, and its requests are put on record."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import json
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.core import Event
from homeassistant.exceptions import HomeAssistantError
from openai import AsyncOpenAI

from custom_components.openai_api.action import ActionDescription, ActionGroup, ResponseKind
from custom_components.openai_api.streaming.accumulators import (
    AgentTurnAccumulator,
    ChatCompletionAccumulator,
    CompletionAccumulator,
    FinalEventsAccumulator,
    ResponseAccumulator,
    RunAccumulator,
    SpeechAccumulator,
    TranscriptAccumulator,
)
from custom_components.openai_api.types import Json
from tests.standin.records import Part, RecordedRequest, record

from .payloads import CONTENTS, LOCAL_ACTIONS, SOCKET_ACTIONS, cases, streams

NOT_KNOWN = "not in this SDK"
AUDIO = b"RIFF\x14\x00\x00\x00WAVEfmt \x00\xff and a little noise"
OUR_OWN = {"uploads.upload_file_chunked"}
PICTURE = b"\x89PNG\r\n\x1a\nand a little colour"
CALLS = "/realtime/calls"
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"
# Whatever the action: hosts add keys, and all of them are to come back.
OBJECT: Json = {
    "object": "thing",
    "thread_id": "thread_made",
    "vector_store_id": "vs_made",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": '{"rain": true}'}]}],
    "data": [{"b64_json": base64.b64encode(PICTURE).decode(), "embedding": [0.5]}],
    "choices": [{"index": 0, "text": "Hello", "message": {"content": '{"rain": true}'}}],
    "results": [{"flagged": False}],
    "brand_new": {"deep": [1, None, "ünïcode"]},
}


class Recorder:
    """A host that takes down every request and answers as the row says."""

    def __init__(self) -> None:
        """Start with nothing on record."""
        self.url = ""
        self.action: ActionDescription | None = None
        self.requests: list[RecordedRequest] = []
        self.events: list[Json] = []

    def expect(self, action: ActionDescription) -> None:
        """Answer from now on as this action wants it."""
        self.action = action
        self.requests.clear()
        self.events.clear()

    async def serve(self, request: web.Request) -> web.Response:
        """Answer any request."""
        path = request.rel_url.raw_path.removeprefix("/v1")
        recorded = await record(request, "bearer", path)
        self.requests.append(recorded)
        assert self.action is not None
        if _wants_stream(recorded):
            assert self.action.accumulator is not None
            self.events = events_of(self.action)
            lines = "".join(f"event: {_name(e)}\ndata: {json.dumps(e)}\n\n" for e in self.events)
            return web.Response(text=f"{lines}data: [DONE]\n\n", content_type="text/event-stream")
        if path == CALLS:
            headers = {"Location": f"{CALLS}/rtc_made"}
            return web.Response(text=SDP, content_type="application/sdp", headers=headers)
        if self.action.response is ResponseKind.FILE:
            return web.Response(body=AUDIO, content_type="audio/wav")
        if self.action.response is ResponseKind.NONE and not request.query:
            return web.Response(status=204)
        page = self.action.response is ResponseKind.LIST
        return web.json_response(self.page() if page else self.object())

    def page(self) -> Json:
        """Return one of two pages."""
        number = len(self.requests)
        return {
            "object": "list",
            "data": [{"id": f"item_{number}a"}, {"id": f"item_{number}b", "new": {"deep": 1}}],
            "has_more": number == 1,
            "first_id": f"item_{number}a",
            "last_id": f"item_{number}b",
            "brand_new": [1, None],
        }

    def object(self) -> Json:
        """Return an object, which is not done with before it was asked for again."""
        assert self.action is not None
        poll = self.action.poll
        asked_before = any(request.method == "GET" for request in self.requests[:-1])
        status = min(poll.in_progress_statuses) if poll and not asked_before else "completed"
        # A session takes a question only while it is idle.
        status = "idle" if self.action.key == "run_agent_session" else status
        return {**OBJECT, "id": f"thing_{len(self.requests)}", "status": status}


def _wants_stream(request: RecordedRequest) -> bool:
    """Tell whether a host would stream the answer to this request."""
    if request.headers.get("Accept") == "text/event-stream":
        return True
    if isinstance(request.body, dict):
        fields = request.body
    elif isinstance(request.body, list):
        fields = {part.name: part.data for part in request.body}
    else:
        fields = dict(request.query)
    return fields.get("stream") in {True, "true"} or fields.get("stream_format") == "sse"


def _name(event: Json) -> str:
    """Return the name that an event has on the wire."""
    return str(event.get("type") or f"{event['object']}.{event.get('status', 'chunk')}")


def events_of(action: ActionDescription) -> list[Json]:
    """Return a short stream as a host would send it for an action."""
    whole = {**OBJECT, "id": "thing_1", "status": "completed"}
    assert action.accumulator is not None
    match action.accumulator():
        case ResponseAccumulator():
            return [
                {"type": "response.created", "response": {**whole, "status": "in_progress"}},
                {"type": "response.completed", "response": whole},
            ]
        case AgentTurnAccumulator():
            return [
                {"type": "agent.session.turn.completed", "turn": {"id": "turn_1", "new": 1}},
                {"type": "agent.session.idle", "session": whole},
            ]
        case RunAccumulator():
            run = {**whole, "object": "thread.run"}
            return [{**run, "status": "queued"}, run]
        case CompletionAccumulator():
            parts: list[Json] = [{"text": "Hel"}, {"text": "lo", "finish_reason": "stop"}]
        case ChatCompletionAccumulator():
            end = {"delta": {"content": "true}"}, "finish_reason": "stop"}
            parts = [{"delta": {"role": "assistant", "content": '{"rain": '}}, end]
        case SpeechAccumulator():
            audio = base64.b64encode(AUDIO).decode()
            return [
                {"type": "speech.audio.delta", "audio": audio},
                {"type": "speech.audio.done", "usage": {"total_tokens": 3}},
            ]
        case TranscriptAccumulator():
            name = "transcript.text"
            return [{"type": f"{name}.delta", "delta": "x"}, {**OBJECT, "type": f"{name}.done"}]
        case FinalEventsAccumulator(_final=(name, *_)):
            return [{"type": f"{name}.partial"}, {**OBJECT["data"][0], "type": name, "new": 1}]
        case other:
            raise NotImplementedError(type(other).__name__)
    return [
        {"id": "thing_1", "object": "chunk", "new": 1, "choices": [{"index": 0, **part}]}
        for part in parts
    ]


class Host(Protocol):
    """What answers every request itself."""

    url: str

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""


@asynccontextmanager
async def serving[T: Host](host: T) -> AsyncIterator[T]:
    """Let a host listen on a free port."""
    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_route("*", "/{path:.*}", host.serve)
    async with TestServer(app) as server:
        host.url = str(server.make_url("/v1"))
        yield host


def write_files(folder: Path) -> None:
    """Put the files there that the payloads name."""
    for name, content in CONTENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def format_request(request: RecordedRequest) -> list[str]:
    """Return the lines that a request is put on record with."""
    kind = request.headers.get("Content-Type", "").partition(";")[0]
    lines = [f"{request.method} {request.path} {kind}".rstrip()]
    lines += [f"    ?{key}={value}" for key, value in sorted(request.query)]
    match request.body:
        case None:
            pass
        case dict() as body:
            lines += [f"    {key}: {_json(body[key])}" for key in sorted(body)] or ["    {}"]
        case list() as parts:
            lines += sorted(f"    {part.name}: {_content(part)}" for part in parts)
        case other:
            lines.append(f"    {other!r}")
    return lines


def _json(value: Any) -> str:
    """Return a value as JSON, its keys in order."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _content(part: Part) -> str:
    """Return what a part of a form holds."""
    if isinstance(part.data, str):
        return part.data
    return f"<{part.filename}, {part.content_type}, {len(part.data)} bytes>"


def contains(answer: Any, sent: Any) -> bool:
    """Tell whether an answer holds everything that was sent; it may hold more."""
    match sent:
        case dict():
            return isinstance(answer, dict) and all(
                key in answer and contains(answer[key], value) for key, value in sent.items()
            )
        case list():
            return isinstance(answer, list) and all(map(contains, answer, sent, strict=True))
    return bool(answer == sent)


def is_known(action: ActionDescription, client: AsyncOpenAI) -> bool:
    """Tell whether the installed SDK has the method behind a row."""
    if action.method in OUR_OWN:
        return True
    target: Any = client
    try:
        for part in action.method.split("."):
            target = getattr(target, part)
    except AttributeError:
        return False
    return True


def check(action: ActionDescription, data: Json, answer: Json, recorder: Recorder) -> None:
    """Make sure that the answer came back whole."""
    if streams(action, data):
        assert answer["stream_id"]
        if action.response is not ResponseKind.FILE:
            last = recorder.events[-1]
            whole = last.get("response") or last.get("session") or last
            assert contains(
                answer, {k: v for k, v in whole.items() if k not in {"choices", "object"}}
            )
            return
    if recorder.requests and recorder.requests[0].path == CALLS:
        assert answer == {"sdp": SDP, "call_id": "rtc_made"}
        return
    match action.response:
        case ResponseKind.FILE:
            assert Path(answer["path"]).read_bytes() == AUDIO
        case ResponseKind.NONE:
            identifier = next(field.key for field in action.fields if field.required)
            assert data[identifier] in answer.values()
            assert contains(answer, dict(action.empty_response or {}))
        case ResponseKind.LIST:
            pages = 2 if len(recorder.requests) == 2 else 1
            ids = [f"item_{page}{end}" for page in range(1, pages + 1) for end in "ab"]
            assert [item["id"] for item in answer["data"]] == ids
            assert answer["data"][1]["new"] == {"deep": 1}
            assert answer["brand_new"] == [1, None]
            assert (answer["first_id"], answer["last_id"]) == (ids[0], ids[-1])
            assert answer["has_more"] is (pages == 1)
        case ResponseKind.OBJECT:
            identifier = f"thing_{len(recorder.requests)}"
            assert contains(answer, {**OBJECT, "id": identifier, "status": "completed"})


async def exercise_actions(
    family: ActionGroup,
    call: Callable[..., Awaitable[Any]],
    client: AsyncOpenAI,
    folder: Path,
    recorder: Recorder,
    fired: list[Event],
) -> str:
    """Call the actions of a family in every way there is; return their requests as a text.

    `fired` collects the events of streams. What comes back is checked on the way.
    """
    lines: list[str] = []
    for action in family.actions:
        if action.key in SOCKET_ACTIONS | LOCAL_ACTIONS:
            continue
        for name, data in cases(action, folder):
            recorder.expect(action)
            fired.clear()
            try:
                answer = await call(action.key, **data)
                check(action, data, answer, recorder)
                assert contains([event.data["event"] for event in fired], recorder.events)
            except Exception as err:
                key = err.translation_key if isinstance(err, HomeAssistantError) else None
                is_sent = bool(recorder.requests)
                if key == "method_missing" and not is_sent and not is_known(action, client):
                    lines += [f"{action.key}, {NOT_KNOWN}", ""]
                    break
                err.add_note(f"{action.key} with {name}: {data}")
                raise
            lines.append(f"{action.key}, {name}")
            lines += [
                f"  {line}" for request in recorder.requests for line in format_request(request)
            ]
            lines.append("")
    return "\n".join(lines)
