"""What the host says becomes a notice, and some of it a request."""

import json
from typing import Any

import pytest

from .script import Json, Script

PLACE: Json = {"response_id": "r-1", "item_id": "i-1", "content_index": 0}
MESSAGE: Json = {
    "id": "i-1",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello"}],
}
KEPT: Json = {
    "item_id": "i-1",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello"}],
}


def item_event(kind: str, item: Json) -> Json:
    """Return an event about an item of the conversation."""
    return {"type": f"conversation.item.{kind}", "item": item}


def output_event(kind: str, item: Json) -> Json:
    """Return an event about an item that the model puts out."""
    return {"type": f"response.output_item.{kind}", "response_id": "r-1", "item": item}


async def test_turn(script: Script) -> None:
    response = {"id": "r-1", "status": "in_progress"}
    await script.say({"type": "response.created", "response": response})
    assert script.told() == [{"type": "turn_started", "response_id": "r-1", "response": response}]
    await script.forget()
    usage = {
        "total_tokens": 99,
        "input_tokens": 3,
        "output_tokens": 4,
        "input_token_details": {"text_tokens": 3},
        "output_token_details": {"audio_tokens": 4},
    }
    done = {"id": "r-1", "status": "completed", "output": [MESSAGE], "usage": usage}
    await script.say({"type": "response.done", "response": done})
    # The total is what was used, whatever the host makes of it.
    used = {**usage, "total_tokens": 7}
    assert script.told() == [
        {"type": "usage_update", "usage": used},
        {
            "type": "turn_done",
            "response_id": "r-1",
            "status": "completed",
            "output": [MESSAGE],
            "usage": used,
        },
    ]


@pytest.mark.parametrize(
    "response", [{}, {"usage": None, "output": None}, {"id": "r-1", "usage": {}}]
)
async def test_turn_of_few_words(script: Script, response: Json) -> None:
    await script.say({"type": "response.done", "response": response})
    update, done = script.told()
    assert update["usage"] == {
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
        "input_token_details": {},
        "output_token_details": {},
    }
    assert done["output"] == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.done"},
        {"type": "response.done", "response": "over"},
        {"type": "response.done", "response": [1]},
        {"type": "response.done", "response": {"usage": "much"}},
        {"type": "response.done", "response": {"usage": {"input_tokens": "many"}}},
        {"type": "response.done", "response": {"id": ["odd"]}},
    ],
)
async def test_a_turn_of_any_shape_makes_room_for_the_next(script: Script, event: Json) -> None:
    await script.say({"type": "response.created", "response": "odd"})
    await script.call("send_realtime_event", event={"type": "response.create", "event_id": "e"})
    assert await script.sent() == []
    await script.say(event)
    assert await script.sent() == [{"type": "response.create", "event_id": "e"}]


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("response.output_audio_transcript.delta", "audio_transcript_delta"),
        ("response.output_text.delta", "output_text_delta"),
    ],
)
async def test_text(script: Script, event_type: str, kind: str) -> None:
    await script.say({"type": event_type, **PLACE, "delta": "Well"})
    assert script.told() == [
        {"type": kind, "delta": "Well", "item_id": "i-1", "response_id": "r-1"}
    ]


async def test_sound(script: Script) -> None:
    await script.say({"type": "response.output_audio.delta", **PLACE, "delta": "AAAA"})
    (notice,) = script.told("audio")
    assert notice == {"type": "audio", **PLACE, "delta": "AAAA"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [("added", "in_progress"), ("done", "completed"), ("retrieved", "completed")],
)
@pytest.mark.parametrize("own", [None, "incomplete"])
async def test_items(script: Script, kind: str, status: str, own: str | None) -> None:
    given = {} if own is None else {"status": own}
    await script.say(item_event(kind, {**MESSAGE, **given}))
    assert script.told() == [
        {"type": "item_update", "item": {**KEPT, "status": own or status}},
    ]
    await script.forget()
    await script.say(item_event(kind, {**MESSAGE, "id": "i-2", "status": None}))
    assert script.told()[0]["item"]["status"] == status


@pytest.mark.parametrize(("kind", "status"), [("added", "in_progress"), ("done", "completed")])
async def test_output_items(script: Script, kind: str, status: str) -> None:
    part = {"type": "audio", "transcript": "Hi"}
    item = {"id": "i-1", "type": "message", "role": "assistant", "content": [part]}
    await script.say(output_event(kind, item))
    (notice,) = script.told()
    assert notice["type"] == "item_update"
    assert notice["item"]["status"] == status
    assert notice["item"]["content"] == [{"type": "output_audio", "transcript": "Hi"}]


