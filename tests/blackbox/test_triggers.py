"""Automations made in the editor, with our triggers and our condition, and what the device shows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from tests.harness import CommandError, Events, Service
from tests.harness.client import Json, RestError

from .home_assistant import RecordingHomeAssistant

pytestmark = pytest.mark.usefixtures("entry")

ID = "triggers"
CONFIG = "/api/config/automation/config/blackbox"
CREATE = {"type": "response.create", "model": "gpt-5-mini", "input": "Say hello"}

type Automate = Callable[..., Awaitable[Events]]


@pytest_asyncio.fixture(loop_scope="session")
async def automate(ha: RecordingHomeAssistant) -> AsyncIterator[Automate]:
    """Give out what saves an automation as the editor does; it is gone after the test."""
    ran = await ha.subscribe_events("blackbox_ran")

    async def is_on() -> bool:
        return any(
            state["attributes"].get("id") == "blackbox" and state["state"] == "on"
            for state in (await ha.states()).values()
        )

    async def is_gone() -> bool:
        return not await is_on()

    async def save(trigger: str, options: Json, said: Json, **config: Any) -> Events:
        # Home Assistant answers before it has taken an automation away, or on.
        await wait_for(is_gone)
        await ha.rest(
            "POST",
            CONFIG,
            {
                "alias": "Black box",
                "mode": "queued",
                "max": 100,
                "triggers": [{"trigger": f"openai_api.{trigger}", "options": options}],
                "actions": [{"event": "blackbox_ran", "event_data": said}],
                **config,
            },
        )
        await wait_for(is_on)
        ran.clear()
        return ran

    yield save
    with suppress(RestError):
        await ha.rest("DELETE", CONFIG)


@pytest_asyncio.fixture(loop_scope="session")
async def manage(ha: RecordingHomeAssistant) -> AsyncIterator[Callable[..., Awaitable[Json]]]:
    """Give out what manages a connection that is closed after the test."""

    async def call(action: str, **fields: Any) -> Json:
        return await ha.call(
            "manage_model_response_websocket", {"action": action, "connection_id": ID, **fields}
        )

    yield call
    with suppress(CommandError):
        await call("close")


async def wait_for(condition: Callable[[], Awaitable[object]], within: float = 10) -> None:
    """Wait until something holds."""
    end = monotonic() + within
    while not await condition():
        assert monotonic() < end
        await asyncio.sleep(0.1)


async def test_server_event_trigger(automate: Automate, entry: str, manage: Any) -> None:
    """An automation hears what it asked for, and knows all that the event says."""
    ran = await automate(
        "server_event",
        {"config_entry_id": entry, "connection_id": ID, "event_type": ["response.completed"]},
        {
            "status": "{{ trigger.event.response.status }}",
            "transport": "{{ trigger.transport }}",
            "text": "{{ trigger.description }}",
        },
    )
    await manage("connect")
    await manage("send", event=CREATE)
    assert await ran.wait() == {
        "status": "completed",
        "transport": "responses.websocket",
        "text": f"server event response.completed on connection {ID}",
    }
    await asyncio.sleep(0.2)
    assert len(ran) == 1


async def test_stream_event_trigger_with_connection_condition(
    automate: Automate, ha: RecordingHomeAssistant, manage: Any
) -> None:
    """An automation runs only while a connection is open."""
    said = {"delta": "{{ trigger.event.delta }}"}
    is_open = {"condition": "openai_api.connection_open", "options": {"connection_id": ID}}
    ran = await automate(
        "stream_event", {"event_type": "response.output_text.delta"}, said, conditions=[is_open]
    )
    ask = {"model": "gpt-5-mini", "input": "Tell me a story", "stream": True}
    await ha.call("create_model_response", ask)
    await asyncio.sleep(0.2)
    assert not ran
    await manage("connect")
    answer = await ha.call("create_model_response", ask)
    await asyncio.sleep(0.5)
    # A template's result has no spaces around it.
    heard = "".join(event["data"]["delta"] for event in ran)
    assert heard == answer["output_text"].replace(" ", "")


async def test_connection_state_trigger(automate: Automate, manage: Any) -> None:
    """An automation learns how a connection fares."""
    ran = await automate("connection_state", {"connection_id": ID}, {"to": "{{ trigger.state }}"})
    await manage("connect")
    await manage("close")
    await ran.wait(lambda data: data["to"] == "disconnected")
    assert [event["data"]["to"] for event in ran] == ["connecting", "connected", "disconnected"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config_entry_id": "nobody"}, "no OpenAI API service 'nobody'"),
        ({"transport": "smoke"}, "transport"),
        ({"connection": ID}, "connection"),
    ],
)
async def test_editor_rejects_invalid_options(
    automate: Automate, ha: RecordingHomeAssistant, options: Json, message: str
) -> None:
    """What makes no sense is not saved, and the editor says why."""
    with pytest.raises(RestError, match=message) as refused:
        await automate("server_event", options, {})
    assert refused.value.status == 400
    config = [{"trigger": "openai_api.server_event", "options": options}]
    answer = await ha.command("validate_config", triggers=config)
    assert answer["triggers"]["valid"] is False
    assert message in answer["triggers"]["error"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("trigger", "openai_api.server_event"), ("condition", "openai_api.connection_open")],
)
async def test_editor_lists_triggers_and_condition(
    ha: RecordingHomeAssistant, kind: str, name: str
) -> None:
    """The editor shows the triggers and the condition with their fields."""
    offered = await ha.socket.subscribe(f"{kind}_platforms/subscribe")
    found = await offered.wait(lambda data: name in data)
    assert "connection_id" in found[name]["fields"]


async def test_connection_entity_on_device(
    ha: RecordingHomeAssistant, entry: str, service: Service, manage: Any
) -> None:
    """A connection is on the device while it lasts, by whatever name it goes."""
    entity_id = f"binary_sensor.127_0_0_1_connection_{ID}"
    await manage("connect")
    states = await ha.states()
    assert states[entity_id]["state"] == "on"
    assert states[entity_id]["attributes"]["transport"] == "responses.websocket"
    assert states["sensor.127_0_0_1_open_connections"]["state"] == "1"
    devices = await ha.command("config/device_registry/list")
    assert [device["entry_type"] for device in devices if entry in device["config_entries"]] == [
        "service"
    ]

    renamed = "binary_sensor.butler"
    await ha.command("config/entity_registry/update", entity_id=entity_id, new_entity_id=renamed)
    await service.pull(0, "abort")

    async def is_back() -> bool:
        states = await ha.states()
        return states[renamed]["state"] == "on" and len(await service.sockets()) == 2

    await wait_for(is_back, 20)
    assert "lost" in (await ha.states())["sensor.127_0_0_1_last_error"]["state"]
    await manage("close")
    known = await ha.command("config/entity_registry/list")
    assert {renamed, entity_id}.isdisjoint(await ha.states())
    assert {renamed, entity_id}.isdisjoint(item["entity_id"] for item in known)
