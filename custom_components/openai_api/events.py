"""Fires the integration's events: on the bus, and straight at its own triggers and entities."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LOGGER

type Listener = Callable[[dict[str, Any], Context | None], None]

_LISTENERS: HassKey[dict[str, list[Listener]]] = HassKey(f"{DOMAIN}_listeners")


@callback
def fire(
    hass: HomeAssistant, event_type: str, data: dict[str, Any], context: Context | None
) -> None:
    """Fire an event; one context for all of a connection spares the garbage collector."""
    hass.bus.async_fire_internal(event_type, data, context=context)
    if not (found := hass.data.get(_LISTENERS, {}).get(event_type)):
        return
    for listener in tuple(found):
        try:
            listener(data, context)
        except Exception:  # noqa: BLE001
            # Somebody's automation must not end the connection that the event came from.
            LOGGER.exception("A listener for %s failed", event_type)


@callback
def listen(hass: HomeAssistant, event_type: str, listener: Listener) -> Callable[[], None]:
    """Call the listener for every such event, past the bus; returns how to stop that."""
    listeners = hass.data.setdefault(_LISTENERS, {}).setdefault(event_type, [])
    listeners.append(listener)

    @callback
    def unsubscribe() -> None:
        listeners.remove(listener)

    return unsubscribe
