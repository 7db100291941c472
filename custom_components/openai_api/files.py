"""Reads the files that actions send, and keeps those that hosts send back."""

import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
import mimetypes
import os
from pathlib import Path
import re
from tempfile import mkstemp
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as quote_path

from homeassistant.components import media_source
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .errors import failure, refusal
from .model import Json

if TYPE_CHECKING:
    from .requests import Request

LARGEST_UPLOAD = 512 * 1024 * 1024
"""Bytes: the most that the API takes as one file."""
_WRITE_SIZE = 1024 * 1024
# Home Assistant forgets signed addresses when it restarts; the media item is what lasts.
_URL_LIFETIME = timedelta(days=7)
_NOT_IN_NAMES = re.compile(r"[^\w.()-]+")
# What the hosts send and Python's own table does not know, or names unlike anyone else.
_SUFFIXES = {
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/aac": ".aac",
    "audio/opus": ".opus",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "audio/pcm": ".pcm",
    "image/webp": ".webp",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
}
_TYPES = {suffix: kind for kind, suffix in reversed(_SUFFIXES.items())}

type Upload = tuple[str, bytes, str]
"""Name, content and content type, as the SDK takes a file."""


async def async_read(hass: HomeAssistant, value: Any) -> tuple[Upload | list[Upload], int]:
    """Return the file, or files, that a field names, and their size in bytes."""
    if isinstance(value, list):
        uploads = [await async_read_one(hass, item) for item in value]
        return uploads, sum(len(upload[1]) for upload in uploads)
    upload = await async_read_one(hass, value)
    return upload, len(upload[1])


async def async_read_one(hass: HomeAssistant, item: Mapping[str, str]) -> Upload:
    """Return one file, from an allowed path or from a media source."""
    source = await async_locate(hass, item, LARGEST_UPLOAD)
    content = await hass.async_add_executor_job(source.read, 0, source.size)
    return source.path.name, content, source.content_type


async def async_data_url(hass: HomeAssistant, item: Mapping[str, str]) -> str:
    """Return a file as an address that holds all of it."""
    _, content, content_type = await async_read_one(hass, item)
    encoded = await hass.async_add_executor_job(base64.b64encode, content)
    return f"data:{content_type};base64,{encoded.decode()}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A local file that may be sent."""

    path: Path
    content_type: str
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return a piece of the file; blocks."""
        with _readable(self.path), self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


async def async_locate(hass: HomeAssistant, item: Mapping[str, str], largest: int) -> Source:
    """Return the file that a field names, of `largest` bytes at most.

    Raises a translated error naming what is wrong with it.
    """
    identifier, content_type = item["id"], item.get("content_type")
    if media_source.is_media_source_id(identifier):
        try:
            media = await media_source.async_resolve_media(hass, identifier, None)
        except HomeAssistantError, AssertionError:
            # The local media source insists on knowing the type of a file.
            raise refusal("media_not_found", media=identifier) from None
        if media.path is None:
            raise refusal("media_not_local", media=identifier)
        path, content_type = media.path, content_type or media.mime_type
        is_allowed = True
    else:
        path, is_allowed = Path(hass.config.path(identifier)), False
    size = await hass.async_add_executor_job(_check, hass, path, is_allowed, largest)
    return Source(path=path, content_type=content_type or guess_type(path.name), size=size)


def _check(hass: HomeAssistant, path: Path, is_allowed: bool, largest: int) -> int:
    """Return the size of a file that may be sent; raises a translated error for any other."""
    # Asked first, so that nobody learns what lies in places that are none of their business.
    if not is_allowed and not hass.config.is_allowed_path(str(path)):
        raise refusal("path_not_allowed", path=path)
    with _readable(path):
        if path.is_dir():
            raise refusal("path_is_folder", path=path)
        with path.open("rb"):
            size = path.stat().st_size
    if size == 0:
        raise refusal("file_empty", path=path)
    if size > largest:
        raise refusal("file_too_large", path=path, limit=largest // 1024**2)
    return size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say that a file cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise refusal("file_missing", path=path) from None
    except OSError as err:
        raise refusal("file_unreadable", path=path, message=err.strerror or str(err)) from None


def guess_type(name: str) -> str:
    """Return the content type that a file's name suggests."""
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def folder(hass: HomeAssistant) -> Path:
    """Return where saved files are kept; raises a translated error without a media folder."""
    if not hass.config.media_dirs:
        raise failure("no_media_folder")
    return Path(next(iter(hass.config.media_dirs.values()))) / DOMAIN