async def test_deleted_item(script: Script) -> None:
    await script.say(item_event("added", MESSAGE))
    await script.forget()
    await script.say({"type": "conversation.item.deleted", "item_id": "i-1"})
    assert script.told() == [{"type": "item_deleted", "item_id": "i-1"}]


CALL: Json = {
    "id": "i-1",
    "type": "function_call",
    "status": "completed",
    "call_id": "f-1",
    "name": "open_door",
    "arguments": '{"door": 1}',
}


async def test_function_call(script: Script) -> None:
    await script.say(
        output_event("added", {**CALL, "status": "in_progress", "arguments": ""}),
        output_event("done", {**CALL, "status": "incomplete"}),
    )
    assert script.told() == []
    await script.say(output_event("done", CALL))
    kept = {key: value for key, value in CALL.items() if key != "id"}
    assert script.told() == [
        {
            "type": "item_update",
            "item": {**kept, "item_id": "i-1", "status": "in_progress", "output": None},
        },
        {
            "type": "function_call",
            "id": "i-1",
            "call_id": "f-1",
            "name": "open_door",
            "arguments": '{"door": 1}',
            "response_id": "r-1",
        },
    ]
    # Nobody answers for the house, which has no tools here.
    assert await script.sent() == []


async def test_function_call_is_told_once(script: Script) -> None:
    await script.say(output_event("added", CALL), output_event("done", CALL))
    assert script.kinds().count("function_call") == 1
    await script.call("send_realtime_function_call_output", call_id="f-1", output="")
    await script.say(output_event("done", CALL))
    assert script.kinds().count("function_call") == 1
    await script.say(output_event("done", {**CALL, "call_id": "f-2", "id": "i-2"}))
    assert script.kinds().count("function_call") == 2


async def test_calls_are_forgotten_some_day(script: Script) -> None:
    calls = [{**CALL, "call_id": f"f-{n}", "id": f"i-{n}"} for n in range(250)]
    await script.say(*(output_event("done", call) for call in calls))
    assert script.kinds().count("function_call") == 250
    (connection,) = script.hass.config_entries.async_entries("openai_api")[
        0
    ].runtime_data.connections.values()
    assert len(connection.calls) == 200


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [('{"a": 1}', {"a": 1}), ("", {}), (None, {}), ("{ odd", "{ odd"), (5, {}), ("[1]", [1])],
)
async def test_approval_request(script: Script, arguments: Any, parsed: Any) -> None:
    item = {
        "id": "a-1",
        "type": "mcp_approval_request",
        "server_label": "shop",
        "name": "buy",
        "arguments": arguments,
    }
    await script.say(item_event("added", item))
    assert script.told() == []
    await script.say(item_event("done", item))
    kept = {key: value for key, value in item.items() if key != "id"}
    assert script.told() == [
        {"type": "item_update", "item": {**kept, "item_id": "a-1", "arguments": parsed}},
        {
            "type": "mcp_approval_request",
            "approval_request_id": "a-1",
            "item": {**item, "arguments": parsed},
        },
    ]


@pytest.mark.parametrize("kind", ["mcp_call", "mcp_tool_call"])
@pytest.mark.parametrize("output", [{}, {"output": "bought"}])
async def test_mcp_call(script: Script, kind: str, output: Json) -> None:
    item = {"id": "i-1", "type": kind, "name": "buy", "arguments": "{}", **output}
    kept = {"type": kind, "name": "buy", "arguments": "{}", "item_id": "i-1", "output": None}
    kept |= output
    for event, status in (
        (item_event("added", item), "in_progress"),
        (item_event("retrieved", item), "in_progress"),
        (output_event("added", item), "in_progress"),
        (output_event("done", item), "completed"),
    ):
        await script.say(event)
        assert script.told() == [{"type": "item_update", "item": {**kept, "status": status}}]
        await script.forget()
    await script.say(item_event("done", item))
    assert script.told() == [
        {"type": "item_update", "item": {**kept, "status": "completed"}},
        {
            "type": "mcp_tool_call_completed",
            "item": {"output": None, **item, "status": "completed"},
        },
    ]


async def test_mcp_tools(script: Script) -> None:
    item = {"id": "i-1", "type": "mcp_list_tools", "server_label": "shop", "tools": [{"name": "x"}]}
    await script.say(item_event("added", item), item_event("retrieved", item))
    assert script.told() == []
    await script.say(item_event("done", item))
    assert script.told() == [
        {"type": "mcp_tools_listed", "server_label": "shop", "tools": [{"name": "x"}]}
    ]
    # They are no part of what was said.
    assert (await script.status())["history"] == []


