"""Keeps the watched jobs of an entry in `.storage`, and never overwrites what it cannot read."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
import voluptuous as vol

from ..const import DOMAIN, LOGGER
from ..types import Json
from .job import STORED, Job

_VERSION: Final = 1
# A newer release may store more.
_STORE = vol.Schema({vol.Required("jobs"): list}, extra=vol.ALLOW_EXTRA)
_DAMAGED: Final = (LookupError, TypeError, ValueError, vol.Invalid)
"""What is raised for JSON that is no store."""


class _NewerStoreError(Exception):
    """A store has a newer minor version; holds its data, which can be read."""

    def __init__(self, version: str, data: Any) -> None:
        super().__init__(f"version {version}")
        self.data = data


class _VersionedStore(Store[Json]):
    """A store that leaves the file of a newer release as it is."""

    @override
    async def _async_migrate_func(
        self, old_major_version: int, old_minor_version: int, old_data: Json
    ) -> Json:
        # There is no older version. Home Assistant would at once write a newer one anew.
        raise _NewerStoreError(f"{old_major_version}.{old_minor_version}", old_data)


def _store(hass: HomeAssistant, entry: ConfigEntry[Any]) -> _VersionedStore:
    """Return the store of an entry."""
    return _VersionedStore(hass, _VERSION, f"{DOMAIN}.{entry.entry_id}.jobs")


async def async_remove(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Delete the stored jobs of an entry that is removed."""
    await _store(hass, entry).async_remove()


class JobStore:
    """The stored jobs of an entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Take the entry; nothing is read yet."""
        self._hass = hass
        self._title = entry.title
        self._store = _store(hass, entry)
        self._is_read_only = False
        self._unread: list[Any] = []
        """Jobs that cannot be read, as those of a newer release; they are stored again."""

    async def async_load(self, kinds: Iterable[str]) -> list[Job]:
        """Return the stored jobs of these kinds; what cannot be read is logged, and kept.

        A store that cannot be read, or is of a newer release, is not written from then on. The file
        of a damaged one is renamed.
        """
        try:
            stored = await self._store.async_load()
            items = _STORE(stored)["jobs"] if stored else []
        except _NewerStoreError as err:
            self._is_read_only = True
            items = err.data.get("jobs") if isinstance(err.data, dict) else None
            LOGGER.warning(
                "The watched jobs of %s were stored by a newer release (%s), and %s is left as it "
                "is. Jobs that are watched from now on are forgotten with the next restart",
                self._title,
                err,
                self._store.path,
            )
        except HomeAssistantError as err:
            self._is_read_only = True
            LOGGER.error(
                "The watched jobs of %s cannot be read, and %s is left as it is. Jobs that are "
                "watched from now on are forgotten with the next restart: %s",
                self._title,
                self._store.path,
                err,
            )
            return []
        except _DAMAGED:
            moved = await self._hass.async_add_executor_job(_move, self._store.path)
            LOGGER.error(
                "The watched jobs of %s are forgotten, because their file is damaged. It is kept "
                "as %s",
                self._title,
                moved,
            )
            return []
        return list(self._jobs(items if isinstance(items, list) else [], set(kinds)))

    def _jobs(self, items: Iterable[Any], kinds: set[str]) -> Iterator[Job]:
        """Yield the jobs among stored items, and keep the others."""
        for item in items:
            try:
                job = Job(**STORED(item))
            except vol.Invalid as err:
                LOGGER.warning(
                    "A watched job of %s cannot be read, and is left in %s: %s",
                    self._title,
                    self._store.path,
                    err,
                )
                self._unread.append(item)
                continue
            if job.kind in kinds:
                yield job
            else:
                LOGGER.warning("A watched job of %s is of an unknown kind", self._title)
                self._unread.append(item)

    async def async_save(self, jobs: Iterable[Job]) -> None:
        """Store these jobs, unless the file is not to be written."""
        if not self._is_read_only:
            known = [job.as_dict() for job in jobs]
            await self._store.async_save({"jobs": [*known, *self._unread]})


def _move(path: str) -> str:
    """Rename a damaged file as Home Assistant does, and return its new path; blocks."""
    moved = f"{path}.corrupt.{dt_util.utcnow().isoformat()}"
    with suppress(OSError):
        Path(path).rename(moved)
    return moved
