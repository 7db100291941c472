"""Shows what a service is used for, and what went wrong last."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
import math
import re
from typing import Any, override

from homeassistant.components.sensor import (
    DOMAIN as SENSOR_DOMAIN,
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN, EVENT_CONNECTION, SIGNAL_AVAILABILITY, SIGNAL_ERROR
from .data import OpenAIConfigEntry
from .entity import HostEntity
from .sensor_jobs import async_setup_jobs
from .sensor_saved_files import saved_sensors
from .websocket.state import State

PARALLEL_UPDATES = 0

TOTAL_SENSORS = tuple(
    SensorEntityDescription(
        key=key,
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=is_enabled,
    )
    for key, is_enabled in {
        "requests": True,
        "failed_requests": True,
        "input_tokens": True,
        "output_tokens": True,
        "cached_tokens": False,
        "reasoning_tokens": False,
        "refused_webhooks": False,
    }.items()
)
MEASUREMENT_SENSORS = (
    SensorEntityDescription(
        key="response_time",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=2,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    *(
        SensorEntityDescription(
            key=key,
            state_class=SensorStateClass.MEASUREMENT,
            suggested_display_precision=0,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
        )
        for key in ("remaining_requests", "remaining_tokens")
    ),
)
ATTR_MESSAGE = "message"
_MAX_STATE_LENGTH = 120
"""Characters: a longer one takes the place of its name in a row on a dashboard."""
_DETAILS = re.compile(r" \((?:HTTP \d|code:|param:|request_id:)[^()]*\)")
"""The facts of an API error, which the whole message keeps."""
# A burst of calls is one change of state, not hundreds.
_PAUSE = 1.0


def shorten(text: str, limit: int) -> str:
    """Return a text of at most so many characters, cut between words where that is possible."""
    if len(text) <= limit:
        return text
    start = text[: limit - 1]
    head, _, tail = (start, "", "") if text[limit - 1] == " " else start.rpartition(" ")
    # A word that fills most of it is cut, too.
    return f"{(head if len(head) > len(tail) else start).rstrip(' ,;:.')}…"


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of a service."""
    async_add_entities(
        [
            OpenConnectionsSensor(entry),
            LastErrorSensor(entry),
            *(TotalSensor(entry, description) for description in TOTAL_SENSORS),
            *(MeasurementSensor(entry, description) for description in MEASUREMENT_SENSORS),
            *_cost_sensors(hass, entry),
            *saved_sensors(entry),
        ]
    )
    entry.runtime_data.subentries.add_sensors(async_add_entities)
    async_setup_jobs(hass, entry, async_add_entities)


def _cost_sensors(hass: HomeAssistant, entry: OpenAIConfigEntry) -> list[SensorEntity]:
    """Return the sensor for the costs; where there are no prices, remove the one that was."""
    costs = TotalSensor(
        entry,
        SensorEntityDescription(
            key="costs",
            device_class=SensorDeviceClass.MONETARY,
            native_unit_of_measurement=hass.config.currency,
            state_class=SensorStateClass.TOTAL,
            suggested_display_precision=4,
        ),
    )
    if entry.runtime_data.host.usage.prices.is_set:
        return [costs]
    registry = er.async_get(hass)
    if left := registry.async_get_entity_id(SENSOR_DOMAIN, DOMAIN, costs.unique_id or ""):
        registry.async_remove(left)
    return []


class OpenConnectionsSensor(HostEntity, SensorEntity):
    """How many connections are open, not counting those that are being opened again."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_native_value = 0
    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_suggested_display_precision = 0

    def __init__(self, entry: OpenAIConfigEntry) -> None:
        """Initialize the sensor."""
        super().__init__(entry, "open_connections")

    @override
    async def async_added_to_hass(self) -> None:
        self.async_on_remove(
            self.hass.bus.async_listen(
                EVENT_CONNECTION, self._on_connection, event_filter=self._is_of_this_host
            )
        )

    @callback
    def _is_of_this_host(self, data: Mapping[str, Any]) -> bool:
        """Return whether an event is of a connection of this service."""
        return bool(data.get("config_entry_id") == self.host.entry.entry_id)

    @callback
    def _on_connection(self, event: Event[dict[str, Any]]) -> None:
        """Show the number if it is a new one."""
        value = sum(
            connection.state is State.CONNECTED
            for connection in self.runtime_data.connections.values()
        )
        if value != self._attr_native_value:
            self._attr_native_value = value
            self.async_write_ha_state()


class LastErrorSensor(HostEntity, SensorEntity):
    """What went wrong last, with a connection or a call; the host keeps it."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, entry: OpenAIConfigEntry) -> None:
        """Initialize the sensor."""
        super().__init__(entry, "last_error")

    @override
    async def async_added_to_hass(self) -> None:
        signal = SIGNAL_ERROR.format(self.host.entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._on_error))

    @callback
    def _on_error(self, error: str) -> None:
        """Show an error: whole in the attribute, the state shortened to what a row can hold."""
        self._attr_extra_state_attributes = {ATTR_MESSAGE: error}
        self._attr_native_value = shorten(_DETAILS.sub("", error), _MAX_STATE_LENGTH)
        # A repeated error changes the time at which it was last reported.
        self.async_write_ha_state()


class UsageSensor(HostEntity, RestoreSensor):
    """A figure of the host's usage, as it was last."""

    def __init__(self, entry: OpenAIConfigEntry, description: SensorEntityDescription) -> None:
        """Initialize the sensor."""
        super().__init__(entry, description.key)
        self.entity_description = description
        self._cancel_pause: CALLBACK_TYPE | None = None

    @override
    async def async_added_to_hass(self) -> None:
        self.async_on_remove(self.host.usage.listen(self._on_change))

    @override
    async def async_will_remove_from_hass(self) -> None:
        if self._cancel_pause is not None:
            self._cancel_pause()

    @callback
    def _on_change(self) -> None:
        """Show the figure soon, together with what else changes until then."""
        if self._cancel_pause is None:
            self._cancel_pause = async_call_later(self.hass, _PAUSE, self._write_state)

    @callback
    def _write_state(self, _: datetime) -> None:
        """Show the figure now."""
        self._cancel_pause = None
        self.async_write_ha_state()

    @property
    @override
    def native_value(self) -> float | None:
        """The figure of this moment, which is also what is kept when Home Assistant ends."""
        return self.host.usage.values.get(self.entity_description.key)


class MeasurementSensor(UsageSensor):
    """A figure that only the host's next answer can bring up to date."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        signal = SIGNAL_AVAILABILITY.format(self.host.entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        """Whether the host can still be reached."""
        return self.host.availability.is_reachable is not False


class TotalSensor(UsageSensor):
    """A total that is restored after a restart of Home Assistant."""

    _restored_total: float = 0

    @override
    async def async_added_to_hass(self) -> None:
        last = await self.async_get_last_sensor_data()
        # After a change of the currency, the stored total is not restored.
        unit = self.native_unit_of_measurement
        if last is not None and unit in (None, last.native_unit_of_measurement):
            self._restored_total = self._restored(last.native_value)
        await super().async_added_to_hass()

    def _restored(self, value: object) -> float:
        """Return the stored total as a number, 0 if it cannot be one; counts are integers."""
        if not isinstance(value, int | float | Decimal) or not math.isfinite(value) or value < 0:
            return 0
        is_count = self.entity_description.state_class is SensorStateClass.TOTAL_INCREASING
        return int(value) if is_count else float(value)

    @property
    @override
    def native_value(self) -> float:
        """The restored total and the usage since then."""
        return self._restored_total + self.host.usage.values.get(self.entity_description.key, 0)
