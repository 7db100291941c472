"""Texts of errors in Home Assistant's language, for events and notices."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import (
    async_get_cached_translations,
    async_load_integrations,
)

from .const import DOMAIN


async def async_localized_text(hass: HomeAssistant, error: BaseException) -> str:
    """Return the text of an error as `localized_text` does, before an entry has been set up, too."""
    await async_load_integrations(hass, {DOMAIN})
    return localized_text(hass, error)


@callback
def localized_text(hass: HomeAssistant, error: BaseException | str) -> str:
    """Return the text of an error in Home Assistant's language.

    An error without a translation, and what a host says in its own words, stays as it is.
    """
    key = error.translation_key if isinstance(error, HomeAssistantError) else None
    if key is None:
        return str(error)
    assert isinstance(error, HomeAssistantError)
    texts = async_get_cached_translations(hass, hass.config.language, "exceptions", DOMAIN)
    text = texts.get(f"component.{DOMAIN}.exceptions.{key}.message")
    if text is None:
        return str(error)
    try:
        return text.format(**(error.translation_placeholders or {}))
    except KeyError, IndexError, ValueError:
        return str(error)
