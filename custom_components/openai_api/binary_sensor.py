"""Shows whether a host can be reached, and each open connection for as long as it lasts."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.binary_sensor import (
    DOMAIN as BINARY_SENSOR_DOMAIN,
    BinarySensorDeviceClass,
    BinarySensorEntity,
)
from homeassistant.const import EntityCategory
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import EVENT_CONNECTION, SIGNAL_AVAILABILITY
from .data import OpenAIConfigEntry
from .entity import HostEntity, remove_entity
from .websocket.state import State

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity when a connection opens, and remove it when it is closed for good.

    The entity for the reachability of the server always exists.
    """
    reachable = ReachableEntity(entry)
    async_add_entities([reachable])
    registry = er.async_get(hass)
    entities: dict[str, ConnectionEntity] = {}
    for left in er.async_entries_for_config_entry(registry, entry.entry_id):
        # Home Assistant ended before the connection did.
        if left.domain == BINARY_SENSOR_DOMAIN and left.unique_id != reachable.unique_id:
            remove_entity(registry, left.entity_id)

    @callback
    def is_ours(data: Mapping[str, Any]) -> bool:
        # Whoever tries an automation fires such an event by hand.
        return bool(
            data.get("config_entry_id") == entry.entry_id
            and data.get("state") in State
            and (
                data.get("connection_id") in entities
                or data.get("connection_id") in entry.runtime_data.connections
            )
        )

    @callback
    def handle_event(event: Event[dict[str, Any]]) -> None:
        data = event.data
        connection_id, state = data["connection_id"], State(data["state"])
        if (entity := entities.get(connection_id)) is not None:
            entity.async_update_state(state)
            if state is State.DISCONNECTED:
                del entities[connection_id]
                if entity.registry_entry is not None:
                    # The entity would get both changes from the bus after it was removed.
                    hass.loop.call_soon(remove_entity, registry, entity.registry_entry.entity_id)
        elif state is State.CONNECTED:
            entity = entities[connection_id] = ConnectionEntity(entry, connection_id, data)
            async_add_entities([entity])

    entry.async_on_unload(
        hass.bus.async_listen(EVENT_CONNECTION, handle_event, event_filter=is_ours)
    )


class ReachableEntity(HostEntity, BinarySensorEntity):
    """Whether the host was at work when it was last asked; unknown until then."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, entry: OpenAIConfigEntry) -> None:
        """Initialize the entity."""
        super().__init__(entry, "reachable")

    @override
    async def async_added_to_hass(self) -> None:
        signal = SIGNAL_AVAILABILITY.format(self.host.entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self.async_write_ha_state))

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether it was."""
        return self.host.availability.is_reachable


class ConnectionEntity(HostEntity, BinarySensorEntity):
    """A WebSocket: on while it is open, off while it is being opened again."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, entry: OpenAIConfigEntry, connection_id: str, event: dict[str, Any]) -> None:
        """Initialize the entity of a connection that has just been opened."""
        super().__init__(entry, "connection")
        self._attr_unique_id = f"{self.unique_id}_{connection_id}"
        self._attr_translation_placeholders = {"connection_id": connection_id}
        self._attr_is_on = True
        self._attr_extra_state_attributes = {
            "transport": event["transport"],
            "state": event["state"],
        }

    @callback
    def async_update_state(self, state: State) -> None:
        """Show a state; that of a disabled entity is shown nowhere."""
        if self._attr_extra_state_attributes["state"] == state or self.hass is None:
            return
        self._attr_is_on = state is State.CONNECTED
        self._attr_extra_state_attributes["state"] = state.value
        self.async_write_ha_state()
