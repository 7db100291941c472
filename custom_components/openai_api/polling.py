"""Waits for what a host works on, and tells the house how far it is."""

import asyncio
from dataclasses import replace
import time

from .action import ActionCall
from .action_request import async_request_json
from .exceptions import UnexpectedBody, api_error
from .object_types import ObjectType
from .progress import fire_progress
from .types import Json

INITIAL_INTERVAL = 1.0
MAX_INTERVAL = 10.0
_LONGEST_UNKNOWN = 3600.0
"""Seconds that a status is waited for of which nobody knows whether it is an end."""


async def async_poll_until_done(request: ActionCall, answer: Json) -> Json:
    """Return the object once its status is a known end; fires a progress event at every look.

    Raises `still_pending` with the status after `max_wait_seconds`, without that after an hour
    for a status that nobody knows, and `unloaded` when the entry is unloaded.
    """
    poll = request.action.poll
    assert poll is not None
    again: ActionCall | None = None
    start = time.monotonic()
    longest = request.longest
    pause = INITIAL_INTERVAL
    while True:
        elapsed = time.monotonic() - start
        status = answer.get("status")
        is_done = poll.is_ended(status)
        fire_progress(request, answer, elapsed, done=is_done)
        if is_done:
            return answer
        if (interval := request.options.get("poll_interval_ms")) is not None:
            wait = interval / 1000
        else:
            wait, pause = pause, min(pause * 1.5, MAX_INTERVAL)
        if longest is None and status not in poll.in_progress_statuses:
            # It may as well be an end that nobody here knows.
            longest = _LONGEST_UNKNOWN
        if longest is not None and elapsed + wait > longest:
            raise api_error(
                "still_pending", id=answer.get("id", ""), status=status, seconds=f"{elapsed:.0f}"
            )
        again = again or _poll_request(request, poll, answer)
        async with request.host.async_request_scope(None):
            await asyncio.sleep(wait)
        answer = await async_request_json(again)


def _poll_request(request: ActionCall, poll: ObjectType, answer: Json) -> ActionCall:
    """Return the request for the object that an answer speaks of, as it is by now."""
    arguments = {
        name: request.data[name] if name in request.data else answer.get(key)
        for name, key in poll.path_arguments.items()
    }
    if not all(isinstance(value, str) and value for value in arguments.values()):
        raise UnexpectedBody("application/json")
    return replace(
        request,
        action=replace(request.action, method=poll.method, poll=None, has_body=False),
        data=arguments,
        options={key: value for key, value in request.options.items() if key == "timeout"},
    )
