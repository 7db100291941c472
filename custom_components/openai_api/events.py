"""Fires the integration's events on the bus."""

from typing import Any

from homeassistant.core import Context, HomeAssistant, callback


@callback
def fire(
    hass: HomeAssistant, event_type: str, data: dict[str, Any], context: Context | None
) -> None:
    """Fire an event; one context for many events spares the garbage collector."""
    hass.bus.async_fire(event_type, data, context=context)
