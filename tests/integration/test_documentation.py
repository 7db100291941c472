"""Every example of the documentation runs as it stands there, against the stand-in.

Automations are set up by Home Assistant; then their conditions and actions run with what their
trigger would bring along. Paths below `/media` are files of the test's own media folder.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
import re
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Context, Event, HomeAssistant, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.script import Script, async_validate_actions_config
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.openai_api import polling
from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.exceptions import MethodMissing
from tests.documentation import EXAMPLES, GENERATED, Example, mappings
from tests.standin import media

from .assist import absent  # noqa: F401  # What voice imports is not installed for tests.
from .cameras import add_camera
from .conftest import Call

RUNNABLE = [example for example in EXAMPLES if example.reason is None]
BY_HAND = [example for example in RUNNABLE if example.page.parent != GENERATED]
PAGES = sorted({example.page for example in RUNNABLE if example.page.parent == GENERATED})
CONFIGURATION = {"logger", "template"}
ANY_ENTRY = "01JXEXAMPLE0ENTRY0ID00000"
_PATH = re.compile(r"/media/[\w./-]+")
_LONGEST = 200
"""Times that a sequence is waited for, 50 ms each."""
PICTURE = media.png(8, 8, "door")
SOUND = media.wav(bytes(48_000))
FORECAST = [{"datetime": "2026-11-28", "condition": "sunny", "temperature": 3, "templow": -4}]
MODELS = {
    "chat": "gpt-5-mini",
    "image": "gpt-image-2",
    "speech": "gpt-4o-mini-tts",
    "transcription": "gpt-4o-mini-transcribe",
    "embedding": "text-embedding-3-small",
    "realtime": "gpt-realtime",
}
# What the actions of other integrations return.
OTHERS: dict[str, Any] = {
    "assist_satellite.announce": None,
    "assist_satellite.ask_question": {"id": None, "sentence": "Milk and bread", "slots": {}},
    "input_number.set_value": None,
    "input_text.set_value": None,
    "logbook.log": None,
    "media_player.media_stop": None,
    "media_player.play_media": None,
    "notify.mobile_app_my_phone": None,
    "notify.notify": None,
    "notify.send_message": None,
    "persistent_notification.create": None,
    "todo.add_item": None,
    "weather.get_forecasts": {"weather.home": {"forecast": FORECAST}},
}
# What an automation knows of its trigger; what its options name comes first.
TRIGGERS: dict[str, dict[str, Any]] = {
    "conversation": {"slots": {"question": "why the sky is blue"}},
    "event": {"event": {"data": {"event": {"text": "It is sunny."}}}},
    f"{DOMAIN}.connection_state": {"connection_id": "kitchen", "code": 1001},
    f"{DOMAIN}.progress": {
        "name": "Dinners",
        "status": "completed",
        "progress": 42,
        "result": {"output_text": "Pasta."},
    },
    f"{DOMAIN}.realtime_notice": {
        "connection_id": "kitchen",
        "media_content_id": "media-source://openai_api/answer.wav",
        "media_content_type": "audio/wav",
        "name": "cistern_level",
        "call_id": "call_1",
        "approval_request_id": "mcpr_1",
    },
    f"{DOMAIN}.server_event": {
        "event": {
            "response": {
                "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]
            }
        }
    },
    f"{DOMAIN}.stream_event": {},
    f"{DOMAIN}.turn_ended": {"entity_id": "conversation.openai", "error": "No answer."},
    f"{DOMAIN}.webhook_event": {},
    "state": {},
    "time": {},
}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(polling, "INITIAL_INTERVAL", 0.01)


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Let automations go on listening to the clock."""
    return True


