"""Drive the stand-in's Realtime API with the real SDK."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError
from openai.types import realtime as types
from pydantic import TypeAdapter
import pytest
import websockets

from tests.standin import StandIn, media
from tests.standin.sdk import EXTRAS, STYLES, make_client, read_until

pytest_plugins = ["tests.standin.fixtures"]

MODEL = "gpt-realtime"
EVENTS: TypeAdapter[Any] = TypeAdapter(types.RealtimeServerEvent)


async def say(connection: Any, text: str) -> None:
    """Put a user's message into the conversation."""
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )
    await read_until(connection, "conversation.item.done")


async def configure(connection: Any, **session: Any) -> dict[str, Any]:
    """Change the session and return what the server made of it."""
    await connection.session.update(session={"type": "realtime", **session})
    updated: dict[str, Any] = (await read_until(connection, "session.updated"))[-1]["session"]
    return updated


@pytest.mark.parametrize("style", STYLES)
async def test_connect_to_each_mount(standin: StandIn, style: str) -> None:
    async with (
        make_client(standin, style) as client,
        client.realtime.connect(model=MODEL, **EXTRAS[style]) as connection,
    ):
        (created,) = await read_until(connection, "session.created")
    assert created["session"]["model"] == MODEL
    assert standin.sockets[0].mount == style
    assert standin.sockets[0].request.param("model") == MODEL


async def test_text_response(client: AsyncOpenAI) -> None:
    async with client.realtime.connect(model=MODEL) as connection:
        await read_until(connection, "session.created")
        session = await configure(connection, output_modalities=["text"], instructions="Be brief")
        assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        await say(connection, "Hello you")
        await connection.response.create()
        events = await read_until(connection, "response.done")
    kinds = [event["type"] for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    assert kinds[-5:] == [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "You said: Hello you"
    assert len(deltas) > 1
    done = events[-1]["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["content"] == [{"type": "output_text", "text": "You said: Hello you"}]
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    for event in events:
        EVENTS.validate_python(event)


@pytest.mark.parametrize(
    ("kind", "size"), [("audio/pcm", 48_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)]
)
async def test_audio_response(client: AsyncOpenAI, kind: str, size: int) -> None:
    async with client.realtime.connect(model=MODEL) as connection:
        await configure(connection, audio={"output": {"format": {"type": kind}}})
        await say(connection, "0123456789")
        await connection.response.create()
        events = await read_until(connection, "response.done")
    sound = [e["delta"] for e in events if e["type"] == "response.output_audio.delta"]
    words = [e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta"]
    assert len(sound) == 4
    assert "".join(words) == "You said: 0123456789"
    # Twenty characters, a twentieth of a second each.
    assert len(b"".join(map(base64.b64decode, sound))) == size
    assert all(len(base64.b64decode(chunk)) % 2 == 0 for chunk in sound)
    for event in events:
        EVENTS.validate_python(event)


async def test_function_call(client: AsyncOpenAI) -> None:
    tool = {
        "type": "function",
        "name": "set_light",
        "parameters": {"type": "object", "properties": {"level": {"type": "integer"}}},
    }
    async with client.realtime.connect(model=MODEL) as connection:
        await configure(connection, tools=[tool], output_modalities=["text"])
        await say(connection, "set_light to 40")
        await connection.response.create()
        events = await read_until(connection, "response.done")
        (call,) = events[-1]["response"]["output"]
        assert call["type"] == "function_call"
        assert json.loads(call["arguments"]) == {"level": 40}
        done = next(e for e in events if e["type"] == "response.function_call_arguments.done")
        assert (done["name"], done["call_id"]) == ("set_light", call["call_id"])
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call["call_id"], "output": "done"}
        )
        await connection.response.create()
        events = await read_until(connection, "response.done")
    (answer,) = events[-1]["response"]["output"]
    assert answer["content"][0]["text"] == "You said: the tool answered done"


async def test_input_audio(client: AsyncOpenAI) -> None:
    sound = base64.b64encode(media.tone(0.5)).decode()
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.input_audio_buffer.commit()
        (*_, error) = await read_until(connection, "error")
        assert error["error"]["code"] == "input_audio_buffer_commit_empty"
        await connection.input_audio_buffer.append(audio=sound)
        await connection.input_audio_buffer.clear()
        await read_until(connection, "input_audio_buffer.cleared")
        await connection.input_audio_buffer.append(audio="*not base64*")
        (error,) = await read_until(connection, "error")
        assert error["error"]["param"] == "audio"
        for _ in range(2):
            await connection.input_audio_buffer.append(audio=sound)
        await connection.input_audio_buffer.commit()
        events = await read_until(
            connection, "conversation.item.input_audio_transcription.completed"
        )
        assert [event["type"] for event in events[:2]] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
        ]
        assert events[-1]["transcript"] == "1.00 seconds of audio"
        await configure(connection, audio={"input": {"transcription": None}})
        await connection.input_audio_buffer.append(audio=sound)
        await connection.input_audio_buffer.commit()
        await read_until(connection, "conversation.item.done")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connection.recv_bytes()


async def test_items(client: AsyncOpenAI) -> None:
    async with client.realtime.connect(model=MODEL) as connection:
        await say(connection, "Hello")
        await connection.response.create()
        answer = (await read_until(connection, "response.done"))[-1]["response"]["output"][0]
        await connection.conversation.item.retrieve(item_id=answer["id"])
        found = (await read_until(connection, "conversation.item.retrieved"))[-1]["item"]
        assert found == answer
        await connection.conversation.item.truncate(
            item_id=answer["id"], content_index=0, audio_end_ms=300
        )
        (cut,) = await read_until(connection, "conversation.item.truncated")
        assert (cut["item_id"], cut["audio_end_ms"]) == (answer["id"], 300)
        await connection.conversation.item.create(
            item={
                "id": "first",
                "type": "message",
                "role": "system",
                "content": [{"type": "input_text", "text": "Be kind"}],
            },
            previous_item_id="root",
        )
        done = (await read_until(connection, "conversation.item.done"))[-1]
        assert (done["item"]["id"], done["previous_item_id"]) == ("first", None)
        await connection.conversation.item.delete(item_id=answer["id"])
        await read_until(connection, "conversation.item.deleted")
        for event in (
            {"type": "conversation.item.delete", "item_id": answer["id"]},
            {"type": "conversation.item.retrieve", "item_id": answer["id"]},
            {"type": "conversation.item.truncate", "item_id": "first"},
            {"type": "conversation.item.create", "item": {"type": "message", "role": "cat"}},
            {"type": "conversation.item.create"},
        ):
            await connection.send_raw(json.dumps({**event, "event_id": "mine"}))
            (error,) = await read_until(connection, "error")
            assert error["error"]["event_id"] == "mine"
            EVENTS.validate_python(error)


async def test_response_cancel(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.pace = 0.02
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.response.cancel()
        error = (await read_until(connection, "error"))[-1]["error"]
        assert error["code"] == "response_cancel_not_active"
        await say(connection, "a b c d e f g h i j")
        await connection.response.create()
        await read_until(connection, "response.output_audio.delta")
        await connection.response.create()
        error = (await read_until(connection, "error"))[-1]["error"]
        assert error["code"] == "conversation_already_has_active_response"
        await connection.response.cancel()
        events = await read_until(connection, "response.done")
        response = events[-1]["response"]
        assert response["status"] == "cancelled"
        assert response["status_details"]["reason"] == "client_cancelled"
        assert response["output"][0]["status"] == "incomplete"
        assert "response.output_audio.done" not in [event["type"] for event in events]
        await connection.response.create(response={"output_modalities": ["text"]})
        assert (await read_until(connection, "response.done"))[-1]["response"]["status"]


async def test_out_of_band_response(client: AsyncOpenAI) -> None:
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.response.create(
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"topic": "aside"},
                "input": [
                    {
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "input_text", "text": "Psst"}],
                    }
                ],
            }
        )
        events = await read_until(connection, "response.done")
    response = events[-1]["response"]
    assert response["conversation_id"] is None
    assert response["metadata"] == {"topic": "aside"}
    assert response["output"][0]["content"][0]["text"] == "You said: Psst"
    assert not any(event["type"].startswith("conversation.") for event in events)


