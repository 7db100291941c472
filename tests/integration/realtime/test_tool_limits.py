"""Tools of the home have bounds: rounds, calls, approval, tokens and money."""

import asyncio
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import llm
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from tests.integration.conftest import raises_key
from tests.integration.waiting import wait_for

from .driver import Json, RealtimeDriver
from .test_tools import Bell, bell, call_event, connected

__all__ = ["bell"]


def call_in(response_id: str | None, number: int, arguments: str = "{}") -> Json:
    """Return the event by which a model calls a tool in a response."""
    event = call_event("ring", arguments, f"f-{number}")
    del event["response_id"]
    return {**event, **({"response_id": response_id} if response_id else {})}


async def round_of(
    talk: RealtimeDriver, number: int, calls: int = 1, arguments: str = "{}"
) -> list[Json]:
    """Let the model call tools in a response, and return what the host is sent then.

    A `%d` in the arguments is another number for each call.
    """
    response = {"id": f"r-{number}"}
    await talk.server_sends({"type": "response.created", "response": response})
    for call in range(calls):
        said = arguments.replace("%d", str(number * 100 + call))
        await talk.session.send(call_in(f"r-{number}", number * 100 + call, said))
    await talk.server_sends({"type": "response.done", "response": response})
    await talk.hass.async_block_till_done(wait_background_tasks=False)
    sent: list[Json] = []

    async def all_answered() -> None:
        while sum(item["type"] == "conversation.item.create" for item in sent) < calls:
            sent.extend(await talk.sent())
            await asyncio.sleep(0.01)

    await asyncio.wait_for(all_answered(), 10)
    return sent


@pytest.mark.parametrize(("response_ids", "count"), [("same", 500), ("new", 1000), ("none", 500)])
async def test_tool_call_limit(
    silent: None, talk: RealtimeDriver, bell: Bell, response_ids: str, count: int
) -> None:
    await connected(talk, "hall")
    for number in range(count):
        named = {"same": "r", "new": f"r-{number}", "none": None}[response_ids]
        await talk.session.send(call_in(named, number))
    await wait_for(lambda: talk.notice_types().count("function_call") == count, 120)
    await wait_for(lambda: len(talk.notices_of("tool_result")) == 10)
    await asyncio.sleep(0.1)
    assert len(bell.calls) == 10
    assert len(talk.notices_of("tool_limit_reached")) == 1


def mcp_call_done(number: int) -> Json:
    """Return the event by which a host has called a tool of an MCP server."""
    item = {"id": f"m-{number}", "type": "mcp_call", "name": "buy", "arguments": "{}"}
    return {"type": "conversation.item.done", "item": item}


def requests(sent: list[Json]) -> int:
    """Return how many answers were asked for."""
    return sum(frame["type"] == "response.create" for frame in sent)


async def test_mcp_call_is_followed_by_response_if_wanted(
    silent: None, talk: RealtimeDriver
) -> None:
    """Hosts do not begin the response to what a tool of an MCP server has returned."""
    await talk.connect()
    await talk.server_sends(mcp_call_done(0))
    assert await talk.sent() == []
    await talk.call("close_realtime_websocket")
    talk.reopened()
    await talk.connect(respond_to_mcp_calls=True)
    await talk.server_sends({"type": "response.created", "response": {"id": "r-1"}})
    await talk.server_sends(mcp_call_done(1), mcp_call_done(2))
    assert await talk.sent() == []
    await talk.server_sends({"type": "response.done", "response": {"id": "r-1"}})
    assert requests(await talk.sent()) == 1


async def test_mcp_call_responses_limit(silent: None, talk: RealtimeDriver) -> None:
    await talk.connect(respond_to_mcp_calls=True)

    async def asked(count: int) -> int:
        for number in range(count):
            await talk.server_sends(
                mcp_call_done(number),
                {"type": "response.created", "response": {"id": f"r-{number}"}},
                {"type": "response.done", "response": {"id": f"r-{number}"}},
            )
        return requests(await talk.sent())

    assert await asked(13) == 10
    assert talk.notices_of("tool_limit_reached") == [
        {
            "type": "tool_limit_reached",
            "call_id": "m-10",
            "name": "buy",
            "max_calls": 10,
            "max_rounds": 10,
        }
    ]
    await talk.call("send_realtime_message", message="Go on", trigger_response=False)
    assert await asked(1) == 1


async def test_tool_round_limit(silent: None, talk: RealtimeDriver, bell: Bell) -> None:
    await connected(talk, "hall")
    for number in range(10):
        types = [item["type"] for item in await round_of(talk, number)]
        assert types == ["conversation.item.create", "response.create"], number
    (item,) = await round_of(talk, 10)
    assert json.loads(item["item"]["output"])["error"] == "LimitReached"
    (limit,) = talk.notices_of("tool_limit_reached")
    assert (limit["max_calls"], limit["max_rounds"], limit["name"]) == (10, 10, "ring")
    assert len(bell.calls) == 10