class World:
    """A Home Assistant in which the examples find what they name."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
        """Register the actions of other integrations."""
        self.hass = hass
        self.entry = entry
        self.called: list[str] = []
        self._folder = folder
        for name, response in OTHERS.items():
            domain, _, action = name.partition(".")
            supports = SupportsResponse.NONE if response is None else SupportsResponse.ONLY
            async_mock_service(hass, domain, action, response=response, supports_response=supports)
        hass.states.async_set("sensor.openai_requests", "1")
        hass.states.async_set("sensor.outdoor_temperature", "4")
        hass.states.async_set("sensor.washing_machine_energy", "0.9")
        hass.states.async_set("sensor.cistern_level", "80")
        hass.states.async_set("weather.home", "sunny")
        hass.bus.async_listen(EVENT_CALL_SERVICE, self._take)

    @callback
    def _take(self, event: Event) -> None:
        """Take down what is called."""
        self.called.append(f"{event.data['domain']}.{event.data['service']}")

    def data(self, example: Example) -> Any:
        """Return what an example says, with files that are there."""
        text = example.text.replace(ANY_ENTRY, self.entry.entry_id)
        for path in set(_PATH.findall(text)):
            file = self._folder / path.removeprefix("/media/")
            if not file.suffix:
                file = file / "SKILL.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            content = {".wav": SOUND, ".png": PICTURE, ".jpg": PICTURE}.get(
                file.suffix, b"Something"
            )
            file.write_bytes(content)
        return example._replace(text=text.replace("/media/", f"{self._folder}/")).data

    async def run(self, steps: Any, variables: Mapping[str, Any]) -> Any:
        """Run a sequence to its end, and return its response."""
        hass = self.hass
        checked = await async_validate_actions_config(hass, cv.SCRIPT_SCHEMA(steps))
        script = Script(hass, checked, "Documentation", DOMAIN)
        task = hass.async_create_task(script.async_run(dict(variables), Context()))
        await asyncio.wait([task], timeout=0.05)
        if "delay" in str(steps):
            # Once, for it would end the time limits of requests, too.
            async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1))
        for _ in range(_LONGEST):
            if task.done():
                break
            await asyncio.wait([task], timeout=0.05)
        assert task.done(), script.last_action
        return await task


@pytest.fixture
async def world(
    hass: HomeAssistant, entry: MockConfigEntry, media_folder: Path
) -> AsyncGenerator[World]:
    """Return a Home Assistant with a service whose models need not be named."""
    hass.config_entries.async_update_entry(entry, options={"default_models": MODELS})
    await hass.async_block_till_done()
    yield World(hass, entry, media_folder)
    await hass.config_entries.async_unload(entry.entry_id)


async def add_entities(world: World, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Add the camera and the Assist entities that an example names."""
    hass = world.hass
    # What reads the files of players, which nothing here converts.
    hass.config.components.add("ffmpeg")
    if "llm_hass_api" in text:
        assert await async_setup_component(hass, "conversation", {})
    if "camera.front_door" in text or "ai_task.openai" in text:
        await add_camera(hass, monkeypatch, "camera.front_door", PICTURE)
    for kind, entity_id, options in (
        ("ai_task_data", "ai_task.openai", {"model": "gpt-5-mini"}),
        ("tts", "tts.openai", {"model": "gpt-4o-mini-tts", "voice": "alloy"}),
    ):
        if entity_id not in text:
            continue
        assert await async_setup_component(hass, entity_id.partition(".")[0], {})
        subentry = ConfigSubentry(
            data=MappingProxyType({"name": "OpenAI", **options}),
            subentry_type=kind,
            title="OpenAI",
            unique_id=None,
        )
        hass.config_entries.async_add_subentry(world.entry, subentry)
        await hass.async_block_till_done()
        assert hass.states.get(entity_id), hass.states.async_entity_ids()


def connections(steps: Any) -> Iterator[tuple[str, str]]:
    """Yield the connections that steps use and do not open, with the action that opens each."""
    known: set[str] = set()
    for step in mappings(steps):
        data = step.get("data")
        if not isinstance(data, dict) or not isinstance(name := data.get("connection_id"), str):
            continue
        name = "kitchen" if "{{" in name else name
        action = step["action"].removeprefix(f"{DOMAIN}.")
        is_opened = action == "connect_realtime_websocket" or data.get("action") == "connect"
        if name not in known and not is_opened:
            is_responses = action == "manage_model_response_websocket"
            yield name, "responses" if is_responses else "realtime"
        known.add(name)


