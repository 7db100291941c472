"""Each trigger fires for what its options ask for, and says what it knows."""

from collections.abc import Callable

from homeassistant.core import Event, HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import EVENT_SERVER
from tests.integration.automations import automate, on
from tests.integration.conftest import Call
from tests.integration.waiting import wait_for
from tests.standin.server import StandIn

from .helpers import MADE_UP, REALTIME, RESPONSES, evens, pairs, who


async def test_server_event_trigger(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    other: MockConfigEntry,
    call: Call,
) -> None:
    options = {
        "config_entry_id": (entry.entry_id, other.entry_id),
        "connection_id": ("c", "d"),
        "event_type": (["made.up", "not.this"], ["response.done"]),
        "transport": (RESPONSES, [REALTIME]),
    }
    said = {
        key: f"{{{{ trigger.{key} }}}}"
        for key in ("config_entry_id", "connection_id", "transport", "direction", "event_type")
    }
    ran = await automate(
        hass,
        *pairs("server_event", options),
        on("server_event", {}, **said, event="{{ trigger.event.text }}"),
        on("server_event", dict.fromkeys(options, ""), text="{{ trigger.description }}"),
        on("server_event", {key: values[0] for key, values in options.items()}),
        on("server_event", {**{key: v[0] for key, v in options.items()}, "connection_id": "d"}),
    )
    await call(
        "manage_model_response_websocket",
        action="connect",
        connection_id="c",
        config_entry_id=entry.entry_id,
    )
    assert not ran
    await standin.sockets[0].send(MADE_UP)
    await wait_for(lambda: ran)
    await hass.async_block_till_done()

    assert who(ran) == [*evens(options), 8, 9, 10]
    by_number = {event.data["n"]: event for event in ran}
    assert by_number[8].data == {
        "n": 8,
        "config_entry_id": entry.entry_id,
        "connection_id": "c",
        "transport": RESPONSES,
        "direction": "server",
        "event_type": "made.up",
        "event": "Hello",
    }
    assert by_number[9].data["text"] == "server event made.up on connection c"