async def test_other_items_are_left_alone(script: Script) -> None:
    for kind in ("function_call", "function_call_output", "unheard_of", None):
        await script.say(item_event("done", {"id": "i-1", "type": kind, "status": "completed"}))
        if kind != "function_call":
            await script.say(output_event("done", {"id": "i-1", "type": kind}))
    assert script.told() == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"code": "x", "message": "Oh"}, "event_id": "e"},
        {"type": "error"},
        {"type": "error", "error": "odd"},
    ],
)
async def test_error(script: Script, event: Json) -> None:
    await script.say(event)
    assert script.told() == [{"type": "error", "error": event}]
    assert (await script.status())["status"] == "connected"


@pytest.mark.parametrize(
    "event_type",
    [
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.truncated",
        "response.mcp_call.in_progress",
        "mcp_list_tools.in_progress",
    ],
)
async def test_items_that_changed_are_asked_for(script: Script, event_type: str) -> None:
    await script.say({"type": event_type, "item_id": "i-1", "transcript": "Hello"})
    assert await script.sent() == [{"type": "conversation.item.retrieve", "item_id": "i-1"}]
    await script.say({"type": event_type})
    assert await script.sent() == []


@pytest.mark.parametrize(
    "event_type",
    [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.created",
        "response.mcp_call.completed",
        "mcp_list_tools.completed",
        "session.updated",
        "rate_limits.updated",
        "input_audio_buffer.speech_stopped",
    ],
)
async def test_others_are_only_passed_on(script: Script, event_type: str) -> None:
    event = {"type": event_type, "item_id": "i-1", "session": {}}
    await script.say(event)
    assert script.types(event_type) == [event]
    assert script.told() == []
    assert await script.sent() == []


async def test_raw_event_comes_first(script: Script) -> None:
    order: list[str] = []
    script.hass.bus.async_listen("openai_api_server_event", lambda event: None)
    for event_type in ("openai_api_server_event", "openai_api_realtime_event"):
        script._collect(event_type, _Order(order, event_type))
    await script.session.send({"type": "error"})
    await script.settle()
    assert order[:2] == ["openai_api_server_event", "openai_api_realtime_event"]
    assert script.raw[-1] == {
        "config_entry_id": script.notices[-1]["config_entry_id"],
        "connection_id": "c",
        "transport": "realtime.websocket",
        "direction": "server",
        "event_type": "error",
        "event": {"type": "error"},
    }


class _Order(list[Any]):
    """Notes only that something came."""

    def __init__(self, order: list[str], name: str) -> None:
        super().__init__()
        self._order, self._name = order, name

    def append(self, item: Any) -> None:
        """Note it."""
        self._order.append(self._name)


async def test_notices_name_the_conversation(script: Script) -> None:
    await script.say({"type": "error"})
    (entry,) = script.hass.config_entries.async_entries("openai_api")
    assert script.notices[0]["config_entry_id"] == entry.entry_id
    assert script.notices[0]["connection_id"] == "c"


@pytest.mark.parametrize("wanted", [["response.done", "test.marker"], None, []])
async def test_only_wanted_server_events_are_fired(
    silent: None, talk: Script, wanted: list[str] | None
) -> None:
    data = {} if wanted is None else {"event_types": wanted}
    await talk.call("connect_realtime_websocket", model="m-1", **data)
    session = await talk.standin.wait_for_socket()
    assert (await session.wait_for(2))["session"]["tracing"] == "auto"
    await talk.say({"type": "response.created"}, {"type": "response.done"}, {"no": "type"})
    found = [data["event_type"] for data in talk.raw]
    if wanted:
        assert found == ["response.done"]
    else:
        assert found == ["session.created", "response.created", "response.done", None]
    # Notices come all the same.
    assert talk.told("turn_started")
    assert talk.told("turn_done")


async def test_host_that_behaves(talk: Script) -> None:
    await talk.connect(session={"output_modalities": ["text"]})
    await talk.call("send_realtime_message", message="Hello you")
    while "turn_done" not in talk.kinds():
        await talk.settle()
    text = "".join(notice["delta"] for notice in talk.told("output_text_delta"))
    assert text == "You said: Hello you"
    history = (await talk.status())["history"]
    assert [item["role"] for item in history] == ["user", "assistant"]
    assert [item["status"] for item in history] == ["completed"] * 2
    assert json.dumps(history)
