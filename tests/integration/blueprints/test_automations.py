"""Automations made of blueprints, from what sets them off to what is seen or heard."""

import base64
from datetime import timedelta
from pathlib import Path
import re
import sys
from unittest.mock import MagicMock

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from tests.standin import Fault, media
from tests.standin.server import StandIn

from ..conftest import Call
from .assertions import ANY, assert_sent
from .conftest import BlueprintHome, Install

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


def assert_spoken(household: BlueprintHome) -> None:
    """Fail unless the speaker has played one saved announcement."""
    (played,) = household.speaker.played
    assert played["announce"] is True
    assert played["type"] == "audio/mpeg"
    assert played["id"].startswith("media-source://openai_api/")


async def test_camera_description(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
    standin: StandIn,
    media_folder: Path,
) -> None:
    """Motion leads to a description, and the host is asked to keep nothing of it."""
    home.states.async_set("camera.door", "idle", {"friendly_name": "Front door"})
    home.states.async_set("binary_sensor.door", "off")
    await install(
        "describe_camera",
        motion=["binary_sensor.door"],
        camera="camera.door",
        question="Who is there?",
        model="gpt-5-mini",
        speech_model="gpt-4o-mini-tts",
        speakers=[SPEAKER],
        picture=str(media_folder / "door.png"),
        pause=0,
    )
    home.states.async_set("binary_sensor.door", "on")
    await home.async_block_till_done(wait_background_tasks=True)
    assert blueprint_home.notices == ["You said: Who is there? (with 1 image)"]
    shown = base64.b64encode(media.png(16, 16, "door")).decode()
    picture = {
        "type": "input_image",
        "image_url": f"data:image/png;base64,{shown}",
        "detail": "auto",
    }
    question = [{"type": "input_text", "text": "Who is there?"}, picture]
    expected = {"input": [{"role": "user", "content": question}], "store": False}
    assert_sent(standin, "POST", "/responses", expected)
    assert_spoken(blueprint_home)
    sent = len(standin.requests)
    home.states.async_set("binary_sensor.door", "off")
    await home.async_block_till_done(wait_background_tasks=True)
    assert len(standin.requests) == sent


MARKDOWN = (
    "See ![x](http://evil.example/a.png), [here](http://evil.example) or <img src=x> "
    "and https://evil.example, www.evil.example, me@evil.example `code` \\[y](z)"
)


def assert_plain(notice: str) -> None:
    """Fail if Markdown would make a picture, a link or markup of a text."""
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", notice)
    assert not re.search(r"[\[\]<>`@]|://|www\.", unescaped), notice
    assert "evil.example" in notice, "the words are there"


