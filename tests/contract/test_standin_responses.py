"""Drive the stand-in's Responses API with the real SDK, by HTTP and WebSocket."""

from __future__ import annotations

import json
from typing import Any

from openai import (
    AsyncOpenAI,
    BadRequestError,
    NotFoundError,
)
import pytest

from tests.standin import StandIn
from tests.standin.sdk import KEY, MODEL, read_until

pytest_plugins = ["tests.standin.fixtures"]

# Responses


async def test_response_object(client: AsyncOpenAI, standin: StandIn) -> None:
    raw = await client.responses.with_raw_response.create(
        model="gpt-4.1", input="Hello", temperature=0.5, metadata={"room": "hall"}
    )
    answer = raw.parse()
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["openai-processing-ms"].isdecimal()
    assert raw.headers["x-ratelimit-remaining-requests"] == "9999"
    assert answer.status == "completed"
    assert (answer.temperature, answer.metadata) == (0.5, {"room": "hall"})
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    request = standin.requests[0]
    assert (request.method, request.path) == ("POST", "/responses")
    assert request.body["input"] == "Hello"
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": MODEL}, "input"),
        ({"input": "x"}, "model"),
        ({"model": MODEL, "input": 7}, "input"),
        ({"model": MODEL, "input": "x", "temperature": 3}, "temperature"),
        ({"model": MODEL, "input": "x", "previous_response_id": "no"}, "previous_response_id"),
        ({"model": MODEL, "input": [{"role": "cat", "content": "x"}]}, "input[0].role"),
    ],
)
async def test_response_error_names_parameter(
    client: AsyncOpenAI, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.responses.create(**body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "model", ["o3", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-6.1", "openai/gpt-5"]
)
@pytest.mark.parametrize("sampling", [{"temperature": 1}, {"top_p": 1}, {"top_p": 0.5}])
async def test_response_reasoning_model_rejects_sampling(
    client: AsyncOpenAI, model: str, sampling: dict[str, Any]
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.responses.create(model=model, input="x", **sampling)
    (name,) = sampling
    assert caught.value.body == {
        "message": f"Unsupported parameter: '{name}' is not supported with this model.",
        "type": "invalid_request_error",
        "param": name,
        "code": "unsupported_parameter",
    }


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o-mini", "gpt-5-chat-latest", "llama3"])
async def test_response_other_model_accepts_sampling(client: AsyncOpenAI, model: str) -> None:
    answer = await client.responses.create(model=model, input="x", temperature=1, top_p=0.9)
    assert (answer.temperature, answer.top_p) == (1, 0.9)


async def test_response_conversation(client: AsyncOpenAI) -> None:
    one = await client.responses.create(model=MODEL, input="One")
    two = await client.responses.create(model=MODEL, input="Two", previous_response_id=one.id)
    assert two.output_text == "You said: Two (turn 2 of our conversation)"
    items = await client.responses.input_items.list(two.id)
    assert [item.to_dict()["role"] for item in items.data] == ["user"]
    assert (await client.responses.retrieve(one.id)).output_text == "You said: One"
    deleted = await client.responses.with_raw_response.delete(one.id)
    assert json.loads(deleted.content) == {"id": one.id, "object": "response", "deleted": True}
    with pytest.raises(NotFoundError):
        await client.responses.retrieve(one.id)


async def test_response_json_schema(client: AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 4},
            "level": {"type": "integer", "minimum": 0, "maximum": 100},
            "share": {"type": "number"},
            "on": {"type": "boolean"},
            "mode": {"enum": ["heat", "cool"]},
            "rooms": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/room"}},
            "note": {"type": ["null", "string"]},
        },
        "required": ["name", "level", "share", "on", "mode", "rooms", "note"],
        "additionalProperties": False,
        "$defs": {"room": {"type": "object", "properties": {"id": {"type": "string"}}}},
    }
    answer = await client.responses.create(
        model=MODEL,
        input="Kitchen: cool to 18.5",
        text={"format": {"type": "json_schema", "name": "plan", "schema": schema}},
    )
    value = json.loads(answer.output_text)
    assert value["name"] == "Kitc"
    assert (value["level"], value["share"], value["mode"]) == (18, 18.5, "cool")
    assert value["on"] is True
    assert value["note"] is None
    assert [set(room) for room in value["rooms"]] == [{"id"}, {"id"}]


async def test_response_function_call(client: AsyncOpenAI) -> None:
    tool: Any = {
        "type": "function",
        "name": "set_light",
        "parameters": {"type": "object", "properties": {"level": {"type": "integer"}}},
        "strict": False,
    }
    answer = await client.responses.create(
        model=MODEL, input="Please set_light to 40", tools=[tool]
    )
    call = answer.output[0]
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"level": 40}
    said = await client.responses.create(
        model=MODEL,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "done"}],
        tools=[tool],
        previous_response_id=answer.id,
    )
    assert "the tool answered done" in said.output_text


