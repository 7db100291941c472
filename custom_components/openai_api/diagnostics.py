"""What a person may attach to a report: everything useful, nothing secret."""

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
import openai
from yarl import URL

from .const import (
    CONF_BASE_URL,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_WEBHOOK_SECRET,
)
from .host import OpenAIConfigEntry

_SECRET = {
    CONF_API_KEY,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_WEBHOOK_SECRET,
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: OpenAIConfigEntry
) -> dict[str, Any]:
    """Return the settings without secrets, and what is open."""
    host = entry.runtime_data
    data = dict(entry.data)
    # An address may carry a key in its query.
    data[CONF_BASE_URL] = str(URL(data[CONF_BASE_URL]).with_query(None))
    return {
        "openai_version": openai.__version__,
        "entry": async_redact_data(data, _SECRET),
        "options": async_redact_data(dict(entry.options), _SECRET),
        "connections": [
            {"transport": connection.transport, "state": connection.state.value}
            for connection in host.connections.values()
        ],
    }
