"""Automations made of blueprints, from what sets them off to what is seen or heard."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from tests.standin import media
from tests.standin.server import StandIn

from ..conftest import Call
from .conftest import Household, Install
from .matching import ANY, assert_sent, contains

SPEAKER = "media_player.kitchen"
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


async def strike(hass: HomeAssistant, hour: int) -> None:
    """Let the clock strike an hour, the next time that it does."""
    at = dt_util.start_of_local_day() + timedelta(days=1, hours=hour)
    async_fire_time_changed(hass, at, fire_all=True)
    await hass.async_block_till_done(wait_background_tasks=True)


async def drop(hass: HomeAssistant, path: Path, content: bytes, *, moved: bool = False) -> None:
    """Put a file into a folder that is watched."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    data = {"event_type": "closed", "path": str(path)}
    if moved:
        data = {"event_type": "moved", "path": f"{path}.part", "dest_path": str(path)}
    hass.bus.async_fire("folder_watcher", data)
    await hass.async_block_till_done(wait_background_tasks=True)


def assert_spoken(household: Household) -> None:
    """Fail unless the speaker has played one saved announcement."""
    (played,) = household.speaker.played
    assert played["announce"] is True
    assert played["type"] == "audio/mpeg"
    assert played["id"].startswith("media-source://openai_api/")


async def test_camera(
    home: HomeAssistant,
    install: Install,
    household: Household,
    standin: StandIn,
    media_folder: Path,
) -> None:
    """Motion leads to a description, and the picture does not stay at the host."""
    home.states.async_set("camera.door", "idle", {"friendly_name": "Front door"})
    home.states.async_set("binary_sensor.door", "off")
    await install(
        "describe_camera",
        motion=["binary_sensor.door"],
        camera="camera.door",
        question="Who is there?",
        speakers=[SPEAKER],
        picture=str(media_folder / "door.png"),
        pause=0,
    )
    home.states.async_set("binary_sensor.door", "on")
    await home.async_block_till_done(wait_background_tasks=True)
    assert household.notices == ["You said: Who is there? (with 1 image)"]
    assert_sent(standin, "POST", "/files", {"file": "door.png", "purpose": "vision"})
    picture = {"type": "input_image", "file_id": ANY, "detail": "auto"}
    content = [{"type": "input_text", "text": "Who is there?"}, picture]
    assert_sent(standin, "POST", "/responses", {"input": [{"role": "user", "content": content}]})
    assert_spoken(household)
    sent = len(standin.requests)
    assert [item.method for item in standin.requests].count("DELETE") == 1
    home.states.async_set("binary_sensor.door", "off")
    await home.async_block_till_done(wait_background_tasks=True)
    assert len(standin.requests) == sent


async def test_briefing(
    home: HomeAssistant, install: Install, household: Household, standin: StandIn
) -> None:
    """The speaker tells what the house knows of the day."""
    home.states.async_set("weather.home", "rainy", {"temperature": 9, "temperature_unit": "°C"})
    home.states.async_set("sensor.car", "80", {"friendly_name": "Car", "unit_of_measurement": "%"})
    await install(
        "morning_briefing",
        days=EVERY_DAY,
        speakers=[SPEAKER],
        weather="weather.home",
        calendars=["calendar.family"],
        entities=["sensor.car"],
    )
    await strike(home, 7)
    asked = next(item.body for item in standin.requests if item.path == "/responses")
    for fact in ("rainy", "9 °C", '"temperature":11', "15:00: Dentist", "Car: 80 %"):
        assert fact in asked["input"]
    assert_sent(standin, "POST", "/audio/speech", {"voice": "marin", "input": ANY})
    assert_spoken(household)


async def test_picture_of_the_day(
    home: HomeAssistant, install: Install, household: Household, standin: StandIn
) -> None:
    """The camera on the dashboard gets the new picture, and a notification shows it."""
    await install("picture_of_the_day", camera="camera.picture")
    await strike(home, 6)
    (shown,) = household.was_asked("local_file.update_file_path")
    assert Path(shown["file_path"]).read_bytes().startswith(b"\x89PNG")
    (notice,) = household.notices
    assert "![Picture of the day](/api/openai_api/media/" in notice
    sent = next(item.body for item in standin.requests if item.path == "/images/generations")
    assert sent["prompt"].startswith("A calm watercolour that suits ")
    assert "{{" not in sent["prompt"]