async def test_response_stream(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(model=MODEL, input="Hello you", stream=True)
    events = [event async for event in stream]
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    final = events[-1]
    assert final.type == "response.completed"
    assert final.response.output_text == text == "You said: Hello you"
    again = await client.responses.retrieve(final.response.id, stream=True, starting_after=3)
    assert [event.sequence_number async for event in again] == list(range(4, len(events)))


async def test_response_stream_helper(client: AsyncOpenAI) -> None:
    async with client.responses.stream(model=MODEL, input="Hello") as stream:
        assert [event async for event in stream]
        final = await stream.get_final_response()
    assert final.output_text == "You said: Hello"


async def test_response_incomplete(client: AsyncOpenAI) -> None:
    answer = await client.responses.create(model=MODEL, input="x" * 200, max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert len(answer.output_text) == 64


async def test_response_in_background(client: AsyncOpenAI) -> None:
    begun = await client.responses.create(model=MODEL, input="Slowly", background=True)
    statuses = [begun.status]
    for _ in range(3):
        found = await client.responses.retrieve(begun.id)
        statuses.append(found.status)
    assert statuses == ["queued", "in_progress", "completed", "completed"]
    assert found.output_text == "You said: Slowly"
    other = await client.responses.create(model=MODEL, input="Never", background=True)
    assert (await client.responses.cancel(other.id)).status == "cancelled"
    assert (await client.responses.retrieve(other.id)).status == "cancelled"
    plain = await client.responses.create(model=MODEL, input="Now")
    with pytest.raises(BadRequestError):
        await client.responses.cancel(plain.id)


async def test_compact_and_count_tokens(client: AsyncOpenAI) -> None:
    compacted = await client.responses.compact(model=MODEL, input="A long story")
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    short = await client.responses.input_tokens.count(model=MODEL, input="Hi")
    long = await client.responses.input_tokens.count(model=MODEL, input="Hi" * 40)
    assert 0 < short.input_tokens < long.input_tokens


# WebSocket


async def test_responses_websocket(client: AsyncOpenAI, standin: StandIn) -> None:
    async with client.responses.connect() as connection:
        await connection.response.create(model=MODEL, input="One", store=False)
        one = await read_until(connection, "response.completed")
        await connection.response.create(
            model=MODEL, input="Two", previous_response_id=one[-1]["response"]["id"]
        )
        two = await read_until(connection, "response.completed")
        session = standin.sockets[0]
        assert not session.closed
    assert [event["sequence_number"] for event in one] == list(range(len(one)))
    assert "turn 2" in two[-1]["response"]["output"][0]["content"][0]["text"]
    assert [frame["type"] for frame in session.received] == ["response.create"] * 2
    assert await session.wait_closed() == 1000
    with pytest.raises(NotFoundError):
        await client.responses.retrieve(one[-1]["response"]["id"])
    await client.responses.retrieve(two[-1]["response"]["id"])


async def test_responses_websocket_errors(client: AsyncOpenAI) -> None:
    async with client.responses.connect() as connection:
        for frame in ("{oops", "[]", '{"type": "session.update"}'):
            await connection.send_raw(frame)
            (error,) = await read_until(connection, "error")
            assert error["param"] == "type"
        await connection.response.create(input="No model")
        (error,) = await read_until(connection, "error")
        assert error["param"] == "model"
        await connection.response.create(model=MODEL, input="Still there")
        assert await read_until(connection, "response.completed")


async def test_responses_websocket_keeps_order(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.pace = 0.002
    async with client.responses.connect() as connection:
        for text in ("One", "Two"):
            await connection.response.create(model=MODEL, input=text)
        first = await read_until(connection, "response.completed")
        second = await read_until(connection, "response.completed")
    for events in (first, second):
        assert len({e["response"]["id"] for e in events if "response" in e}) == 1


async def test_response_steering(client: AsyncOpenAI, standin: StandIn) -> None:
    standin.pace = 0.02
    async with client.responses.connect() as connection:
        await connection.response.create(model=MODEL, input="One")
        (created,) = await read_until(connection, "response.created")
        target = created["response"]["id"]
        steer = {"type": "response.steer", "previous_response_id": target, "input": "Two"}
        await connection.send_raw(json.dumps(steer))
        await read_until(connection, "response.steer.accepted")
        await read_until(connection, "response.completed")
        (successor,) = await read_until(connection, "response.created")
        assert successor["response"]["previous_response_id"] == target
        await read_until(connection, "response.completed")
        await connection.send_raw(json.dumps(steer))
        (failed,) = await read_until(connection, "response.steer.failed")
        assert failed["error"]["code"] == "response_already_completed"
