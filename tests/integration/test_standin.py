"""Everything that the stand-in answers, against the types that the SDK has for it."""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
import inspect
import json
from pathlib import Path
import re
from types import NoneType
from typing import Any, get_args

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
from openai import AsyncOpenAI
from openai.types.evals import RunCancelResponse
from openai.types.realtime import RealtimeServerEvent
from openai.types.responses import ResponsesServerEvent
from openai.types.shared import ErrorObject
from openai.types.webhooks import UnwrapWebhookEvent
from pydantic import BaseModel, TypeAdapter, ValidationError
import pytest

from custom_components.openai_api import polling
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.exceptions import MethodMissing, RequestRejected
from tests.blackbox.home_assistant import SampleFiles
from tests.blackbox.payloads import PAYLOADS
from tests.blackbox.payloads.case import MESSAGE, MODEL
from tests.blackbox.payloads.resolving import resolve
from tests.standin import faults, media, server
from tests.standin.areas.realtime_conversation import HANDLERS
from tests.standin.areas.webhooks import EVENT_TYPES
from tests.standin.sdk import make_client, read_until
from tests.standin.server import StandIn
from tests.standin.wire import SSE_TYPE, Reply

from .conftest import CANARY, add_entry, entry_data

TOOL = {"type": "function", "name": "knock", "parameters": {"type": "object", "properties": {}}}
SOUND = {"file": PAYLOADS["create_transcription"].data["file"]}
# What the payloads of actions leave out.
MORE: list[tuple[str, dict[str, Any]]] = [
    ("create_model_response", {"model": MODEL, "input": "knock", "tools": [TOOL], "stream": True}),
    ("create_model_response", {"model": MODEL, "input": "x", "background": True, "stream": True}),
    ("create_model_response", {"model": MODEL, "input": "x" * 99, "max_output_tokens": 16}),
    (
        "create_chat_completion",
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": "knock"}],
            "tools": [{"type": "function", "function": {"name": "knock", "parameters": {}}}],
            "stream": True,
        },
    ),
    (
        "create_chat_completion",
        {
            "model": MODEL,
            "messages": MESSAGE,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    ),
    ("create_speech", {"model": "m", "input": "x", "voice": "alloy", "stream_format": "sse"}),
    ("create_transcription", {"model": "whisper-1", "response_format": "verbose_json", **SOUND}),
    ("create_translation", {"model": "whisper-1", "response_format": "verbose_json", **SOUND}),
]


# What the API sends, and these types lack.
EXTRA: dict[str, set[str]] = {
    "Assistant": {"reasoning_effort"},
    "ChatCompletion": {
        "response_format",
        "seed",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    },
    "ContainerCreateResponse": {"skills"},
    "ContainerListResponse": {"skills"},
    "ContainerRetrieveResponse": {"skills"},
    "RealtimeSessionCreateRequest": {"expires_at", "id", "object"},
    "Response": {"store"},
    "ResponseFunctionCallArgumentsDoneEvent": {"name"},
    "ResponseFunctionCallArgumentsWsDone": {"name"},
    "Run": {"reasoning_effort"},
    "SessionCreateResponse": {"model"},
    "TranscriptionVerbose": {"task"},
    "TranslationVerbose": {"task", "usage"},
    "Upload": {"expires_after", "mime_type"},
    "Usage": {"output_tokens_details"},
    "VectorStore": {"description"},
}
_OF_PAGES = {"first_id", "has_more", "last_id", "next_page", "object", "search_query"}
# Where the API answers otherwise than its types say.
TOLERATED = re.compile(
    r"/chat/completions/\S+/messages data\.\d\.role"  # also "user"
    r"|/completions choices\.0\.finish_reason"  # null before the end of a stream
    r"|/evals/\S+ (data\.0\.)?(error|data_source)"  # null, and as it was asked for
    r"|/fine_tuning/jobs/\S+/pause status"  # "paused"
    r"|/responses/compact output\.0"  # what the user has said
)
_NAMES = {("type",), ("event",), ("object",)}


@dataclass(frozen=True, kw_only=True)
class ReturnTypes:
    """What the SDK takes the answers to a request for."""

    method: str
    pattern: re.Pattern[str]
    body: Any
    event: Any


@dataclass
class Answers:
    """What the stand-in has answered: (method, path, reply), a stream collected in it."""

    found: list[tuple[str, str, Reply]] = field(default_factory=list)

    async def deliver(self, request: web.Request, reply: Reply, *args: Any) -> web.StreamResponse:
        """Keep an answer, and send it."""
        chunks: list[bytes] = []
        path = request.path.removeprefix("/v1")

        async def collected(body: Any) -> AsyncIterator[bytes]:
            async for chunk in body:
                chunks.append(chunk)
                yield chunk

        if isinstance(reply.body, bytes):
            self.found.append((request.method, path, reply))
            return await DELIVER(request, reply, *args)
        try:
            return await DELIVER(request, replace(reply, body=collected(reply.body)), *args)
        finally:
            self.found.append((request.method, path, replace(reply, body=b"".join(chunks))))


DELIVER = faults.deliver


class _Sent(Exception):
    """The SDK has built a request."""


