"""Decides whether a connection that is lost is opened again, and when."""

import random
import time

from websockets.frames import CloseCode

from ..exceptions import api_error, join_details
from .close import Close

INITIAL_DELAY = 0.5
MAX_DELAY = 30.0
MAX_ATTEMPTS = 10
"""About three minutes of trying, each wait twice the one before."""
STABLE_AFTER = 60.0
"""Seconds that a connection must stay open before its attempts are counted from 0 again."""
_RECOVERABLE_CLOSE_CODES = frozenset(
    {
        CloseCode.ABNORMAL_CLOSURE,
        CloseCode.INTERNAL_ERROR,
        CloseCode.SERVICE_RESTART,
        CloseCode.TRY_AGAIN_LATER,
        CloseCode.BAD_GATEWAY,
    }
)
_MAX_EMPTY_SOCKETS = 6
"""Sockets in a row that the host closes for an error of its own before it has said anything."""


class ReconnectPolicy:
    """Counts the attempts of one connection."""

    def __init__(self) -> None:
        """Start with all attempts."""
        self.is_proven = False
        """Whether the host has sent anything since the socket was opened."""
        self._attempt = 0
        self._empty_sockets = 0
        self._opened = 0.0

    def on_opened(self) -> None:
        """Record that a socket is open."""
        self._opened, self.is_proven = time.monotonic(), False

    def on_closed(self, close: Close) -> Close:
        """Return `close`, with an error once the host has closed too many sockets at once.

        Gateways accept a WebSocket before they find out that no server is behind them.
        """
        if close.code != CloseCode.INTERNAL_ERROR or self.is_proven:
            self._empty_sockets = 0
            return close
        self._empty_sockets += 1
        if self._empty_sockets < _MAX_EMPTY_SOCKETS:
            return close
        details = join_details(close.reason, f"code: {close.code}")
        error = api_error("websocket_closed_at_once", details=details)
        return close._replace(error=error)

    def is_recoverable(self, close: Close) -> bool:
        """Return whether another socket may last longer than the one that has ended so."""
        return close.code in _RECOVERABLE_CLOSE_CODES and self._empty_sockets < _MAX_EMPTY_SOCKETS

    def on_lost(self) -> bool:
        """Record a lost socket; return whether it is the first since one was open for `STABLE_AFTER` s."""
        # A server that greets us only to drop us gets no fresh start each time.
        if time.monotonic() - self._opened >= STABLE_AFTER:
            self._attempt = 0
        return not self._attempt

    def next_delay(self) -> float | None:
        """Return the seconds to wait before the next attempt, None after the last one."""
        if self._attempt >= MAX_ATTEMPTS:
            return None
        delay = min(INITIAL_DELAY * 2**self._attempt, MAX_DELAY)
        self._attempt += 1
        return float(delay * random.uniform(0.75, 1))  # noqa: S311
