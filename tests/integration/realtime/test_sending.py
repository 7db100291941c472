"""What actions send: events, messages, images, outputs, approvals."""

import base64
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
import voluptuous as vol

from custom_components.openai_api.realtime import connection as session_module
from tests.integration.conftest import raises_key
from tests.integration.waiting import wait_for

from .driver import Json, RealtimeDriver

CREATED = {"type": "response.created", "response": {"id": "r-1"}}
DONE = {"type": "response.done", "response": {"id": "r-1"}}
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def without_ids(frames: list[Json]) -> list[Json]:
    """Return the frames without the ids that the sequencer gives."""
    return [
        {key: value for key, value in frame.items() if key != "event_id"}
        if frame["type"] == "response.create"
        else frame
        for frame in frames
    ]


CREATE: Json = {"type": "response.create"}
EVERY_ACTION: list[tuple[str, Json]] = [
    ("send_realtime_event", {"event": {"type": "input_audio_buffer.clear"}}),
    ("send_realtime_message", {"message": "Hello"}),
    ("add_realtime_image", {"image": "data:image/png;base64,AAAA"}),
    ("send_realtime_audio", {"audio": "AAAA"}),
    ("interrupt_realtime_response", {}),
    ("send_realtime_function_call_output", {"call_id": "f-1", "output": "done"}),
    ("send_realtime_mcp_response", {"approval_request_id": "a-1", "approve": True}),
    ("update_realtime_session_config", {"session": {}}),
    ("reset_realtime_history", {"history": []}),
]


@pytest.mark.parametrize(("action", "data"), EVERY_ACTION)
async def test_send_on_unknown_connection_raises(
    script: RealtimeDriver, action: str, data: Json
) -> None:
    with raises_key("connection_unknown", ServiceValidationError):
        await script.call(action, **{**data, "connection_id": "x"})
    await script.call("close_realtime_websocket")
    with raises_key("connection_unknown", ServiceValidationError):
        await script.call(action, **data)


@pytest.mark.parametrize(("action", "data"), EVERY_ACTION)
async def test_send_action_responses(script: RealtimeDriver, action: str, data: Json) -> None:
    answer = await script.call(action, **data)
    assert answer["object"] == "realtime.websocket.client_event"
    assert answer["action"] == "send"
    assert answer["connection_id"] == "c"
    assert "." in answer["event_type"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.clear"},
        {"type": "conversation.item.create", "item": {"type": "message"}, "event_id": "mine"},
        {"type": "made.up", "deep": {"nothing": None, "list": [1, 2.5, True]}},
        {"type": "response.cancel", "response_id": "r-9"},
    ],
)
async def test_send_event_unchanged(script: RealtimeDriver, event: Json) -> None:
    # A response that is wanted or under way holds up nothing but the next one.
    await script.call("send_realtime_event", event=CREATE)
    await script.server_sends(CREATED)
    await script.sent()
    answer = await script.call("send_realtime_event", event=event)
    assert answer["event_type"] == event["type"]
    assert await script.sent() == [event]


async def test_send_cancel_immediately(script: RealtimeDriver) -> None:
    cancel = {"type": "response.cancel"}
    await script.call("send_realtime_event", event=cancel)
    await script.server_sends(CREATED)
    await script.call("send_realtime_event", event=cancel)
    await script.call("send_realtime_event", event=cancel)
    assert await script.sent() == [cancel] * 3
    # It counts as being cancelled now.
    await script.call("interrupt_realtime_response")
    assert await script.sent() == []


async def test_send_create_waits_for_response_slot(script: RealtimeDriver) -> None:
    first = {"type": "response.create", "event_id": "e-1", "response": {"instructions": "One"}}
    second = {"type": "response.create", "response": {"instructions": "Two"}}
    await script.call("send_realtime_event", event=first)
    await script.call("send_realtime_event", event=second)
    assert await script.sent() == [first]
    await script.server_sends(CREATED)
    assert await script.sent() == []
    await script.server_sends(DONE)
    (frame,) = await script.sent()
    assert isinstance(frame.pop("event_id"), str)
    assert frame == second


@pytest.mark.parametrize(
    ("error", "is_dropped"),
    [
        ({"event_id": "e-1", "message": "No"}, True),
        ({"event_id": "e-2", "message": "No response.create now"}, False),
        ({"event_id": None, "code": "response_create_failed"}, True),
        ({"event_id": "", "message": "Bad response.create"}, True),
        ({"message": "Invalid 'response.create'"}, True),
        ({"message": "Something else", "code": "other"}, False),
        ({"code": 5, "message": ["x"]}, False),
        (None, False),
    ],
)
async def test_error_drops_pending_create(
    script: RealtimeDriver, error: Any, is_dropped: bool
) -> None:
    await script.call("send_realtime_event", event={**CREATE, "event_id": "e-1"})
    await script.call("send_realtime_event", event={**CREATE, "event_id": "e-2"})
    await script.sent()
    await script.server_sends({"type": "error", "error": error})
    assert await script.sent() == ([{**CREATE, "event_id": "e-2"}] if is_dropped else [])


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({}, "event_without_type"),
        ({"type": "  "}, "event_without_type"),
        ({"type": 5}, "event_without_type"),
        ({"type": "made.up", "number": 2**70}, "invalid_arguments"),
        ({"type": "response.create", "number": 2**70}, "invalid_arguments"),
    ],
)
async def test_send_malformed_event_raises(script: RealtimeDriver, event: Json, key: str) -> None:
    with raises_key(key, ServiceValidationError):
        await script.call("send_realtime_event", event=event)
    # Nothing has come of it, and nothing is held up by it.
    await script.call("send_realtime_event", event=CREATE)
    assert without_ids(await script.sent()) == [CREATE]


