"""A host that answers nothing by itself, and one that behaves."""

from types import SimpleNamespace
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.realtime import playback_tracker
from tests.standin.areas.realtime_conversation import Conversation
from tests.standin.server import StandIn

from .driver import RealtimeDriver


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host greet, and say nothing else unless a test makes it."""

    async def take(self: Conversation, frame: Any) -> None:
        return

    monkeypatch.setattr(Conversation, "take", take)


@pytest.fixture
def talk(hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry) -> RealtimeDriver:
    """Return a conversation with a host that behaves; it is not open yet."""
    return RealtimeDriver(hass, standin)


@pytest.fixture
async def script(silent: None, talk: RealtimeDriver) -> RealtimeDriver:
    """Return an open conversation with a host that only says what it is told to."""
    await talk.connect()
    return talk


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the clock by which playing is measured; its `ms` are in milliseconds."""
    found = SimpleNamespace(ms=86_400_001.0)
    patched = SimpleNamespace(monotonic_ns=lambda: round(found.ms * 1_000_000))
    monkeypatch.setattr(playback_tracker, "time", patched)
    return found
