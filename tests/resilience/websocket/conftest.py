"""Fixtures of tests with a server that sends WebSocket frames byte by byte."""

from collections.abc import AsyncGenerator
import logging
from pathlib import Path

from homeassistant.core import HomeAssistant
import pytest

from custom_components.openai_api.api.key_check import KeyCheck
from custom_components.openai_api.websocket import reconnect
from tests.resilience.raw_websocket_server import RawHost

from .connection_driver import RESPONSES, ConnectionDriver


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the pauses between attempts short."""
    monkeypatch.setattr(reconnect, "INITIAL_DELAY", 0.01)
    monkeypatch.setattr(reconnect, "MAX_DELAY", 0.02)


@pytest.fixture(autouse=True)
def _key_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every refused key for a wrong one: the host here speaks WebSocket and nothing else."""

    async def is_right(_: KeyCheck, *, is_of_provider: bool) -> bool:
        return False

    monkeypatch.setattr(KeyCheck, "_async_is_right", is_right)


@pytest.fixture
async def host() -> AsyncGenerator[RawHost]:
    """Return a server that upgrades unless another answer is planned."""
    found = RawHost()
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def driver(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    host: RawHost,
    media_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> AsyncGenerator[ConnectionDriver]:
    """Return a driver with an entry; nothing may be left of its connection in the end."""
    found = ConnectionDriver(hass, host, getattr(request, "param", RESPONSES))
    await found.add()
    yield found
    await found.assert_clean()
    assert [text for _, level, text in caplog.record_tuples if level >= logging.ERROR] == []
