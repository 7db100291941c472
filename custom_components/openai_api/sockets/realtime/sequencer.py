"""Keeps requests for responses in order: a host works on one response at a time."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ...model import Json


@dataclass(slots=True)
class _Wanted:
    """A response that is wanted; those wanted explicitly are never merged."""

    event: Json
    is_explicit: bool
    merged: int = 0
    """How many later automatic ones this one stands for, too."""


@dataclass(slots=True)
class ResponseSequencer:
    """Sends `response.create` once the one before is done, first come, first served."""

    send: Callable[[Json], None]
    in_flight: bool = False
    is_cancelling: bool = False
    _queue: deque[_Wanted] = field(default_factory=deque)
    _unanswered: _Wanted | None = None
    _count: int = 0

    @property
    def is_asking(self) -> bool:
        """Whether a response was asked for that the host has not begun."""
        return self._unanswered is not None

    def request(self, event: Json | None = None) -> None:
        """Ask for a response: as the event says, or an automatic one without."""
        self._queue.append(_Wanted(event or {"type": "response.create"}, event is not None))
        self._send_next()

    def begin_cancel(self) -> bool:
        """Return whether there is a response to cancel that is not being cancelled yet."""
        if not self.in_flight or self.is_cancelling:
            return False
        self.is_cancelling = True
        return True

    def created(self) -> None:
        """Take note that the host works on a response."""
        self._unanswered = None
        self.in_flight, self.is_cancelling = True, False

    def done(self) -> None:
        """Take note that the response has ended, in whatever way."""
        self._unanswered = None
        self.in_flight = self.is_cancelling = False
        self._send_next()

    def failed(self, error: Json) -> None:
        """Drop the unanswered request if this error is about it."""
        if (wanted := self._unanswered) is None:
            return
        if (named := error.get("event_id")) and isinstance(named, str):
            if named != wanted.event["event_id"]:
                return
        elif "response_create" not in str(error.get("code") or "") and "response.create" not in str(
            error.get("message") or ""
        ):
            return
        # Those that it stood for have not had their turn.
        for _ in range(wanted.merged):
            self._queue.appendleft(_Wanted({"type": "response.create"}, is_explicit=False))
        self._unanswered = None
        self._send_next()

    def clear(self) -> None:
        """Forget everything: the connection is gone, and the host's state with it."""
        self._queue.clear()
        self._unanswered = None
        self.in_flight = self.is_cancelling = False

    def _send_next(self) -> None:
        """Send the next request if the host is free."""
        if not self._queue or self._unanswered or self.in_flight or self.is_cancelling:
            return
        wanted = self._queue.popleft()
        while not wanted.is_explicit and self._queue and not self._queue[0].is_explicit:
            self._queue.popleft()
            wanted.merged += 1
        if not isinstance(wanted.event.get("event_id"), str):
            self._count += 1
            wanted.event = {**wanted.event, "event_id": f"event_response_{self._count}"}
        self._unanswered = wanted
        self.send(wanted.event)
