"""What is needed of the SDK's WebSocket connections, which are alike but share no type."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from websockets.frames import CloseCode


class SdkConnection(Protocol):
    """A connection of the SDK."""

    async def send_raw(self, data: bytes | str) -> None:
        """Send a frame as it is."""

    async def close(self, *, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close with a code and a reason."""


type ConnectFactory = Callable[[dict[str, Any]], Awaitable[SdkConnection]]
"""Opens a socket of the SDK with these arguments for its `connect`."""