async def test_server_event_trigger_unusual_events(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    ran = await automate(
        hass,
        on("server_event", {}, event="{{ trigger.event }}"),
        on("server_event", {"event_type": "made.up"}),
    )
    await manage("connect")
    for frame in ('{"no": "type"}', "[1]", '{"type": ["made.up"]}', '{"type": {"a": 1}}'):
        await standin.sockets[0].send(frame)
    await wait_for(lambda: len(ran) == 4)
    assert who(ran) == [0]
    assert [event.data["event"] for event in ran][1] == [1]


async def test_realtime_notice_trigger(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    other: MockConfigEntry,
    call: Call,
) -> None:
    options = {
        "config_entry_id": (entry.entry_id, other.entry_id),
        "connection_id": ("kitchen", "c"),
        "type": (["turn_done", "audio"], ["turn_started"]),
    }
    done = {"type": "turn_done"}
    ran = await automate(
        hass,
        *pairs("realtime_notice", options),
        on("realtime_notice", done, id="{{ trigger.response_id }}", t="{{ trigger.description }}"),
        on(
            "realtime_notice",
            {"type": "function_call"},
            id="{{ trigger.id }}",
            o="{{ trigger.object_id }}",
        ),
    )
    await call(
        "connect_realtime_websocket",
        connection_id="kitchen",
        model="gpt-realtime",
        config_entry_id=entry.entry_id,
    )
    await standin.wait_for_socket()
    await hass.async_block_till_done()
    ran.clear()
    response = {"id": "resp_1", "status": "completed", "output": []}
    await standin.sockets[0].send({"type": "response.done", "response": response})
    await wait_for(lambda: 6 in who(ran))
    assert who(ran) == [*evens(options), 6]
    assert ran[-1].data == {
        "n": 6,
        "id": "resp_1",
        "t": "realtime notice turn_done on connection kitchen",
    }

    item = {
        "type": "function_call",
        "id": "item_1",
        "call_id": "c_1",
        "name": "f",
        "arguments": "{}",
    }
    item["status"] = "completed"
    await standin.sockets[0].send({"type": "response.output_item.done", "item": item})
    await wait_for(lambda: 7 in who(ran))
    # Conditions ask `trigger.id` which trigger it was.
    assert ran[-1].data == {"n": 7, "id": 0, "o": "item_1"}


async def test_connection_state_trigger(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    other: MockConfigEntry,
    call: Call,
    events: Callable[[str], list[Event]],
) -> None:
    options = {
        "config_entry_id": (entry.entry_id, other.entry_id),
        "connection_id": ("c", "d"),
        "to": (["connected"], ["reconnecting", "disconnected"]),
        "transport": (RESPONSES, REALTIME),
    }
    ran = await automate(
        hass,
        *pairs("connection_state", options),
        on("connection_state", {}, text="{{ trigger.description }}"),
        on("connection_state", {"to": "disconnected"}, code="{{ trigger.code }}"),
        on("connection_state", {"to": "connected"}, lost="{{ trigger.context_lost }}"),
    )
    c = {"connection_id": "c", "config_entry_id": entry.entry_id}
    await call("manage_model_response_websocket", action="connect", **c)
    await hass.async_block_till_done()
    assert who(ran) == [*evens(options), 8, 10]
    texts = [event.data["text"] for event in ran if "text" in event.data]
    assert texts == ["connection c connecting", "connection c connected"]

    # What cannot be read is told, but changes nothing.
    ran.clear()
    told = events(EVENT_SERVER)
    await standin.sockets[0].send("{ not json")
    await standin.sockets[0].send(MADE_UP)
    await wait_for(lambda: told)
    await hass.async_block_till_done()
    assert not ran

    standin.sockets[0].abort()
    await wait_for(lambda: ran and ran[-1].data.get("lost") is True)
    assert 3 * 2 - 1 in who(ran)
    await call("manage_model_response_websocket", action="close", code=3001, **c)
    await wait_for(lambda: ran[-1].data.get("code") == 3001)
    assert not {1, 3, 7} & set(who(ran))


async def test_stream_event_trigger(
    hass: HomeAssistant, entry: MockConfigEntry, other: MockConfigEntry, call: Call
) -> None:
    options = {
        "config_entry_id": (entry.entry_id, other.entry_id),
        "action": (["create_model_response"], ["create_chat_completion", "create_image"]),
        "event_type": ("response.completed", ["response.failed"]),
    }
    delta = {"event_type": "response.output_text.delta"}
    ran = await automate(
        hass,
        *pairs("stream_event", options),
        on("stream_event", delta, delta="{{ trigger.event.delta }}", s="{{ trigger.sequence }}"),
        on("stream_event", {}, text="{{ trigger.description }}", id="{{ trigger.stream_id }}"),
    )
    answer = await call(
        "create_model_response",
        model="m",
        input="One two three",
        stream=True,
        config_entry_id=entry.entry_id,
    )
    await hass.async_block_till_done()
    assert who(ran) == [*evens(options), 6, 7]
    deltas = [event.data for event in ran if event.data["n"] == 6]
    assert len(deltas) > 2
    assert [data["s"] for data in deltas] == sorted(data["s"] for data in deltas)
    last = [event for event in ran if event.data["n"] == 7][-1]
    assert last.data["text"] == "stream event response.completed of create_model_response"
    assert last.data["id"] == answer["stream_id"]


async def test_progress_trigger(
    hass: HomeAssistant, entry: MockConfigEntry, other: MockConfigEntry, call: Call
) -> None:
    made = await call("create_video", prompt="A boat", config_entry_id=entry.entry_id)
    options = {
        "config_entry_id": (entry.entry_id, other.entry_id),
        "action": (["poll_video"], ["poll_run"]),
        "id": (made["id"], "video_of_somebody_else"),
        "status": (["completed"], ["failed"]),
    }
    ran = await automate(
        hass,
        *pairs("progress", options),
        on(
            "progress",
            {},
            of="{{ trigger.object_id }}",
            p="{{ trigger.progress }}",
            t="{{ trigger.description }}",
        ),
    )
    known = {"video_id": made["id"], "config_entry_id": entry.entry_id}
    await call("poll_video", **known, poll_interval_ms=100)
    await hass.async_block_till_done()
    assert who(ran) == [*evens(options), 8]
    assert len([event for event in ran if event.data["n"] == 6]) == 1
    assert {**ran[-1].data, "t": ""} == {"n": 8, "of": made["id"], "p": 100, "t": ""}
    assert ran[-1].data["t"] == f"progress of poll_video: {made['id']} is completed"
