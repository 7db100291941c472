"""Fires the progress event."""

from typing import Any

from homeassistant.core import callback

from .action import ActionCall
from .const import EVENT_PROGRESS
from .events import fire
from .types import Json

# The keys in which the API's objects report their progress.
_PROGRESS = ("progress", "file_counts", "request_counts", "result_counts")


def progress_counts(answer: Json) -> Json:
    """Return the progress of an object, beside its status.

    Returns `{"progress": …, "file_counts": …, "request_counts": …, "result_counts": …}` as the API
    has them, those that the object has; `progress` is in percent.
    """
    return {key: answer[key] for key in _PROGRESS if answer.get(key) is not None}


@callback
def fire_progress(request: ActionCall, answer: Json, elapsed: float, **more: Any) -> None:
    """Fire the progress event for an object, `elapsed` seconds after the work began.

    `answer` is the API's object, `more` is added to the data of the event; `done` is true once the
    object no longer changes.
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
