"""Reads the files that actions send, and keeps those that hosts send back."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from io import BufferedWriter
import mimetypes
import os
from pathlib import Path
import re
from tempfile import mkstemp
from typing import TYPE_CHECKING
from urllib.parse import quote as quote_path

from homeassistant.components import media_source
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util import dt as dt_util

from .. import issues
from ..const import DOMAIN, SIGNAL_SAVED
from ..errors import failure, refusal
from ..model import Json
from . import transfers

if TYPE_CHECKING:
    from ..host import ServiceHost
    from ..requests import Request

LARGEST_UPLOAD = 512 * 1024**2
"""Bytes: the most that the API takes as one file."""
LARGEST_READ = 100 * 1024**2
"""Bytes: the most that is held in memory."""
LARGEST_INLINE = 20 * 1024**2
"""Bytes: the most that goes into a JSON text, which is held in memory several times over."""
_WRITE_SIZE = 1024 * 1024
# Home Assistant forgets signed addresses when it restarts; the media item is what lasts.
_URL_LIFETIME = timedelta(days=7)
_NOT_IN_NAMES = re.compile(r"[^\w.()-]+")
# What the hosts send and Python's own table does not know, or names unlike anyone else.
_SUFFIXES = {
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/vnd.wave": ".wav",
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


async def async_read_one(
    hass: HomeAssistant, item: Mapping[str, str], largest: int = LARGEST_READ
) -> tuple[str, bytes, str]:
    """Return the name, content and content type of one file of `largest` bytes at most."""
    source = await async_locate(hass, item, largest)
    content = await hass.async_add_executor_job(source.read, 0, source.size)
    return source.path.name, content, source.content_type


async def async_data_url(hass: HomeAssistant, item: Mapping[str, str]) -> str:
    """Return a file as an address that holds all of it."""
    _, content, content_type = await async_read_one(hass, item, LARGEST_INLINE)
    return await hass.async_add_executor_job(data_url, content, content_type)


def data_url(content: bytes, content_type: str) -> str:
    """Return an address that holds the content; blocks where that is large."""
    return f"data:{content_type};base64,{base64.b64encode(content).decode()}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A local file that may be sent."""

    path: Path
    content_type: str
    size: int
    changed: int
    """When it was written to, in nanoseconds."""

    def read(self, offset: int, length: int) -> bytes:
        """Return a piece of the file; blocks. Raises a translated error if it has changed."""
        with _readable(self.path), self.path.open("rb") as file:
            file.seek(offset)
            found = file.read(length)
            state = os.fstat(file.fileno())
        if (state.st_size, state.st_mtime_ns) != (self.size, self.changed):
            raise failure("file_changed", path=self.path)
        return found


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
    state = await hass.async_add_executor_job(_check, hass, path, is_allowed, largest)
    return Source(
        path=path,
        content_type=content_type or guess_type(path.name),
        size=state.st_size,
        changed=state.st_mtime_ns,
    )


def _check(hass: HomeAssistant, path: Path, is_allowed: bool, largest: int) -> os.stat_result:
    """Return the state of a file that may be sent; raises a translated error for any other."""
    # Asked first, so that nobody learns what lies in places that are none of their business.
    if not is_allowed and not hass.config.is_allowed_path(str(path)):
        raise refusal("path_not_allowed", path=path)
    with _readable(path):
        if path.is_dir():
            raise refusal("path_is_folder", path=path)
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
    if state.st_size == 0:
        raise refusal("file_empty", path=path)
    if state.st_size > largest:
        raise refusal("file_too_large", path=path, limit=largest // 1024**2)
    return state


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
        host.unbind(wait)
        name = request.options.get("filename") or _sent_name(response.headers)
        content_type = response.headers.get("content-type", "").partition(";")[0].strip()
        return await async_save(
            host,
            target_folder,
            transfers.async_watch(request, response.iter_bytes(_WRITE_SIZE), response.headers),
            content_type,
            name=name,
            made_by=request.action.key,
        )


def _sent_name(headers: Mapping[str, str]) -> str | None:
    """Return the file name that the host suggests."""
    found = re.search(r'filename="?([^";]+)', headers.get("content-disposition", ""))
    return found[1] if found else None


async def async_save(
    host: ServiceHost,
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
    hass = host.hass
    with issues.watched_folder(hass, target_folder):
        opening = hass.async_add_executor_job(_open_part, target_folder)
        size = 0
        try:
            part = await _async_ended(opening)
            async for chunk in chunks:
                await _async_ended(hass.async_add_executor_job(_append, part, chunk))
                size += len(chunk)
            if not size:
                raise failure("empty_answer")
            file_name = _file_name(name, made_by, content_type)
            path = await _async_ended(hass.async_add_executor_job(_finish, part, file_name))
        except BaseException:
            if opening.done() and opening.exception() is None:
                await hass.async_add_executor_job(_discard, opening.result())
            raise
    saved = describe(hass, path, content_type or guess_type(path.name), size)
    async_dispatcher_send(hass, SIGNAL_SAVED, host.entry.entry_id, saved)
    return saved


async def _async_ended[T](job: asyncio.Future[T]) -> T:
    """Return what a job has done on the disk; who is cancelled waits for its end, too.

    What is still at work could bring back a file that is being removed.
    """
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        raise


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


def _open_part(target_folder: Path) -> BufferedWriter:
    """Open a new file that is hidden until it is whole."""
    with _disk_errors():
        target_folder.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(prefix=".", suffix=".part", dir=target_folder)
        os.close(handle)
        path = Path(name)
        # A player may have to read it under another user. Not every disk knows such rights.
        with suppress(OSError):
            path.chmod(0o644)
        try:
            return path.open("wb")
        except OSError:
            path.unlink()
            raise


def check_writable(target_folder: Path) -> None:
    """Write something to the folder and remove it; blocks. Raises a translated error."""
    part = _open_part(target_folder)
    try:
        _append(part, b"\0")
        with _disk_errors():
            part.flush()
    finally:
        _discard(part)


def _append(part: BufferedWriter, chunk: bytes) -> None:
    """Add a chunk to the file."""
    with _disk_errors():
        part.write(chunk)


def _discard(part: BufferedWriter) -> None:
    """Remove what is left of a file that did not become whole."""
    # What it still wants to write is not wanted any more.
    with suppress(OSError):
        part.close()
    with _disk_errors():
        Path(part.name).unlink(missing_ok=True)


def _finish(part: BufferedWriter, name: str) -> Path:
    """Give the whole file its name, or one like it that is free."""
    wanted = Path(part.name).with_name(name)
    path, count = wanted, 1
    with _disk_errors():
        part.close()
        while True:
            try:
                # Taken before it is filled: others may look for a free name right now.
                path.touch(exist_ok=False)
            except FileExistsError:
                count += 1
                path = wanted.with_stem(f"{wanted.stem} ({count})")
                continue
            try:
                return Path(part.name).replace(path)
            except OSError:
                path.unlink()
                raise


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
