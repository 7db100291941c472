"""Watched jobs: follow long work at a host until it is done, over restarts, too."""

from dataclasses import replace
from typing import Any

import voluptuous as vol

from .. import jobs
from ..model import Action, Answer, Family, Field, Permission, advanced, required
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

_FAMILIES = (
    responses.FAMILY,
    batch.FAMILY,
    fine_tuning.FAMILY,
    videos.FAMILY,
    files.FAMILY,
    vector_stores.FAMILY,
    vector_store_files.FAMILY,
    vector_store_file_batches.FAMILY,
    evals.FAMILY,
    runs.FAMILY,
    agent_sessions.FAMILY,
)
# `retrieve_batch` and `get_video` return a batch and a video.
KINDS: dict[str, Action] = {
    action.key.partition("_")[2]: action
    for family in _FAMILIES
    for action in family.actions
    if action.pending is not None
}
"""The actions that return something that takes long, by the name of what they return."""
# Does it belong to something else, that has to be named, too.
_PARENTS: dict[str, Field] = {
    field.key: replace(field, required=False)
    for action in KINDS.values()
    for field in [field for field in action.fields if field.required][:-1]
}
_ID = identifier("id", "ID", "Id of what goes on at the service host.", example="batch_123")


def _positive(value: Any) -> float:
    """Accept a number above zero."""
    if (result := check.number(value)) <= 0:
        raise vol.Invalid("must be above zero")
    return result


FAMILY = Family(
    key="jobs",
    name="Watched jobs",
    actions=(
        Action(
            key="watch_job",
            method="responses.retrieve",
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
                        tuple(KINDS),
                        example="batch",
                    ),
                    _ID,
                ),
                *_PARENTS.values(),
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
                            "How long to watch it at most. Without it, 7 days. The work at the host goes on.",
                            low=1,
                            unit="d",
                        ),
                        validator=_positive,
                    ),
                ),
            ),
            handler=jobs.async_watch,
            request_options=False,
        ),
        Action(
            key="list_watched_jobs",
            method="responses.retrieve",
            name="List watched jobs",
            description="Returns what is watched, and how far it is. What has ended stays for a day.",
            icon="mdi:format-list-checks",
            permission=Permission.ADMINISTRATORS,
            handler=jobs.async_list,
            only_answers=True,
            request_options=False,
        ),
        Action(
            key="stop_watching_job",
            method="responses.retrieve",
            name="Stop watching a job",
            description="Watches a job no longer, and forgets it. The work at the host goes on.",
            icon="mdi:eye-off-outline",
            permission=Permission.ADMINISTRATORS,
            fields=required(replace(_ID, description="Id of what is watched.")),
            answer=Answer.VOID,
            done={"status": "stopped"},
            handler=jobs.async_stop,
            request_options=False,
        ),
    ),
)
