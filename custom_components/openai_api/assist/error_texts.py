"""The text of an error in the language of whoever hears it."""

import re
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN
from ..exceptions import ApiError
from .errors import FAILED, error_translation_key

_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")


async def async_localized_error(
    hass: HomeAssistant, err: Exception, language: str, **placeholders: str
) -> HomeAssistantError:
    """Return the error whose message is in a language, to be spoken as it is.

    Home Assistant itself would use English. `placeholders` may hold `name` and `model`.
    """
    key = error_translation_key(err) if isinstance(err, HomeAssistantError) else FAILED
    known = (err.translation_placeholders or {}) if isinstance(err, HomeAssistantError) else {}
    message = ""
    if isinstance(err, ApiError):
        # Nobody wants to hear the id of a request.
        message = err.code or (f"HTTP {err.status}" if err.status else err.details)
    values = {"name": "", "model": "", "message": message, **placeholders, **known}
    english = await _async_text(hass, "en", key)
    text = english
    tag = language.replace("_", "-")
    # It becomes a part of a file name.
    tags = (tag, tag.partition("-")[0]) if _LANGUAGE_TAG.fullmatch(tag) else ()
    for candidate in dict.fromkeys(tags):
        if (text := await _async_text(hass, candidate, key)) != english:
            break
    return HomeAssistantError(
        text.format_map(values),
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={name: str(value) for name, value in values.items()},
    )


async def _async_text(hass: HomeAssistant, language: str, key: str) -> str:
    """Return the message for a key in a language, in English where it has none."""
    texts = await async_get_translations(hass, language, "exceptions", [DOMAIN])
    return texts.get(f"component.{DOMAIN}.exceptions.{key}.message", key)
