"""JSON of very many objects: Python's collection of garbage would look at all of them at once."""

from collections.abc import Callable
import json

from homeassistant.core import Event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.streaming.large_json import MAX_CONTAINERS
from tests.benchmark.measure import watch_loop
from tests.resilience.raw_server import RawServer, answer
from tests.standin.server import StandIn

from ..conftest import Call, raises_key
from ..waiting import wait_for
from .host import ASK, CHAT, RESPONSE, stream

WHOLE = json.dumps(RESPONSE).encode()


def response_with(value: bytes) -> bytes:
    """Return the JSON of a response with one more value."""
    return WHOLE[:-1] + b', "more": ' + value + b"}"


def many(unit: bytes, count: int) -> bytes:
    """Return a list of the same object over and over."""
    return b"[" + b",".join([unit] * count) + b"]"


TOO_MANY = [
    many(b"{}", MAX_CONTAINERS),
    many(b"[]", MAX_CONTAINERS),
    many(b'{"a":{"b":[1]}}', MAX_CONTAINERS // 3 + 1),
    b"[ " + many(b'"' + b"y" * 70_000 + b'",{}', 2) + b", " + many(b"[ ]", MAX_CONTAINERS) + b"]",
]


@pytest.mark.parametrize("value", TOO_MANY, ids=["objects", "lists", "nested", "texts between"])
async def test_too_many_objects(raw: RawServer, call: Call, value: bytes) -> None:
    raw.play([answer(response_with(value))])
    with raises_key("answer_too_complex"):
        await call("create_model_response", **ASK)
    # A list, an error, and a response in place of a stream.
    for action, data, body in (
        ("list_files", {}, b'{"object": "list", "data": ' + value + b"}"),
        ("create_model_response", ASK, b'{"error": {"message": "Too hot", "x": ' + value + b"}}"),
        ("create_model_response", {**ASK, "stream": True}, response_with(value)),
    ):
        raw.play([answer(body)])
        with raises_key("answer_too_complex"):
            await call(action, **data)
    raw.play([answer(RESPONSE)])
    assert (await call("create_model_response", **ASK))["output_text"] == "Hello"


BEFORE = b'data: {"type": "x"}\n\n'


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"data: ", "answer_too_complex"),
        (b"event: error\ndata: ", "answer_too_complex"),
        # Outside of all events, with some before it and without.
        (b"", "answer_too_complex"),
        (BEFORE, "answer_too_complex"),
        (BEFORE + b"error: ", "stream_error"),
        (b"event: error\ndata: no JSON ", "stream_error"),
    ],
    ids=["event", "error", "line", "line behind", "error line", "error in words"],
)
async def test_too_many_objects_in_stream(
    raw: RawServer, call: Call, start: bytes, error: str
) -> None:
    raw.play(stream(start + b'{"type": "x", "x": ' + TOO_MANY[0] + b"}\n\n"))
    async with watch_loop() as stalls:
        with raises_key(error):
            await call("create_model_response", **ASK, stream=True)
    assert stalls.longest_cpu < 0.05
    raw.play([answer(RESPONSE)])
    assert (await call("create_model_response", **ASK))["output_text"] == "Hello"


async def test_too_many_objects_in_message(
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    events: Callable[[str], list[Event]],
) -> None:
    """The message is reported, and the connection goes on."""
    fired, states = events("openai_api_server_event"), events("openai_api_connection_event")
    await manage("connect")
    session = await standin.wait_for_socket()
    await session.send('{"type": "x", "x": ' + TOO_MANY[0].decode() + "}")
    await session.send({"type": "last"})
    await wait_for(lambda: fired)
    assert [event.data["event_type"] for event in fired] == ["last"]
    assert states[-1].data["state"] == "connected"
    assert str(MAX_CONTAINERS) in states[-1].data["error"]
    await manage("close")


async def test_as_many_objects_as_services_send(raw: RawServer, call: Call) -> None:
    """The most that is allowed, and what only looks like more, arrive whole."""
    raw.play([answer(response_with(many(b"{}", MAX_CONTAINERS - 100)))])
    found = await call("create_model_response", **ASK)
    assert len(found["more"]) == MAX_CONTAINERS - 100

    code = "if (a[0]) { b(); }\n" * 400_000
    raw.play([answer(response_with(json.dumps(code).encode()))])
    assert (await call("create_model_response", **ASK))["more"] == code

    token = {"token": " a", "logprob": -0.1, "bytes": [32, 97]}
    logprobs = {"content": [{**token, "top_logprobs": [token] * 20}] * 4000, "refusal": None}
    message = {"role": "assistant", "content": " a" * 4000}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"}
    raw.play([answer({"object": "chat.completion", "choices": [choice]})])
    found = await call("create_chat_completion", **CHAT)
    assert found["choices"][0]["logprobs"] == logprobs


async def test_many_objects_do_not_hold_up_loop(
    standin: StandIn,
    entry: MockConfigEntry,
    manage: Call,
    events: Callable[[str], list[Event]],
) -> None:
    """What is refused is not kept for the event loop to take apart."""
    fired = events("openai_api_server_event")
    await manage("connect")
    session = await standin.wait_for_socket()
    text = '{"type": "error", "error": {"x": ' + TOO_MANY[1].decode() + "}}"
    async with watch_loop() as stalls:
        await session.send(text)
        await session.send({"type": "last"})
        await wait_for(lambda: fired)
    assert stalls.longest_cpu < 0.05
    await manage("close")
