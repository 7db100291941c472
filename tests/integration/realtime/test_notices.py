"""What the host says becomes a notice, and some of it a request."""

import json
from typing import Any

import pytest

from .driver import Json, RealtimeDriver

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


async def test_turn_notices(script: RealtimeDriver) -> None:
    response = {"id": "r-1", "status": "in_progress"}
    await script.server_sends({"type": "response.created", "response": response})
    assert script.notices_of() == [
        {"type": "turn_started", "response_id": "r-1", "response": response}
    ]
    await script.clear()
    usage = {
        "total_tokens": 99,
        "input_tokens": 3,
        "output_tokens": 4,
        "input_token_details": {"text_tokens": 3},
        "output_token_details": {"audio_tokens": 4},
    }
    done = {"id": "r-1", "status": "completed", "output": [MESSAGE], "usage": usage}
    await script.server_sends({"type": "response.done", "response": done})
    # The total is what was used, whatever the host makes of it.
    used = {**usage, "total_tokens": 7}
    assert script.notices_of() == [
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
async def test_turn_notices_without_ids(script: RealtimeDriver, response: Json) -> None:
    await script.server_sends({"type": "response.done", "response": response})
    update, done = script.notices_of()
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
async def test_turn_malformed_frees_response_slot(script: RealtimeDriver, event: Json) -> None:
    await script.server_sends({"type": "response.created", "response": "odd"})
    await script.call("send_realtime_event", event={"type": "response.create", "event_id": "e"})
    assert await script.sent() == []
    await script.server_sends(event)
    assert await script.sent() == [{"type": "response.create", "event_id": "e"}]


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("response.output_audio_transcript.delta", "audio_transcript_delta"),
        ("response.output_text.delta", "output_text_delta"),
    ],
)
async def test_output_text_delta_notice(script: RealtimeDriver, event_type: str, kind: str) -> None:
    await script.server_sends({"type": event_type, **PLACE, "delta": "Well"})
    assert script.notices_of() == [
        {"type": kind, "delta": "Well", "item_id": "i-1", "response_id": "r-1"}
    ]


async def test_audio_notices(script: RealtimeDriver) -> None:
    await script.server_sends({"type": "response.output_audio.delta", **PLACE, "delta": "AAAA"})
    (notice,) = script.notices_of("audio")
    assert notice == {"type": "audio", **PLACE, "delta": "AAAA"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [("added", "in_progress"), ("done", "completed"), ("retrieved", "completed")],
)
@pytest.mark.parametrize("own", [None, "incomplete"])
async def test_item_update_notice(
    script: RealtimeDriver, kind: str, status: str, own: str | None
) -> None:
    given = {} if own is None else {"status": own}
    await script.server_sends(item_event(kind, {**MESSAGE, **given}))
    assert script.notices_of() == [
        {"type": "item_update", "item": {**KEPT, "status": own or status}},
    ]
    await script.clear()
    await script.server_sends(item_event(kind, {**MESSAGE, "id": "i-2", "status": None}))
    assert script.notices_of()[0]["item"]["status"] == status


@pytest.mark.parametrize(("kind", "status"), [("added", "in_progress"), ("done", "completed")])
async def test_item_update_notice_for_output(
    script: RealtimeDriver, kind: str, status: str
) -> None:
    part = {"type": "audio", "transcript": "Hi"}
    item = {"id": "i-1", "type": "message", "role": "assistant", "content": [part]}
    await script.server_sends(output_event(kind, item))
    (notice,) = script.notices_of()
    assert notice["type"] == "item_update"
    assert notice["item"]["status"] == status
    assert notice["item"]["content"] == [{"type": "output_audio", "transcript": "Hi"}]


async def test_item_deleted_notice(script: RealtimeDriver) -> None:
    await script.server_sends(item_event("added", MESSAGE))
    await script.clear()
    await script.server_sends({"type": "conversation.item.deleted", "item_id": "i-1"})
    assert script.notices_of() == [{"type": "item_deleted", "item_id": "i-1"}]


CALL: Json = {
    "id": "i-1",
    "type": "function_call",
    "status": "completed",
    "call_id": "f-1",
    "name": "open_door",
    "arguments": '{"door": 1}',
}