@pytest.mark.parametrize(
    "frame",
    [
        "{oops",
        '{"type": "nonsense", "event_id": "e1"}',
        '{"type": "session.update", "session": {}}',
        '{"type": "session.update", "session": {"type": "realtime", "model": "other"}}',
        '{"event_id": "e1"}',
    ],
)
async def test_malformed_messages(client: AsyncOpenAI, frame: str) -> None:
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.send_raw(frame)
        error = (await read_until(connection, "error"))[-1]["error"]
        assert error["event_id"] == ("e1" if "e1" in frame else None)
        assert await configure(connection)


async def test_client_secret(client: AsyncOpenAI, standin: StandIn) -> None:
    minted = await client.realtime.client_secrets.create(
        session={"type": "realtime", "model": MODEL, "instructions": "Be kind"},
        expires_after={"anchor": "created_at", "seconds": 60},
    )
    assert minted.value.startswith("ek_")
    async with make_client(standin, api_key=minted.value) as guest:
        async with guest.realtime.connect(model=MODEL) as connection:
            created = (await read_until(connection, "session.created"))[-1]
            assert created["session"]["instructions"] == "Be kind"
        with pytest.raises(AuthenticationError):
            await guest.models.list()
        with pytest.raises(websockets.InvalidStatus):
            async with guest.responses.connect():
                pass
        standin.state.secrets[minted.value] = 0
        with pytest.raises(websockets.InvalidStatus):
            async with guest.realtime.connect(model=MODEL):
                pass
    with pytest.raises(BadRequestError):
        await client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 1}
        )


async def test_handshake_without_model(client: AsyncOpenAI) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with client.realtime.connect():
            pass
    assert caught.value.response.status_code == 400


async def test_calls(client: AsyncOpenAI, standin: StandIn) -> None:
    accepted = await client.realtime.calls.with_raw_response.accept(
        "rtc_1", type="realtime", model=MODEL, instructions="Be kind"
    )
    assert accepted.content == b""
    async with client.realtime.connect(call_id="rtc_1") as connection:
        created = (await read_until(connection, "session.created"))[-1]
        assert created["session"]["instructions"] == "Be kind"
        await client.realtime.calls.hangup("rtc_1")
        with pytest.raises(websockets.ConnectionClosedOK):
            await connection.recv_bytes()
    with pytest.raises(NotFoundError):
        await client.realtime.calls.hangup("rtc_1")
    await client.realtime.calls.reject("rtc_2", status_code=486)
    await client.realtime.calls.refer("rtc_3", target_uri="tel:+14155550123")
    assert [request.path for request in standin.requests if not request.upgrade] == [
        "/realtime/calls/rtc_1/accept",
        "/realtime/calls/rtc_1/hangup",
        "/realtime/calls/rtc_1/hangup",
        "/realtime/calls/rtc_2/reject",
        "/realtime/calls/rtc_3/refer",
    ]
