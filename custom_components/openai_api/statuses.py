"""Which statuses of an object at a server are final."""

from collections.abc import Mapping, Set as AbstractSet
from typing import Any

_ENDS = frozenset(
    {
        # OpenAI's own: of responses, runs, batches, files, fine-tuning jobs, evals and videos.
        "cancelled",
        "canceled",
        "completed",
        "deleted",
        "error",
        "expired",
        "failed",
        "idle",
        "incomplete",
        "processed",
        "requires_action",
        "succeeded",
        # Those of compatible hosts.
        "aborted",
        "blocked",
        "complete",
        "content_filtered",
        "done",
        "errored",
        "failure",
        "finished",
        "interrupted",
        "moderated",
        "ok",
        "ready",
        "rejected",
        "stopped",
        "success",
        "successful",
        "terminated",
        "timed_out",
        "timeout",
    }
)

_KEYS = ("status", "task_status", "state")
"""The keys of the status: that of the API, and those of other servers."""


def status_of(answer: Mapping[str, Any]) -> object:
    """Return the status of an object, None if it has none."""
    return next((answer[key] for key in _KEYS if answer.get(key) is not None), None)


def is_known_end(status: str) -> bool:
    """Return whether a status is known to be final: `completed`, or `Failed` in any spelling."""
    return status.strip().lower().replace("-", "_").replace(" ", "_") in _ENDS


def is_ended(status: object, pending: AbstractSet[str] = frozenset()) -> bool:
    """Return whether the work is over; `pending` are statuses known to be in progress.

    An object without a status is done. An unknown status is not final: servers have their own words
    for work in progress, such as `processing` or `preparing`.
    """
    if not isinstance(status, str):
        return True
    return status not in pending and is_known_end(status)