async def test_function_call_notice(script: RealtimeDriver) -> None:
    await script.server_sends(
        output_event("added", {**CALL, "status": "in_progress", "arguments": ""}),
        output_event("done", {**CALL, "status": "incomplete"}),
    )
    assert script.notices_of() == []
    await script.server_sends(output_event("done", CALL))
    kept = {key: value for key, value in CALL.items() if key != "id"}
    assert script.notices_of() == [
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
    # No output is sent: there are no Home Assistant tools here.
    assert await script.sent() == []


async def test_function_call_notice_fired_once(script: RealtimeDriver) -> None:
    await script.server_sends(output_event("added", CALL), output_event("done", CALL))
    assert script.notice_types().count("function_call") == 1
    await script.call("send_realtime_function_call_output", call_id="f-1", output="")
    await script.server_sends(output_event("done", CALL))
    assert script.notice_types().count("function_call") == 1
    await script.server_sends(output_event("done", {**CALL, "call_id": "f-2", "id": "i-2"}))
    assert script.notice_types().count("function_call") == 2


async def test_pending_calls_limit(script: RealtimeDriver) -> None:
    calls = [{**CALL, "call_id": f"f-{n}", "id": f"i-{n}"} for n in range(250)]
    await script.server_sends(*(output_event("done", call) for call in calls))
    assert script.notice_types().count("function_call") == 250
    (connection,) = script.hass.config_entries.async_entries("openai_api")[
        0
    ].runtime_data.connections.values()
    assert len(connection.calls) == 200


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [('{"a": 1}', {"a": 1}), ("", {}), (None, {}), ("{ odd", "{ odd"), (5, {}), ("[1]", [1])],
)
async def test_mcp_approval_request_notice(
    script: RealtimeDriver, arguments: Any, parsed: Any
) -> None:
    item = {
        "id": "a-1",
        "type": "mcp_approval_request",
        "server_label": "shop",
        "name": "buy",
        "arguments": arguments,
    }
    await script.server_sends(item_event("added", item))
    assert script.notices_of() == []
    await script.server_sends(item_event("done", item))
    kept = {key: value for key, value in item.items() if key != "id"}
    assert script.notices_of() == [
        {"type": "item_update", "item": {**kept, "item_id": "a-1", "arguments": parsed}},
        {
            "type": "mcp_approval_request",
            "approval_request_id": "a-1",
            "item": {**item, "arguments": parsed},
        },
    ]


@pytest.mark.parametrize("kind", ["mcp_call", "mcp_tool_call"])
@pytest.mark.parametrize("output", [{}, {"output": "bought"}])
async def test_mcp_tool_call_completed_notice(
    script: RealtimeDriver, kind: str, output: Json
) -> None:
    item = {"id": "i-1", "type": kind, "name": "buy", "arguments": "{}", **output}
    kept = {"type": kind, "name": "buy", "arguments": "{}", "item_id": "i-1", "output": None}
    kept |= output
    for event, status in (
        (item_event("added", item), "in_progress"),
        (item_event("retrieved", item), "in_progress"),
        (output_event("added", item), "in_progress"),
        (output_event("done", item), "completed"),
    ):
        await script.server_sends(event)
        assert script.notices_of() == [{"type": "item_update", "item": {**kept, "status": status}}]
        await script.clear()
    await script.server_sends(item_event("done", item))
    assert script.notices_of() == [
        {"type": "item_update", "item": {**kept, "status": "completed"}},
        {
            "type": "mcp_tool_call_completed",
            "item": {"output": None, **item, "status": "completed"},
        },
    ]


async def test_mcp_tools_listed_notice(script: RealtimeDriver) -> None:
    item = {"id": "i-1", "type": "mcp_list_tools", "server_label": "shop", "tools": [{"name": "x"}]}
    await script.server_sends(item_event("added", item), item_event("retrieved", item))
    assert script.notices_of() == []
    await script.server_sends(item_event("done", item))
    assert script.notices_of() == [
        {"type": "mcp_tools_listed", "server_label": "shop", "tools": [{"name": "x"}]}
    ]
    # They are no part of what was said.
    assert (await script.status())["history"] == []


