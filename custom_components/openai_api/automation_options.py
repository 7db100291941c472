"""What triggers and conditions check alike."""

from typing import Any

from homeassistant.const import CONF_OPTIONS
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .const import DOMAIN

CONF_CONFIG_ENTRY_ID = "config_entry_id"
CONF_CONNECTION_ID = "connection_id"


def one_or_more(validator: Any = cv.string) -> Any:
    """Return the check of an option that takes one value or several, or may be left empty."""
    return vol.All(cv.ensure_list, _without_empty, [validator])


def _without_empty(values: list[Any]) -> list[Any]:
    """Return the values that say something: blueprints fill in nothing as an empty text."""
    return [value for value in values if value != ""]


@callback
def async_validate(hass: HomeAssistant, config: ConfigType, schema: vol.Schema) -> ConfigType:
    """Return the checked options; raises vol.Invalid that says what is wrong with them."""
    checked: ConfigType = schema(config)
    for entry_id in checked[CONF_OPTIONS].get(CONF_CONFIG_ENTRY_ID, ()):
        entry = hass.config_entries.async_get_entry(entry_id)
        if entry is None or entry.domain != DOMAIN:
            raise vol.Invalid(f"There is no OpenAI API service {entry_id!r}")
    return checked