@pytest.mark.parametrize("moved", [False, True])
async def test_voice_note(
    home: HomeAssistant,
    install: Install,
    household: Household,
    standin: StandIn,
    media_folder: Path,
    moved: bool,
) -> None:
    """A recording becomes an entry of the list; other files are left alone."""
    folder = media_folder / "notes"
    await install("transcribe_voice_note", folder=f"{folder}/", todo="todo.mine", language="en")
    await drop(home, folder / "read.me", b"Hello")
    await drop(home, media_folder / "elsewhere.wav", b"Hello")
    assert not household.asked
    await drop(home, folder / "Note.WAV", media.wav(media.tone(0.2)), moved=moved)
    assert_sent(
        standin,
        "POST",
        "/audio/transcriptions",
        {"file": "Note.WAV", "language": "en", "model": "gpt-4o-mini-transcribe"},
    )
    text = "I heard 0.2 seconds of Note.WAV."
    assert household.asked == [("todo.add_item", {"entity_id": ["todo.mine"], "item": text})]
    assert household.notices == [text]


async def test_announcement(
    home: HomeAssistant, install: Install, household: Household, standin: StandIn
) -> None:
    """What passes the check is spoken, what does not is not."""
    text = "input_text.board"
    assert await async_setup_component(home, "input_text", {"input_text": {"board": {}}})
    await install("announce_after_check", message=text, speakers=[SPEAKER])
    for message in ("Nothing but violence and hate", "", "Dinner is ready"):
        await home.services.async_call(
            "input_text", "set_value", {"entity_id": text, "value": message}, blocking=True
        )
        await home.async_block_till_done(wait_background_tasks=True)
    assert household.notices == ["Nothing but violence and hate (violence, hate)"]
    assert_sent(standin, "POST", "/audio/speech", {"input": "Dinner is ready"})
    assert_spoken(household)


def incoming(caller: str) -> dict[str, Any]:
    """Return the event of an incoming call."""
    headers = [{"name": "To", "value": "sip:home"}, {"name": "From", "value": caller}]
    data = {"call_id": "rtc_1", "sip_headers": headers}
    return {"id": "evt_1", "type": "realtime.call.incoming", "data": data}


async def happen(
    hass: HomeAssistant, entry: MockConfigEntry, event: dict[str, Any], **changes: object
) -> None:
    """Fire a webhook's event."""
    data = {
        "config_entry_id": entry.entry_id,
        "webhook_event_id": event["id"],
        "event_type": event["type"],
        "event": event,
        **changes,
    }
    hass.bus.async_fire("openai_api_webhook_event", data)
    await hass.async_block_till_done()


async def test_phone(
    home: HomeAssistant,
    install: Install,
    household: Household,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
) -> None:
    """A call is answered, and the caller greeted."""
    tell = [{"action": "todo.add_item", "data": {"item": "{{ caller }} {{ call_id }}"}}]
    await install("answer_phone", instructions="Be brief.", tell=tell)
    await happen(home, entry, incoming('"Ann" <sip:+123@example.com>'))
    assert_sent(
        standin,
        "POST",
        "/realtime/calls/rtc_1/accept",
        {
            "type": "realtime",
            "model": "gpt-realtime",
            "instructions": "Be brief.",
            "audio": {"output": {"voice": "marin"}},
        },
    )
    socket = await standin.wait_for_socket()
    assert socket.request.param("call_id") == "rtc_1"
    update = await socket.wait_for(1)
    assert contains(update, {"type": "session.update", "session": {"instructions": "Be brief."}})
    assert "tools" not in update["session"]
    greeting = {"type": "response.create", "response": {"instructions": "Greet the caller."}}
    assert any(contains(frame, greeting) for frame in socket.received)
    assert household.asked == [
        ("todo.add_item", {"item": '"Ann" <sip:+123@example.com> rtc_1'}),
    ]
    await call("close_realtime_websocket", connection_id="rtc_1")