async def test_unknown_items_fire_no_notice(script: RealtimeDriver) -> None:
    for kind in ("function_call", "function_call_output", "unheard_of", None):
        await script.server_sends(
            item_event("done", {"id": "i-1", "type": kind, "status": "completed"})
        )
        if kind != "function_call":
            await script.server_sends(output_event("done", {"id": "i-1", "type": kind}))
    assert script.notices_of() == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"code": "x", "message": "Oh"}, "event_id": "e"},
        {"type": "error"},
        {"type": "error", "error": "odd"},
    ],
)
async def test_error_notice(script: RealtimeDriver, event: Json) -> None:
    await script.server_sends(event)
    assert script.notices_of() == [{"type": "error", "error": event}]
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
async def test_changed_items_are_retrieved(script: RealtimeDriver, event_type: str) -> None:
    await script.server_sends({"type": event_type, "item_id": "i-1", "transcript": "Hello"})
    (sent,) = await script.sent()
    assert (sent["type"], sent["item_id"]) == ("conversation.item.retrieve", "i-1")
    await script.server_sends({"type": event_type})
    assert await script.sent() == []


@pytest.mark.parametrize("is_named", [True, False])
async def test_retrieval_that_fails_is_no_error(script: RealtimeDriver, is_named: bool) -> None:
    """Nobody has asked for it, and not all servers know it."""
    changed = {"type": "conversation.item.truncated", "item_id": "i-1"}
    await script.server_sends(changed)
    (sent,) = await script.sent()
    words = "Unknown or invalid event: conversation.item.retrieve"
    error = {"message": words, "event_id": sent["event_id"] if is_named else None}
    await script.server_sends({"type": "error", "error": error}, changed)
    assert script.notices_of("error") == []
    assert len(await script.sent()) == is_named


async def test_retrieval_of_a_user_that_fails_is_an_error(script: RealtimeDriver) -> None:
    error = {"message": "Unknown event: conversation.item.retrieve", "event_id": None}
    await script.server_sends({"type": "error", "error": error})
    assert len(script.notices_of("error")) == 1


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
async def test_other_events_fire_no_notice(script: RealtimeDriver, event_type: str) -> None:
    event = {"type": event_type, "item_id": "i-1", "session": {}}
    await script.server_sends(event)
    assert script.types(event_type) == [event]
    assert script.notices_of() == []
    assert await script.sent() == []


async def test_server_event_precedes_notice(script: RealtimeDriver) -> None:
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


async def test_notices_hold_connection_id(script: RealtimeDriver) -> None:
    await script.server_sends({"type": "error"})
    (entry,) = script.hass.config_entries.async_entries("openai_api")
    assert script.notices[0]["config_entry_id"] == entry.entry_id
    assert script.notices[0]["connection_id"] == "c"


@pytest.mark.parametrize("wanted", [["response.done", "test.marker"], None, []])
async def test_event_types_filter_server_events(
    silent: None, talk: RealtimeDriver, wanted: list[str] | None
) -> None:
    data = {} if wanted is None else {"event_types": wanted}
    await talk.call("connect_realtime_websocket", model="m-1", **data)
    session = await talk.standin.wait_for_socket()
    assert (await session.wait_for(2))["session"]["tracing"] == "auto"
    await talk.server_sends({"type": "response.created"}, {"type": "response.done"}, {"no": "type"})
    found = [data["event_type"] for data in talk.raw]
    if wanted:
        assert found == ["response.done"]
    else:
        assert found == ["session.created", "response.created", "response.done", None]
    # Notices come all the same.
    assert talk.notices_of("turn_started")
    assert talk.notices_of("turn_done")


async def test_notices_with_standin_server(talk: RealtimeDriver) -> None:
    await talk.connect(session={"output_modalities": ["text"]})
    await talk.call("send_realtime_message", message="Hello you")
    while "turn_done" not in talk.notice_types():
        await talk.settle()
    text = "".join(notice["delta"] for notice in talk.notices_of("output_text_delta"))
    assert text == "You said: Hello you"
    history = (await talk.status())["history"]
    assert [item["role"] for item in history] == ["user", "assistant"]
    assert [item["status"] for item in history] == ["completed"] * 2
    assert json.dumps(history)