async def test_send_invalid_unicode_raises(script: RealtimeDriver) -> None:
    with pytest.raises(vol.Invalid, match="character"):
        await script.call("send_realtime_event", event={"type": "made.up", "text": "\ud800"})
    assert await script.sent() == []


async def test_send_event_not_an_object_raises(script: RealtimeDriver) -> None:
    with pytest.raises(vol.Invalid, match="expected an object"):
        await script.call("send_realtime_event", event="response.create")
    assert await script.sent() == []


TEXT = {"type": "input_text", "text": "Hello"}


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("Hello", [TEXT]),
        ("{{ [1] }} stays", [{"type": "input_text", "text": "{{ [1] }} stays"}]),
        ([TEXT, TEXT], [TEXT, TEXT]),
        (TEXT, [TEXT]),
        ({"type": "message", "role": "user", "content": [TEXT]}, [TEXT]),
        ({"content": "Hello"}, [TEXT]),
        (
            [TEXT, {"type": "input_image", "image": "data:x", "detail": "low"}],
            [TEXT, {"type": "input_image", "image_url": "data:x", "detail": "low"}],
        ),
        (
            [{"type": "input_image", "image_url": "data:x"}],
            [{"type": "input_image", "image_url": "data:x"}],
        ),
        (
            [{"type": "input_image", "image": "data:x", "providerData": {"detail": "high"}}],
            [{"type": "input_image", "image_url": "data:x", "detail": "high"}],
        ),
        ([{"type": "input_audio", "audio": "AAAA"}], [{"type": "input_audio", "audio": "AAAA"}]),
    ],
)
async def test_send_message(script: RealtimeDriver, message: Any, content: list[Json]) -> None:
    await script.call("send_realtime_message", message=message)
    assert without_ids(await script.sent()) == [
        {
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "user", "content": content},
        },
        CREATE,
    ]


@pytest.mark.parametrize("message", [[], [1], ["Hello"], [{"text": "Hello"}], {"content": []}])
async def test_send_malformed_message_raises(script: RealtimeDriver, message: Any) -> None:
    with raises_key("message_invalid", ServiceValidationError):
        await script.call("send_realtime_message", message=message)
    assert await script.sent() == []


async def test_send_message_without_response(script: RealtimeDriver) -> None:
    await script.call("send_realtime_message", message="Hello", trigger_response=False)
    assert [frame["type"] for frame in await script.sent()] == ["conversation.item.create"]


async def test_send_message_event_data_overrides(script: RealtimeDriver) -> None:
    await script.call(
        "send_realtime_message",
        message="Hello",
        trigger_response=False,
        event_data={"previous_item_id": "root", "event_id": "e", "item": {"type": "other"}},
    )
    assert await script.sent() == [
        {
            "type": "conversation.item.create",
            "previous_item_id": "root",
            "event_id": "e",
            "item": {"type": "other"},
        }
    ]


async def test_send_message_response_waits_for_slot(script: RealtimeDriver) -> None:
    await script.server_sends(CREATED)
    for text in ("One", "Two"):
        await script.call("send_realtime_message", message=text)
    # The messages are there at once; one answer is enough for both.
    assert [frame["type"] for frame in await script.sent()] == ["conversation.item.create"] * 2
    await script.server_sends(DONE)
    assert without_ids(await script.sent()) == [CREATE]
    await script.server_sends(CREATED, DONE)
    assert await script.sent() == []


@pytest.mark.parametrize("trigger", [None, True, False])
async def test_add_image_by_url(script: RealtimeDriver, trigger: bool | None) -> None:
    data = {} if trigger is None else {"trigger_response": trigger}
    for address in ("https://example.com/a.png", "data:image/png;base64,AAAA"):
        await script.call("add_realtime_image", image=address, **data)
        frames = without_ids(await script.sent())
        assert frames[0] == {
            "type": "conversation.item.create",
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": address}],
            },
        }
        assert frames[1:] == ([] if trigger is False else [CREATE])
        await script.server_sends(CREATED, DONE)


