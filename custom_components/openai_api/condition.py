"""Conditions on what a service has open."""

from collections.abc import Callable, Mapping
from typing import Any, Unpack, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_OPTIONS
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import Condition, ConditionCheckParams, ConditionConfig
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .automation_options import (
    CONF_CONFIG_ENTRY_ID,
    CONF_CONNECTION_ID,
    async_validate,
    one_or_more,
)
from .const import DOMAIN, EVENT_CONNECTION
from .data import OpenAIConfigEntry
from .websocket.state import State

_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_OPTIONS): {
            vol.Optional(CONF_CONFIG_ENTRY_ID): one_or_more(),
            vol.Required(CONF_CONNECTION_ID): vol.All(cv.string, vol.Length(min=1)),
        }
    }
)


class ConnectionOpen(Condition):
    """A connection is open, on the service that is named or on any."""

    @override
    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        return async_validate(hass, config, _SCHEMA)

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Initialize the condition."""
        super().__init__(hass, config)
        assert config.options is not None
        self._connection_id: str = config.options[CONF_CONNECTION_ID]
        self._entry_ids = config.options.get(CONF_CONFIG_ENTRY_ID, [])

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        entries: list[OpenAIConfigEntry] = self._hass.config_entries.async_entries(DOMAIN)
        return any(
            (connection := entry.runtime_data.connections.get(self._connection_id)) is not None
            and connection.state is State.CONNECTED
            for entry in entries
            if entry.state is ConfigEntryState.LOADED
            and (not self._entry_ids or entry.entry_id in self._entry_ids)
        )

    @property
    @override
    def needs_polling(self) -> bool:
        return False

    @override
    async def _async_track_changes(self, action: Callable[[], None]) -> CALLBACK_TYPE:
        @callback
        def is_ours(data: Mapping[str, Any]) -> bool:
            return bool(data.get("connection_id") == self._connection_id)

        @callback
        def handle_event(_: Event) -> None:
            action()

        return self._hass.bus.async_listen(EVENT_CONNECTION, handle_event, event_filter=is_ours)


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions as `{key: class}`."""
    return {"connection_open": ConnectionOpen}
