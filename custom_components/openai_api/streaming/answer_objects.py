"""Tells objects of the API from what servers answer instead, with a status of success."""

from collections.abc import Mapping
from typing import Any, Final

_MAKING: Final = frozenset(
    {
        *("compact", "count", "create", "create_and_run", "edit", "extend", "fork", "remix"),
        *("retrieve", "submit_tool_outputs"),
    }
)
"""The last parts of the names of SDK methods that make or read an object.

Others change one: some servers answer these with a word.
"""
_NAMING: Final = frozenset(
    {
        *("answers", "client_secret", "created_at", "grader", "id", "input_tokens", "object"),
        *("results", "session", "value"),
    }
)
"""The keys of which each object of the API has at least one."""
_TRACES: Final = frozenset({"correlation_id", "log_id", "request_id", "trace_id"})
"""Ids of requests: errors have them, too."""
_OUTCOMES: Final = frozenset({"error", "fail", "failed", "failure", "ok", "success"})
"""Statuses of a request; those of an object say that it is one."""
_LISTS: Final = frozenset({"conversations.items.create"})


def is_deletion(method: str) -> bool:
    """Return whether an SDK method, such as `files.delete`, deletes something."""
    return method.rpartition(".")[2] == "delete"


def is_left_undeleted(answer: Mapping[str, Any]) -> bool:
    """Return whether the answer to a deletion says that nothing was deleted."""
    return str(answer.get("deleted")).lower() == "false"


def is_object_of(method: str, answer: Mapping[str, Any]) -> bool:
    """Return whether an answer can be the object that an SDK method makes or reads.

    Every object has an id, says what it is, or how far it is. True for a method that changes one.
    """
    if method.rpartition(".")[2] not in _MAKING or method in _LISTS:
        return True
    status = answer.get("status")
    if isinstance(status, str) and status.lower() not in _OUTCOMES:
        return True
    return any(
        key in _NAMING or (key.endswith("_id") and key not in _TRACES)
        for key, value in answer.items()
        if value is not None
    )


def id_in(answer: Mapping[str, Any], *keys: str) -> str | None:
    """Return the id under the first of these keys that has one, also a number; None if none."""
    for key in keys:
        found = answer.get(key)
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if isinstance(found, str) and found:
            return found
    return None