async def async_download(request: Request) -> Json:
    """Save the file that a method answers with, as it arrives."""
    host = request.host
    target_folder = folder(request.hass)
    method, arguments, seconds = await request.prepare("streaming")
    async with host.waiting(seconds) as wait, method(**arguments) as response:
        # From here on each piece has its own time limit: a large file takes long.
        wait.reschedule(None)
        name = request.options.get("filename") or _sent_name(response.headers)
        content_type = response.headers.get("content-type", "").partition(";")[0].strip()
        return await async_save(
            request.hass,
            target_folder,
            response.iter_bytes(_WRITE_SIZE),
            content_type,
            name=name,
            made_by=request.action.key,
        )


def _sent_name(headers: Mapping[str, str]) -> str | None:
    """Return the file name that the host suggests."""
    found = re.search(r'filename="?([^";]+)', headers.get("content-disposition", ""))
    return found[1] if found else None


async def async_save(
    hass: HomeAssistant,
    target_folder: Path,
    chunks: AsyncIterator[bytes],
    content_type: str,
    *,
    name: str | None,
    made_by: str,
) -> Json:
    """Write the chunks to a new file of the media folder, and say where it is.

    Without a name it is called after what made it. Nothing half-written stays: the file gets
    its name when it is whole.
    """
    part = await hass.async_add_executor_job(_open_part, target_folder)
    size = 0
    try:
        async for chunk in chunks:
            await hass.async_add_executor_job(_append, part, chunk)
            size += len(chunk)
        if not size:
            raise failure("empty_answer")
        path = await hass.async_add_executor_job(
            _finish, part, _file_name(name, made_by, content_type)
        )
    except BaseException:
        await hass.async_add_executor_job(_discard, part)
        raise
    return describe(hass, path, content_type or guess_type(path.name), size)


async def async_chunks(content: bytes) -> AsyncIterator[bytes]:
    """Yield bytes that are there already in the way a download would."""
    yield content


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Say that the media folder cannot be written to."""
    try:
        yield
    except OSError as err:
        raise failure("folder_not_writable", message=err.strerror or str(err)) from None


def _open_part(target_folder: Path) -> Path:
    """Create an empty file that is hidden until it is whole."""
    with _disk_errors():
        target_folder.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(prefix=".", suffix=".part", dir=target_folder)
        os.close(handle)
        # A player may have to read it under another user.
        Path(name).chmod(0o644)
        return Path(name)


def _append(part: Path, chunk: bytes) -> None:
    """Add a chunk to the file."""
    with _disk_errors(), part.open("ab") as file:
        file.write(chunk)


def _discard(part: Path) -> None:
    """Remove what is left of a file that did not become whole."""
    with _disk_errors():
        part.unlink(missing_ok=True)


def _finish(part: Path, name: str) -> Path:
    """Give the whole file its name, or one like it that is free."""
    wanted = part.with_name(name)
    path, count = wanted, 1
    with _disk_errors():
        while True:
            try:
                # Taken before it is filled: others may look for a free name right now.
                path.touch(exist_ok=False)
                return part.replace(path)
            except FileExistsError:
                count += 1
                path = wanted.with_stem(f"{wanted.stem} ({count})")


def _file_name(name: str | None, made_by: str, content_type: str) -> str:
    """Return a name that stays inside the folder and says what the file is."""
    # Windows paths too: only the last part of what was given counts.
    safe = _NOT_IN_NAMES.sub("_", re.split(r"[\\/]", name or "")[-1]).strip("._ ")[:120]
    if not safe:
        safe = f"{made_by}_{dt_util.now().strftime('%Y-%m-%d_%H-%M-%S')}"
    if not Path(safe).suffix:
        safe += _SUFFIXES.get(content_type) or mimetypes.guess_extension(content_type) or ".bin"
    return safe


def describe(hass: HomeAssistant, path: Path, content_type: str, size: int) -> Json:
    """Return what an action says of a saved file."""
    return {
        "media_content_id": media_source.generate_media_source_id(DOMAIN, path.name),
        "media_content_type": content_type,
        "path": str(path),
        "url": async_sign_path(hass, media_url(path.name), _URL_LIFETIME, use_content_user=True),
        "size": size,
    }


def media_url(name: str) -> str:
    """Return the address, below Home Assistant's own, at which a saved file is served."""
    return f"/api/{DOMAIN}/media/{quote_path(name)}"
