"""Conversations with hosts that do as others do: older names, busy models, halves of characters."""

import base64
from typing import Any

import pytest

from tests.integration.waiting import wait_for

from .driver import Json, RealtimeDriver

SOUND = base64.b64encode(bytes(4800)).decode()
BUSY = "conversation_already_has_active_response"


ACTIVE = "Conversation already has an active response in progress: resp_x."


def busy(event_id: str | None, code: str = BUSY, message: str = ACTIVE) -> Json:
    """Return the error of a host that works on another response."""
    named = {"event_id": event_id} if event_id else {}
    return {"type": "error", "error": {"code": code, "message": message, **named}}


def response(event: str, response_id: str = "resp_x") -> Json:
    """Return the beginning or the end of a response."""
    return {"type": f"response.{event}", "response": {"id": response_id}}


def creates(frames: list[Json]) -> list[str]:
    """Return the event ids of the requests for responses among these."""
    return [frame["event_id"] for frame in frames if frame["type"] == "response.create"]


@pytest.mark.parametrize("order", ["error first", "created first", "no created"])
@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("code", [BUSY, ""])
async def test_response_create_rejected_while_busy(
    script: RealtimeDriver, order: str, is_named: bool, code: str
) -> None:
    await script.call("send_realtime_message", message="Hi")
    (event_id,) = creates(await script.sent())
    error = busy(event_id if is_named else None, code)
    before = {
        "error first": [error, response("created")],
        "created first": [response("created"), error],
        "no created": [error],
    }[order]
    await script.server_sends(*before)
    assert creates(await script.sent()) == []
    await script.server_sends(response("done"))
    assert creates(await script.sent()) == [event_id]
    await script.server_sends(response("created", "r-2"), response("done", "r-2"))
    assert creates(await script.sent()) == []


async def test_response_create_rejected_repeatedly(script: RealtimeDriver) -> None:
    await script.call("send_realtime_message", message="Hi")
    (event_id,) = creates(await script.sent())
    for _ in range(10):
        await script.server_sends(busy(event_id), response("created"), response("done"))
        assert creates(await script.sent()) == [event_id]
    await script.server_sends(busy(event_id), response("created"), response("done"))
    assert creates(await script.sent()) == []
    await script.call("send_realtime_message", message="Hi")
    assert creates(await script.sent()) == ["event_response_2"]


async def test_function_output_while_busy(script: RealtimeDriver) -> None:
    await script.call("send_realtime_function_call_output", call_id="c", output="x")
    (event_id,) = creates(await script.sent())
    await script.server_sends(response("created"), busy(event_id), response("done"))
    assert creates(await script.sent()) == [event_id]


async def test_rejected_response_create_keeps_order(script: RealtimeDriver) -> None:
    request = {"type": "response.create", "event_id": "mine"}
    await script.call("send_realtime_event", event=request)
    await script.call("send_realtime_event", event={**request, "event_id": "second"})
    assert creates(await script.sent()) == ["mine"]
    await script.server_sends(busy("mine"), response("created"), response("done"))
    assert creates(await script.sent()) == ["mine"]
    await script.server_sends(response("created", "r-2"), response("done", "r-2"))
    assert creates(await script.sent()) == ["second"]


async def test_other_error_after_response_created(script: RealtimeDriver) -> None:
    await script.call("send_realtime_message", message="Hi")
    (event_id,) = creates(await script.sent())
    await script.server_sends(response("created"), busy("somebody's"))
    await script.server_sends(response("done"))
    assert creates(await script.sent()) == []
    assert event_id


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("response_cancel_not_active", "Cancellation failed"),
        # As Grok and Qwen say it.
        ("invalid_request", "Cancellation failed: no active response found"),
        ("", "Conversation has no active response"),
    ],
)
async def test_cancel_without_active_response(
    script: RealtimeDriver, code: str, message: str
) -> None:
    await script.call("send_realtime_message", message="Hi")
    (event_id,) = creates(await script.sent())
    await script.server_sends(busy(event_id))
    await script.server_sends(busy(None, code, message))
    assert creates(await script.sent()) == [event_id]


OLDER = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_text.delta": "response.text.delta",
    "conversation.item.added": "conversation.item.created",
}
PLACE = {"response_id": "r-1", "item_id": "i-1", "content_index": 0}
TURN: list[Json] = [
    response("created", "r-1"),
    {
        "type": "conversation.item.added",
        "item": {"id": "i-1", "type": "message", "role": "assistant", "content": []},
    },
    {"type": "response.output_audio_transcript.delta", "delta": "Hel", **PLACE},
    {"type": "response.output_audio.delta", "delta": SOUND, **PLACE},
    {"type": "response.output_text.delta", "delta": "Hello", **PLACE},
    {"type": "response.output_audio.done", **PLACE},
    response("done", "r-1"),
]


def spelled(events: list[Json], style: str) -> list[Json]:
    """Return the events as a host of this style sends them."""
    older = [{**event, "type": OLDER.get(event["type"], event["type"])} for event in events]
    pairs = list(zip(events, older, strict=True))
    if style == "older":
        return older
    first, second = (0, 1) if style == "new, then older" else (1, 0)
    return [
        event
        for pair in pairs
        for event in ([pair[0]] if pair[0] == pair[1] else [pair[first], pair[second]])
    ]


