"""The runtime data of a config entry."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform

from .action import ActionCall
from .api.host import ServiceHost
from .exceptions import EntryUnloaded
from .jobs.manager import JobManager
from .subentries import Subentries
from .types import Json
from .webhooks.receiver import WebhookReceiver

if TYPE_CHECKING:
    # Only homes with connections load the library of WebSockets.
    from .websocket.connection import Connections

type OpenAIConfigEntry = ConfigEntry[OpenAIData]


@dataclass(kw_only=True)
class OpenAIData:
    """What a loaded entry owns."""

    host: ServiceHost
    jobs: JobManager
    """The watched jobs."""
    subentries: Subentries
    """The Assist subentries."""
    connections: Connections = field(default_factory=dict)
    """The WebSocket connections by their ids: open, or being opened."""
    webhook_receiver: WebhookReceiver | None = None
    """Receives webhook calls; None without a signing secret."""
    turns: dict[str, Json] = field(default_factory=dict)
    """The data of the last turn event of each subentry, by the id of the subentry."""
    platforms: list[Platform] = field(default_factory=list)
    """Those that could be set up."""

    async def async_close(self) -> None:
        """Cancel the requests in progress, stop polling jobs, and close the connections.

        The host is closed first, so that pending calls raise EntryUnloaded.
        """
        self.host.close()
        self.jobs.close()
        await asyncio.gather(
            *(
                connection.async_close(reason="The service is unloaded")
                for connection in tuple(self.connections.values())
            ),
            return_exceptions=True,
        )


def runtime_data_of(request: ActionCall) -> OpenAIData:
    """Return the runtime data of the entry of a call; raises EntryUnloaded once it is closed."""
    data: OpenAIData | None = getattr(request.entry, "runtime_data", None)
    if data is None or data.host is not request.host:
        raise EntryUnloaded
    return data
