"""The state of a WebSocket, as it is fired, logged and handed to subclasses."""

from typing import Any

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..const import EVENT_CONNECTION
from ..events import fire
from ..exceptions import sanitize
from ..localize import localized_text
from .close import Close
from .state import State


class ConnectionState:
    """The state of one connection, and what is told of it."""

    transport: str
    opener: Context
    """The context of the call that has opened it, and so of its events."""

    def __init__(self, host: ServiceHost, connection_id: str) -> None:
        """Start disconnected; nothing is fired yet."""
        self.host = host
        self.id = connection_id
        self.state = State.DISCONNECTED
        self._own = {"config_entry_id": host.entry.entry_id, "connection_id": connection_id}

    @callback
    def fire(self, event_type: str, data: dict[str, Any]) -> None:
        """Fire an event of this connection on the bus.

        The ids are added to `data`. An error in an `EVENT_CONNECTION` is the host's last error.
        """
        if event_type == EVENT_CONNECTION and data["error"]:
            self.host.record_error(data["error"])
        fire(self.host.hass, event_type, {**self._own, **data}, self.opener)

    @callback
    def on_state(self, state: State) -> None:
        """Handle a change of state, after it was fired; subclasses override this."""

    @callback
    def _set_state(self, state: State, **details: Any) -> None:
        """Set the state and fire it."""
        self.state = state
        self._fire_state(**details)
        self.on_state(state)

    @callback
    def _fire_state(
        self,
        *,
        code: int | None = None,
        reason: str | None = None,
        error: str | None = None,
        context_lost: bool = False,
    ) -> None:
        """Fire the connection event."""
        self.fire(
            EVENT_CONNECTION,
            {
                "transport": self.transport,
                "state": self.state.value,
                "code": None if code is None else int(code),
                "reason": reason,
                "error": error or None,
                "context_lost": context_lost,
            },
        )

    def _close_details(self, close: Close) -> dict[str, Any]:
        """Return how a connection has ended, as events have it: `{"code", "reason", "error"}`."""
        return {
            "code": close.code,
            "reason": close.reason,
            "error": self._error_text(close.error),
        }

    def _error_text(self, error: BaseException | str | None) -> str | None:
        """Return an error in Home Assistant's language, fit to show."""
        if not error:
            return None
        return sanitize(localized_text(self.host.hass, error), self.host.settings)

    def _log_args(self, error: HomeAssistantError | str | None) -> tuple[str, str]:
        """Return the id and the error as they may be logged: `(id, error)`."""
        return self.id, sanitize(str(error or "the host gives no reason"), self.host.settings)
