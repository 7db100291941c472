"""Shows saved files in the media browser, and serves them to players and dashboards."""

import re
from typing import Final, override

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
from homeassistant.helpers.translation import async_get_cached_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .exceptions import localized_error
from .media.saved_files import Kind, SavedFile, SavedFileName, find_saved, list_saved
from .media.storage import media_directory, media_url

_CLASSES: Final = {
    Kind.PICTURE: MediaClass.IMAGE,
    Kind.SOUND: MediaClass.MUSIC,
    Kind.VIDEO: MediaClass.VIDEO,
    Kind.OTHER: MediaClass.URL,
}
_PAGE: Final = 250
"""As many as a browser shows without delay; the rest is in a folder at the end."""
# No file can be called like that, so that the names of files stay their identifiers.
_FOLDER: Final = re.compile(rf"kind/({'|'.join(Kind)})(?:/(\d{{1,9}}))?")
_SOURCE_TITLES: Final = {"create_speech": "speech", "realtime_answer": "spoken_answer"}


async def async_get_media_source(hass: HomeAssistant) -> SavedFiles:
    """Set up the media source."""
    return SavedFiles(hass)


class SavedFiles(MediaSource):
    """The files that actions have saved, in a folder for each kind."""

    name = "OpenAI API"

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize the media source."""
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return the address of a saved file."""
        if (file := await _async_find(self.hass, item.identifier)) is None:
            raise localized_error(Unresolvable, "saved_file_missing", name=item.identifier or "")
        return PlayMedia(media_url(file.name), file.content_type, path=file.path)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """Return the kinds of saved files, or those of one kind, the newest first."""
        # Home Assistant has None where nothing is named.
        match = _FOLDER.fullmatch(item.identifier or "")
        if item.identifier and match is None:
            raise localized_error(BrowseError, "saved_folder_missing", name=item.identifier)
        texts = _Texts(self.hass)
        if match is None:
            return await self.hass.async_add_executor_job(self._root, texts)
        kind, start = Kind(match[1]), int(match[2] or 0)
        return await self.hass.async_add_executor_job(self._folder, kind, start, texts)

    def _root(self, texts: _Texts) -> BrowseMediaSource:
        """Return a folder for each kind of which there are files; blocks."""
        there = {file.kind for file in self._files()}
        root = _as_folder(None, self.name, None)
        root.children = [
            _as_folder(f"kind/{kind}", texts.text(f"folder_{kind}"), kind)
            for kind in Kind
            if kind in there
        ]
        return root

    def _folder(self, kind: Kind, start: int, texts: _Texts) -> BrowseMediaSource:
        """Return a page of the files of a kind, and a folder with older ones; blocks."""
        files = [file for file in self._files() if file.kind is kind]
        end = start + _PAGE
        children = [_as_file(file, texts) for file in files[start:end]]
        if (older := len(files) - end) > 0:
            title = texts.text("older_files").format(count=older)
            children.append(_as_folder(f"kind/{kind}/{end}", title, kind))
        identifier = f"kind/{kind}/{start}" if start else f"kind/{kind}"
        folder = _as_folder(identifier, texts.text(f"folder_{kind}"), kind)
        folder.children = children
        return folder

    def _files(self) -> list[SavedFile]:
        """Return the saved files, the newest first; none where they cannot be read; blocks."""
        try:
            return list_saved(media_directory(self.hass))
        except HomeAssistantError, OSError:
            return []


class _Texts:
    """The words of the media browser, in the language of Home Assistant."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Take the words, which are loaded with the integration."""
        self._found = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)

    def text(self, key: str) -> str:
        """Return a text."""
        return self._found.get(f"component.{DOMAIN}.common.{key}", key)

    def title(self, file: SavedFile) -> str:
        """Return the kind of a file and when it was made; its name if the caller has chosen it."""
        name = SavedFileName.parse(file.name)
        if name.is_image_call:
            moment = dt_util.as_local(dt_util.utc_from_timestamp(file.modified))
        elif name.moment is not None:
            moment = name.moment
        else:
            return file.name
        what = _SOURCE_TITLES.get(name.source_action or "", file.kind)
        title = f"{self.text(f'file_{what}')} · {moment.strftime(self.text('moment'))}"
        return f"{title} ({name.number})" if name.number > 1 else title


def _as_folder(identifier: str | None, title: str, kind: Kind | None) -> BrowseMediaSource:
    """Return how the media browser shows a folder."""
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.DIRECTORY,
        media_content_type="",
        title=title,
        can_play=False,
        can_expand=True,
        children_media_class=MediaClass.DIRECTORY if kind is None else _CLASSES[kind],
    )


def _as_file(file: SavedFile, texts: _Texts) -> BrowseMediaSource:
    """Return how the media browser shows a file."""
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=file.name,
        media_class=_CLASSES[file.kind],
        media_content_type=file.content_type,
        title=texts.title(file),
        can_play=file.kind is not Kind.OTHER,
        can_expand=False,
        thumbnail=media_url(file.name) if file.kind is Kind.PICTURE else None,
    )


async def _async_find(hass: HomeAssistant, name: str) -> SavedFile | None:
    """Return a saved file by its name, or None if there is none."""
    try:
        return await hass.async_add_executor_job(find_saved, media_directory(hass), name)
    except HomeAssistantError:
        return None


class SavedFileView(HomeAssistantView):
    """Serves saved files to users who are signed in, and for signed URLs."""

    url = f"/api/{DOMAIN}/media/{{name}}"
    name = f"api:{DOMAIN}:media"

    async def get(self, request: web.Request, name: str) -> web.FileResponse:
        """Return a saved file."""
        if (file := await _async_find(request.app[KEY_HASS], name)) is None:
            raise web.HTTPNotFound
        headers = {hdrs.CONTENT_TYPE: file.content_type, hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff"}
        # Anything else could run as a page on Home Assistant's own origin.
        if file.kind is Kind.OTHER or file.content_type == "image/svg+xml":
            headers[hdrs.CONTENT_DISPOSITION] = "attachment"
        return web.FileResponse(file.path, headers=headers)
