"""The events of one connection, as they are fired on the bus."""

from typing import Any

from homeassistant.core import Event, HomeAssistant, callback

from custom_components.openai_api.const import EVENT_CONNECTION, EVENT_REALTIME, EVENT_SERVER

from .conftest import CANARY

type Json = dict[str, Any]


class ConnectionEvents:
    """Collects the data of each event of a connection; none may hold the key."""

    def __init__(self, hass: HomeAssistant, connection_id: str) -> None:
        """Begin to listen."""
        self.hass = hass
        self.id = connection_id
        self.states: list[Json] = []
        self.raw: list[Json] = []
        self.notices: list[Json] = []
        self._collect(EVENT_CONNECTION, self.states)
        self._collect(EVENT_SERVER, self.raw)
        self._collect(EVENT_REALTIME, self.notices)

    def _collect(self, event_type: str, collected: list[Json]) -> None:
        """Keep the data of each event of a type."""

        @callback
        def take(event: Event) -> None:
            assert CANARY not in str(event.data)
            if event.data["connection_id"] == self.id:
                collected.append(dict(event.data))

        self.hass.bus.async_listen(event_type, take)

    @property
    def connection_states(self) -> list[str]:
        """The states in the connection events."""
        return [data["state"] for data in self.states]
