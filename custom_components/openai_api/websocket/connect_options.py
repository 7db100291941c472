"""What the SDK is told when it opens a WebSocket."""

from collections.abc import Callable
import importlib
import logging
from typing import TYPE_CHECKING, Any

from homeassistant.util.ssl import get_default_context, get_default_no_verify_context
from openai import Omit
from yarl import URL

from ..api.host import ServiceHost
from ..const import LOGGER

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
CLOSE_TIMEOUT = 5
"""Seconds that a server gets to answer a close frame."""
PING = 20
"""Seconds between pings, and for a host to answer one."""

# The library's debug output would show the headers, and with them the key. Nobody can raise the
# level of a logger that has no name in the configuration.
_QUIET_LOGGER = logging.Logger(f"{__package__}.protocol", logging.INFO)  # noqa: LOG001
_QUIET_LOGGER.parent = LOGGER


async def async_connect_options(
    host: ServiceHost, connection_factory: Callable[..., ClientConnection]
) -> dict[str, Any]:
    """Return the arguments of the SDK's `connect`; `connection_factory` creates the connection object.

    Returns `{"extra_query": {…}, "extra_headers": {…}, "websocket_connection_options": {…}}`. A
    WebSocket does not use the transport, so these hold the API key.
    """
    settings = host.settings
    await host.hass.async_add_import_executor_job(_import_libraries)
    protocol: dict[str, Any] = {
        "close_timeout": CLOSE_TIMEOUT,
        "create_connection": connection_factory,
        "logger": _QUIET_LOGGER,
        "max_size": _MAX_MESSAGE_BYTES,
        "open_timeout": settings.timeout,
        "ping_interval": PING,
        "ping_timeout": PING,
        "proxy": None,
    }
    if settings.base_url.startswith("https:"):
        protocol["ssl"] = (
            get_default_context() if settings.verify_ssl else get_default_no_verify_context()
        )
    return {
        "extra_query": {**settings.query, **settings.auth_query},
        "extra_headers": {
            "Authorization": Omit(),
            **settings.organization_headers,
            **settings.auth_headers,
        },
        "websocket_connection_options": protocol,
    }


def _import_libraries() -> None:
    """Import what the first connection would import on the event loop."""
    for module in (f"{__package__}.protocol", "openai.lib._websocket"):
        try:
            importlib.import_module(module)
        except ImportError:
            # Not every SDK has the second one.
            continue


def display_url(host: ServiceHost, path: str) -> str:
    """Return the address of a WebSocket, without its query: that may hold a key."""
    url = URL(host.settings.base_url)
    return str((url / path).with_scheme("wss" if url.scheme == "https" else "ws"))
