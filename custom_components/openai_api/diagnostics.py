"""What a person may attach to a report: everything useful, nothing secret."""

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
import openai
from yarl import URL

from . import issues
from .const import (
    CONF_BASE_URL,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_WEBHOOK_SECRET,
)
from .host import OpenAIConfigEntry, ServiceHost

_SECRET = {
    CONF_API_KEY,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_WEBHOOK_ID,
    CONF_WEBHOOK_SECRET,
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: OpenAIConfigEntry
) -> dict[str, Any]:
    """Return the settings without secrets, and how the host does if it is loaded."""
    data = dict(entry.data)
    # An address may carry a key in its query.
    data[CONF_BASE_URL] = str(URL(data[CONF_BASE_URL]).with_query(None))
    found = {
        "openai_version": openai.__version__,
        "state": entry.state.value,
        "entry": async_redact_data(data, _SECRET),
        "options": async_redact_data(dict(entry.options), _SECRET),
        "issues": issues.open_issues(hass, entry),
    }
    if entry.state is ConfigEntryState.LOADED:
        found |= _at_work(entry.runtime_data)
    return found


def _at_work(host: ServiceHost) -> dict[str, Any]:
    """Return what is open, what was used, and what went wrong."""
    return {
        "is_reachable": host.availability.is_reachable,
        "last_error": host.last_error,
        "usage": dict(host.usage.values),
        "connections": [
            {"transport": connection.transport, "state": connection.state.value}
            for connection in host.connections.values()
        ],
        "webhooks": host.webhooks
        and {
            "received": host.webhooks.received,
            "refused": dict(host.webhooks.refused),
        },
    }
