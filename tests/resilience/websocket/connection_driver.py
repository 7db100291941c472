"""Drives one connection to a server that misbehaves, and collects its events."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import (
    DOMAIN,
)
from custom_components.openai_api.data import OpenAIData
from tests.integration.conftest import CANARY, add_entry, service_data
from tests.integration.connection_events import ConnectionEvents
from tests.integration.waiting import wait_for
from tests.resilience.raw_websocket_server import LONG_TIMEOUT, Peer, RawHost

type Json = dict[str, Any]
CREATE: Json = {"type": "response.create", "model": "m-1", "input": "Hello"}
RESPONSES, REALTIME = "responses", "realtime"
both_transports = pytest.mark.parametrize("driver", [RESPONSES, REALTIME], indirect=True)
only_realtime = pytest.mark.parametrize("driver", [REALTIME], indirect=True)


def tasks() -> list[str]:
    """Return the tasks that a connection has, and what each of them runs."""
    found = []
    for task in asyncio.all_tasks():
        coroutine = task.get_coro()
        code = getattr(coroutine, "cr_code", None)
        where = code.co_filename if code is not None else ""
        if DOMAIN in where or "/websockets/" in where or f"{DOMAIN} " in task.get_name():
            found.append(f"{task.get_name()}: {getattr(coroutine, '__qualname__', '')}")
    return found


class ConnectionDriver(ConnectionEvents):
    """Calls actions on one connection, and collects its events."""

    def __init__(
        self, hass: HomeAssistant, host: RawHost, kind: str = RESPONSES, connection_id: str = "c"
    ) -> None:
        """Begin to listen."""
        super().__init__(hass, connection_id)
        self.host = host
        self.kind = kind
        self.entry: MockConfigEntry

    async def add(self, **changes: Any) -> MockConfigEntry:
        """Add the service to Home Assistant."""
        data = service_data(self.host.url, **{"timeout": 10.0, **changes})
        self.entry = await add_entry(self.hass, data)
        return self.entry

    async def call(self, action: str, /, **data: Any) -> Any:
        """Call an action on this connection and return its answer."""
        data = {"connection_id": self.id, "config_entry_id": self.entry.entry_id, **data}
        return await self.hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=True
        )

    async def connect(self, **data: Any) -> Any:
        """Open the connection."""
        if self.kind == REALTIME:
            return await self.call("connect_realtime_websocket", **{"model": "m-1", **data})
        return await self.call("manage_model_response_websocket", action="connect", **data)

    async def send(self, event: Json | None = None) -> Any:
        """Send an event."""
        event = event or CREATE
        if self.kind == REALTIME:
            return await self.call("send_realtime_event", event=event)
        return await self.call("manage_model_response_websocket", action="send", event=event)

    async def close(self, **data: Any) -> Any:
        """Close the connection."""
        if self.kind == REALTIME:
            return await self.call("close_realtime_websocket", **data)
        return await self.call("manage_model_response_websocket", action="close", **data)

    async def accepted_peer(self) -> Peer:
        """Open the connection, and return the host's end."""
        count = len(self.host.peers)
        await self.connect()
        return await self.host.peers.reach(count + 1)

    async def expect_error(self, call: Any, seconds: float = LONG_TIMEOUT) -> HomeAssistantError:
        """Return the translated error that a call ends with, in time."""
        with pytest.raises(HomeAssistantError) as caught:
            await asyncio.wait_for(call, seconds)
        assert caught.value.translation_domain == DOMAIN
        assert caught.value.translation_key
        assert CANARY not in str(caught.value)
        return caught.value

    async def wait_for_state(self, state: str, count: int = 1) -> Json:
        """Wait for so many connection events with a state, and return the last one."""
        await wait_for(lambda: self.connection_states.count(state) >= count)
        return [data for data in self.states if data["state"] == state][-1]

    async def assert_receives(self) -> None:
        """Make sure that the connection can be used both ways."""
        peer, seen = self.host.peers[-1], len(self.raw)
        await self.send({"type": "response.create", "event_id": f"works-{seen}"})
        await wait_for(
            lambda: any(frame.get("event_id") == f"works-{seen}" for frame in peer.received)
        )
        mark = {"type": "still.there", "n": seen}
        await peer.send_events({"type": "response.done", "response": {}}, mark)
        await wait_for(lambda: any(data["event"] == mark for data in self.raw))

    async def assert_sends_and_receives(self) -> None:
        """Make sure that a conversation goes on, whatever response is under way."""
        peer, seen = self.host.peers[-1], len(self.raw)
        await self.send({"type": "test.event", "n": seen})
        await wait_for(lambda: {"type": "test.event", "n": seen} in peer.received)
        await peer.send_events({"type": "still.there", "n": seen})
        await wait_for(
            lambda: any(d["event"] == {"type": "still.there", "n": seen} for d in self.raw)
        )
        assert self.connection_states[-1] == "connected"

    async def assert_reconnects(self) -> None:
        """Make sure that the name is free, and that nothing stands in the way of another try."""
        assert self.entry.runtime_data.connections == {}
        self.host.plan.clear()
        self.host.always = None
        await self.accepted_peer()
        await self.assert_receives()
        await self.close()

    async def assert_clean(self) -> None:
        """Unload the entry, and make sure that nothing of any connection remains."""
        for entry in self.hass.config_entries.async_loaded_entries(DOMAIN):
            found: OpenAIData = entry.runtime_data
            unloading = self.hass.config_entries.async_unload(entry.entry_id)
            assert await asyncio.wait_for(unloading, LONG_TIMEOUT)
            assert found.connections == {}
        names = er.async_get(self.hass).entities.values()
        assert not [name.entity_id for name in names if name.translation_key == "connection"]
        await wait_for(lambda: not tasks())
        await wait_for(lambda: not self.host.connections)
