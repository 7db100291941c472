"""Tells the statuses in which work at a host has ended from those in which it goes on."""

from collections.abc import Set as AbstractSet

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


def is_known_end(status: str) -> bool:
    """Return whether a status is known to be an end: `completed`, or `Failed` in any spelling."""
    return status.strip().lower().replace("-", "_").replace(" ", "_") in _ENDS


def is_ended(status: object, pending: AbstractSet[str] = frozenset()) -> bool:
    """Return whether the work is over; `pending` are statuses known to be no end.

    An object without a status is done. A status that nobody knows is not an end: hosts have
    words of their own for work that goes on, such as `processing` or `preparing`.
    """
    if not isinstance(status, str):
        return True
    return status not in pending and is_known_end(status)