async def test_add_image_by_path_and_media_source(
    script: RealtimeDriver, media_folder: Path
) -> None:
    (media_folder / "cam.png").write_bytes(PICTURE)
    expected = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    for image in (
        str(media_folder / "cam.png"),
        "media-source://media_source/local/cam.png",
        {
            "media_content_id": "media-source://media_source/local/cam.png",
            "media_content_type": "image/png",
        },
    ):
        await script.call("add_realtime_image", image=image, trigger_response=False)
        (frame,) = await script.sent()
        assert frame["item"]["content"] == [{"type": "input_image", "image_url": expected}]


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("/etc/passwd", "path_not_allowed"),
        ("media-source://media_source/local/none.png", "file_missing"),
        ("media-source://nonsense/none", "media_not_found"),
    ],
)
async def test_add_image_unreadable_raises(script: RealtimeDriver, image: str, key: str) -> None:
    with raises_key(key, ServiceValidationError):
        await script.call("add_realtime_image", image=image)
    assert await script.sent() == []


CALL_ITEM = {
    "type": "function_call",
    "id": "i-1",
    "status": "completed",
    "call_id": "f-1",
    "name": "open_door",
    "arguments": '{"door": 1}',
}


@pytest.mark.parametrize("trigger", [None, False])
async def test_send_function_call_output(script: RealtimeDriver, trigger: bool | None) -> None:
    await script.server_sends({"type": "response.output_item.done", "item": CALL_ITEM})
    await script.clear()
    data = {} if trigger is None else {"trigger_response": trigger}
    answer = await script.call(
        "send_realtime_function_call_output", call_id="f-1", output={"open": True}, **data
    )
    assert answer["call_id"] == "f-1"
    frames = without_ids(await script.sent())
    assert frames == [
        {
            "type": "conversation.item.create",
            "item": {
                "type": "function_call_output",
                "call_id": "f-1",
                "output": '{"open": true}',
            },
        },
        *([] if trigger is False else [CREATE]),
    ]
    known = {key: value for key, value in CALL_ITEM.items() if key != "id"}
    item = {**known, "item_id": "i-1", "status": "completed", "output": '{"open": true}'}
    assert script.notices_of() == [{"type": "item_update", "item": item}]
    assert (await script.status())["history"] == [item]


async def test_send_function_call_output_unknown_call(script: RealtimeDriver) -> None:
    for call_id in ("old-1", "old-2"):
        await script.call("send_realtime_function_call_output", call_id=call_id, output="x")
    outputs = [frame["item"] for frame in await script.sent() if "item" in frame]
    assert [item["call_id"] for item in outputs] == ["old-1", "old-2"]
    told = script.notices_of("item_update")
    assert [notice["item"]["call_id"] for notice in told] == ["old-1", "old-2"]
    assert all(notice["item"]["status"] == "completed" for notice in told)
    # What has no id of its own cannot be part of the history that may be sent back.
    assert (await script.status())["history"] == []
    await script.call("reset_realtime_history", history=[])
    assert not [frame for frame in await script.sent() if "delete" in frame["type"]]


@pytest.mark.parametrize("reason", [None, "Too dear"])
@pytest.mark.parametrize("approve", [True, False])
async def test_send_mcp_response(script: RealtimeDriver, approve: bool, reason: str | None) -> None:
    given = {} if reason is None else {"reason": reason}
    answer = await script.call(
        "send_realtime_mcp_response", approval_request_id="a-1", approve=approve, **given
    )
    assert answer["approval_request_id"] == "a-1"
    assert await script.sent() == [
        {
            "type": "conversation.item.create",
            "previous_item_id": "a-1",
            "item": {
                "type": "mcp_approval_response",
                "approval_request_id": "a-1",
                "approve": approve,
                **given,
            },
        }
    ]


async def test_close_while_sending(script: RealtimeDriver) -> None:
    # The answer to a closed line is an error, not silence.
    await script.session.close(1000, "Bye")
    await wait_for(lambda: script.states)
    with pytest.raises(HomeAssistantError):
        await script.call("send_realtime_message", message="Hello")


async def test_full_send_queue_is_reported(
    script: RealtimeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too much to send is refused, and what follows by itself is counted and not kept."""
    monkeypatch.setattr(session_module, "_LONGEST_OUTBOX", 0)
    with raises_key("connection_busy", ServiceValidationError):
        await script.call("send_realtime_event", event={"type": "response.create"})

    await script.server_sends({"type": "conversation.item.truncated", "item_id": "i-1"})
    await wait_for(lambda: script.notices_of("events_dropped"))
    assert script.notices_of("events_dropped")[-1]["count"] == 1
    monkeypatch.undo()


async def test_full_send_queue_keeps_pending_create(
    script: RealtimeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response that had to wait for its turn is asked for, however much else is waiting."""
    await script.server_sends(CREATED)
    await script.settle()
    await script.call("send_realtime_event", event=CREATE)
    await script.sent()
    monkeypatch.setattr(session_module, "_LONGEST_OUTBOX", 0)
    before = len(script.session.received)
    await script.session.send(DONE)
    await wait_for(lambda: len(script.session.received) > before)
    assert without_ids(script.session.received[before:]) == [CREATE]