async def open_connections(call: Call, steps: Any) -> None:
    """Open the connections that steps use."""
    for name, kind in connections(steps):
        if kind == "responses":
            await call("manage_model_response_websocket", action="connect", connection_id=name)
        else:
            await call("connect_realtime_websocket", connection_id=name, model="gpt-realtime")


def certain(steps: list[dict[str, Any]]) -> list[str]:
    """Return the actions that a sequence calls in any case."""
    found = []
    for step in steps:
        if "condition" in step or "stop" in step:
            break
        if "action" in step:
            found.append(step["action"])
    return found


@pytest.mark.parametrize("example", BY_HAND, ids=lambda example: example.place)
async def test_example_runs(
    world: World,
    call: Call,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    example: Example,
) -> None:
    hass, data = world.hass, world.data(example)
    await add_entities(world, monkeypatch, example.text)
    if isinstance(data, dict) and data.keys() <= CONFIGURATION:
        await check_configuration(hass, data)
        return
    variables: dict[str, Any] = {"call_id": "call_1", "text": "Hello", "language": "French"}
    before: list[Any] = []
    steps = data
    if isinstance(data, dict) and "triggers" in data:
        assert await async_setup_component(hass, "conversation", {})
        assert await async_setup_component(hass, "automation", {"automation": [data]})
        await hass.async_block_till_done()
        assert [state.state for state in hass.states.async_all("automation")] == ["on"]
        trigger = data["triggers"][0]
        known = TRIGGERS[trigger["trigger"]]
        if trigger["trigger"] == f"{DOMAIN}.webhook_event":
            answer = await call("create_model_response", input="Hello")
            known = {"config_entry_id": world.entry.entry_id, "event": {"data": answer}}
        variables["trigger"] = {**known, **trigger.get("options", {})}
        conditions = data.get("conditions", [])
        before = [
            {"condition": "template", "value_template": item} if isinstance(item, str) else item
            for item in (conditions if isinstance(conditions, list) else [conditions])
        ]
        steps = data["actions"]
    elif isinstance(data, dict) and "sequence" in data:
        steps = data["sequence"]
    elif "trigger.slots" in example.text:
        variables["trigger"] = TRIGGERS["conversation"]
    steps = steps if isinstance(steps, list) else [steps]
    hass.states.async_set("input_boolean.foreign_tools", "on")
    await open_connections(call, steps)
    world.called.clear()
    caplog.clear()
    await world.run([*before, *steps], variables)
    assert (
        certain(steps)
        == [name for name in world.called if name in certain(steps)][: len(certain(steps))]
    )
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert not [text for text in warnings if "Template variable" in text]


async def check_configuration(hass: HomeAssistant, data: dict[str, Any]) -> None:
    """Set up what an example says for configuration.yaml."""
    for domain in data:
        assert await async_setup_component(hass, domain, data)
    await hass.async_block_till_done()
    if "template" in data:
        moment = dt_util.utcnow().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        async_fire_time_changed(hass, moment)
        await hass.async_block_till_done(wait_background_tasks=True)
        (name,) = [item["name"] for item in data["template"][0]["sensor"]]
        (state,) = [state for state in hass.states.async_all("sensor") if state.name == name]
        assert state.attributes["text"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_examples_of_actions_run(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    await add_entities(world, monkeypatch, page.read_text())
    failed = []
    for example in RUNNABLE:
        if example.page != page:
            continue
        step = world.data(example)
        for name, kind in connections(step):
            if name not in world.entry.runtime_data.connections:
                await open_connections(call, [step])
                assert kind
        try:
            await world.run([step], {})
        except MethodMissing:
            # The oldest SDK does not have all of them.
            continue
        except ServiceValidationError as err:
            # The ids in the examples are made up, and the stand-in says so.
            status = (err.translation_placeholders or {}).get("status")
            if err.translation_key != "job_unknown" and status != "404":
                failed.append(f"{example.place}: {err}")
    assert not failed
