"""The names that people in this home say, as a hint for whoever transcribes them."""

import time
from typing import Final

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

_LONGEST: Final = 800
"""Characters: models read no more of a hint, and a longer one costs more than it helps."""
_KEPT: Final = 300.0
_CACHE: HassKey[tuple[float, str]] = HassKey(f"{DOMAIN}_names_of_things")


@callback
def names_of_things(hass: HomeAssistant) -> str:
    """Return the names of areas and of exposed entities, at most 800 characters.

    Kept for five minutes: to ask for thousands of entities takes a while.
    """
    now = time.monotonic()
    if (known := hass.data.get(_CACHE)) and now - known[0] < _KEPT:
        return known[1]
    names = [area.name for area in ar.async_get(hass).async_list_areas()]
    names += sorted(
        state.name
        for state in hass.states.async_all()
        if async_should_expose(hass, "conversation", state.entity_id)
    )
    text = ""
    for name in dict.fromkeys(name.strip() for name in names):
        if name and len(text) + len(name) + 2 <= _LONGEST:
            text = f"{text}, {name}" if text else name
    hass.data[_CACHE] = now, text
    return text
