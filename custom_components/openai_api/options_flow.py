"""Changes everything about a service host that is not the connection."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from .const import (
    CONF_CACHED_INPUT_PRICE,
    CONF_INPUT_PRICE,
    CONF_KEEP_DAYS,
    CONF_KEEP_MEGABYTES,
    CONF_OUTPUT_PRICE,
    CONF_RECORD_EVENTS,
    CONF_WEBHOOK_SECRET,
)

_SECTIONS: Final = ("webhooks", "saved_files", "costs")


class OptionsFlow(OptionsFlowWithReload):
    """Asks for the options, those of one topic in a section of their own."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the options, and save them."""
        options = dict(self.config_entry.options)
        # Like the key, it is not shown again, and a blank field keeps it.
        secret = options.pop(CONF_WEBHOOK_SECRET, None)
        if user_input is not None:
            kept = {CONF_WEBHOOK_SECRET: secret} if secret else {}
            return self.async_create_entry(data=kept | _flat(user_input))
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                self._schema(), options | dict.fromkeys(_SECTIONS, options)
            ),
        )

    def _schema(self) -> vol.Schema:
        """Return the form."""
        currency = self.hass.config.currency
        price = _number(0, "any", f"{currency}/1M")
        return vol.Schema(
            {
                vol.Required(CONF_RECORD_EVENTS, default=False): BooleanSelector(),
                **_section(
                    "webhooks",
                    {
                        vol.Optional(CONF_WEBHOOK_SECRET): TextSelector(
                            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
                        )
                    },
                ),
                **_section(
                    "saved_files",
                    {
                        vol.Optional(CONF_KEEP_DAYS): _number(1, 1, "d"),
                        vol.Optional(CONF_KEEP_MEGABYTES): _number(1, 1, "MB"),
                    },
                ),
                **_section(
                    "costs",
                    {
                        vol.Optional(CONF_INPUT_PRICE): price,
                        vol.Optional(CONF_CACHED_INPUT_PRICE): price,
                        vol.Optional(CONF_OUTPUT_PRICE): price,
                    },
                ),
            }
        )


def _section(key: str, fields: dict[vol.Marker, Any]) -> dict[vol.Marker, Any]:
    """Return a part of the form that is folded until somebody wants it."""
    return {vol.Required(key, default={}): section(vol.Schema(fields), {"collapsed": True})}


def _number(least: float, step: Any, unit: str) -> NumberSelector:
    """Return a box for a number."""
    return NumberSelector(
        NumberSelectorConfig(
            min=least, step=step, mode=NumberSelectorMode.BOX, unit_of_measurement=unit
        )
    )


def _flat(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form holds without its sections and blanks."""
    found: dict[str, Any] = {}
    for key, value in user_input.items():
        found |= value if key in _SECTIONS else {key: value}
    return {key: value for key, value in found.items() if value not in ("", None)}
