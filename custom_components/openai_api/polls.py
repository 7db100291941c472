"""Waits for what a host works on, and tells the house how far it is."""

import asyncio
from dataclasses import replace
import time
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from . import requests
from .const import EVENT_PROGRESS
from .errors import failure
from .events import fire
from .model import Json

if TYPE_CHECKING:
    from .requests import Request

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0
# What the various objects say of how far they are.
_PROGRESS = ("progress", "file_counts", "request_counts", "result_counts")


async def async_settle(request: Request, answer: Json) -> Json:
    """Return the object once its status is final; fires a progress event at every look.

    Raises a translated error after `max_wait_seconds`, and when the entry is unloaded.
    """
    poll = request.action.poll
    assert poll is not None
    arguments = {
        name: request.data[name] if name in request.data else answer[key]
        for name, key in poll.ids.items()
    }
    again = replace(
        request,
        action=replace(request.action, method=poll.method, poll=None, body=False),
        data=arguments,
        options={key: value for key, value in request.options.items() if key == "timeout"},
    )
    start = time.monotonic()
    patience = request.options.get("max_wait_seconds")
    pause = _FIRST_PAUSE
    while True:
        elapsed = time.monotonic() - start
        fire_progress(request, answer, elapsed)
        status = answer.get("status")
        if status not in poll.pending:
            return answer
        if (interval := request.options.get("poll_interval_ms")) is not None:
            wait = interval / 1000
        else:
            wait, pause = pause, min(pause * 1.5, _LONGEST_PAUSE)
        if patience is not None and elapsed + wait > patience:
            raise failure(
                "still_pending", id=answer.get("id", ""), status=status, seconds=f"{elapsed:.0f}"
            )
        async with request.host.waiting(None):
            await asyncio.sleep(wait)
        answer = await requests.async_ask(again)


@callback
def fire_progress(request: Request, answer: Json, elapsed: float, **counts: Any) -> None:
    """Fire the progress event: how far the object is after `elapsed` seconds."""
    fire(
        request.hass,
        EVENT_PROGRESS,
        {
            "config_entry_id": request.entry.entry_id,
            "action": request.action.key,
            "id": answer.get("id"),
            "status": answer.get("status"),
            "elapsed": round(elapsed, 1),
            **{key: answer[key] for key in _PROGRESS if answer.get(key) is not None},
            **counts,
        },
        request.context,
    )
