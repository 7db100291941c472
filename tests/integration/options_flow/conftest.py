"""The options of a host that fails at once, and an SDK that can set up webhooks."""

from types import SimpleNamespace
from typing import Any

from homeassistant.core import HomeAssistant
from openai._base_client import make_request_options
from openai._legacy_response import async_to_raw_response_wrapper
from openai.resources.webhooks import AsyncWebhooks
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.integration.conftest import add_entry, entry_data
from tests.standin.server import StandIn

from .helpers import EXISTS, HOME, Form


@pytest.fixture
def endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give an older SDK the methods of the newer one that set up webhooks."""
    if EXISTS:
        return

    def raw(self: Any) -> SimpleNamespace:
        async def create(*, name: str, url: str, event_types: list[str], **options: Any) -> Any:
            return await self._post(
                "/webhook_endpoints",
                body={"name": name, "url": url, "event_types": event_types},
                options=make_request_options(**options),
                cast_to=object,
            )

        async def delete(webhook_endpoint_id: str, **options: Any) -> Any:
            return await self._delete(
                f"/webhook_endpoints/{webhook_endpoint_id}",
                options=make_request_options(**options),
                cast_to=object,
            )

        return SimpleNamespace(
            create=async_to_raw_response_wrapper(create),
            delete=async_to_raw_response_wrapper(delete),
        )

    monkeypatch.setattr(AsyncWebhooks, "with_raw_response", property(raw), raising=False)


@pytest.fixture
async def entry(hass: HomeAssistant, standin: StandIn, media_folder: object) -> MockConfigEntry:
    """Return a loaded service that is not asked twice."""
    return await add_entry(hass, entry_data(standin, max_retries=0))


@pytest.fixture
async def form(hass: HomeAssistant, entry: MockConfigEntry) -> Form:
    """Return the options of a loaded entry of a Home Assistant that the internet reaches."""
    await hass.config.async_update(external_url=HOME)
    return Form(hass, entry)
