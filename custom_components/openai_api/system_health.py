"""Information for the system health page."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback
import openai

from .api.config import url_of
from .const import DOMAIN
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
    # An announcement that was ignored is an entry, too.
    entries = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    # The origin alone: a path or a query may hold secrets.
    origins = {str(url.origin()) for entry in entries if (url := url_of(entry.data))}
    return {
        "sdk_version": openai.__version__,
        "service_hosts": len(entries),
        "open_connections": sum(len(entry.runtime_data.connections) for entry in loaded),
        **{
            origin: system_health.async_check_can_reach_url(hass, origin)
            for origin in sorted(origins)
        },
    }
