"""Deletes saved files by age and size: once a day, and when an action asks for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
import time

from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_call_later, async_track_time_interval

from ..const import (
    CONF_KEEP_DAYS,
    CONF_KEEP_MEGABYTES,
    DOMAIN,
    LOGGER,
    SIGNAL_FILES_DELETED,
)
from ..exceptions import api_error
from .saved_files import Kind, SavedFile, list_saved, list_unfinished
from .storage import is_being_written, media_directory

_FIRST = timedelta(minutes=5)
_INTERVAL = timedelta(days=1)
_DAY = 24 * 60 * 60
_MEGABYTE = 1000**2
# Seconds after which an unfinished file is a leftover of a crash.
_ORPHAN_AGE = _DAY


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """The limits of what is kept."""

    days: float | None = None
    megabytes: float | None = None
    kinds: frozenset[Kind] = frozenset(Kind)
    """The kinds of files that the limits apply to."""


@dataclass(kw_only=True)
class CleanupResult:
    """What a cleanup has deleted, or would delete."""

    deleted: list[SavedFile]
    left: list[SavedFile]
    unfinished: int = 0
    """How many leftovers of a crash were removed."""
    error: str | None = None
    """Why it ended early."""


@callback
def async_setup_cleanup(hass: HomeAssistant) -> None:
    """Delete unfinished files of a killed process; apply the options of the entries daily."""
    hass.async_create_background_task(_async_remove_leftovers(hass), "openai_api leftovers")

    async def async_run(_: datetime) -> None:
        try:
            await async_clean_up(hass, _limits(hass))
        except HomeAssistantError as err:
            LOGGER.warning("The cleanup of saved files failed: %s", err)

    async_call_later(hass, _FIRST, HassJob(async_run, cancel_on_shutdown=True))
    async_track_time_interval(hass, async_run, _INTERVAL, cancel_on_shutdown=True)


async def _async_remove_leftovers(hass: HomeAssistant) -> None:
    """Delete the unfinished files of a process that was killed."""
    try:
        count = await hass.async_add_executor_job(_remove_leftovers, media_directory(hass))
    except (HomeAssistantError, OSError) as err:
        LOGGER.debug("Unfinished files could not be removed: %s", err)
        return
    if count:
        LOGGER.info("Deleted %d unfinished files that a killed process has left", count)
        async_dispatcher_send(hass, SIGNAL_FILES_DELETED)


def _remove_leftovers(directory: Path, stale: float = float("inf")) -> int:
    """Delete unfinished files, last written before `stale`, of other processes; blocks."""
    count = 0
    for file in list_unfinished(directory):
        if file.modified < stale and not is_being_written(file.path):
            file.path.unlink(missing_ok=True)
            count += 1
    return count


def _limits(hass: HomeAssistant) -> RetentionPolicy:
    """Return the tightest limits of the loaded entries, which share one folder.

    What is no number above zero is no limit: with it, all files would be deleted, or none.
    """

    def tightest(key: str) -> float | None:
        entries = hass.config_entries.async_loaded_entries(DOMAIN)
        found = (entry.options.get(key) for entry in entries)
        limits = (limit for limit in found if isinstance(limit, int | float) and limit > 0)
        return min(limits, default=None)

    return RetentionPolicy(days=tightest(CONF_KEEP_DAYS), megabytes=tightest(CONF_KEEP_MEGABYTES))


async def async_clean_up(
    hass: HomeAssistant, limits: RetentionPolicy, *, is_trial: bool = False
) -> CleanupResult:
    """Delete the files beyond the limits, or with `is_trial` only find them.

    Deletions are logged. Raises HomeAssistantError "no_media_folder", and "cannot_delete" if an
    error of the disk ends it early.
    """
    try:
        result = await hass.async_add_executor_job(
            _clean_up, media_directory(hass), limits, is_trial
        )
    except OSError as err:
        raise api_error("cannot_delete", message=err.strerror or str(err)) from None
    if is_trial:
        return result
    if result.deleted or result.unfinished:
        LOGGER.info(
            "Deleted %d saved files (%.1f MB) beyond the limits, and %d unfinished ones",
            len(result.deleted),
            total_size(result.deleted) / _MEGABYTE,
            result.unfinished,
        )
    async_dispatcher_send(hass, SIGNAL_FILES_DELETED)
    if result.error is not None:
        raise api_error("cannot_delete", message=result.error)
    return result


def _clean_up(directory: Path, limits: RetentionPolicy, is_trial: bool) -> CleanupResult:
    """Delete the files beyond the limits; blocks."""
    files = [file for file in list_saved(directory) if file.kind in limits.kinds]
    result = _divide(files, limits)
    if is_trial:
        return result
    done: list[SavedFile] = []
    try:
        for file in result.deleted:
            file.path.unlink(missing_ok=True)
            done.append(file)
        result.unfinished = _remove_leftovers(directory, time.time() - _ORPHAN_AGE)
    except OSError as err:
        result.error = err.strerror or str(err)
    result.deleted = done
    return result


def _divide(files: list[SavedFile], limits: RetentionPolicy) -> CleanupResult:
    """Return which of the files, from the newest to the oldest, are deleted and which are kept.

    The newest files are kept. A file that is larger than the whole limit is deleted and not
    counted, unless it is the newest, which has just been saved.
    """
    oldest = float("-inf") if limits.days is None else time.time() - limits.days * _DAY
    space = float("inf") if limits.megabytes is None else limits.megabytes * _MEGABYTE
    divided, room = CleanupResult(deleted=[], left=[]), space
    for index, file in enumerate(files):
        is_too_large = file.size > space
        if not is_too_large:
            room -= file.size
        # Zero keeps nothing.
        stays = (index == 0 and space > 0) if is_too_large else room >= 0
        (divided.left if stays and file.modified >= oldest else divided.deleted).append(file)
    return divided


def total_size(files: Iterable[SavedFile]) -> int:
    """Return the size of files in bytes."""
    return sum(file.size for file in files)
