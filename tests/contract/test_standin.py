"""What other tests take for granted of the stand-in: it refuses, limits and remembers."""

import json
from typing import Any

import aiohttp
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError
import pytest
import websockets

from tests.standin import StandIn
from tests.standin.sdk import KEY, MODEL, STYLES, make_client, read_until

pytest_plugins = ["tests.standin.fixtures"]

REALTIME = "gpt-realtime"
CHAT: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "sent",
    [
        {"headers": {"Authorization": "Bearer sk-wrong"}},
        {"headers": {"api-key": "sk-wrong"}},
        {"params": {"key": "sk-wrong"}},
        {"headers": {"Authorization": f"Bearer {KEY}", "api-key": KEY}, "params": {"key": KEY}},
        {},
    ],
    ids=["bearer", "header", "query", "everything", "nothing"],
)
async def test_mount_rejects_other_auth_methods(
    standin: StandIn, style: str, sent: dict[str, Any]
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{standin.url(style)}/models", **sent) as answer,
    ):
        text = await answer.text()
    assert answer.status == (200 if style == "none" and not sent else 401)
    assert "sk-" not in text


async def test_websocket_rejects_wrong_api_key(standin: StandIn) -> None:
    async with make_client(standin, api_key="sk-wrong") as client:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with client.responses.connect():
                pass
    assert caught.value.response.status_code == 401
    assert not standin.sockets


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("responses", {"model": MODEL}, "input"),
        ("responses", {"input": "x"}, "model"),
        ("responses", {"model": MODEL, "input": 7}, "input"),
        ("responses", {"model": "gpt-4.1", "input": "x", "temperature": 3}, "temperature"),
        (
            "responses",
            {"model": MODEL, "input": "x", "previous_response_id": "no"},
            "previous_response_id",
        ),
        (
            "responses",
            {"model": MODEL, "input": [{"role": "cat", "content": "x"}]},
            "input[0].role",
        ),
        *(
            ("responses", {"model": model, "input": "x", name: 1}, name)
            for model in ("o3", "gpt-5-mini", "openai/gpt-5")
            for name in ("temperature", "top_p")
        ),
        ("chat/completions", {**CHAT, "messages": []}, "messages"),
        ("chat/completions", {**CHAT, "top_p": 2}, "top_p"),
        ("chat/completions", {**CHAT, "model": "gpt-5", "max_tokens": 5}, "max_tokens"),
        ("chat/completions", {**CHAT, "max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
        ("chat/completions", {**CHAT, "model": "o3", "temperature": 0.2}, "temperature"),
        ("embeddings", {"model": "m", "input": ""}, "input"),
        ("images/generations", {"prompt": "x", "size": "huge"}, "size"),
        (
            "audio/speech",
            {"model": "m", "input": "x", "voice": "alloy", "response_format": "midi"},
            "response_format",
        ),
        (
            "realtime/client_secrets",
            {"expires_after": {"anchor": "created_at", "seconds": 1}},
            "expires_after.seconds",
        ),
    ],
)
async def test_invalid_request_names_parameter(
    client: AsyncOpenAI, path: str, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.post(f"/{path}", cast_to=object, body=body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("model", "sampling"),
    [
        ("gpt-4.1", {"temperature": 1, "top_p": 0.9}),
        ("gpt-5-chat-latest", {"temperature": 1}),
        ("llama3", {"top_p": 0.5}),
    ],
)
async def test_other_models_accept_sampling(
    client: AsyncOpenAI, model: str, sampling: dict[str, Any]
) -> None:
    await client.responses.create(model=model, input="x", **sampling)
    await client.chat.completions.create(**{**CHAT, "model": model, "max_tokens": 5, **sampling})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nonsense", 404),
        ("PUT", "models", 405),
        ("GET", "models/gpt-0", 404),
        ("GET", "files?limit=0", 400),
        ("GET", "files?order=sideways", 400),
        ("GET", "files?after=file-unknown", 404),
    ],
)
async def test_unknown_path_or_query_is_refused(
    standin: StandIn, method: str, path: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, f"{standin.url()}/{path}") as answer,
    ):
        assert answer.status == status


