"""Saved files: what actions have put into the media folder."""

from dataclasses import replace
from typing import Any

import voluptuous as vol

from ..action import ActionDescription, ActionGroup, Permission
from ..media.saved_files import Kind
from . import validators as check
from .fields import boolean, choices, number

_KINDS = tuple(kind.value for kind in Kind)


def _not_negative(value: Any) -> float:
    """Accept a number that is a possible limit."""
    if (result := check.number(value)) < 0:
        raise vol.Invalid("must not be below zero")
    return result


ACTION_GROUP = ActionGroup(
    key="saved_files",
    name="Saved files",
    actions=(
        ActionDescription(
            key="tidy_up_saved_files",
            method="",
            has_entry=False,
            name="Tidy up saved files",
            description=(
                "Deletes pictures, sounds, videos and other files that actions have saved in the "
                "media folder, if they are too old or take too much space. Returns what it deleted."
            ),
            icon="mdi:broom",
            permission=Permission.ADMINISTRATORS,
            fields=(
                replace(
                    number(
                        "older_than_days",
                        "Delete files older than",
                        "Deletes files that were saved longer ago than this.",
                        unit="d",
                        example=30,
                    ),
                    validator=_not_negative,
                ),
                replace(
                    number(
                        "keep_megabytes",
                        "Keep at most",
                        "Deletes the oldest files until the rest fits into this space.",
                        unit="MB",
                        example=500,
                    ),
                    validator=_not_negative,
                ),
                replace(
                    choices(
                        "kinds",
                        "Kinds of files",
                        "Look at these files only: picture, sound, video, other. Without it, at all.",
                        _KINDS,
                        example=["picture"],
                    ),
                    validator=check.ensure_list_of(check.one_of(_KINDS)),
                    selector={"select": {"options": list(_KINDS), "multiple": True}},
                ),
                boolean(
                    "dry_run",
                    "Only try it",
                    "Deletes nothing, but returns what would be deleted.",
                ),
            ),
            handler="saved_files.async_tidy_up",
            request_options=False,
        ),
    ),
)
