"""Sends the files of a skill, each with its path in the skill's folder."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
import os.path
from pathlib import Path
from typing import NamedTuple

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant

from ..action import ActionCall
from ..action_request import async_request_json
from ..api.request import MIN_UPLOAD_RATE
from ..exceptions import validation_error
from ..media import multipart
from ..media.source import async_bounded, local_path, require_paths
from ..types import Json

_MAX_FILES = 500
"""Files that the API accepts for one skill."""

type _Item = Mapping[str, str]


class _Member(NamedTuple):
    """One file to send, and its path in the skill where it has one."""

    item: _Item
    name: str | None = None


async def async_send_skill(request: ActionCall) -> Json:
    """Send the files of a skill: files, folders or a zip file.

    They are sent as a list in any case, because older SDKs drop a single file. Returns the API's
    `skill` or `skill.version`. Raises ServiceValidationError "folder_empty" or "folder_too_full",
    and what `media.source` raises for a file that cannot be sent.
    """
    data = dict(request.data)
    items = data.pop("files")
    for item in items:
        if not media_source.is_media_source_id(item["id"]):
            require_paths(request)
    place = Path(items[0]["id"])
    members = await async_bounded(request, place, _members, request.hass, items)
    uploads, size = await multipart.async_open_uploads(request, [member.item for member in members])
    named = [
        (member.name or name, content, content_type)
        for member, (name, content, content_type) in zip(members, uploads, strict=True)
    ]
    options = {
        **request.options,
        "timeout": request.timeout + size / MIN_UPLOAD_RATE,
    }
    return await async_request_json(replace(request, data=data, options=options), files=named)


def _members(hass: HomeAssistant, items: Sequence[_Item]) -> list[_Member]:
    """Return the files to send, with those in folders.

    The API requires one common folder, so their names begin with the one that they share.
    """
    paths = [_path(hass, item) for item in items]
    local = [path for path in paths if path is not None]
    if len(items) == 1 and local and local[0].suffix.lower() == ".zip":
        return [_Member(items[0])]
    # A path that is not allowed is refused when it is read, with the common error.
    folders = {path for path in local if hass.config.is_allowed_path(str(path)) and path.is_dir()}
    is_whole = len(local) == 1 and bool(folders)
    parents = [str(path if is_whole else path.parent) for path in local]
    base = Path(os.path.commonpath(parents)).parent if parents else Path()
    members: list[_Member] = []
    for item, path in zip(items, paths, strict=True):
        if path is None:
            members.append(_Member(item))
        elif path in folders:
            members += [
                _Member({"id": str(member)}, member.relative_to(base).as_posix())
                for member in _content(path)
            ]
        else:
            members.append(_Member(item, path.relative_to(base).as_posix()))
    return members


def _path(hass: HomeAssistant, item: _Item) -> Path | None:
    """Return the path of an item, None for a media item."""
    if media_source.is_media_source_id(item["id"]):
        return None
    return Path(os.path.normpath(local_path(hass, item["id"])))


def _content(folder: Path) -> list[Path]:
    """Return the files in a folder and in those below it, without the hidden ones."""
    paths: list[Path] = []
    for path, below, names in folder.walk():
        below[:] = [name for name in below if not name.startswith((".", "__pycache__"))]
        paths += [path / name for name in names if not name.startswith(".")]
        if len(paths) > _MAX_FILES:
            raise validation_error("folder_too_full", path=folder, limit=_MAX_FILES)
    if not paths:
        raise validation_error("folder_empty", path=folder)
    return sorted(paths)
