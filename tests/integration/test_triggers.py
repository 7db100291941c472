"""The triggers in automations, fed by a service over real sockets."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.trigger import async_get_all_descriptions, async_validate_trigger_config
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.openai_api.const import EVENT_SERVER
from custom_components.openai_api.events import _LISTENERS
from custom_components.openai_api.sockets import connection as connections
from custom_components.openai_api.trigger import async_get_triggers
from tests.standin.server import StandIn

from .automations import automate, on, states
from .conftest import Call, add_entry, entry_data

RESPONSES, REALTIME = "responses.websocket", "realtime.websocket"
MADE_UP = {"type": "made.up", "text": "Hello"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the pauses between attempts short."""
    monkeypatch.setattr(connections, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(connections, "_LONGEST_DELAY", 0.02)


@pytest.fixture
def manage(call: Call) -> Call:
    """Return a function that manages the Responses connection `c`."""

    async def async_manage(action: str, **data: Any) -> Any:
        return await call(
            "manage_model_response_websocket", **{"action": action, "connection_id": "c", **data}
        )

    return async_manage


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def who(ran: list[Any]) -> list[int]:
    """Return which automations ran, each once."""
    return sorted({int(event.data["n"]) for event in ran})


def pairs(trigger: str, options: dict[str, tuple[Any, Any]], **said: str) -> list[dict[str, Any]]:
    """Return for every option an automation that should run, and one that should not."""
    return [
        on(trigger, {option: value}, **said)
        for option, values in options.items()
        for value in values
    ]


def evens(options: dict[str, Any]) -> list[int]:
    """Return which of such automations should have run."""
    return list(range(0, 2 * len(options), 2))


@pytest.fixture
async def other(hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry) -> MockConfigEntry:
    """Return another loaded service host."""
    return await add_entry(hass, entry_data(standin, "none"))


async def test_server_event(
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
    await until(lambda: ran)
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


async def test_odd_server_events(
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
    await until(lambda: len(ran) == 4)
    assert who(ran) == [0]
    assert [event.data["event"] for event in ran][1] == [1]


async def test_realtime_notice(
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
    await until(lambda: 6 in who(ran))
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
    await until(lambda: 7 in who(ran))
    # Conditions ask `trigger.id` which trigger it was.
    assert ran[-1].data == {"n": 7, "id": 0, "o": "item_1"}


async def test_connection_state(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    other: MockConfigEntry,
    call: Call,
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
    await standin.sockets[0].send("{ not json")
    await standin.sockets[0].send(MADE_UP)
    await asyncio.sleep(0.1)
    assert not ran

    standin.sockets[0].abort()
    await until(lambda: ran and ran[-1].data.get("lost") is True)
    assert 3 * 2 - 1 in who(ran)
    await call("manage_model_response_websocket", action="close", code=3001, **c)
    await until(lambda: ran[-1].data.get("code") == 3001)
    assert not {1, 3, 7} & set(who(ran))


async def test_stream_event(
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


async def test_progress(
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
    assert ran[-1].data | {"t": ""} == {"n": 8, "of": made["id"], "p": 100, "t": ""}
    assert ran[-1].data["t"] == f"progress of poll_video: {made['id']} is completed"


async def test_flood_in_order(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    ran = await automate(hass, on("server_event", {"event_type": "n"}, i="{{ trigger.event.i }}"))
    await manage("connect")
    for number in range(2000):
        await standin.sockets[0].send({"type": "n" if number % 4 else "other", "i": number})
    await until(lambda: len(ran) == 1500, 60)
    assert [event.data["i"] for event in ran] == [n for n in range(2000) if n % 4]


async def test_trigger_answers_on_the_same_connection(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    answer = on("connection_state", {"to": "connected"})
    answer["actions"] = [
        {
            "action": "openai_api.manage_model_response_websocket",
            "data": {
                "action": "send",
                "connection_id": "{{ trigger.connection_id }}",
                "event": {"type": "response.create", "model": "m", "input": "Hello"},
            },
        }
    ]
    await automate(hass, answer)
    await manage("connect")
    assert (await standin.sockets[0].wait_for(1))["input"] == "Hello"


async def test_failing_automation_leaves_the_connection_alone(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    broken = on("server_event")
    broken["triggers"][0]["variables"] = {"x": "{{ 1 / 0 }}"}
    ran = await automate(hass, broken, on("server_event"))
    await manage("connect")
    for _ in range(2):
        await standin.sockets[0].send(MADE_UP)
    await until(lambda: len(ran) == 2)
    assert who(ran) == [1]
    assert await manage("close")


async def test_listeners_go_with_the_automation(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, manage: Call
) -> None:
    ran = await automate(hass, *(on(key) for key in await async_get_triggers(hass)))
    listeners = hass.data[_LISTENERS]
    before = {key: len(found) for key, found in listeners.items()}
    assert before[EVENT_SERVER] == 1
    await manage("connect")
    # A reloaded entry leaves the triggers as they are.
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert {key: len(found) for key, found in listeners.items()} == before
    await manage("connect")
    ran.clear()

    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    assert len(listeners[EVENT_SERVER]) == 0
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not any(listeners.values())
    assert not ran


@pytest.mark.parametrize(
    ("trigger", "options", "message"),
    [
        ("server_event", {"config_entry_id": "nobody"}, "no OpenAI API service host 'nobody'"),
        ("server_event", {"transport": "smoke"}, "value must be one of"),
        ("server_event", {"event_typ": "x"}, "event_typ"),
        ("server_event", {"event_type": [{"a": 1}]}, "should be a string"),
        ("realtime_notice", {"type": "turn_over"}, "value must be one of"),
        ("realtime_notice", {"transport": REALTIME}, "transport"),
        ("connection_state", {"to": ["connected", "open"]}, "value must be one of"),
        ("stream_event", {"action": "sing"}, "value must be one of"),
        ("progress", {"status": {"a": 1}}, "should be a string"),
        ("no_such_trigger", {}, "no_such_trigger"),
    ],
)
async def test_bad_configuration_is_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    trigger: str,
    options: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(vol.Invalid, match=message):
        await async_validate_trigger_config(
            hass, [{"platform": f"openai_api.{trigger}", "options": options}]
        )
    await automate(hass, on(trigger, options))
    assert states(hass) == ["unavailable"]
    assert message in caplog.text


async def test_entry_of_another_integration_is_refused(hass: HomeAssistant) -> None:
    stranger = MockConfigEntry(domain="sun")
    stranger.add_to_hass(hass)
    await automate(hass, on("progress", {"config_entry_id": stranger.entry_id}))
    assert states(hass) == ["unavailable"]


async def test_targets_are_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with pytest.raises(vol.Invalid):
        await async_validate_trigger_config(
            hass,
            [{"platform": "openai_api.progress", "target": {"entity_id": "sensor.x"}}],
        )


async def test_editor_shows_every_trigger(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await automate(hass) == []
    descriptions = await async_get_all_descriptions(hass)
    for key, trigger in (await async_get_triggers(hass)).items():
        description = descriptions[f"openai_api.{key}"]
        assert description is not None
        accepted = next(iter(trigger.schema.schema.values()))  # type: ignore[attr-defined]
        assert set(description["fields"]) == {str(option) for option in accepted}
