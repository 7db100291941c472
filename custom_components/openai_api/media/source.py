"""Local files that actions may send: resolved, validated, and read."""

import asyncio
import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
import os
from pathlib import Path
import stat
from typing import Any
from urllib.parse import unquote, urlsplit

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import raise_if_invalid_path

from ..action import ActionCall
from ..const import DOMAIN
from ..exceptions import api_error, validation_error
from ..types import Json
from .media_types import OCTET_STREAM, guess_type

MAX_UPLOAD_BYTES = 512 * 1024**2
"""Bytes: the limit of the API for one file."""
MAX_READ_BYTES = 100 * 1024**2
"""Bytes: the limit for a file in memory."""
MAX_INLINE_BYTES = 20 * 1024**2
"""Bytes: the limit for files in JSON, which is in memory several times."""
URL_SCHEMES = ("http://", "https://")
_LOCAL_MEDIA = "media-source://media_source/"
# Threads of Home Assistant that a disk without an answer can block.
_MAX_CONCURRENT_CHECKS = 8
_SEMAPHORE = f"{DOMAIN}_file_checks"


async def async_read_file(
    request: ActionCall, item: Mapping[str, str], largest: int = MAX_READ_BYTES
) -> tuple[str, bytes, str]:
    """Read a file of at most `largest` bytes.

    `item` is `{"id": …, "content_type": …}`. Returns `(name, content, content type)`. Raises what
    `async_resolve_file` and `LocalFile.read` raise.
    """
    source = await async_resolve_file(request, item, largest)
    content = await async_bounded(request, source.path, source.read, 0, source.size)
    return source.path.name, content, source.content_type


async def async_data_url(request: ActionCall, item: Mapping[str, str]) -> str:
    """Return a file as a `data:` URL; `item` is `{"id": …}`, of at most 20 MiB.

    Raises what `async_read_file` raises.
    """
    _, content, content_type = await async_read_file(request, item, MAX_INLINE_BYTES)
    return await request.hass.async_add_executor_job(data_url, content, content_type)


async def async_into_references(request: ActionCall, arguments: Json, key: str) -> int:
    """Replace the recordings in `arguments[key]`, each `{"id": …}`, by `data:` URLs.

    Returns 0, the bytes to upload apart from the JSON. Raises what `async_data_url` raises.
    """
    arguments[key] = [
        name if (name := item["id"]).startswith("data:") else await async_data_url(request, item)
        for item in arguments[key]
    ]
    return 0


def data_url(content: bytes, content_type: str) -> str:
    """Return a `data:` URL with the content in base64; blocks if it is large."""
    return f"data:{content_type};base64,{base64.b64encode(content).decode()}"


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """A local file that may be sent."""

    path: Path
    """The path as it was given; its last part is the name that is sent."""
    content_type: str
    size: int
    """Bytes."""
    real_path: Path
    """The path without links."""
    identity: tuple[int, int, int, int]
    """Device, inode, size and time of the last change in nanoseconds, when it was checked."""

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; blocks.

        Raises HomeAssistantError "file_changed" if the file has changed since it was validated, and
        ServiceValidationError "file_missing" or "file_unreadable".
        """
        with _translate_os_errors(self.path):
            descriptor = _open(self.real_path)
            with os.fdopen(descriptor, "rb") as file:
                if _identity(os.fstat(descriptor)) != self.identity:
                    raise api_error("file_changed", path=self.path)
                file.seek(offset)
                data = file.read(length)
                if _identity(os.fstat(descriptor)) != self.identity:
                    raise api_error("file_changed", path=self.path)
        return data


async def async_resolve_file(
    request: ActionCall, item: Mapping[str, str], largest: int
) -> LocalFile:
    """Return the local file that a field names, of at most `largest` bytes.

    `item` is `{"id": …, "content_type": …}`; `id` is a path or a media source id, the latter only
    where `request.allow_paths` is false. Raises ServiceValidationError, such as "path_not_allowed",
    "file_missing", "file_empty", "file_too_large" or "media_not_found", and HomeAssistantError
    "file_timed_out" or "file_changed".
    """
    hass, identifier = request.hass, item["id"]
    content_type = item.get("content_type")
    if is_media_item := media_source.is_media_source_id(identifier):
        path, media_type = await _async_resolve(hass, identifier)
        content_type = content_type or media_type
    else:
        require_paths(request)
        path = local_path(hass, identifier)
    return await async_bounded(
        request, path, _validate_file, hass, path, is_media_item, largest, content_type
    )


def require_paths(request: ActionCall) -> None:
    """Raise ServiceValidationError "path_not_for_user" if a request may name media items only."""
    if not request.allow_paths:
        raise validation_error("path_not_for_user")


def local_path(hass: HomeAssistant, name: str) -> Path:
    """Return the path that a name means.

    `/local/…` is a URL of the folder `www`. Raises ServiceValidationError "address_is_no_file" for
    any other URL.
    """
    if name.lower().startswith((*URL_SCHEMES, "data:", "file:")) or name.startswith("/api/"):
        raise validation_error("address_is_no_file", address=_without_secrets(name))
    if name.startswith("/local/"):
        return Path(hass.config.path("www", unquote(urlsplit(name).path).removeprefix("/local/")))
    return Path(hass.config.path(name))


def _without_secrets(address: str) -> str:
    """Return a URL without user, query and content."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return address.partition(":")[0]
    path = "…" if parts.scheme == "data" else parts.path[:200]
    return (
        f"{parts.scheme}://{host}{path}"
        if host
        else path
        if not parts.scheme
        else (f"{parts.scheme}:{path}")
    )


