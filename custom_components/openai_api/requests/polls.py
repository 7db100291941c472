"""Waits for what a host works on, and tells the house how far it is."""

import asyncio
from dataclasses import replace
import time
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from .. import requests
from ..const import EVENT_PROGRESS
from ..errors import failure
from ..events import fire
from ..model import Json, Poll
from ..statuses import is_ended

if TYPE_CHECKING:
    from . import Request

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0
_LONGEST_UNKNOWN = 3600.0
"""Seconds that a status is waited for of which nobody knows whether it is an end."""
# What the various objects say of how far they are.
_PROGRESS = ("progress", "file_counts", "request_counts", "result_counts")


async def async_settle(request: Request, answer: Json) -> Json:
    """Return the object once its status is a known end; fires a progress event at every look.

    Raises `still_pending` with the status after `max_wait_seconds`, without that after an hour
    for a status that nobody knows, and `unloaded` when the entry is unloaded.
    """
    poll = request.action.poll
    assert poll is not None
    again: Request | None = None
    start = time.monotonic()
    longest = request.longest
    pause = _FIRST_PAUSE
    while True:
        elapsed = time.monotonic() - start
        status = answer.get("status")
        is_done = is_ended(status, poll.pending)
        fire_progress(request, answer, elapsed, done=is_done)
        if is_done:
            return answer
        if (interval := request.options.get("poll_interval_ms")) is not None:
            wait = interval / 1000
        else:
            wait, pause = pause, min(pause * 1.5, _LONGEST_PAUSE)
        if longest is None and status not in poll.pending:
            # It may as well be an end that nobody here knows.
            longest = _LONGEST_UNKNOWN
        if longest is not None and elapsed + wait > longest:
            raise failure(
                "still_pending", id=answer.get("id", ""), status=status, seconds=f"{elapsed:.0f}"
            )
        again = again or _look(request, poll, answer)
        async with request.host.waiting(None):
            await asyncio.sleep(wait)
        answer = await requests.async_ask(again)


def _look(request: Request, poll: Poll, answer: Json) -> Request:
    """Return the request for the object that an answer speaks of, as it is by now."""
    arguments = {
        name: request.data[name] if name in request.data else answer.get(key)
        for name, key in poll.ids.items()
    }
    if not all(isinstance(value, str) and value for value in arguments.values()):
        raise failure("bad_answer", content_type="application/json", start="–")
    return replace(
        request,
        action=replace(request.action, method=poll.method, poll=None, body=False),
        data=arguments,
        options={key: value for key, value in request.options.items() if key == "timeout"},
    )


def counts_in(answer: Json) -> Json:
    """Return what an object says of how far it is, beside its status."""
    return {key: answer[key] for key in _PROGRESS if answer.get(key) is not None}


@callback
def fire_progress(request: Request, answer: Json, elapsed: float, **more: Any) -> None:
    """Fire the progress event: how far the object is after `elapsed` seconds.

    `more` is what the event says beside; `done` is true once the object changes no more.
    """
    fire(
        request.hass,
        EVENT_PROGRESS,
        {
            "config_entry_id": request.entry.entry_id,
            "action": request.action.key,
            "id": answer.get("id"),
            "status": answer.get("status"),
            "elapsed": round(elapsed, 1),
            "done": False,
            **counts_in(answer),
            **more,
        },
        request.context,
    )
