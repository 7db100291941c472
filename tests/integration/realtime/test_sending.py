"""What the house says: events, messages, pictures, outputs, approvals."""

import base64
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
import voluptuous as vol

from custom_components.openai_api.sockets.realtime import session as session_module

from .script import Json, Script, until

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
async def test_refused_on_an_unknown_conversation(script: Script, action: str, data: Json) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await script.call(action, **{**data, "connection_id": "x"})
    assert caught.value.translation_key == "connection_unknown"
    await script.call("close_realtime_websocket")
    with pytest.raises(ServiceValidationError) as caught:
        await script.call(action, **data)
    assert caught.value.translation_key == "connection_unknown"


@pytest.mark.parametrize(("action", "data"), EVERY_ACTION)
async def test_answers(script: Script, action: str, data: Json) -> None:
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
async def test_event_is_sent_at_once_as_it_is(script: Script, event: Json) -> None:
    # A response that is wanted or under way holds up nothing but the next one.
    await script.call("send_realtime_event", event=CREATE)
    await script.say(CREATED)
    await script.sent()
    answer = await script.call("send_realtime_event", event=event)
    assert answer["event_type"] == event["type"]
    assert await script.sent() == [event]


async def test_cancel_is_always_sent(script: Script) -> None:
    cancel = {"type": "response.cancel"}
    await script.call("send_realtime_event", event=cancel)
    await script.say(CREATED)
    await script.call("send_realtime_event", event=cancel)
    await script.call("send_realtime_event", event=cancel)
    assert await script.sent() == [cancel] * 3
    # It counts as being cancelled now.
    await script.call("interrupt_realtime_response")
    assert await script.sent() == []


async def test_create_waits_for_its_turn(script: Script) -> None:
    first = {"type": "response.create", "event_id": "e-1", "response": {"instructions": "One"}}
    second = {"type": "response.create", "response": {"instructions": "Two"}}
    await script.call("send_realtime_event", event=first)
    await script.call("send_realtime_event", event=second)
    assert await script.sent() == [first]
    await script.say(CREATED)
    assert await script.sent() == []
    await script.say(DONE)
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
async def test_error_may_drop_a_create(script: Script, error: Any, is_dropped: bool) -> None:
    await script.call("send_realtime_event", event={**CREATE, "event_id": "e-1"})
    await script.call("send_realtime_event", event={**CREATE, "event_id": "e-2"})
    await script.sent()
    await script.say({"type": "error", "error": error})
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
async def test_malformed_event_is_refused(script: Script, event: Json, key: str) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await script.call("send_realtime_event", event=event)
    assert caught.value.translation_key == key
    # Nothing has come of it, and nothing is held up by it.
    await script.call("send_realtime_event", event=CREATE)
    assert without_ids(await script.sent()) == [CREATE]


async def test_text_must_be_whole(script: Script) -> None:
    with pytest.raises(vol.Invalid, match="character"):
        await script.call("send_realtime_event", event={"type": "made.up", "text": "\ud800"})
    assert await script.sent() == []


async def test_event_must_be_an_object(script: Script) -> None:
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
        ([{"type": "input_audio", "audio": "AAAA"}], [{"type": "input_audio", "audio": "AAAA"}]),
    ],
)
async def test_message(script: Script, message: Any, content: list[Json]) -> None:
    await script.call("send_realtime_message", message=message)
    assert without_ids(await script.sent()) == [
        {
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "user", "content": content},
        },
        CREATE,
    ]


@pytest.mark.parametrize("message", [[], [1], ["Hello"], [{"text": "Hello"}], {"content": []}])
async def test_malformed_message_is_refused(script: Script, message: Any) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await script.call("send_realtime_message", message=message)
    assert caught.value.translation_key == "message_invalid"
    assert await script.sent() == []


async def test_message_alone(script: Script) -> None:
    await script.call("send_realtime_message", message="Hello", trigger_response=False)
    assert [frame["type"] for frame in await script.sent()] == ["conversation.item.create"]


async def test_event_data_is_merged_last(script: Script) -> None:
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


async def test_response_to_a_message_waits_for_its_turn(script: Script) -> None:
    await script.say(CREATED)
    for text in ("One", "Two"):
        await script.call("send_realtime_message", message=text)
    # The messages are there at once; one answer is enough for both.
    assert [frame["type"] for frame in await script.sent()] == ["conversation.item.create"] * 2
    await script.say(DONE)
    assert without_ids(await script.sent()) == [CREATE]
    await script.say(CREATED, DONE)
    assert await script.sent() == []


@pytest.mark.parametrize("trigger", [None, True, False])
async def test_picture_by_address(script: Script, trigger: bool | None) -> None:
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
        await script.say(CREATED, DONE)


async def test_picture_by_path_and_media(script: Script, media_folder: Path) -> None:
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
async def test_picture_that_cannot_be_read(
    script: Script, media_folder: Path, image: str, key: str
) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await script.call("add_realtime_image", image=image)
    assert caught.value.translation_key == key
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
async def test_function_call_output(script: Script, trigger: bool | None) -> None:
    await script.say({"type": "response.output_item.done", "item": CALL_ITEM})
    await script.forget()
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
    assert script.told() == [{"type": "item_update", "item": item}]
    assert (await script.status())["history"] == [item]


async def test_output_of_a_call_that_nobody_knows(script: Script) -> None:
    for call_id in ("old-1", "old-2"):
        await script.call("send_realtime_function_call_output", call_id=call_id, output="x")
    outputs = [frame["item"] for frame in await script.sent() if "item" in frame]
    assert [item["call_id"] for item in outputs] == ["old-1", "old-2"]
    told = script.told("item_update")
    assert [notice["item"]["call_id"] for notice in told] == ["old-1", "old-2"]
    assert all(notice["item"]["status"] == "completed" for notice in told)
    # What has no id of its own cannot be part of the history that may be sent back.
    assert (await script.status())["history"] == []
    await script.call("reset_realtime_history", history=[])
    assert not [frame for frame in await script.sent() if "delete" in frame["type"]]


@pytest.mark.parametrize("reason", [None, "Too dear"])
@pytest.mark.parametrize("approve", [True, False])
async def test_mcp_response(script: Script, approve: bool, reason: str | None) -> None:
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


async def test_closed_in_the_midst_of_sending(script: Script) -> None:
    # The answer to a closed line is an error, not silence.
    await script.session.close(1000, "Bye")
    await until(lambda: script.states)
    with pytest.raises(HomeAssistantError):
        await script.call("send_realtime_message", message="Hello")


async def test_slow_line_is_told(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too much to send is refused, and what follows by itself is counted and not kept."""
    monkeypatch.setattr(session_module, "_LONGEST_OUTBOX", 0)
    with pytest.raises(ServiceValidationError) as caught:
        await script.call("send_realtime_event", event={"type": "response.create"})
    assert caught.value.translation_key == "connection_busy"

    await script.say({"type": "conversation.item.truncated", "item_id": "i-1"})
    await until(lambda: script.told("events_dropped"))
    assert script.told("events_dropped")[-1]["count"] == 1
    monkeypatch.undo()


async def test_slow_line_does_not_lose_a_wanted_answer(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response that had to wait for its turn is asked for, however much else is waiting."""
    await script.say(CREATED)
    await script.settle()
    await script.call("send_realtime_event", event=CREATE)
    await script.sent()
    monkeypatch.setattr(session_module, "_LONGEST_OUTBOX", 0)
    before = len(script.session.received)
    await script.session.send(DONE)
    await until(lambda: len(script.session.received) > before)
    assert without_ids(script.session.received[before:]) == [CREATE]
