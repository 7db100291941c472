"""Watched jobs: follow long work at a host until it is done, over restarts, too."""

from dataclasses import replace
from typing import Any

import voluptuous as vol

from ..action import (
    ActionDescription,
    ActionGroup,
    FieldDescription,
    Permission,
    ResponseKind,
    advanced,
    required,
)
from . import (
    agent_sessions,
    batch,
    evals,
    files,
    fine_tuning,
    responses,
    runs,
    validators as check,
    vector_store_file_batches,
    vector_store_files,
    vector_stores,
    videos,
)
from .fields import fixed_choice, identifier, number, text

_ACTION_GROUPS = (
    responses.ACTION_GROUP,
    batch.ACTION_GROUP,
    fine_tuning.ACTION_GROUP,
    videos.ACTION_GROUP,
    files.ACTION_GROUP,
    vector_stores.ACTION_GROUP,
    vector_store_files.ACTION_GROUP,
    vector_store_file_batches.ACTION_GROUP,
    evals.ACTION_GROUP,
    runs.ACTION_GROUP,
    agent_sessions.ACTION_GROUP,
)
WATCHABLE_TYPES: dict[str, ActionDescription] = {
    action.watch_as.key: action
    for family in _ACTION_GROUPS
    for action in family.actions
    if action.watch_as is not None
}
"""The actions that return something that takes long, by the key of what they return."""
# Does it belong to something else, that has to be named, too.
_PARENT_ID_FIELDS: dict[str, FieldDescription] = {
    field.key: replace(field, required=False)
    for action in WATCHABLE_TYPES.values()
    for field in action.fields
    if action.watch_as is not None and field.key in action.watch_as.id_fields[:-1]
}
_ID = identifier("id", "ID", "Id of what goes on at the service.", example="batch_123")


def _positive(value: Any) -> float:
    """Accept a number above zero."""
    if (result := check.number(value)) <= 0:
        raise vol.Invalid("must be above zero")
    return result


ACTION_GROUP = ActionGroup(
    key="jobs",
    name="Watched jobs",
    actions=(
        ActionDescription(
            key="watch_job",
            method="",
            name="Watch a job",
            description=(
                "Follows something that takes long, such as a batch, and returns at once. Changes and "
                "the result are fired as openai_api_progress_event, after a restart, too."
            ),
            icon="mdi:eye-outline",
            permission=Permission.ADMINISTRATORS,
            fields=(
                *required(
                    fixed_choice(
                        "kind",
                        "Kind",
                        "What it is that goes on.",
                        tuple(WATCHABLE_TYPES),
                        example="batch",
                    ),
                    _ID,
                ),
                *_PARENT_ID_FIELDS.values(),
                text(
                    "name",
                    "Name",
                    "What to call it on a dashboard. Without it, its id is shown.",
                    example="Questions of the night",
                ),
                *advanced(
                    replace(
                        number(
                            "poll_interval",
                            "Pause between looks",
                            "How long to wait before asking again. Without it, the pauses grow from "
                            "5 seconds to 5 minutes.",
                            low=1,
                            unit="s",
                        ),
                        validator=_positive,
                    ),
                    replace(
                        number(
                            "max_days",
                            "Give up after",
                            "How long to watch it at most. Without it, 7 days. The work at the service goes on.",
                            low=1,
                            unit="d",
                        ),
                        validator=_positive,
                    ),
                ),
            ),
            handler="jobs.async_watch",
            request_options=False,
        ),
        ActionDescription(
            key="list_watched_jobs",
            method="",
            name="List watched jobs",
            description="Returns what is watched, and how far it is. What has ended stays for a day.",
            icon="mdi:format-list-checks",
            permission=Permission.ADMINISTRATORS,
            handler="jobs.async_list",
            only_answers=True,
            request_options=False,
        ),
        ActionDescription(
            key="stop_watching_job",
            method="",
            name="Stop watching a job",
            description="Watches a job no longer, and forgets it. The work at the service goes on.",
            icon="mdi:eye-off-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(replace(_ID, description="Id of what is watched.")),
            response=ResponseKind.NONE,
            empty_response={"status": "stopped"},
            handler="jobs.async_stop",
            request_options=False,
        ),
    ),
)
