"""Knows whether a service host is at work, by what became of the last calls."""

from dataclasses import dataclass
import time

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send

from ..const import LOGGER, SIGNAL_AVAILABILITY
from .usage import Usage


@dataclass(slots=True, kw_only=True)
class Availability:
    """Whether a host answers; nobody asks it only to find that out."""

    hass: HomeAssistant
    entry_id: str
    name: str
    """As the log calls the host."""
    usage: Usage
    is_reachable: bool | None = None
    """None until it was asked for the first time."""
    _unreachable_since: float = 0.0

    def __post_init__(self) -> None:
        """Follow what the host answers."""
        self.usage.listen(self._on_usage)

    @callback
    def _on_usage(self) -> None:
        """Take it that the host is at work, if it has answered since it was lost."""
        if self.is_reachable or self.usage.last_response_at <= self._unreachable_since:
            return
        if self.is_reachable is False:
            LOGGER.info("%s can be reached again", self.name)
        self._set(is_reachable=True)

    @callback
    def mark_unreachable(self, error: str, start: float) -> None:
        """Take it that the host is not at work, for a call that began at `start` has failed.

        What it has answered since then, on `time.monotonic`'s clock, shows that it is: a model
        may think for longer than somebody waits.
        """
        if self.is_reachable is False or self.usage.last_response_at >= start:
            return
        LOGGER.info("%s cannot be reached: %s", self.name, error)
        self._unreachable_since = time.monotonic()
        self._set(is_reachable=False)

    @callback
    def _set(self, *, is_reachable: bool) -> None:
        """Take on a state and tell the entities."""
        self.is_reachable = is_reachable
        async_dispatcher_send(self.hass, SIGNAL_AVAILABILITY.format(self.entry_id))
