"""A Home Assistant with the blueprints, and a household that remembers what it was told."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from pathlib import Path
import shutil
from typing import Any, override

from homeassistant.components import persistent_notification
from homeassistant.components.media_player import MediaPlayerEntity
from homeassistant.components.media_player.const import MediaPlayerEntityFeature
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    setup_test_component_platform,
)

from custom_components.openai_api import polling
from tests.standin import media

BLUEPRINTS = Path(__file__).parents[3] / "blueprints"
SAMPLE = "automation.sample"
FORECAST = {"datetime": "2026-10-05", "condition": "rainy", "temperature": 11}

type Install = Callable[..., Awaitable[None]]
type Run = Callable[..., Awaitable[Any]]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(polling, "INITIAL_INTERVAL", 0.01)


@pytest.fixture
async def home(hass: HomeAssistant, entry: MockConfigEntry, tmp_path: Path) -> HomeAssistant:
    """Return a Home Assistant with a service, in whose folder the blueprints are."""
    config = tmp_path / "config"
    shutil.copytree(BLUEPRINTS, config / "blueprints")
    hass.config.config_dir = str(config)
    # Models may be left blank in blueprints: those of the service are used then.
    models = {"chat": "gpt-5-mini", "image": "gpt-image-2", "embedding": "text-embedding-3-small"}
    hass.config_entries.async_update_entry(entry, options={"default_models": models})
    assert await async_setup_component(hass, "persistent_notification", {})
    return hass


@pytest.fixture
async def install(home: HomeAssistant) -> AsyncGenerator[Install]:
    """Return a function that makes an automation of a blueprint."""

    async def install_blueprint(blueprint: str, **inputs: Any) -> None:
        made = {"alias": "Sample", "use_blueprint": _use(blueprint, inputs)}
        assert await async_setup_component(home, "automation", {"automation": [made]})
        await home.async_block_till_done()
        assert (state := home.states.get(SAMPLE))
        assert state.state == "on"

    yield install_blueprint
    await home.services.async_call("automation", "turn_off", {"entity_id": SAMPLE}, blocking=True)


@pytest.fixture
def run(home: HomeAssistant) -> Run:
    """Return a function that makes a script of a blueprint, calls it and returns its answer."""

    async def run_blueprint(blueprint: str, inputs: dict[str, Any], fields: dict[str, Any]) -> Any:
        made = {"use_blueprint": _use(blueprint, inputs)}
        assert await async_setup_component(home, "script", {"script": {"sample": made}})
        assert (state := home.states.get("script.sample"))
        assert state.state == "off"
        return await home.services.async_call(
            "script", "sample", fields, blocking=True, return_response=True
        )

    return run_blueprint


def _use(blueprint: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return how a configuration names a blueprint."""
    return {"path": f"openai_api/{blueprint}.yaml", "input": inputs}


class Speaker(MediaPlayerEntity):
    """A speaker that takes down what it plays."""

    _attr_name = "Kitchen"
    _attr_supported_features = MediaPlayerEntityFeature.PLAY_MEDIA

    def __init__(self) -> None:
        """Start in silence."""
        self.played: list[dict[str, Any]] = []

    @override
    async def async_play_media(self, media_type: str, media_id: str, **rest: Any) -> None:
        """Take down what is played."""
        self.played.append({"type": media_type, "id": media_id, **rest})


class BlueprintHome:
    """A speaker, and devices that only take down what they are asked to do."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Register the actions of the devices."""
        self.hass = hass
        self.speaker = Speaker()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        answers: dict[str, Any] = {
            "camera.snapshot": None,
            "local_file.update_file_path": None,
            "todo.add_item": None,
            "weather.get_forecasts": {"weather.home": {"forecast": [FORECAST]}},
            "calendar.get_events": {
                "calendar.family": {"events": [{"start": "2026-10-05T15:00", "summary": "Dentist"}]}
            },
        }
        for name, answer in answers.items():
            domain, _, action = name.partition(".")
            hass.services.async_register(
                domain,
                action,
                self._take(answer),
                supports_response=SupportsResponse.OPTIONAL,
            )

    def _take(
        self, answer: ServiceResponse
    ) -> Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]:
        """Return a handler that takes down the call, and takes pictures."""

        async def handle(call: ServiceCall) -> ServiceResponse:
            self.asked.append((f"{call.domain}.{call.service}", dict(call.data)))
            if call.service == "snapshot":
                picture = Path(call.data["filename"])
                await self.hass.async_add_executor_job(
                    picture.write_bytes, media.png(16, 16, "door")
                )
            return answer

        return handle

    def service_calls(self, action: str) -> list[dict[str, Any]]:
        """Return the data of all calls of an action."""
        return [data for name, data in self.asked if name == action]

    @property
    def notices(self) -> list[str]:
        """The messages of the notifications, the oldest first."""
        found = persistent_notification._async_get_or_create_notifications(self.hass)
        return [notice["message"] for notice in found.values()]


@pytest.fixture
async def blueprint_home(home: HomeAssistant) -> BlueprintHome:
    """Return the household."""
    found = BlueprintHome(home)
    setup_test_component_platform(home, "media_player", [found.speaker])
    assert await async_setup_component(home, "media_player", {"media_player": {"platform": "test"}})
    await home.async_block_till_done()
    return found