async def test_camera_description_without_file(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a file for the picture, no folder is needed; what the model says is no markup."""
    # The library for JPEG files is not installed here, and not needed for a PNG.
    monkeypatch.setitem(sys.modules, "turbojpeg", MagicMock())
    from homeassistant.components import camera

    async def picture(*_: object, **__: object) -> camera.Image:
        return camera.Image("image/png", media.png(16, 16, "door"))

    monkeypatch.setattr(camera, "async_get_image", picture)
    home.states.async_set("camera.door", "idle")
    home.states.async_set("binary_sensor.door", "off")
    await install(
        "describe_camera",
        motion=["binary_sensor.door"],
        camera="camera.door",
        question=MARKDOWN,
        model="gpt-5-mini",
        pause=0,
    )
    home.states.async_set("binary_sensor.door", "on")
    await home.async_block_till_done(wait_background_tasks=True)
    assert not blueprint_home.asked, "no file was written"
    (sent,) = [item.body for item in standin.requests if item.path == "/responses"]
    assert [part["type"] for part in sent["input"][0]["content"]] == ["input_text", "input_image"]
    (notice,) = blueprint_home.notices
    assert_plain(notice)


async def test_morning_briefing(
    home: HomeAssistant, install: Install, blueprint_home: BlueprintHome, standin: StandIn
) -> None:
    """The speaker announces the summary of the day."""
    home.states.async_set("weather.home", "rainy", {"temperature": 9, "temperature_unit": "°C"})
    home.states.async_set("sensor.car", "80", {"friendly_name": "Car", "unit_of_measurement": "%"})
    await install(
        "morning_briefing",
        model="gpt-5-mini",
        speech_model="gpt-4o-mini-tts",
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
    assert_spoken(blueprint_home)


async def test_picture_of_the_day(
    home: HomeAssistant, install: Install, blueprint_home: BlueprintHome, standin: StandIn
) -> None:
    """The camera on the dashboard gets the new picture, and a notification shows it."""
    await install("picture_of_the_day", model="gpt-image-2", camera="camera.picture")
    await strike(home, 6)
    (shown,) = blueprint_home.service_calls("local_file.update_file_path")
    assert Path(shown["file_path"]).read_bytes().startswith(b"\x89PNG")
    (notice,) = blueprint_home.notices
    assert "![Picture of the day](/api/openai_api/media/" in notice
    sent = next(item.body for item in standin.requests if item.path == "/images/generations")
    assert sent["prompt"].startswith("A calm watercolour that suits ")
    assert "{{" not in sent["prompt"]


@pytest.mark.parametrize("moved", [False, True])
async def test_voice_note_transcription(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
    standin: StandIn,
    media_folder: Path,
    moved: bool,
) -> None:
    """A recording becomes an entry of the list; other files are left alone."""
    folder = media_folder / "notes"
    await install(
        "transcribe_voice_note",
        model="gpt-4o-mini-transcribe",
        folder=f"{folder}/",
        todo="todo.mine",
        language="en",
    )
    await drop(home, folder / "read.me", b"Hello")
    await drop(home, media_folder / "elsewhere.wav", b"Hello")
    assert not blueprint_home.asked
    await drop(home, folder / "Note.WAV", media.wav(media.tone(0.2)), moved=moved)
    assert_sent(
        standin,
        "POST",
        "/audio/transcriptions",
        {"file": "Note.WAV", "language": "en", "model": "gpt-4o-mini-transcribe"},
    )
    text = "I heard 0.2 seconds of Note.WAV."
    assert blueprint_home.asked == [("todo.add_item", {"entity_id": ["todo.mine"], "item": text})]
    assert blueprint_home.notices == [text]


async def test_voice_note_markup_is_escaped(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
    standin: StandIn,
    media_folder: Path,
) -> None:
    """A folder may be named by the end of its path; what was heard is no markup."""
    await install("transcribe_voice_note", model="m")
    standin.fail(Fault(path="/audio", status=200, body={"text": MARKDOWN}))
    await drop(home, media_folder / "other" / "Note.wav", media.wav(media.tone(0.2)))
    assert not blueprint_home.notices
    await drop(home, media_folder / "voice_notes" / "Note.wav", media.wav(media.tone(0.2)))
    (notice,) = blueprint_home.notices
    assert_plain(notice)


async def test_refused_announcement_markup_is_escaped(
    home: HomeAssistant, install: Install, blueprint_home: BlueprintHome
) -> None:
    """What somebody has written into the text field is no markup either."""
    text = "input_text.board"
    board = {"board": {"max": 255}}
    assert await async_setup_component(home, "input_text", {"input_text": board})
    await install("announce_after_check", message=text, speakers=[SPEAKER])
    message = f"violence {MARKDOWN}"
    await home.services.async_call(
        "input_text", "set_value", {"entity_id": text, "value": message}, blocking=True
    )
    await home.async_block_till_done(wait_background_tasks=True)
    (notice,) = blueprint_home.notices
    assert_plain(notice)


async def test_announcement_after_moderation(
    home: HomeAssistant, install: Install, blueprint_home: BlueprintHome, standin: StandIn
) -> None:
    """What passes the check is spoken, what does not is not."""
    text = "input_text.board"
    assert await async_setup_component(home, "input_text", {"input_text": {"board": {}}})
    await install(
        "announce_after_check", speech_model="gpt-4o-mini-tts", message=text, speakers=[SPEAKER]
    )
    for message in ("Nothing but violence and hate", "", "Dinner is ready"):
        await home.services.async_call(
            "input_text", "set_value", {"entity_id": text, "value": message}, blocking=True
        )
        await home.async_block_till_done(wait_background_tasks=True)
    assert blueprint_home.notices == ["Nothing but violence and hate (violence, hate)"]
    assert_sent(standin, "POST", "/audio/speech", {"input": "Dinner is ready"})
    assert_spoken(blueprint_home)


async def test_overnight_batch(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
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
    (batch,) = (await call("list_batch"))["data"]
    (watched,) = (await call("list_watched_jobs"))["data"]
    assert (watched["id"], watched["name"]) == (batch["id"], "a.jsonl")
    assert not blueprint_home.notices
    await strike(home, 1)
    await strike(home, 2)
    (notice,) = blueprint_home.notices
    path = media_folder / "openai_api" / f"answers_{batch['id']}.jsonl"
    assert notice == f"1 of 1 requests were answered. `{path}`"
    assert b"You said" in path.read_bytes()
    assert (await call("list_files", purpose="batch"))["data"] == []


async def test_overnight_batch_missed_event(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
    call: Call,
    media_folder: Path,
) -> None:
    """What ended without the automation hearing of it is told of at its next run."""
    await install("answer_overnight", folder=str(media_folder / "batches"))
    asked = b'{"custom_id": "1", "body": {"input": "Hello"}}\n'
    await drop(home, media_folder / "batches" / "a.jsonl", asked)
    (batch,) = (await call("list_batch"))["data"]
    await call("stop_watching_job", id=batch["id"])
    await call("retrieve_batch", batch_id=batch["id"])
    await strike(home, 1)
    assert not blueprint_home.notices
    await home.services.async_call(
        "automation", "trigger", {"entity_id": "automation.sample", "skip_condition": False}
    )
    await home.async_block_till_done(wait_background_tasks=True)
    assert len(blueprint_home.notices) == 1


async def test_document_collection(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
    call: Call,
    media_folder: Path,
) -> None:
    """A document in the folder can be searched soon after."""
    store = await call("create_vector_store", name="Manuals")
    folder = media_folder / "manuals"
    await install("collect_manuals", folder=str(folder), vector_store_id=store["id"])
    await drop(home, folder / "boiler.txt", b"Bleed the boiler once a year.")
    assert blueprint_home.notices == [str(folder / "boiler.txt")]
    found = await call("search_vector_store", vector_store_id=store["id"], query="boiler")
    assert found["data"][0]["filename"] == "boiler.txt"
