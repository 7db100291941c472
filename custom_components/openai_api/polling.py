"""Polls an object until the server is done with it, and fires progress events."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
import time
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

from .action import ActionCall
from .action_request import async_request_json, require_id
from .exceptions import ApiError, HostUnreachable, RateLimited, RequestFailed, api_error
from .object_types import ObjectType
from .progress import fire_progress
from .statuses import status_of
from .types import Json

INITIAL_INTERVAL = 1.0
MAX_INTERVAL = 10.0
_MAX_UNKNOWN_WAIT = 3600.0
"""Seconds to wait in a status that is not known to be final or in progress."""
MAX_OUTAGE: Final = 300.0
"""Seconds for which every poll may fail before the wait ends with the last error."""
_PASSING_STATUSES: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})


async def async_poll_until_done(request: ActionCall, answer: Json | None) -> Json:
    """Poll an object until its status is final; fires a progress event for each poll.

    `answer` is the object as the request has created it; None if the request itself is a poll.
    Returns what `async_request_json` returns for the last poll. Polls may fail for `MAX_OUTAGE`
    seconds while the server is away (no connection, no response in time, status 409, 425, 429 or
    500 and above), then the last error is raised; every other error ends the wait at once. Raises
    HomeAssistantError "still_pending" after `max_wait_seconds`; without that limit, after an hour
    in a status that is not known. Raises EntryUnloaded when the entry is unloaded.
    """
    poll = request.action.poll
    assert poll is not None
    poller = _Poller(request, poll, answer)
    longest = request.longest
    status: object = None
    if answer is None:
        answer = await poller.async_poll(longest)
    while True:
        if answer is not None:
            if (status := status_of(answer)) is None:
                # An object without a status is done, but it must be one.
                require_id(request, answer, *_own_keys(poll))
            is_done = poll.is_ended(status)
            fire_progress(request, answer, poller.elapsed, done=is_done)
            if is_done:
                return answer
            if longest is None and status not in poll.in_progress_statuses:
                # It may be a final status that is not known here.
                longest = _MAX_UNKNOWN_WAIT
        wait, elapsed = poller.next_interval(), poller.elapsed
        if longest is not None and elapsed + wait > longest:
            if poller.last is None and poller.error is not None:
                raise poller.error
            raise api_error("still_pending", id=poller.id, status=status, seconds=f"{elapsed:.0f}")
        async with request.host.async_request_scope(None):
            await asyncio.sleep(wait)
        answer = await poller.async_poll(longest)


class _Poller:
    """Polls one object."""

    def __init__(self, request: ActionCall, poll: ObjectType, answer: Json | None) -> None:
        """Take the request, and the object that it has created, if it is not a poll itself."""
        self.last = answer
        """The object when it was last seen."""
        self.error: HomeAssistantError | None = None
        """Why the last poll has failed."""
        self._request = request
        self._poll = poll
        self._again: ActionCall | None = None
        if answer is None:
            self._again = request
        self._start = time.monotonic()
        self._failing_since = 0.0
        self._pause = INITIAL_INTERVAL

    @property
    def elapsed(self) -> float:
        """Seconds since the wait began."""
        return time.monotonic() - self._start

    @property
    def id(self) -> object:
        """The id of the object, where it is known."""
        return (self.last or {}).get("id", "")

    def next_interval(self) -> float:
        """Return the seconds until the next poll."""
        interval: int | None = self._request.options.get("poll_interval_ms")
        wished = None if interval is None else interval / 1000
        if wished is not None and self.error is None:
            return wished
        # While polls fail, the interval is not shorter than the back-off.
        pause, self._pause = self._pause, min(self._pause * 1.5, MAX_INTERVAL)
        return max(pause, wished or 0)

    async def async_poll(self, longest: float | None) -> Json | None:
        """Return the object as it is now; None if the server cannot be reached for the moment.

        A poll takes no longer than what is left of the `longest` wait.
        """
        again = self._again = self._again or _poll_request(
            self._request, self._poll, self.last or {}
        )
        if longest is not None:
            # One second is enough for a server that responds.
            left = max(longest - self.elapsed, 1.0)
            again = replace(again, options={**again.options, "timeout": min(again.timeout, left)})
        start = time.monotonic()
        try:
            answer = await async_request_json(again)
        except HomeAssistantError as err:
            if not _may_pass(err):
                raise
            if self.error is None:
                self._failing_since, self._pause = start, INITIAL_INTERVAL
            self.error = err
            if time.monotonic() - self._failing_since > MAX_OUTAGE:
                raise
            return None
        if self.last is None:
            # The first request was the caller's own; the others need the ids only.
            self._again = None
        self.last = answer
        if self.error is not None:
            self.error, self._pause = None, INITIAL_INTERVAL
        return answer


def _may_pass(err: HomeAssistantError) -> bool:
    """Return whether an error may be over within minutes."""
    if isinstance(err, HostUnreachable | RateLimited | RequestFailed):
        return True
    return isinstance(err, ApiError) and err.status in _PASSING_STATUSES


def _poll_request(request: ActionCall, poll: ObjectType, answer: Json) -> ActionCall:
    """Return the request that polls an object."""
    arguments: dict[str, Any] = {}
    for name, key in poll.path_arguments.items():
        keys = _own_keys(poll) if key == "id" else (key,)
        known = request.data.get(name)
        arguments[name] = require_id(request, answer, *keys) if known is None else known
    return request.step(poll.method, arguments, has_body=False)


def _own_keys(poll: ObjectType) -> tuple[str, ...]:
    """Return the keys of an object's id: other servers name it after its kind, or as a task."""
    return ("id", poll.id_fields[-1], "task_id")