async def test_tool_round_limit_with_higher_call_limit(
    silent: None, talk: RealtimeDriver, bell: Bell
) -> None:
    await connected(talk, "hall", max_tool_calls=100)
    for number in range(10):
        await round_of(talk, number, calls=3, arguments='{"times": %d}')
    assert len(bell.calls) == 30
    await round_of(talk, 10)
    assert len(bell.calls) == 30


@pytest.mark.parametrize(
    "arguments", ["{}", '{"name": "Bell", "times": %d}', '{"entity_id": "bell.a", "times": %d}']
)
async def test_same_thing_limit_with_higher_call_limit(
    silent: None, talk: RealtimeDriver, bell: Bell, arguments: str
) -> None:
    await connected(talk, "hall", max_tool_calls=100)
    for number in range(5):
        await round_of(talk, number, calls=3, arguments=arguments)
    assert len(bell.calls) == 10
    assert len(talk.notices_of("tool_limit_reached")) == 1
    await talk.call("send_realtime_message", message="Go on")
    await round_of(talk, 9, calls=3, arguments=arguments)
    assert len(bell.calls) == 13


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("send_realtime_message", {"message": "Go on"}),
        ("send_realtime_message", {"message": "Go on", "trigger_response": False}),
        ("add_realtime_image", {"image": "https://example.com/a.png"}),
        ("send_realtime_event", {"event": {"type": "response.create"}}),
        (
            "send_realtime_event",
            {
                "event": {
                    "type": "conversation.item.create",
                    "item": {"type": "message", "role": "user", "content": []},
                }
            },
        ),
    ],
)
async def test_message_resets_tool_limit(
    silent: None, talk: RealtimeDriver, bell: Bell, action: str, data: Json
) -> None:
    await connected(talk, "hall", max_tool_calls=1)
    await round_of(talk, 0)
    await round_of(talk, 1)
    assert len(bell.calls) == 1
    await talk.call(action, **data)
    await round_of(talk, 2)
    assert len(bell.calls) == 2
    await round_of(talk, 3)
    assert len(talk.notices_of("tool_limit_reached")) == 2


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.speech_started", "item_id": "i"},
        {"type": "input_audio_buffer.committed", "item_id": "i"},
    ],
)
@pytest.mark.parametrize("source", ["audio", "phone", "nothing"])
async def test_speech_resets_tool_limit(
    silent: None, talk: RealtimeDriver, bell: Bell, event: Json, source: str
) -> None:
    phone = {"call_id": "rtc_1"} if source == "phone" else {}
    await connected(talk, "hall", max_tool_calls=1, **phone)
    await round_of(talk, 0)
    if source == "audio":
        await talk.call("send_realtime_audio", audio="AAAA")
    # A host may say that somebody has spoken where nothing could be heard.
    await talk.server_sends(event)
    await talk.clear()
    await round_of(talk, 1)
    assert len(bell.calls) == (1 if source == "nothing" else 2)


