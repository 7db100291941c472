"""The runtime data of a config entry: all that it owns while it is loaded."""

import asyncio
from dataclasses import dataclass, field

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from websockets.frames import CloseCode

from .action import ActionCall
from .api.host import ServiceHost
from .exceptions import EntryUnloaded
from .jobs.manager import JobManager
from .subentries import Subentries
from .types import Json
from .webhooks.receiver import WebhookReceiver
from .websocket.connection import Connections

type OpenAIConfigEntry = ConfigEntry[OpenAIData]


@dataclass(kw_only=True)
class OpenAIData:
    """What a loaded entry owns; each part serves only itself."""

    host: ServiceHost
    jobs: JobManager
    """What is watched of the work that goes on at the server."""
    subentries: Subentries
    """What of Assist the service is."""
    connections: Connections = field(default_factory=dict)
    """The WebSocket connections by their ids: open, or being opened."""
    webhook_receiver: WebhookReceiver | None = None
    """What takes the server's webhook calls, if they can be checked."""
    turns: dict[str, Json] = field(default_factory=dict)
    """How the last turn of each subentry went, as the turn event tells it."""
    platforms: list[Platform] = field(default_factory=list)
    """Those that could be set up."""

    async def async_close(self) -> None:
        """End every call under way, look at no job any more, and close every connection.

        The host is first, so that whoever waits is told that the service is unloaded.
        """
        self.host.close()
        self.jobs.close()
        await asyncio.gather(
            *(
                connection.async_close(CloseCode.NORMAL_CLOSURE, "The service host is unloaded")
                for connection in tuple(self.connections.values())
            ),
            return_exceptions=True,
        )


def runtime_data_of(request: ActionCall) -> OpenAIData:
    """Return what the entry of a call owns; raises EntryUnloaded once that is closed."""
    data: OpenAIData | None = getattr(request.entry, "runtime_data", None)
    if data is None or data.host is not request.host:
        raise EntryUnloaded
    return data
