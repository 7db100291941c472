"""The objects that a server works on: what their statuses mean, and what names them.

Action descriptions, polling, watched jobs, streams and the usage read it from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .statuses import is_ended


@dataclass(frozen=True, kw_only=True)
class ObjectType:
    """A type of object that the server works on after it has answered."""

    key: str
    """The kind of `watch_job`, also in the store of watched jobs."""
    name: str
    """The value of `object` in the object."""
    method: str
    """The SDK method that returns it."""
    id_fields: tuple[str, ...]
    """The arguments of the method: the ids of what it belongs to, and its own as the last."""
    in_progress_statuses: frozenset[str]
    """Those in which the server still works on it."""
    done_statuses: frozenset[str]
    """Those in which it is complete, or the server waits for the caller."""
    failed_statuses: frozenset[str]
    """Those in which it has failed, or is incomplete."""
    is_billable: bool = False
    """Whether its `usage` says how many tokens it took."""

    @property
    def path_arguments(self) -> Mapping[str, str]:
        """The arguments of the method, each with the key of the object to take it from."""
        *parents, own = self.id_fields
        return {**{parent: parent for parent in parents}, own: "id"}

    def is_ended(self, status: object) -> bool:
        """Return whether the work is over; other servers' words for an end count, too."""
        if isinstance(status, str) and status in self.done_statuses | self.failed_statuses:
            return True
        return is_ended(status, self.in_progress_statuses)


RESPONSE: Final = ObjectType(
    key="model_response",
    name="response",
    method="responses.retrieve",
    id_fields=("response_id",),
    in_progress_statuses=frozenset({"queued", "in_progress"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"failed", "cancelled", "incomplete"}),
    is_billable=True,
)
BATCH: Final = ObjectType(
    key="batch",
    name="batch",
    method="batches.retrieve",
    id_fields=("batch_id",),
    in_progress_statuses=frozenset({"validating", "in_progress", "finalizing", "cancelling"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"failed", "expired", "cancelled"}),
    is_billable=True,
)
FINE_TUNING_JOB: Final = ObjectType(
    key="fine_tuning_job",
    name="fine_tuning.job",
    method="fine_tuning.jobs.retrieve",
    id_fields=("fine_tuning_job_id",),
    in_progress_statuses=frozenset({"validating_files", "queued", "running", "paused"}),
    done_statuses=frozenset({"succeeded"}),
    failed_statuses=frozenset({"failed", "cancelled"}),
)
VIDEO: Final = ObjectType(
    key="video",
    name="video",
    method="videos.retrieve",
    id_fields=("video_id",),
    in_progress_statuses=frozenset({"queued", "in_progress"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"failed"}),
)
FILE: Final = ObjectType(
    key="file",
    name="file",
    method="files.retrieve",
    id_fields=("file_id",),
    # "pending" and "running" are words of the first versions of the API.
    in_progress_statuses=frozenset({"uploaded", "pending", "running"}),
    done_statuses=frozenset({"processed"}),
    failed_statuses=frozenset({"error"}),
)
VECTOR_STORE: Final = ObjectType(
    key="vector_store",
    name="vector_store",
    method="vector_stores.retrieve",
    id_fields=("vector_store_id",),
    in_progress_statuses=frozenset({"in_progress"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"expired"}),
)
VECTOR_STORE_FILE: Final = ObjectType(
    key="vector_store_file",
    name="vector_store.file",
    method="vector_stores.files.retrieve",
    id_fields=("vector_store_id", "file_id"),
    in_progress_statuses=frozenset({"in_progress"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"failed", "cancelled"}),
)
VECTOR_STORE_FILE_BATCH: Final = ObjectType(
    key="vector_store_file_batch",
    name="vector_store.files_batch",
    method="vector_stores.file_batches.retrieve",
    id_fields=("vector_store_id", "batch_id"),
    in_progress_statuses=frozenset({"in_progress"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"failed", "cancelled"}),
)
EVAL_RUN: Final = ObjectType(
    key="eval_run",
    name="eval.run",
    method="evals.runs.retrieve",
    id_fields=("eval_id", "run_id"),
    in_progress_statuses=frozenset({"queued", "in_progress"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"failed", "canceled"}),
)
RUN: Final = ObjectType(
    key="run",
    name="thread.run",
    method="beta.threads.runs.retrieve",
    id_fields=("thread_id", "run_id"),
    in_progress_statuses=frozenset({"queued", "in_progress", "cancelling"}),
    # It continues when the caller has sent the outputs of its tools.
    done_statuses=frozenset({"completed", "requires_action"}),
    failed_statuses=frozenset({"failed", "cancelled", "expired", "incomplete"}),
    is_billable=True,
)
AGENT_SESSION: Final = ObjectType(
    key="agent_session",
    name="agent.session",
    method="beta.agents.sessions.retrieve",
    id_fields=("session_id",),
    in_progress_statuses=frozenset({"in_progress"}),
    done_statuses=frozenset({"idle", "requires_action"}),
    failed_statuses=frozenset({"failed"}),
    is_billable=True,
)
AGENT_SESSION_TURN: Final = ObjectType(
    key="agent_session_turn",
    name="agent.session.turn",
    method="beta.agents.sessions.turns.retrieve",
    id_fields=("session_id", "turn_id"),
    in_progress_statuses=frozenset({"queued", "in_progress", "waiting"}),
    done_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"failed", "cancelled"}),
    is_billable=True,
)

OBJECT_TYPES: Final = (
    RESPONSE,
    BATCH,
    FINE_TUNING_JOB,
    VIDEO,
    FILE,
    VECTOR_STORE,
    VECTOR_STORE_FILE,
    VECTOR_STORE_FILE_BATCH,
    EVAL_RUN,
    RUN,
    AGENT_SESSION,
    AGENT_SESSION_TURN,
)
_BY_NAME: Final = {item.name: item for item in OBJECT_TYPES}


def object_type_of(answer: Mapping[str, Any]) -> ObjectType | None:
    """Return the type of an API object by its key `object`, None for others."""
    name = answer.get("object")
    return _BY_NAME.get(name) if isinstance(name, str) else None
