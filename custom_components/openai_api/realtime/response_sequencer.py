"""Sends requests for responses one at a time, as a conversation has one response at a time."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..types import Json

_MAX_REFUSALS = 10
BUSY = "conversation_already_has_active_response"
IDLE = "response_cancel_not_active"


def error_code(error: Json) -> str:
    """Return the code of an `error`; other servers than OpenAI's say in words what BUSY and IDLE mean."""
    message = str(error.get("message")).lower()
    if "no active response" in message:
        return IDLE
    if "already has an active response" in message:
        return BUSY
    return str(error.get("code") or "")


@dataclass(slots=True)
class _Wanted:
    """A requested response; those of callers are never merged."""

    event: Json
    is_explicit: bool
    merged: int = 0
    """How many later automatic requests are merged into this one."""
    refused: int = 0
    """How often the server refused it because of another response."""


@dataclass(slots=True)
class ResponseSequencer:
    """Sends `response.create` once the previous response is done, in the order of the requests."""

    send: Callable[[Json], None]
    in_flight: bool = False
    is_cancelling: bool = False
    _queue: deque[_Wanted] = field(default_factory=deque)
    _unanswered: _Wanted | None = None
    _accepted: _Wanted | None = None
    """The request of the response in progress, unless the server has started it itself."""
    _count: int = 0

    @property
    def is_asking(self) -> bool:
        """Whether a response was requested that the server has not begun."""
        return self._unanswered is not None

    def request(self, event: Json | None = None) -> None:
        """Request a response: with the `response.create` event, or an automatic one without."""
        self._queue.append(_Wanted(event or {"type": "response.create"}, event is not None))
        self._send_next()

    def begin_cancel(self) -> bool:
        """Return whether there is a response to cancel that is not being cancelled yet."""
        if not self.in_flight or self.is_cancelling:
            return False
        self.is_cancelling = True
        return True

    def created(self) -> None:
        """Handle `response.created`."""
        if self._unanswered is not None:
            self._accepted, self._unanswered = self._unanswered, None
        self.in_flight, self.is_cancelling = True, False

    def done(self) -> None:
        """Handle `response.done`."""
        self._unanswered = self._accepted = None
        self.in_flight = self.is_cancelling = False
        self._send_next()

    def failed(self, error: Json) -> None:
        """Handle the `error` of an `error` event.

        The request that it is about is dropped, or queued again if it came too early.
        """
        code = error_code(error)
        if code == IDLE:
            # There is no response in progress.
            self.done()
            return
        if (pending := self._refused(error, code)) is None:
            return
        self._unanswered = self._accepted = None
        if code == BUSY and pending.refused < _MAX_REFUSALS:
            # The server has started a response itself, and accepts the next request when it is done.
            pending.refused += 1
            self._queue.appendleft(pending)
            self.in_flight = True
            return
        # The requests that were merged into it are queued again.
        for _ in range(pending.merged):
            self._queue.appendleft(_Wanted({"type": "response.create"}, is_explicit=False))
        self._send_next()

    def _refused(self, error: Json, code: str) -> _Wanted | None:
        """Return the request that an error is about."""
        if (named := error.get("event_id")) and isinstance(named, str):
            for pending in (self._unanswered, self._accepted):
                if pending is not None and pending.event["event_id"] == named:
                    return pending
            return None
        if code == BUSY:
            return self._unanswered or self._accepted
        message = str(error.get("message") or "")
        if "response_create" in code or "response.create" in message:
            return self._unanswered
        return None

    def clear(self) -> None:
        """Drop everything: the connection is gone."""
        self._queue.clear()
        self._unanswered = self._accepted = None
        self.in_flight = self.is_cancelling = False

    def _send_next(self) -> None:
        """Send the next request if no response is in progress."""
        if not self._queue or self._unanswered or self.in_flight or self.is_cancelling:
            return
        pending = self._queue.popleft()
        while not pending.is_explicit and self._queue and not self._queue[0].is_explicit:
            self._queue.popleft()
            pending.merged += 1
        if not isinstance(pending.event.get("event_id"), str):
            self._count += 1
            pending.event = {**pending.event, "event_id": f"event_response_{self._count}"}
        self._unanswered = pending
        self.send(pending.event)
