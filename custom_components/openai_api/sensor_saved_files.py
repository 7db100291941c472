"""Shows how many saved files there are, and what space they take."""

from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfInformation
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .const import LOGGER, SIGNAL_FILE_SAVED, SIGNAL_FILES_DELETED
from .data import OpenAIConfigEntry
from .entity import HostEntity
from .media.saved_files import list_saved
from .media.storage import media_directory

# Seconds: a burst of pictures is counted once, and once more when it is over.
_PAUSE = 5.0
_COUNT = "saved_files"
_SPACE = "saved_files_space"
_SENSORS = (
    SensorEntityDescription(
        key=_COUNT,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    SensorEntityDescription(
        key=_SPACE,
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.MEGABYTES,
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
)


def saved_sensors(entry: OpenAIConfigEntry) -> list[SavedFilesSensor]:
    """Return the sensors about the saved files, which all services share."""
    return [SavedFilesSensor(entry, description) for description in _SENSORS]


class SavedFilesSensor(HostEntity, SensorEntity):
    """A value of the folder, read when a file was saved or deleted."""

    def __init__(self, entry: OpenAIConfigEntry, description: SensorEntityDescription) -> None:
        """Initialize the sensor."""
        super().__init__(entry, description.key)
        self.entity_description = description

    @override
    async def async_added_to_hass(self) -> None:
        looker = Debouncer(
            self.hass, LOGGER, cooldown=_PAUSE, immediate=True, function=self._async_look
        )
        self.async_on_remove(looker.async_shutdown)

        @callback
        def look(*_: object) -> None:
            looker.async_schedule_call()

        for signal in (SIGNAL_FILE_SAVED, SIGNAL_FILES_DELETED):
            self.async_on_remove(async_dispatcher_connect(self.hass, signal, look))
        self._attr_native_value = await self.hass.async_add_executor_job(self._figure)

    async def _async_look(self) -> None:
        """Show the figure as it is now."""
        self._attr_native_value = await self.hass.async_add_executor_job(self._figure)
        self.async_write_ha_state()

    def _figure(self) -> int | None:
        """Return the figure, None without a media folder; blocks."""
        try:
            files = list_saved(media_directory(self.hass))
        except HomeAssistantError, OSError:
            return None
        is_count = self.entity_description.key == _COUNT
        return len(files) if is_count else sum(file.size for file in files)
