"""Tracks whether the server of a service can be reached, by the results of the last requests."""

from dataclasses import dataclass
import time

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send

from ..const import LOGGER, SIGNAL_AVAILABILITY
from .usage import Usage


@dataclass(slots=True, kw_only=True)
class Availability:
    """Whether a server responds; no request is sent only to find that out."""

    hass: HomeAssistant
    entry_id: str
    name: str
    """The name of the service in the log."""
    usage: Usage
    is_reachable: bool | None = None
    """None until the first request."""
    _unreachable_since: float = 0.0

    def __post_init__(self) -> None:
        """Listen to the usage, which records responses."""
        self.usage.listen(self._on_usage)

    @callback
    def _on_usage(self) -> None:
        """Mark the server reachable if it has responded since it was lost."""
        if self.is_reachable or self.usage.last_response_at <= self._unreachable_since:
            return
        if self.is_reachable is False:
            LOGGER.info("%s can be reached again", self.name)
        self._set(is_reachable=True)

    @callback
    def mark_unreachable(self, error: str, start: float) -> None:
        """Mark the server unreachable because a call that started at `start` failed with `error`.

        `start` is a time of `time.monotonic`, in seconds. Nothing changes if the server has
        responded since: a model may think for longer than a caller waits.
        """
        if self.is_reachable is False or self.usage.last_response_at >= start:
            return
        LOGGER.info("%s cannot be reached: %s", self.name, error)
        self._unreachable_since = time.monotonic()
        self._set(is_reachable=False)

    @callback
    def _set(self, *, is_reachable: bool) -> None:
        """Set the state, and notify the entities."""
        self.is_reachable = is_reachable
        async_dispatcher_send(self.hass, SIGNAL_AVAILABILITY.format(self.entry_id))
