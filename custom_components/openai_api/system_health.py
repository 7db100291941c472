"""Information for the system health page."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback
import openai

from .api.config import parse_url
from .const import CONF_BASE_URL, DEFAULT_BASE_URL, DOMAIN
from .data import OpenAIConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the information."""
    register.async_register_info(async_system_health_info)


async def async_system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return the information.

    Returns `{"sdk_version": …, "service_hosts": …, "open_connections": …, origin: …}`, where the
    value of each server's origin is a coroutine that checks whether it can be reached.
    """
    loaded: list[OpenAIConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    entries = hass.config_entries.async_entries(DOMAIN, include_disabled=False)
    # The origin alone: a path or a query may hold secrets.
    origins = {
        str(parse_url(entry.data.get(CONF_BASE_URL, DEFAULT_BASE_URL)).origin())
        for entry in entries
    }
    return {
        "sdk_version": openai.__version__,
        "service_hosts": len(entries),
        "open_connections": sum(len(entry.runtime_data.connections) for entry in loaded),
        **{
            origin: system_health.async_check_can_reach_url(hass, origin)
            for origin in sorted(origins)
        },
    }
