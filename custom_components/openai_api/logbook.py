"""Describes the events of connections and webhooks for the logbook."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN, EVENT_CONNECTION, EVENT_WEBHOOK
from .events import EventTexts

type Describe = Callable[[Event], dict[str, str]]
_CLOSED_AS_WISHED = 1000


@callback
def async_describe_events(
    hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]
) -> None:
    """Register the texts of the events in the logbook."""

    def _entry(data: Mapping[str, Any], key: str, why: str | None = None) -> dict[str, str]:
        """Return a line about a service."""
        texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
        text = texts.get(f"component.{DOMAIN}.common.{key}", key).format_map(EventTexts(data))
        entry = hass.config_entries.async_get_entry(str(data.get("config_entry_id")))
        return {
            LOGBOOK_ENTRY_NAME: entry.title if entry else "OpenAI API",
            LOGBOOK_ENTRY_MESSAGE: f"{text}: {why}" if why else text,
        }

    @callback
    def describe_connection(event: Event) -> dict[str, str]:
        """Word a change of a connection."""
        data = event.data
        reason = None if data.get("code") == _CLOSED_AS_WISHED else data.get("reason")
        return _entry(data, f"logbook_{data.get('state')}", data.get("error") or reason)

    @callback
    def describe_webhook(event: Event) -> dict[str, str]:
        """Word what a host has reported."""
        return _entry(event.data, "logbook_webhook")

    async_describe_event(DOMAIN, EVENT_CONNECTION, describe_connection)
    async_describe_event(DOMAIN, EVENT_WEBHOOK, describe_webhook)
