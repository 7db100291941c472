"""The names of entities and areas as a prompt for transcription, and the echo of that prompt."""

import re
import time
from typing import Final

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

_MAX_CHARACTERS: Final = 800
"""Characters: models read no more of a prompt, and a longer one costs more than it helps."""
_CACHE_SECONDS: Final = 300.0
_PHRASE: Final = re.compile(r"([^,;:.!?\n、，。！？]+)([,;:.!?\n、，。！？]*)")
_ENDS_SENTENCE: Final = frozenset(".!?。！？")
_WORD: Final = re.compile(r"\w+")
_CACHE: HassKey[tuple[float, str]] = HassKey(f"{DOMAIN}_names_of_things")


@callback
def exposed_names(hass: HomeAssistant, used_characters: int = 0) -> str:
    """Return the names of areas and of exposed entities.

    At most 800 characters, with `used_characters` of the prompt before them: some services reject
    more. Cached for five minutes: to check thousands of entities takes a while.
    """
    text = _cached_names(hass)
    available = (
        max(0, _MAX_CHARACTERS - used_characters - 1) if used_characters else _MAX_CHARACTERS
    )
    return text if len(text) <= available else text[: available + 1].rpartition(", ")[0]


@callback
def _cached_names(hass: HomeAssistant) -> str:
    """Return as many names as a prompt may have."""
    now = time.monotonic()
    if (known := hass.data.get(_CACHE)) and now - known[0] < _CACHE_SECONDS:
        return known[1]
    names = [area.name for area in ar.async_get(hass).async_list_areas()]
    names += sorted(
        state.name
        for state in hass.states.async_all()
        if async_should_expose(hass, "conversation", state.entity_id)
    )
    text = ""
    for name in dict.fromkeys(name.strip() for name in names):
        if name and len(text) + len(name) + 2 <= _MAX_CHARACTERS:
            text = f"{text}, {name}" if text else name
    hass.data[_CACHE] = now, text
    return text


def is_prompt_echo(text: str, prompt: str | None) -> bool:
    """Return whether a transcript is nothing but a part of the prompt, or all of it.

    Whisper writes that where nobody speaks. One name alone may well have been said.
    """
    transcript = _words(text)
    phrases = [
        (words, part[2][:1] in _ENDS_SENTENCE)
        for part in _PHRASE.finditer(prompt or "")
        if (words := _words(part[1]))
    ]
    if not transcript:
        return False
    for start, (first, is_sentence) in enumerate(phrases):
        if transcript == first and is_sentence and " " in transcript:
            return True
        run = first
        for words, _ in phrases[start + 1 :]:
            if not transcript.startswith(f"{run} "):
                break
            run += f" {words}"
            if run.startswith(transcript):
                return True
    return False


def _words(text: str) -> str:
    """Return the words of a text in lower case, without punctuation."""
    return " ".join(_WORD.findall(text.casefold()))
