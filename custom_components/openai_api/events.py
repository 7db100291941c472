"""Fires the integration's events on the bus."""

from typing import Any

from homeassistant.core import Context, HomeAssistant, callback


@callback
def fire(
    hass: HomeAssistant, event_type: str, data: dict[str, Any], context: Context | None
) -> None:
    """Fire an event; one context for many events spares the garbage collector."""
    hass.bus.async_fire(event_type, data, context=context)


class EventTexts(dict[str, Any]):
    """The data of an event for a sentence about it.

    Whoever tries an automation fires an event by hand, with no more data than it asks for: what is
    missing is a dash.
    """

    def __missing__(self, key: str) -> str:
        """Return what stands for data that is missing."""
        return "–"