@pytest.mark.parametrize(
    ("path", "name", "file"),
    [
        ("audio/transcriptions", "file", None),
        ("audio/transcriptions", "file", ("hall.wav", b"", "audio/wav")),
        ("files", "file", ("x", b"", "text/plain")),
        ("images/edits", "image", ("cat.txt", b"meow", "text/plain")),
        ("images/edits", "image", ("cat.png", b"", "image/png")),
    ],
)
async def test_unusable_upload_is_refused(
    standin: StandIn, path: str, name: str, file: tuple[str, bytes, str] | None
) -> None:
    fields = {"model": "m", "prompt": "x", "purpose": "batch"}
    form = aiohttp.FormData(fields, default_to_multipart=True)
    if file is not None:
        form.add_field(name, file[1], filename=file[0], content_type=file[2])
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session,
        session.post(f"{standin.url()}/{path}", data=form) as answer,
    ):
        assert answer.status == 400
        assert (await answer.json())["error"]["param"] == name


async def test_response_is_remembered_until_deleted(client: AsyncOpenAI) -> None:
    one = await client.responses.create(model=MODEL, input="One")
    two = await client.responses.create(model=MODEL, input="Two", previous_response_id=one.id)
    assert two.output_text == "You said: Two (turn 2 of our conversation)"
    await client.responses.delete(one.id)
    with pytest.raises(NotFoundError):
        await client.responses.retrieve(one.id)


async def test_background_response_advances_until_cancelled(client: AsyncOpenAI) -> None:
    begun = await client.responses.create(model=MODEL, input="Slowly", background=True)
    statuses = [(await client.responses.retrieve(begun.id)).status for _ in range(2)]
    assert [begun.status, *statuses] == ["queued", "in_progress", "completed"]
    with pytest.raises(BadRequestError):
        await client.responses.cancel((await client.responses.create(model=MODEL, input="x")).id)


async def test_client_secret_is_for_realtime_until_it_expires(
    client: AsyncOpenAI, standin: StandIn
) -> None:
    minted = await client.realtime.client_secrets.create(
        session={"type": "realtime", "model": REALTIME, "instructions": "Be kind"}
    )
    async with make_client(standin, api_key=minted.value) as guest:
        async with guest.realtime.connect(model=REALTIME) as connection:
            created = (await read_until(connection, "session.created"))[-1]
            assert created["session"]["instructions"] == "Be kind"
        with pytest.raises(AuthenticationError):
            await guest.models.list()
        standin.state.secrets[minted.value] = 0
        with pytest.raises(websockets.InvalidStatus):
            async with guest.realtime.connect(model=REALTIME):
                pass


async def test_realtime_call_ends_its_websocket(client: AsyncOpenAI) -> None:
    async with client.realtime.connect(call_id="rtc_1") as connection:
        await read_until(connection, "session.created")
        await client.realtime.calls.hangup("rtc_1")
        with pytest.raises(websockets.ConnectionClosedOK):
            await connection.recv_bytes()
    with pytest.raises(NotFoundError):
        await client.realtime.calls.hangup("rtc_1")


async def test_realtime_takes_one_response_at_a_time(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.pace = 0.02
    async with client.realtime.connect(model=REALTIME) as connection:

        async def error(kind: str, **event: Any) -> Any:
            await connection.send_raw(json.dumps({"type": kind, "event_id": "e1", **event}))
            found = (await read_until(connection, "error"))[-1]["error"]
            assert found["event_id"] == "e1"
            return found["code"]

        assert await error("response.cancel") == "response_cancel_not_active"
        assert await error("input_audio_buffer.commit") == "input_audio_buffer_commit_empty"
        await connection.response.create()
        await read_until(connection, "response.output_audio.delta")
        assert await error("response.create") == "conversation_already_has_active_response"
        await connection.response.cancel()
        done = (await read_until(connection, "response.done"))[-1]["response"]
        assert done["status"] == "cancelled"
        cut = {"item_id": done["output"][0]["id"], "content_index": 0, "audio_end_ms": 99_999}
        assert await error("conversation.item.truncate", **cut) == "invalid_value"
