"""The SDK's WebSocket connections, which are alike but share no type."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from websockets.frames import CloseCode

from ..api.host import ServiceHost


class SdkConnection(Protocol):
    """A connection of the SDK."""

    async def send_raw(self, data: bytes | str) -> None:
        """Send a frame as it is."""

    async def close(self, *, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close with a code and a reason."""


type ConnectFactory = Callable[[dict[str, Any]], Awaitable[SdkConnection]]
"""Opens a socket of the SDK with these arguments for its `connect`."""


async def async_open(host: ServiceHost, resource: str, options: Mapping[str, Any]) -> SdkConnection:
    """Open a connection of `responses` or `realtime` with the SDK, which knows the path."""
    # The first access imports the resource, which would block the event loop.
    opener = await host.hass.async_add_import_executor_job(getattr, host.client, resource)
    connection: SdkConnection = await opener.connect(**options).enter()
    return connection
