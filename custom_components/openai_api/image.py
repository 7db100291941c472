"""The newest image of a service, for dashboards and other users of image entities."""

import base64
from contextlib import suppress
from pathlib import Path
from typing import Any, override

from homeassistant.components.image import ImageEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import ExtraStoredData, RestoredExtraData, RestoreEntity
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .const import SIGNAL_FILE_SAVED, SIGNAL_FILES_DELETED
from .data import OpenAIConfigEntry
from .entity import HostEntity
from .media.images import IMAGE_TYPES, detect_image_type
from .media.saved_files import SavedFile, find_saved
from .media.storage import media_directory
from .types import Json

PARALLEL_UPDATES = 0
_PLACEHOLDER = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="
)
"""One transparent pixel, shown without an image."""


def _moment(value: str) -> str:
    """Return a text that is a moment; raises vol.Invalid for any other."""
    cv.datetime(value)
    return value


_STORED = vol.Schema(
    {
        vol.Required("name"): str,
        vol.Required("media_content_id"): str,
        vol.Required("saved_at"): _moment,
    },
    extra=vol.ALLOW_EXTRA,
)
"""What is remembered over a restart; a newer release may remember something else."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OpenAIConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the image of a service."""
    async_add_entities([NewestImageEntity(hass, entry)])


class NewestImageEntity(HostEntity, ImageEntity, RestoreEntity):
    """The image that an action of this service has saved last.

    Without one the state is unknown, and the image a transparent pixel.
    """

    def __init__(self, hass: HomeAssistant, entry: OpenAIConfigEntry) -> None:
        """Initialize the image."""
        ImageEntity.__init__(self, hass)
        HostEntity.__init__(self, entry, "newest_picture")
        self._saved: Json = {}
        """The name of its file, its media item, and when it was saved."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(async_dispatcher_connect(self.hass, SIGNAL_FILE_SAVED, self._on_saved))
        self.async_on_remove(
            async_dispatcher_connect(self.hass, SIGNAL_FILES_DELETED, self._on_files_deleted)
        )
        if (stored := await self.async_get_last_extra_data()) is not None:
            with suppress(vol.Invalid):
                self._saved = _STORED(stored.as_dict())
            await self._async_look()

    @property
    @override
    def extra_restore_state_data(self) -> ExtraStoredData:
        """What to remember over a restart."""
        return RestoredExtraData(self._saved)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """The media item, by which other actions take the picture."""
        is_shown = self.image_last_updated is not None
        return {"media_content_id": self._saved["media_content_id"] if is_shown else None}

    @override
    async def async_image(self) -> bytes | None:
        content = await self.hass.async_add_executor_job(self._read)
        if content is None:
            await self._async_look()
            self.async_write_ha_state()
            # Dashboards show an error without a response.
            content = _PLACEHOLDER
        # It is read after the bytes, which are more reliable than the file name.
        self._attr_content_type = detect_image_type(content)
        return content

    def _find(self) -> SavedFile | None:
        """Return the file, None if it is gone; blocks."""
        try:
            return (
                find_saved(media_directory(self.hass), self._saved["name"]) if self._saved else None
            )
        except HomeAssistantError:
            return None

    def _read(self) -> bytes | None:
        """Return the content of the file, None if it is gone; blocks."""
        try:
            return saved.path.read_bytes() if (saved := self._find()) else None
        except OSError:
            return None

    @callback
    def _on_saved(self, entry_id: str, saved: Json) -> None:
        """Show a picture that has just been saved."""
        if entry_id == self.host.entry.entry_id and saved["media_content_type"] in IMAGE_TYPES:
            self._saved = {
                "name": Path(saved["path"]).name,
                "media_content_id": saved["media_content_id"],
                "saved_at": dt_util.utcnow().isoformat(),
            }
            self._show(is_there=True)
            self.async_write_ha_state()

    async def _on_files_deleted(self) -> None:
        """Check whether the image was deleted."""
        await self._async_look()
        self.async_write_ha_state()

    async def _async_look(self) -> None:
        """Show the image if its file exists; it may come back, as the folder of a NAS does."""
        self._show(is_there=await self.hass.async_add_executor_job(self._find) is not None)

    @callback
    def _show(self, *, is_there: bool) -> None:
        """Set when the image was saved, None without one."""
        saved_at = dt_util.parse_datetime(self._saved["saved_at"]) if is_there else None
        self._attr_image_last_updated = saved_at