def stripped(notices: list[Json]) -> list[Json]:
    """Return notices without what differs from file to file."""
    files = ("media_content_id", "path", "url", "response")
    return [{key: value for key, value in item.items() if key not in files} for item in notices]


@pytest.mark.parametrize("style", ["older", "new, then older", "older, then new"])
async def test_beta_event_names(script: RealtimeDriver, style: str) -> None:
    found = []
    for events in (TURN, spelled(TURN, style)):
        await script.clear()
        script._seen = len(script.session.received)
        await script.server_sends(*events)
        await wait_for(lambda: script.notices_of("audio_done"))
        found.append(sorted(stripped(script.notices), key=str))
        # What the first turn has taught is forgotten.
        script.session.abort()
        await script.standin.wait_for_socket(len(found) + 1)
        await wait_for(lambda: script.states and script.states[-1]["state"] == "connected")
        script.reopened()
    wanted, told = (
        [item for item in side if item["type"] != "connection_change"] for side in found
    )
    assert told == wanted


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({}, "in_progress"),
        ({"status": "completed"}, "completed"),
        ({"status": "in_progress"}, "in_progress"),
    ],
)
async def test_beta_item_events(script: RealtimeDriver, item: Json, status: str) -> None:
    message = {"id": "i", "type": "message", "role": "user", "content": [], **item}
    await script.server_sends({"type": "conversation.item.created", "item": message})
    (update,) = script.notices_of("item_update")
    assert update["item"]["status"] == status


async def test_beta_audio_format(script: RealtimeDriver) -> None:
    await script.server_sends(
        {"type": "session.created", "session": {"output_audio_format": "g711_ulaw"}},
        response("created", "r-1"),
        {"type": "response.audio.delta", "delta": SOUND, **PLACE},
        {"type": "response.audio.done", **PLACE},
    )
    await wait_for(lambda: script.notices_of("audio_done"))
    # 4,800 samples of one byte become samples of two bytes.
    assert script.notices_of("audio_done")[0]["size"] == 2 * 4800 + 44


async def test_session_update_removes_tools(silent: None, talk: RealtimeDriver) -> None:
    tools = [{"type": "function", "name": "mine", "parameters": {}}]
    await talk.connect(session={"tools": tools})
    sessions: list[dict[str, Any]] = [{"tools": []}, {"instructions": "Be brief."}]
    for session in sessions:
        await talk.call("update_realtime_session_config", session={"tools": tools})
        await talk.call("update_realtime_session_config", session=session)
        given, taken = await talk.sent()
        assert [tool["name"] for tool in given["session"]["tools"]] == ["mine"]
        assert taken["session"]["tools"] == []


async def test_session_update_removes_server_tools(script: RealtimeDriver) -> None:
    await script.server_sends(
        {"type": "session.updated", "session": {"tools": [{"name": "theirs"}]}}
    )
    await script.call("update_realtime_session_config", session={})
    assert (await script.sent())[0]["session"]["tools"] == []


async def test_session_update_without_tools(script: RealtimeDriver) -> None:
    await script.call("update_realtime_session_config", session={})
    assert "tools" not in (await script.sent())[0]["session"]


def raw(delta: bytes, kind: bytes = b"response.output_text.delta") -> bytes:
    """Return a message with a piece of text as it is written on the line."""
    return b'{"type":"%s","item_id":"i","response_id":"r","delta":"%s"}' % (kind, delta)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([b"Hi \\ud83d", b"\\udca1!"], "Hi 💡!"),
        ([b"Hi \xf0\x9f", b"\x92\xa1!"], "Hi 💡!"),
        ([b"\xf0", b"\x9f", b"\x92", b"\xa1"], "💡"),
        # The other half does not come.
        ([b"a\\ud83d", b"b"], "a\ufffdb"),
        ([b"a\xf0\x9f", b"b", b"c"], "a\ufffdbc"),
        ([b"a\\ud83db"], "a\ufffdb"),
        ([b"a\xffb"], "a\ufffdb"),
    ],
)
async def test_surrogates_split_between_deltas(
    script: RealtimeDriver, pieces: list[bytes], text: str
) -> None:
    for piece in pieces:
        await script.session.send(raw(piece))
    await script.settle()
    assert "".join(notice["delta"] for notice in script.notices_of("output_text_delta")) == text
    assert [state["error"] for state in script.states] == []
    deltas: list[Any] = [event["delta"] for event in script.types("response.output_text.delta")]
    assert "".join(deltas) == text


async def test_response_ended_by_two_events_counted_once(script: RealtimeDriver) -> None:
    def ended(event: str, response_id: str, tokens: int) -> Json:
        usage = {"input_tokens": tokens, "output_tokens": 1}
        return {"type": f"response.{event}", "response": {"id": response_id, "usage": usage}}

    (entry,) = script.hass.config_entries.async_loaded_entries("openai_api")
    usage = entry.runtime_data.host.usage
    await script.server_sends(
        ended("done", "r-1", 5), ended("completed", "r-1", 5), ended("done", "r-2", 7)
    )
    assert usage.values["input_tokens"] == 12
    # Ids that are all the same.
    await script.server_sends(response("created", "r-2"), ended("done", "r-2", 7))
    assert usage.values["input_tokens"] == 19