async def _async_resolve(hass: HomeAssistant, identifier: str) -> tuple[Path, str | None]:
    """Return the path of a media item, and its content type if it is known."""
    try:
        media = await media_source.async_resolve_media(hass, identifier, None)
    except AssertionError:
        # The local media source asserts that the type is known.
        return _local_media_path(hass, identifier), None
    except HomeAssistantError:
        raise validation_error("media_not_found", media=identifier) from None
    if media.path is None:
        raise validation_error("media_not_local", media=identifier)
    # Without assertions, the type may be missing.
    return Path(media.path), media.mime_type or None


def _local_media_path(hass: HomeAssistant, identifier: str) -> Path:
    """Return the path of an item of the local media source, as that source resolves it."""
    name, _, location = identifier.removeprefix(_LOCAL_MEDIA).partition("/")
    folder = hass.config.media_dirs.get(name)
    if folder is None or not identifier.startswith(_LOCAL_MEDIA):
        raise validation_error("media_not_found", media=identifier)
    try:
        raise_if_invalid_path(location)
    except ValueError:
        raise validation_error("media_not_found", media=identifier) from None
    return Path(folder, location)


async def async_bounded[*Ts, T](
    request: ActionCall, path: Path, job: Callable[[*Ts], T], *arguments: *Ts
) -> T:
    """Run a job on the disk in the executor, within the timeout of the request.

    Raises HomeAssistantError "file_timed_out", and what the job raises. A job that does not end
    keeps its thread, but at most eight threads are used.
    """
    hass = request.hass
    semaphore: asyncio.Semaphore = hass.data.setdefault(
        _SEMAPHORE, asyncio.Semaphore(_MAX_CONCURRENT_CHECKS)
    )
    try:
        async with asyncio.timeout(request.timeout):
            await semaphore.acquire()
            future = hass.loop.run_in_executor(None, job, *arguments)
            future.add_done_callback(partial(_release, semaphore))
            # Unlike the future itself, this can be cancelled.
            await asyncio.wait([future])
    except TimeoutError:
        raise api_error("file_timed_out", path=path, seconds=f"{request.timeout:g}") from None
    return future.result()


def _release(semaphore: asyncio.Semaphore, future: asyncio.Future[Any]) -> None:
    """Let the next job start, and retrieve the exception of this one."""
    semaphore.release()
    if not future.cancelled():
        future.exception()


def _validate_file(
    hass: HomeAssistant, path: Path, is_media_item: bool, largest: int, content_type: str | None
) -> LocalFile:
    """Return a file that may be sent; raises a translated error for any other; blocks."""
    # First, so that an error does not reveal whether the path exists.
    is_allowed = _is_media_allowed if is_media_item else _is_allowed
    if not is_allowed(hass, path):
        raise validation_error("path_not_allowed", path=path)
    with _translate_os_errors(path):
        real_path = path.resolve(strict=True)
        # Opening a device may have effects.
        _require_regular(path, real_path.stat())
        descriptor = _open(real_path)
        try:
            state = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        _require_regular(path, state)
        # A link may have been created since the check.
        if not is_allowed(hass, real_path) or path.resolve() != real_path:
            raise validation_error("path_not_allowed", path=path)
        if _identity(real_path.lstat()) != _identity(state):
            raise api_error("file_changed", path=path)
    if state.st_size == 0:
        raise validation_error("file_empty", path=path)
    if state.st_size > largest:
        raise validation_error("file_too_large", path=path, limit=largest // 1024**2)
    media_type = content_type or guess_type(path.name)
    return LocalFile(
        path=path,
        content_type=media_type or OCTET_STREAM,
        size=state.st_size,
        real_path=real_path,
        identity=_identity(state),
    )


def _is_allowed(hass: HomeAssistant, path: Path) -> bool:
    """Return whether Home Assistant may read a path; blocks."""
    return hass.config.is_allowed_path(str(path))


def _is_media_allowed(hass: HomeAssistant, path: Path) -> bool:
    """Return whether a media item may be sent; blocks.

    It is in an allowed folder, or in a media folder; or another media source keeps it in a folder
    of its own below Home Assistant's configuration, without links to other places.
    """
    if _is_allowed(hass, path):
        return True
    try:
        real_path = path.resolve()
        # Media folders may be links themselves.
        folders = [Path(folder) for folder in hass.config.media_dirs.values()]
        roots = [root.resolve() for folder in folders for root in (folder, folder / DOMAIN)]
        if any(real_path.is_relative_to(root) for root in roots):
            return True
        if any(path.is_relative_to(folder) for folder in folders):
            return False
        config_dir = Path(hass.config.config_dir)
        return path.is_relative_to(
            config_dir
        ) and real_path == config_dir.resolve() / path.relative_to(config_dir)
    except OSError, RuntimeError, ValueError:
        return False


def _open(path: Path) -> int:
    """Open a file for reading without blocking, and return its descriptor."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)


def _require_regular(path: Path, state: os.stat_result) -> None:
    """Raise ServiceValidationError unless it is a regular file."""
    if stat.S_ISDIR(state.st_mode):
        raise validation_error("path_is_folder", path=path)
    if not stat.S_ISREG(state.st_mode):
        raise validation_error("path_is_no_file", path=path)


def _identity(state: os.stat_result) -> tuple[int, int, int, int]:
    """Return what identifies a file and its state."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


@contextmanager
def _translate_os_errors(path: Path) -> Iterator[None]:
    """Raise the errors of the operating system as ServiceValidationError."""
    try:
        yield
    except FileNotFoundError:
        raise validation_error("file_missing", path=path) from None
    except (OSError, RuntimeError) as err:
        reason = (err.strerror if isinstance(err, OSError) else None) or str(err)
        raise validation_error("file_unreadable", path=path, message=reason) from None