async def test_concurrent_tool_call_limit(
    silent: None, talk: RealtimeDriver, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    go_on = asyncio.Event()

    async def slow(*_: Any) -> llm.ToolResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go_on.wait()
        running -= 1
        return llm.ToolResult(data={})

    monkeypatch.setattr(bell, "async_call", slow)
    await connected(talk, "hall")
    for number in range(8):
        await talk.session.send(call_in("r", number))
    await talk.settle()
    await wait_for(lambda: running == 4)
    go_on.set()
    await wait_for(lambda: len(talk.notices_of("tool_result")) == 8)
    assert most == 4


@pytest.mark.parametrize("names", [["ring"], ["*"], ["r?ng", "ri*"]])
@pytest.mark.parametrize("approve", [True, False])
async def test_tool_waits_for_approval(
    silent: None, talk: RealtimeDriver, bell: Bell, names: list[str], approve: bool
) -> None:
    await connected(talk, "hall", require_approval=names)
    await talk.server_sends(call_event("ring", "{}"))
    (request,) = talk.notices_of("tool_approval_request")
    assert (request["name"], request["arguments"], request["call_id"]) == ("ring", "{}", "f-1")
    assert not bell.calls
    assert await talk.sent() == []
    answer = {"approval_request_id": request["approval_request_id"], "approve": approve}
    if not approve:
        answer["reason"] = "Not now"
    await talk.call("send_realtime_mcp_response", **answer)
    await wait_for(lambda: talk.notices_of("tool_result"))
    item, create = await talk.sent()
    assert create["type"] == "response.create"
    assert len(bell.calls) == (1 if approve else 0)
    if not approve:
        assert json.loads(item["item"]["output"]) == {
            "error": "NotApproved",
            "error_text": "Not now",
        }
    # Only once.
    await talk.call("send_realtime_mcp_response", **answer)
    assert (await talk.sent())[0]["item"]["type"] == "mcp_approval_response"
    assert len(bell.calls) == (1 if approve else 0)


async def test_approval_dropped_with_connection(
    silent: None, talk: RealtimeDriver, bell: Bell
) -> None:
    await connected(talk, "hall", require_approval=["ring"])
    await talk.server_sends(call_event("ring", "{}"))
    talk.session.abort()
    await talk.standin.wait_for_socket(2)
    await wait_for(lambda: talk.states[-1:] and talk.states[-1]["state"] == "connected")
    talk.reopened()
    await talk.call("send_realtime_mcp_response", approval_request_id="f-1", approve=True)
    await asyncio.sleep(0.05)
    assert not bell.calls


@pytest.mark.parametrize("names", [["rings"], ["ring", "lock__*"], ["RING"]])
async def test_approval_for_unknown_tool_raises(
    talk: RealtimeDriver, bell: Bell, names: list[str]
) -> None:
    with raises_key("tool_unknown", ServiceValidationError):
        await connected(talk, "hall", require_approval=names)
    assert not talk.standin.sockets


@pytest.mark.parametrize("field", [{"require_approval": ["*"]}, {"max_tool_calls": 5}])
async def test_tool_options_without_tools_raise(talk: RealtimeDriver, field: Json) -> None:
    with raises_key("field_missing", ServiceValidationError):
        await talk.call("connect_realtime_websocket", model="m", **field)


@pytest.mark.parametrize(
    "field",
    [
        {"max_tool_calls": 0},
        {"max_total_tokens": 0},
        {"max_total_tokens": -5},
        {"max_cost": 0},
        {"max_cost": float("nan")},
        {"max_total_tokens": "many"},
    ],
)
async def test_limits_out_of_range_raise(talk: RealtimeDriver, field: Json) -> None:
    with pytest.raises(vol.Invalid):
        await talk.call("connect_realtime_websocket", model="m", **field)


def used(input_tokens: Any, output_tokens: Any, response_id: str = "r-1") -> Json:
    """Return the end of a response that took so many tokens."""
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    return {"type": "response.done", "response": {"id": response_id, "usage": usage}}


async def test_token_limit_closes_connection(silent: None, talk: RealtimeDriver) -> None:
    await talk.connect(max_total_tokens=1000)
    await talk.server_sends(used(500, 200), used(-5000, "x"), used(True, None), used(200, 99))
    assert talk.states == []
    await talk.session.send(used(1, 0))
    await wait_for(lambda: talk.states)
    (limit,) = talk.notices_of("usage_limit_reached")
    assert limit["total_tokens"] == 1000
    assert talk.states[-1]["state"] == "disconnected"
    assert talk.states[-1]["code"] == 1000
    assert (await talk.status())["status"] == "disconnected"


async def test_token_limit_counts_transcriptions(silent: None, talk: RealtimeDriver) -> None:
    await talk.connect(max_total_tokens=10)
    event = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "i",
        "transcript": "Hello",
        "usage": {"type": "tokens", "input_tokens": 8, "output_tokens": 3},
    }
    await talk.session.send(event)
    await wait_for(lambda: talk.notices_of("usage_limit_reached"))
    await wait_for(lambda: talk.states)


async def test_token_limit_kept_after_reconnect(silent: None, talk: RealtimeDriver) -> None:
    await talk.connect(max_total_tokens=10)
    await talk.server_sends(used(6, 0))
    talk.session.abort()
    await talk.standin.wait_for_socket(2)
    await wait_for(lambda: talk.states[-1:] and talk.states[-1]["state"] == "connected")
    await talk.session.send(used(4, 0))
    await wait_for(lambda: talk.notices_of("usage_limit_reached"))
    await wait_for(lambda: talk.states[-1]["state"] == "disconnected")


async def test_cost_limit_closes_connection(
    hass: HomeAssistant, silent: None, talk: RealtimeDriver, entry: MockConfigEntry
) -> None:
    with raises_key("prices_missing", ServiceValidationError):
        await talk.call("connect_realtime_websocket", model="m", max_cost=1)
    hass.config_entries.async_update_entry(entry, options={"input_price": 10, "output_price": 20})
    await hass.config_entries.async_reload(entry.entry_id)
    await talk.connect(max_cost=0.5)
    await talk.server_sends(used(10_000, 10_000))
    await talk.session.send(used(10_000, 10_000))
    await wait_for(lambda: talk.notices_of("usage_limit_reached"))
    assert talk.notices_of("usage_limit_reached")[0]["cost"] == pytest.approx(0.6)
    await wait_for(lambda: talk.states)
