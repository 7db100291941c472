"""The host's side of a conversation, in the hands of a test."""

from typing import Any

from homeassistant.core import Event, HomeAssistant, callback

from custom_components.openai_api.const import (
    DOMAIN,
    EVENT_SERVER,
)
from tests.integration.connection_events import ConnectionEvents
from tests.integration.waiting import wait_for
from tests.standin.records import SocketSession
from tests.standin.server import StandIn

type Json = dict[str, Any]
MARKER = "test.marker"


class RealtimeDriver(ConnectionEvents):
    """One realtime connection: its actions, the events of the server, and what each side received."""

    def __init__(self, hass: HomeAssistant, standin: StandIn, connection_id: str = "c") -> None:
        """Begin to collect events."""
        super().__init__(hass, connection_id)
        self.standin = standin
        self._seen = 0

    @property
    def session(self) -> SocketSession:
        """The host's end of the latest connection."""
        return self.standin.sockets[-1]

    async def call(self, action: str, /, **data: Any) -> Any:
        """Call an action on this conversation and return its answer."""
        return await self.hass.services.async_call(
            DOMAIN,
            action,
            {"connection_id": self.id, **data},
            blocking=True,
            return_response=True,
        )

    async def connect(self, **data: Any) -> Any:
        """Open the conversation, and go on once the host has greeted and was answered."""
        opened = len(self.standin.sockets)
        answer = await self.call("connect_realtime_websocket", **{"model": "m-1", **data})
        await self.standin.wait_for_socket(opened + 1)
        await wait_for(lambda: self.types("session.created"))
        await self.clear()
        return answer

    async def status(self) -> Json:
        """Return how the conversation stands."""
        found: Json = await self.call("get_realtime_status")
        return found

    async def server_sends(self, *events: Any) -> None:
        """Let the host say something, and wait until all of it has been heard."""
        for event in events:
            await self.session.send(event)
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that the host has said so far has been heard."""
        mark = {"type": MARKER, "n": len(self.session.sent)}
        heard: list[Any] = []

        @callback
        def take(event: Event) -> None:
            if event.data["event"] == mark:
                heard.append(event)

        stop = self.hass.bus.async_listen(EVENT_SERVER, take)
        await self.session.send(mark)
        await wait_for(lambda: heard)
        stop()
        self.raw[:] = [data for data in self.raw if data["event_type"] != MARKER]

    async def sent(self) -> list[Json]:
        """Return what was sent to the server since the last time."""
        await self.call("send_realtime_event", event={"type": MARKER})
        session, received = self.session, self.session.received
        await wait_for(lambda: session.closed or {"type": MARKER} in received[self._seen :])
        assert not session.closed, self.states
        found = [frame for frame in received[self._seen :] if frame != {"type": MARKER}]
        self._seen = len(received)
        return found

    async def clear(self) -> None:
        """Look at nothing that was sent or told so far."""
        await self.sent()
        for found in (self.notices, self.raw, self.states):
            found.clear()

    def reopened(self) -> None:
        """Read the next connection from its beginning."""
        self._seen = 0
        self.raw.clear()

    def types(self, *wanted: str) -> list[Json]:
        """Return the raw events of these types."""
        return [data["event"] for data in self.raw if data["event_type"] in wanted]

    def notices_of(self, *kinds: str) -> list[Json]:
        """Return what the notices of these kinds carry, or all of them."""
        return [
            {
                key: value
                for key, value in data.items()
                if key not in {"config_entry_id", "connection_id"}
            }
            for data in self.notices
            if not kinds or data["type"] in kinds
        ]

    def notice_types(self) -> list[str]:
        """Return the kinds of all notices, in their order."""
        return [data["type"] for data in self.notices]
