"""Shows saved files in the media browser, and serves them to players and dashboards."""

from pathlib import Path
from typing import override

from aiohttp import hdrs, web
from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.media_player import BrowseError, MediaClass
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import raise_if_invalid_filename

from .const import DOMAIN
from .files import folder, guess_type, media_url

_CLASSES = {
    "audio": MediaClass.MUSIC,
    "image": MediaClass.IMAGE,
    "video": MediaClass.VIDEO,
}


async def async_get_media_source(hass: HomeAssistant) -> SavedFiles:
    """Set up the media source."""
    return SavedFiles(hass)


class SavedFiles(MediaSource):
    """The files that actions have saved."""

    name = "OpenAI API"

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize the media source."""
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return the address of a saved file."""
        path = await self.hass.async_add_executor_job(saved_file, self.hass, item.identifier)
        if path is None:
            raise Unresolvable(f"There is no saved file {item.identifier!r}")
        return PlayMedia(media_url(path.name), guess_type(path.name), path=path)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """Return the saved files, the newest first."""
        if item.identifier:
            raise BrowseError(f"There is no folder {item.identifier!r}")
        names = await self.hass.async_add_executor_job(_newest_first, self.hass)
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=None,
            media_class=MediaClass.DIRECTORY,
            media_content_type="",
            title=self.name,
            can_play=False,
            can_expand=True,
            children=[_describe(name) for name in names],
        )


def _describe(name: str) -> BrowseMediaSource:
    """Return how the media browser shows a file."""
    content_type = guess_type(name)
    media_class = _CLASSES.get(content_type.partition("/")[0])
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=name,
        media_class=media_class or MediaClass.URL,
        media_content_type=content_type,
        title=name,
        can_play=media_class is not None,
        can_expand=False,
        thumbnail=media_url(name) if media_class is MediaClass.IMAGE else None,
    )


def _newest_first(hass: HomeAssistant) -> list[str]:
    """Return the names of the saved files."""
    try:
        files = [path for path in folder(hass).iterdir() if path.is_file()]
    except FileNotFoundError, HomeAssistantError:
        return []
    shown = [path for path in files if not path.name.startswith(".")]
    shown.sort(key=lambda path: (path.stat().st_mtime, path.name), reverse=True)
    return [path.name for path in shown]


def saved_file(hass: HomeAssistant, name: str) -> Path | None:
    """Return the path of a saved file, or None if there is none of that name."""
    try:
        raise_if_invalid_filename(name)
        path = folder(hass) / name
    except ValueError, HomeAssistantError:
        return None
    return path if not name.startswith(".") and path.is_file() else None


class SavedFileView(HomeAssistantView):
    """Serves saved files to whoever is signed in or holds a signed address."""

    url = f"/api/{DOMAIN}/media/{{name}}"
    name = f"api:{DOMAIN}:media"

    async def get(self, request: web.Request, name: str) -> web.FileResponse:
        """Return a saved file."""
        hass = request.app[KEY_HASS]
        path = await hass.async_add_executor_job(saved_file, hass, name)
        if path is None:
            raise web.HTTPNotFound
        content_type = guess_type(path.name)
        headers = {hdrs.CONTENT_TYPE: content_type, hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff"}
        # Anything else could run as a page on Home Assistant's own origin.
        if content_type.partition("/")[0] not in _CLASSES or content_type == "image/svg+xml":
            headers[hdrs.CONTENT_DISPOSITION] = "attachment"
        return web.FileResponse(path, headers=headers)
