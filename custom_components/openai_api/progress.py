"""Tells on the bus how far something is that takes long."""

from typing import Any

from homeassistant.core import callback

from .action import ActionCall
from .const import EVENT_PROGRESS
from .events import fire
from .types import Json

# What the various objects say of how far they are.
_PROGRESS = ("progress", "file_counts", "request_counts", "result_counts")


def progress_counts(answer: Json) -> Json:
    """Return what an object says of how far it is, beside its status."""
    return {key: answer[key] for key in _PROGRESS if answer.get(key) is not None}


@callback
def fire_progress(request: ActionCall, answer: Json, elapsed: float, **more: Any) -> None:
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
            **progress_counts(answer),
            **more,
        },
        request.context,
    )
