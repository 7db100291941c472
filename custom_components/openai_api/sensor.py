"""Shows how many connections are open, and what went wrong last."""

from typing import Any, override

from homeassistant.components.sensor import SensorEntity, SensorStateClass
from homeassistant.const import MAX_LENGTH_STATE_STATE, EntityCategory
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import EVENT_CONNECTION, SIGNAL_ERROR
from .entity import HostEntity
from .events import listen
from .host import OpenAIConfigEntry
from .sockets.connection import State

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of a service host."""
    async_add_entities([OpenConnections(entry), LastError(entry)])


class _ConnectionSensor(HostEntity, SensorEntity):
    """A sensor that follows the host's connections."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC

    @override
    async def async_added_to_hass(self) -> None:
        self.async_on_remove(listen(self.hass, EVENT_CONNECTION, self._take))

    @callback
    def _take(self, event: dict[str, Any], _: Context | None) -> None:
        """Look at an event of any connection."""
        if event["config_entry_id"] == self.host.entry.entry_id:
            self.on_connection(event)

    @callback
    def on_connection(self, event: dict[str, Any]) -> None:
        """Take an event of one of this host's connections."""
        raise NotImplementedError

    @callback
    def show(self, value: int | str) -> None:
        """Show a value if it is a new one."""
        if value != self._attr_native_value:
            self._attr_native_value = value
            self.async_write_ha_state()


class OpenConnections(_ConnectionSensor):
    """How many connections are open, not counting those that are being opened again."""

    _attr_native_value = 0
    _attr_state_class = SensorStateClass.MEASUREMENT

    def __init__(self, entry: OpenAIConfigEntry) -> None:
        """Initialize the sensor."""
        super().__init__(entry, "open_connections")

    @override
    @callback
    def on_connection(self, event: dict[str, Any]) -> None:
        self.show(
            sum(
                connection.state is State.CONNECTED for connection in self.host.connections.values()
            )
        )


class LastError(_ConnectionSensor):
    """What went wrong last, with a connection or a call."""

    def __init__(self, entry: OpenAIConfigEntry) -> None:
        """Initialize the sensor."""
        super().__init__(entry, "last_error")

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        signal = SIGNAL_ERROR.format(self.host.entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._on_error))

    @override
    @callback
    def on_connection(self, event: dict[str, Any]) -> None:
        if event["error"]:
            self.host.note(event["error"])

    @callback
    def _on_error(self, error: str) -> None:
        """Show an error, shortened to what a state can hold."""
        is_short = len(error) <= MAX_LENGTH_STATE_STATE
        self.show(error if is_short else f"{error[: MAX_LENGTH_STATE_STATE - 1]}…")
