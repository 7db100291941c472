"""Diagnostics of a config entry, without secrets."""

from typing import Any

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
import openai

from . import issues
from .api.config import url_of
from .const import (
    CONF_BASE_URL,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_WEBHOOK_SECRET,
)
from .data import OpenAIConfigEntry, OpenAIData

_TO_REDACT = {
    CONF_API_KEY,
    CONF_EXTRA_HEADERS,
    CONF_EXTRA_QUERY,
    CONF_ORGANIZATION,
    CONF_PROJECT,
    CONF_WEBHOOK_ID,
    CONF_WEBHOOK_SECRET,
    "extra_body",
    "extra_session",
    "host_tools",
}
_TEXTS = {"instructions", "prompt"}
"""Options of which no more than the length is shown."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: OpenAIConfigEntry
) -> dict[str, Any]:
    """Return the diagnostics of an entry.

    Returns `{"openai_version", "state", "entry", "options", "subentries", "issues"}`, for a loaded
    entry with `is_reachable`, `last_error`, `usage`, `connections` and `webhooks`. Secrets are
    redacted; of prompts only the length is shown.
    """
    # The query of a URL may hold a key, and any part of what is no URL.
    url = url_of(entry.data)
    shown = str(url.with_query(None)) if url else REDACTED
    settings = {**entry.data, CONF_BASE_URL: shown}
    data = entry.runtime_data if entry.state is ConfigEntryState.LOADED else None
    diagnostics = {
        "openai_version": openai.__version__,
        "state": entry.state.value,
        "entry": async_redact_data(settings, _TO_REDACT),
        "options": async_redact_data(dict(entry.options), _TO_REDACT),
        "subentries": [
            {
                "type": subentry.subentry_type,
                "options": {
                    # A prompt may describe the home and who lives there.
                    key: len(str(value)) if key in _TEXTS else value
                    for key, value in async_redact_data(dict(subentry.data), _TO_REDACT).items()
                },
                "last_turn": data.turns.get(subentry.subentry_id) if data else None,
            }
            for subentry in entry.subentries.values()
        ],
        "issues": issues.active_issues(hass, entry),
    }
    if data is not None:
        diagnostics |= _runtime_diagnostics(data)
    return diagnostics


def _runtime_diagnostics(data: OpenAIData) -> dict[str, Any]:
    """Return the diagnostics of a loaded entry."""
    host, receiver = data.host, data.webhook_receiver
    return {
        "is_reachable": host.availability.is_reachable,
        "last_error": host.last_error,
        "usage": dict(host.usage.values),
        "connections": [
            {"transport": connection.transport, "state": connection.state.value}
            for connection in data.connections.values()
        ],
        "webhooks": receiver and {"received": receiver.received, "refused": dict(receiver.refused)},
    }
