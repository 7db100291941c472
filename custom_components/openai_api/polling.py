"""Polls an object until the server is done with it, and fires progress events."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
import time
from typing import Final

from homeassistant.exceptions import HomeAssistantError

from .action import ActionCall
from .action_request import async_request_json
from .exceptions import (
    ApiError,
    HostUnreachable,
    RateLimited,
    RequestFailed,
    UnexpectedBody,
    api_error,
)
from .object_types import ObjectType
from .progress import fire_progress
from .types import Json

INITIAL_INTERVAL = 1.0
MAX_INTERVAL = 10.0
_LONGEST_UNKNOWN = 3600.0
"""Seconds that a status is waited for of which nobody knows whether it is an end."""
MAX_OUTAGE: Final = 300.0
"""Seconds for which every look may fail before the wait ends with the last error."""
_PASSING_STATUSES: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})


async def async_poll_until_done(request: ActionCall, answer: Json | None) -> Json:
    """Return the object once its status is a known end; fires a progress event at every look.

    `answer` is the object as the request has made it; None where the request itself is a look.
    Looks may fail for `MAX_OUTAGE` seconds while the host is away (no connection, no answer in
    time, status 429 or 500 and above), then the last error is raised; every other error ends
    the wait at once. Raises `still_pending` with the status after `max_wait_seconds`, without
    that after an hour for a status that nobody knows, and EntryUnloaded when the entry is unloaded.
    """
    poll = request.action.poll
    assert poll is not None
    looks = _Looks(request, poll, answer)
    longest = request.longest
    status: object = None
    if answer is None:
        answer = await looks.async_look(longest)
    while True:
        if answer is not None:
            status = answer.get("status")
            is_done = poll.is_ended(status)
            fire_progress(request, answer, looks.elapsed, done=is_done)
            if is_done:
                return answer
            if longest is None and status not in poll.in_progress_statuses:
                # It may as well be an end that nobody here knows.
                longest = _LONGEST_UNKNOWN
        wait, elapsed = looks.next_interval(), looks.elapsed
        if longest is not None and elapsed + wait > longest:
            if looks.last is None and looks.error is not None:
                raise looks.error
            raise api_error("still_pending", id=looks.id, status=status, seconds=f"{elapsed:.0f}")
        async with request.host.async_request_scope(None):
            await asyncio.sleep(wait)
        answer = await looks.async_look(longest)


class _Looks:
    """The looks at an object on which the host works."""

    def __init__(self, request: ActionCall, poll: ObjectType, answer: Json | None) -> None:
        """Take the request, and the object that it has made, if it is not a look itself."""
        self.last = answer
        """The object when it was last seen."""
        self.error: HomeAssistantError | None = None
        """Why the last look has failed."""
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
        """Return how many seconds to wait before the next look."""
        interval: int | None = self._request.options.get("poll_interval_ms")
        wished = None if interval is None else interval / 1000
        if wished is not None and self.error is None:
            return wished
        # A host in trouble is not to be asked as often as somebody wished.
        pause, self._pause = self._pause, min(self._pause * 1.5, MAX_INTERVAL)
        return max(pause, wished or 0)

    async def async_look(self, longest: float | None) -> Json | None:
        """Return the object as it is now; None if the host cannot be asked for the moment.

        A look takes no longer than what is left of the `longest` wait.
        """
        again = self._again = self._again or _poll_request(
            self._request, self._poll, self.last or {}
        )
        if longest is not None:
            # The least is enough for a host that is at work.
            left = max(longest - self.elapsed, 1.0)
            again = replace(again, options={**again.options, "timeout": min(again.timeout, left)})
        start = time.monotonic()
        try:
            found = await async_request_json(again)
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
            # The first was the caller's own; those that follow need no more than the ids.
            self._again = None
        self.last = found
        if self.error is not None:
            self.error, self._pause = None, INITIAL_INTERVAL
        return found


def _may_pass(err: HomeAssistantError) -> bool:
    """Return whether an error is of the kind that is over in some minutes."""
    if isinstance(err, HostUnreachable | RateLimited | RequestFailed):
        return True
    return isinstance(err, ApiError) and err.status in _PASSING_STATUSES


def _poll_request(request: ActionCall, poll: ObjectType, answer: Json) -> ActionCall:
    """Return the request for the object that an answer speaks of, as it is by now."""
    arguments = {
        name: request.data[name] if name in request.data else answer.get(key)
        for name, key in poll.path_arguments.items()
    }
    if not all(isinstance(value, str) and value for value in arguments.values()):
        raise UnexpectedBody("application/json")
    return request.step(poll.method, arguments, has_body=False)
