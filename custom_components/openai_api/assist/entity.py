"""The base of the entities of subentries."""

from typing import Any, override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity import Entity

from ..const import DOMAIN, SIGNAL_AVAILABILITY
from ..data import OpenAIConfigEntry
from .const import CONF_MODEL, DEFAULTS
from .error_texts import async_localized_error


class AssistEntity(Entity):
    """An entity of a subentry, which applies changed options without being set up again."""

    _attr_has_entity_name = True
    _attr_name: str | None = None
    _attr_should_poll = False

    def __init__(self, entry: OpenAIConfigEntry, subentry: ConfigSubentry) -> None:
        """Initialize the entity; its unique id is that of the subentry on every platform."""
        self.entry = entry
        self.runtime_data = entry.runtime_data
        self.host = self.runtime_data.host
        self.subentry = subentry
        self._attr_unique_id = subentry.subentry_id
        self._set_available()
        self.apply_options()

    def option(self, key: str) -> Any:
        """Return an option of the subentry, its default or None where it is not set."""
        value = self.options.get(key)
        if value is None:
            return DEFAULTS[self.subentry.subentry_type].get(key)
        return value

    async def async_spoken_error(self, err: Exception, language: str) -> HomeAssistantError:
        """Return an error as a sentence that names the service and the model."""
        model = str(self.options.get(CONF_MODEL))
        return await async_localized_error(
            self.hass, err, language, name=self.entry.title, model=model
        )

    @callback
    def apply_options(self) -> None:
        """Read the subentry; called by `__init__` and after each change of the subentry."""
        self.options = self.subentry.data
        self._attr_device_info = device_info_of(self.entry, self.subentry)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for changes of the subentry and of the host's availability."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.runtime_data.subentries.listen(self.subentry.subentry_id, self._on_options)
        )
        signal = SIGNAL_AVAILABILITY.format(self.entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._on_availability))

    @callback
    def _on_options(self) -> None:
        """Apply changed options to the entity and its device."""
        self.apply_options()
        if self.device_entry is not None:
            dr.async_get(self.hass).async_update_device(
                self.device_entry.id, name=self.subentry.title, model=self.options.get(CONF_MODEL)
            )
        self.async_write_ha_state()

    @callback
    def _on_availability(self) -> None:
        """Show whether the host can be reached."""
        self._set_available()
        self.async_write_ha_state()

    def _set_available(self) -> None:
        """Set whether the host can be reached; a turn is tried all the same."""
        self._attr_available = self.host.availability.is_reachable is not False


@callback
def device_info_of(entry: OpenAIConfigEntry, subentry: ConfigSubentry) -> DeviceInfo:
    """Return the device of a subentry, which belongs to that of its service."""
    device = DeviceInfo(
        identifiers={(DOMAIN, subentry.subentry_id)},
        entry_type=DeviceEntryType.SERVICE,
        name=subentry.title,
        manufacturer=entry.title,
        model=subentry.data.get(CONF_MODEL),
    )
    service = dr.async_get(entry.runtime_data.host.hass).async_get_device_by_identifier(
        (DOMAIN, entry.entry_id), entry.entry_id
    )
    if service is not None:
        device["via_device_id"] = service.id
    return device