async def test_control(
    home: HomeAssistant, install: Install, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    """A trusted caller may use what is exposed to Assist."""
    for component in ("homeassistant", "conversation"):
        assert await async_setup_component(home, component, {})
    await install("answer_phone", control=True)
    await happen(home, entry, incoming("<sip:+123@example.com>"))
    update = await (await standin.wait_for_socket()).wait_for(1)
    assert update["session"]["tools"]
    await call("close_realtime_websocket", connection_id="rtc_1")


@pytest.mark.parametrize(("caller", "answered"), [("+123", True), ("+456", False)])
async def test_allowed_callers(
    home: HomeAssistant,
    install: Install,
    standin: StandIn,
    entry: MockConfigEntry,
    caller: str,
    answered: bool,
) -> None:
    """Only those on the list get through."""
    await install("answer_phone", callers=["+123", "+789"])
    await happen(home, entry, incoming(f"<sip:{caller}@example.com>"))
    assert_sent(standin, "POST", f"/realtime/calls/rtc_1/{'accept' if answered else 'reject'}", {})
    assert bool(standin.sockets) is answered


async def test_webhook(
    home: HomeAssistant, install: Install, household: Household, entry: MockConfigEntry
) -> None:
    """Only the awaited events of the chosen host are reported."""
    await install("webhook_event", event_types=["batch.completed"], config_entry_id=entry.entry_id)
    done = {"id": "evt_1", "type": "batch.completed", "data": {"id": "batch_1"}}
    await happen(home, entry, {**done, "type": "batch.failed"})
    await happen(home, entry, done, config_entry_id="another")
    assert not household.notices
    await happen(home, entry, done)
    assert household.notices == ["batch.completed: batch_1"]


async def test_overnight(
    home: HomeAssistant,
    install: Install,
    household: Household,
    standin: StandIn,
    call: Call,
    media_folder: Path,
) -> None:
    """A file of requests is handed in, and its answers are fetched and told of once."""
    await install("answer_overnight", folder=str(media_folder / "batches"))
    asked = b'{"custom_id": "1", "body": {"input": "Hello"}}\n'
    await drop(home, media_folder / "batches" / "a.txt", asked)
    assert not any(item.method == "POST" for item in standin.requests)
    await drop(home, media_folder / "batches" / "a.jsonl", asked)
    assert_sent(standin, "POST", "/files", {"file": "a.jsonl", "purpose": "batch"})
    made_by = {"made_by": "automation.sample"}
    assert_sent(standin, "POST", "/batches", {"endpoint": "/v1/responses", "metadata": made_by})
    await strike(home, 1)
    assert not household.notices
    (batch,) = (await call("list_batch"))["data"]
    for _ in range(2):
        await call("retrieve_batch", batch_id=batch["id"])
    await strike(home, 2)
    await strike(home, 3)
    (notice,) = household.notices
    path = media_folder / "openai_api" / f"answers_{batch['id']}.jsonl"
    assert notice == f"1 of 1 requests were answered. `{path}`"
    assert b"You said" in path.read_bytes()
    assert (await call("list_files", purpose="batch"))["data"] == []


async def test_collecting(
    home: HomeAssistant,
    install: Install,
    household: Household,
    standin: StandIn,
    call: Call,
    media_folder: Path,
) -> None:
    """A document in the folder can be searched soon after."""
    store = await call("create_vector_store", name="Manuals")
    folder = media_folder / "manuals"
    await install("collect_manuals", folder=str(folder), vector_store_id=store["id"])
    await drop(home, folder / "boiler.txt", b"Bleed the boiler once a year.")
    assert household.notices == [str(folder / "boiler.txt")]
    found = await call("search_vector_store", vector_store_id=store["id"], query="boiler")
    assert found["data"][0]["filename"] == "boiler.txt"