async def return_types() -> list[ReturnTypes]:
    """Call the SDK's method of each action, and keep what would have been sent and returned."""
    # The one path that the SDK does not know, see `handlers.evals`.
    cancel = re.compile("/evals/[^/]+/runs/[^/]+/cancel")
    found = [ReturnTypes(method="POST", pattern=cancel, body=RunCancelResponse, event=None)]
    client: Any = AsyncOpenAI(api_key="sk-test")

    async def request(cast_to: Any, options: Any, *, stream_cls: Any = None, **_: Any) -> None:
        path = re.sub(r"id_\w+", "[^/]+", re.escape(options.url))
        event = get_args(stream_cls)[0] if stream_cls else None
        known = ReturnTypes(
            method=options.method.upper(), pattern=re.compile(path), body=cast_to, event=event
        )
        found.append(known)
        raise _Sent

    client.request = request
    files = {(item.method, field.key) for item in ACTIONS for field in item.fields if field.file}
    for name in sorted({action.method for action in ACTIONS}):
        method: Any = client
        try:
            for part in name.split("."):
                method = getattr(method, part)
            parameters = inspect.signature(method).parameters
        except AttributeError, TypeError:
            continue  # this SDK does not have it
        arguments = {
            key: b"x" if (name, key) in files else f"id_{key}"
            for key, parameter in parameters.items()
            if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        }
        formats = ("json", "verbose_json") if name.startswith("audio.trans") else (None,)
        for response_format in formats:
            given = {
                **arguments,
                **({"response_format": response_format} if response_format else {}),
            }
            # What sends nothing has no answers either.
            with suppress(_Sent, TypeError, ValueError):
                await method(**given)
    return found


adapter = cache(TypeAdapter[Any])


def problems(value: Any, of_type: Any) -> list[str]:
    """Return what a value has that its type does not allow, and what it lacks."""
    try:
        parsed = adapter(of_type).validate_json(json.dumps(value), strict=True)
    except ValidationError as err:
        errors = err.errors()
    else:
        return list(_unknown(parsed))
    # Of a union, only the types of this name are of interest.
    others = {item["loc"][:1] for item in errors if item["loc"][1:] in _NAMES}
    return [
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
        for item in errors
        if item["loc"][:1] not in others
    ] or [f"{value.get('type')}: unknown"]


def _unknown(value: Any) -> Iterator[str]:
    """Yield the fields of an object, and of what is in it, that its type does not have."""
    match value:
        case BaseModel():
            name = type(value).__name__.partition("[")[0]
            for key in value.model_extra or ():
                if key not in EXTRA.get(name, _OF_PAGES if name.endswith("Page") else ()):
                    yield f"{name}.{key}: unknown"
            for key in type(value).model_fields:
                yield from _unknown(getattr(value, key))
        case dict():
            for item in value.values():
                yield from _unknown(item)
        case list():
            for item in value:
                yield from _unknown(item)


def stream_events(body: bytes) -> Iterator[Any]:
    """Yield the events of a stream in the form in which the SDK's types have them."""
    for block in body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        if lines.get("data", "[DONE]") == "[DONE]":
            continue
        data = json.loads(lines["data"])
        is_thread = lines.get("event", "").startswith("thread.")
        yield {"event": lines["event"], "data": data} if is_thread else data


def answer_problems(
    method: str, path: str, reply: Reply, types: list[ReturnTypes]
) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    assert isinstance(reply.body, bytes)
    known = [item for item in types if item.method == method and item.pattern.fullmatch(path)]
    if reply.status >= 400:
        yield from problems(json.loads(reply.body)["error"], ErrorObject)
    elif reply.content_type == SSE_TYPE:
        for event in stream_events(reply.body):
            found = [problems(event, item.event) for item in known if item.event]
            yield from min(found, key=len, default=() if known else ["no type"])
    elif reply.content_type == "application/json" and reply.body:
        body = json.loads(reply.body)
        found = [problems(body, item.body) for item in known if item.body is not NoneType]
        yield from min(found, key=len, default=() if known else ["no type"])


