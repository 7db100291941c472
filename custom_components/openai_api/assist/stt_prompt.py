"""The names that people in this home say, as a hint for whoever transcribes them."""

import re
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
_PHRASE: Final = re.compile(r"([^,;:.!?\n、，。！？]+)([,;:.!?\n、，。！？]*)")
_ENDS_SENTENCE: Final = frozenset(".!?。！？")
_WORD: Final = re.compile(r"\w+")
_CACHE: HassKey[tuple[float, str]] = HassKey(f"{DOMAIN}_names_of_things")


@callback
def names_of_things(hass: HomeAssistant, others: int = 0) -> str:
    """Return the names of areas and of exposed entities.

    At most 800 characters, with `others` that are in the hint already: some services refuse more.
    Kept for five minutes: to ask for thousands of entities takes a while.
    """
    text = _all_names(hass)
    room = max(0, _LONGEST - others - 1) if others else _LONGEST
    return text if len(text) <= room else text[: room + 1].rpartition(", ")[0]


@callback
def _all_names(hass: HomeAssistant) -> str:
    """Return as many names as a hint may have."""
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


def is_echo(text: str, hint: str | None) -> bool:
    """Tell whether a transcript is nothing but a piece of the hint, or all of it.

    Whisper writes that where nobody speaks. One name alone is what somebody may well say.
    """
    spoken = _words(text)
    phrases = [
        (words, part[2][:1] in _ENDS_SENTENCE)
        for part in _PHRASE.finditer(hint or "")
        if (words := _words(part[1]))
    ]
    if not spoken:
        return False
    for start, (first, is_sentence) in enumerate(phrases):
        if spoken == first and is_sentence and " " in spoken:
            return True
        run = first
        for words, _ in phrases[start + 1 :]:
            if not spoken.startswith(f"{run} "):
                break
            run += f" {words}"
            if run.startswith(spoken):
                return True
    return False


def _words(text: str) -> str:
    """Return the words of a text, however they are written."""
    return " ".join(_WORD.findall(text.casefold()))
