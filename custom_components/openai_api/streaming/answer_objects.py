"""Tells objects of the API from what servers answer instead, with a status of success."""

from collections.abc import Mapping
from typing import Any, Final

from ..types import Json

_CHANGING: Final = frozenset({"cancel", "delete", "pause", "resume", "update", "validate"})
"""The last parts of the names of SDK methods that some servers answer with a word."""
_NAMING: Final = frozenset({"created_at", "createdAt", "id", "object"})
"""The keys of which each object that can be read has at least one."""
_OUTCOMES: Final = frozenset({"error", "fail", "failed", "failure", "ok", "success"})
"""Statuses of a request; those of an object say that it is one."""
_TRACES: Final = frozenset(
    {"correlationid", "errorid", "logid", "requestid", "spanid", "traceid", "transactionid"}
)
"""Ids of requests: errors have them, too."""
_WORDS: Final = frozenset(
    {
        *("detail", "details", "error", "errormessage", "errormsg", "errors", "fault"),
        *("message", "msg", "reason", "statusmsg"),
    }
)
"""The keys of the words of an error, without underscores and in lower case."""
_BESIDE: Final = frozenset(
    {
        *("code", "errorcode", "instance", "param", "path", "status", "statuscode"),
        *("success", "timestamp", "title", "type"),
    }
)
"""The keys that stand beside them."""


def objects_in(value: object) -> list[Json]:
    """Return the objects in a list, `[{…}, …]`; none if a server sends something else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def is_deletion(method: str) -> bool:
    """Return whether an SDK method, such as `files.delete`, deletes something."""
    return method.rpartition(".")[2] == "delete"


def is_left_undeleted(answer: Mapping[str, Any]) -> bool:
    """Return whether the answer to a deletion says that nothing was deleted."""
    return str(answer.get("deleted")).lower() == "false"


def is_change(method: str) -> bool:
    """Return whether an SDK method changes or checks an object, which needs no object in return."""
    return method.rpartition(".")[2] in _CHANGING


def is_named(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer says which object it is, or how far it is."""
    status = answer.get("status")
    if isinstance(status, str) and status.lower() not in _OUTCOMES:
        return True
    return any(
        key in _NAMING or (key.endswith(("_id", "Id")) and _plain(key) not in _TRACES)
        for key, value in answer.items()
        if value is not None
    )


def may_be_made(method: str, answer: Mapping[str, Any]) -> bool:
    """Return whether an answer without a name can be what an SDK method makes.

    It may have been paid for, and is anything but words. What is read has a name.
    """
    if method.rpartition(".")[2] == "retrieve" or answer.keys() == {"text"}:
        return False
    keys = {_plain(key) for key in answer}
    return keys.isdisjoint(_WORDS) or not keys <= _WORDS | _BESIDE | _TRACES


def id_in(answer: Mapping[str, Any], *keys: str) -> str | None:
    """Return the id under the first of these keys that has one, also a number; None if none."""
    for key in keys:
        value = answer.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value:
            return value
    return None


def _plain(key: str) -> str:
    """Return a key without the spelling of its server."""
    return key.replace("_", "").lower()