async def test_responses_match_sdk_types(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each action is called, those that can stream twice."""
    answers = Answers()
    monkeypatch.setattr(server, "deliver", answers.deliver)
    monkeypatch.setattr(polling, "INITIAL_INTERVAL", 0)
    files = tmp_path / "files"
    files.mkdir()
    SampleFiles(tmp_path).write()
    hass.config.allowlist_external_dirs = {str(media_folder), str(files)}
    await add_entry(hass, entry_data(standin))

    async def call(action: str, data: dict[str, Any]) -> Any:
        return await hass.services.async_call(
            "openai_api", action, data, blocking=True, return_response=True
        )

    async def attempt(action: str, data: Any) -> None:
        try:
            await call(action, await resolve(dict(data), call, files))
        except MethodMissing:
            return  # this SDK does not have it

    rows = {action.key: action for action in ACTIONS}
    for key, case in PAYLOADS.items():
        standin.reset()
        await attempt(key, case.data)
        fields = {item.key for item in rows[key].fields}
        if "stream" in fields and not case.data.get("stream"):
            partial = {"partial_images": 1} if "partial_images" in fields else {}
            await attempt(key, {**case.data, **partial, "stream": True})
        for cleaner, data in case.after.items():
            await attempt(cleaner, data)
    for key, data in MORE:
        await attempt(key, data)
    with pytest.raises(RequestRejected):
        await call("get_model_response", {"response_id": "unknown"})

    types = await return_types()
    found = {
        f"{method} {re.sub(r'[0-9a-f]{32}', '…', path)} {problem}"
        for method, path, reply in answers.found
        for problem in answer_problems(method, path, reply, types)
    }
    wrong = sorted(problem for problem in found if not TOLERATED.search(problem))
    assert not wrong, "\n".join(wrong)
    assert len(answers.found) > len(PAYLOADS)


async def test_realtime_events_match_sdk_types(standin: StandIn) -> None:
    """Each client event is sent, with the answers in text, in sound and as a call of a function."""
    sound = {"audio": base64.b64encode(media.tone(0.5)).decode()}
    message = {"type": "message", "role": "user"}
    async with (
        make_client(standin, api_key=CANARY) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):

        async def send(kind: str, until: str, **event: Any) -> Any:
            await connection.send_raw(json.dumps({"type": kind, **event}))
            return (await read_until(connection, until))[-1]

        async def ask(text: str, **response: Any) -> Any:
            content = [{"type": "input_text", "text": text}]
            item = {**message, "content": content}
            await send("conversation.item.create", "conversation.item.done", item=item)
            done = await send("response.create", "response.done", response=response)
            return done["response"]["output"][-1]["id"]

        await send(
            "session.update", "session.updated", session={"type": "realtime", "tools": [TOOL]}
        )
        await send("input_audio_buffer.append", "error", audio="*")
        await connection.send_raw(json.dumps({"type": "input_audio_buffer.append", **sound}))
        await send(
            "input_audio_buffer.commit", "conversation.item.input_audio_transcription.completed"
        )
        await send("input_audio_buffer.clear", "input_audio_buffer.cleared")
        await ask("Hello", output_modalities=["text"])
        await ask("knock")
        item = {"item_id": await ask("Hello")}
        await send("conversation.item.retrieve", "conversation.item.retrieved", **item)
        cut = {**item, "content_index": 0, "audio_end_ms": 10}
        await send("conversation.item.truncate", "conversation.item.truncated", **cut)
        await send("conversation.item.delete", "conversation.item.deleted", **item)
        await send("output_audio_buffer.clear", "output_audio_buffer.cleared")
        await send("response.cancel", "error")
        await send("nonsense", "error")
    (socket,) = standin.sockets
    assert {event["type"] for event in socket.received} >= set(HANDLERS)
    assert_events(socket.sent, RealtimeServerEvent)


async def test_responses_websocket_events_match_sdk_types(standin: StandIn) -> None:
    """A response, one that calls a function, one steered in time and too late, and refusals."""
    standin.pace = 0.001
    async with (
        make_client(standin, api_key=CANARY) as client,
        client.responses.connect() as connection,
    ):
        for request in ({"input": "Hello"}, {"input": "knock", "tools": [TOOL]}):
            await connection.send_raw(
                json.dumps({"type": "response.create", "model": MODEL, **request})
            )
            (created,) = await read_until(connection, "response.created")
            steer = {
                "type": "response.steer",
                "previous_response_id": created["response"]["id"],
                "input": "Wait",
            }
            await connection.send_raw(json.dumps(steer))
            await read_until(connection, "response.steer.accepted")
            await read_until(connection, "response.completed")
            await read_until(connection, "response.completed")
        for refused in (json.dumps(steer), "{oops", '{"type": "response.create"}'):
            await connection.send_raw(refused)
            await read_until(connection, "response.steer.failed", "error")
    assert_events(standin.sockets[0].sent, ResponsesServerEvent)


def assert_events(events: list[Any], of_type: Any) -> None:
    """Compare events with the union of their types."""
    found = {
        f"{event['type']} {problem}" for event in events for problem in problems(event, of_type)
    }
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize("event_type", sorted({*EVENT_TYPES} - {"video.completed"}))
async def test_webhook_matches_sdk_type(standin: StandIn, event_type: str) -> None:
    """What an endpoint gets has the signature and the type that the SDK takes.

    The SDK has no type for events of videos.
    """
    received: list[tuple[bytes, dict[str, str]]] = []

    async def take(request: web.Request) -> web.Response:
        received.append((await request.read(), dict(request.headers)))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    async with TestServer(app) as local, make_client(standin, api_key=CANARY) as client:
        standin.reroutes = {"https://home.test": str(local.make_url("/"))}
        made: Any = await client.post(
            "/webhook_endpoints",
            cast_to=object,
            body={"name": "x", "url": "https://home.test/hook", "event_types": [event_type]},
        )
        await client.post(
            f"/webhook_endpoints/{made['id']}/test",
            cast_to=object,
            body={"event_type": event_type},
        )
        ((body, headers),) = received
        client.webhooks.unwrap(body, headers, secret=made["signing_secret"])
    assert problems(json.loads(body), UnwrapWebhookEvent) == []
