"""What the page on the system's health tells."""

from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import openai
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.openai_api.const import DOMAIN
from tests.standin.server import StandIn

from .conftest import CANARY, Call, add_entry, entry_data


async def health(hass: HomeAssistant) -> dict[str, Any]:
    """Return what is told, once all of it is known."""
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    return {
        key: await value if hasattr(value, "__await__") else value for key, value in info.items()
    }


async def test_system_health_info(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call
) -> None:
    await add_entry(
        hass, entry_data(standin, "query", base_url=standin.url("query") + "?t=secret12")
    )
    await call("manage_model_response_websocket", action="connect", connection_id="c")
    before = len(standin.requests)

    info = await health(hass)

    port = standin.url().split(":")[2].split("/")[0]
    assert info == {
        "sdk_version": openai.__version__,
        "service_hosts": 1,
        "open_connections": 1,
        f"http://127.0.0.1:{port}": "ok",
    }
    for asked in standin.requests[before:]:
        assert CANARY not in str(asked)
        assert "secret12" not in str(asked)


async def test_system_health_unreachable_and_disabled(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    down = await add_entry(hass, entry_data(standin, base_url="http://127.0.0.1:9/v1"))
    assert down.state is ConfigEntryState.SETUP_RETRY
    off = await add_entry(hass, entry_data(standin))
    await hass.config_entries.async_set_disabled_by(off.entry_id, ConfigEntryDisabler.USER)

    info = await health(hass)

    assert info == {
        "sdk_version": openai.__version__,
        "service_hosts": 1,
        "open_connections": 0,
        "http://127.0.0.1:9": {"type": "failed", "error": "unreachable"},
    }


async def test_system_health_without_entries(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    info = await health(hass)
    assert info == {
        "sdk_version": openai.__version__,
        "service_hosts": 0,
        "open_connections": 0,
    }
