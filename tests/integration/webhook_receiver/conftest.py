"""A service that may call, and somebody out in the world."""

from collections.abc import Callable, Generator
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api.const import EVENT_WEBHOOK
from tests.integration.conftest import add_entry, entry_data
from tests.standin.areas.webhooks import sign
from tests.standin.server import StandIn

from .helpers import BODY, OTHER, SECRET, Post, path

type Listen = Callable[[str], list[Event]]


@pytest.fixture(autouse=True)
def _no_secret_leaks(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Fail a test in which a signing secret got into the log."""
    yield
    for secret in (SECRET, OTHER):
        assert secret.removeprefix("whsec_") not in caplog.text


@pytest.fixture
async def receiving(hass: HomeAssistant, standin: StandIn, media_folder: object) -> MockConfigEntry:
    """Return a service that may call."""
    for component in ("diagnostics", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    return await add_entry(hass, entry_data(standin), {"webhook_secret": SECRET})


@pytest.fixture
async def client(
    receiving: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> TestClient[Any, Any]:
    """Return somebody out in the world."""
    return await hass_client_no_auth()


@pytest.fixture
def fired(receiving: MockConfigEntry, events: Listen) -> list[Event]:
    """Return the events of webhooks."""
    return events(EVENT_WEBHOOK)


@pytest.fixture
def post(client: TestClient[Any, Any], receiving: MockConfigEntry) -> Post:
    """Return a function that calls, checks that nothing is told, and returns the status."""

    async def async_post(
        body: Any = BODY, headers: dict[str, str] | None = None, entry: Any = receiving
    ) -> int:
        if headers is None:
            headers = sign(SECRET, body, "wh_1")
        async with client.post(path(entry), data=body, headers=headers) as response:
            assert await response.read() == b""
            return response.status

    return async_post
