"""Keeps requests for responses in order: a host works on one response at a time."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..types import Json

_MAX_REFUSALS = 10
_BUSY = "conversation_already_has_active_response"
_IDLE = "response_cancel_not_active"


@dataclass(slots=True)
class _Wanted:
    """A response that is wanted; those wanted explicitly are never merged."""

    event: Json
    is_explicit: bool
    merged: int = 0
    """How many later automatic ones this one stands for, too."""
    refused: int = 0
    """How often the host was busy with another one."""


@dataclass(slots=True)
class ResponseSequencer:
    """Sends `response.create` once the one before is done, first come, first served."""

    send: Callable[[Json], None]
    in_flight: bool = False
    is_cancelling: bool = False
    _queue: deque[_Wanted] = field(default_factory=deque)
    _unanswered: _Wanted | None = None
    _accepted: _Wanted | None = None
    """What the response under way seems to be the answer to, unless the host began it by itself."""
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
        if self._unanswered is not None:
            self._accepted, self._unanswered = self._unanswered, None
        self.in_flight, self.is_cancelling = True, False

    def done(self) -> None:
        """Take note that the response has ended, in whatever way."""
        self._unanswered = self._accepted = None
        self.in_flight = self.is_cancelling = False
        self._send_next()

    def failed(self, error: Json) -> None:
        """Drop the request that this error is about; one that came too early waits again."""
        code = str(error.get("code") or "")
        if code == _IDLE:
            # There is none to wait for, whatever was heard of one.
            self.done()
            return
        if (wanted := self._refused(error, code)) is None:
            return
        self._unanswered = self._accepted = None
        if code == _BUSY and wanted.refused < _MAX_REFUSALS:
            # The host has begun one by itself, and answers the next request when that is done.
            wanted.refused += 1
            self._queue.appendleft(wanted)
            self.in_flight = True
            return
        # Those that it stood for have not had their turn.
        for _ in range(wanted.merged):
            self._queue.appendleft(_Wanted({"type": "response.create"}, is_explicit=False))
        self._send_next()

    def _refused(self, error: Json, code: str) -> _Wanted | None:
        """Return the request that an error is about."""
        if (named := error.get("event_id")) and isinstance(named, str):
            for wanted in (self._unanswered, self._accepted):
                if wanted is not None and wanted.event["event_id"] == named:
                    return wanted
            return None
        if code == _BUSY:
            return self._unanswered or self._accepted
        message = str(error.get("message") or "")
        if "response_create" in code or "response.create" in message:
            return self._unanswered
        return None

    def clear(self) -> None:
        """Forget everything: the connection is gone, and the host's state with it."""
        self._queue.clear()
        self._unanswered = self._accepted = None
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
