"""Saves the files of responses: in one folder, and renamed only when they are complete."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
import errno
from io import BufferedWriter
import os
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

from homeassistant.components import media_source
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from yarl import URL

from .. import issues
from ..const import DOMAIN, SIGNAL_FILE_SAVED
from ..exceptions import ResponseEmpty, StorageError, api_error
from ..types import Json
from .media_types import HEAD_BYTES, OCTET_STREAM, guess_type, media_type_of
from .saved_files import SavedFileName
from .wav_files import mend_wav

if TYPE_CHECKING:
    from ..api.host import ServiceHost

# Signed URLs end with a restart of Home Assistant; media items stay.
_URL_LIFETIME = timedelta(days=7)
KEEP_FREE = 500 * 1000**2
"""Bytes that stay free on the disk, or a twentieth of a small disk."""
_MEGABYTE = 1000**2
_WAV = "audio/wav"
# Bytes of a file name: of most file systems, of encrypted ones, and of any.
_NAME_LENGTHS = (255, 140, 60)


def media_directory(hass: HomeAssistant) -> Path:
    """Return the folder of saved files; raises HomeAssistantError "no_media_folder"."""
    if not hass.config.media_dirs:
        raise api_error("no_media_folder")
    return Path(next(iter(hass.config.media_dirs.values()))) / DOMAIN


async def async_require_media_directory(hass: HomeAssistant) -> Path:
    """Return the folder of saved files, if it can be written to.

    This is checked before a request is paid for. Raises HomeAssistantError "no_media_folder" and
    StorageError.
    """
    directory = media_directory(hass)
    try:
        await hass.async_add_executor_job(_prepare_directory, directory)
    except HomeAssistantError:
        # Only a saved file shows that the issue is over.
        with issues.track_write_errors(hass, directory):
            raise
    return directory


async def async_save(
    host: ServiceHost,
    directory: Path,
    chunks: AsyncIterator[bytes],
    *content_types: str,
    name: str | None,
    source_action: str,
    may_be_empty: bool = False,
) -> Json:
    """Write the chunks to a new file in the media folder.

    `content_types` are those of the server and of the request, the most trusted first; the first
    bytes of audio or an image are trusted more. Without `name`, the file is named after
    `source_action`. It is renamed when it is complete, and removed after an error. Returns
    `{"media_content_id": …, "media_content_type": …, "path": …, "url": …, "size": …}`, the size in
    bytes; `url` is signed for seven days. Raises StorageError, ResponseEmpty without any bytes unless
    it `may_be_empty`, and what `chunks` raises.
    """
    hass = host.hass
    with issues.track_write_errors(hass, directory):
        opening = hass.async_add_executor_job(_create_temporary, directory)
        size, head = 0, b""
        try:
            part = await _shielded(opening)
            async for chunk in chunks:
                await _shielded(hass.async_add_executor_job(_write, part, chunk))
                size += len(chunk)
                if len(head) < HEAD_BYTES:
                    head += chunk[: HEAD_BYTES - len(head)]
            if not size and not may_be_empty:
                raise ResponseEmpty
            media_type = media_type_of(head, *content_types)
            if media_type == _WAV:
                size = await _shielded(hass.async_add_executor_job(_mend, part))
            file_name = SavedFileName.make(name, source_action, media_type)
            www = Path(hass.config.path("www"))
            path = await _shielded(hass.async_add_executor_job(_rename_final, part, file_name, www))
        except BaseException:
            if opening.done() and opening.exception() is None:
                await hass.async_add_executor_job(_remove_temporary, opening.result())
            raise
    if media_type == OCTET_STREAM:
        media_type = guess_type(path.name)
    saved = saved_file_response(hass, path, media_type, size)
    async_dispatcher_send(hass, SIGNAL_FILE_SAVED, host.entry.entry_id, saved)
    return saved


async def _shielded[T](job: asyncio.Future[T]) -> T:
    """Return the result of a job on the disk; a cancelled caller waits for its end, too.

    A running executor job could recreate the file after its removal.
    """
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        raise


async def iter_bytes(content: bytes) -> AsyncIterator[bytes]:
    """Yield bytes as one chunk."""
    yield content


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise errors of the operating system as StorageError."""
    try:
        yield
    except OSError as err:
        raise StorageError(err.strerror or str(err)) from None


# The unfinished files of this process; others are from one that was killed.
_parts: set[Path] = set()


def is_being_written(path: Path) -> bool:
    """Return whether an unfinished file is being written by this process."""
    return path in _parts


def _create_temporary(directory: Path) -> BufferedWriter:
    """Create a hidden file."""
    with _disk_errors():
        _prepare_directory(directory)
        handle, name = mkstemp(prefix=".", suffix=".part", dir=directory)
        os.close(handle)
        path = Path(name)
        _parts.add(path)
        # A player may read it as another user. Not every file system has permissions.
        with suppress(OSError):
            path.chmod(0o644)
        try:
            return path.open("wb")
        except OSError:
            path.unlink()
            _parts.discard(path)
            raise


def _prepare_directory(directory: Path) -> None:
    """Create the folder if it is missing; raises StorageError, also without free space; blocks."""
    with _disk_errors():
        directory.mkdir(parents=True, exist_ok=True)
    _require_space(directory)


def _require_space(directory: Path, size: int = 0) -> None:
    """Raise StorageError if `size` bytes more leave too little free space; blocks."""
    with _disk_errors():
        state = os.statvfs(directory)
    total, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
    keep = min(KEEP_FREE, total // 20)
    # Some network file systems report no size.
    if total and free - size < keep:
        raise StorageError(
            f"{os.strerror(errno.ENOSPC)}: {free // _MEGABYTE} MB are free, and "
            f"{keep // _MEGABYTE} MB stay free for Home Assistant"
        )


def check_writable(directory: Path) -> None:
    """Write a byte to the folder and remove it; blocks. Raises StorageError."""
    part = _create_temporary(directory)
    try:
        _write(part, b"\0")
        with _disk_errors():
            part.flush()
    finally:
        _remove_temporary(part)


def _write(part: BufferedWriter, chunk: bytes) -> None:
    """Append a chunk to the file."""
    _require_space(Path(part.name).parent, len(chunk))
    with _disk_errors():
        part.write(chunk)


def _mend(part: BufferedWriter) -> int:
    """Make a sound that was written piece by piece one that players can play; return its size."""
    with _disk_errors():
        part.flush()
        return mend_wav(Path(part.name))


def _remove_temporary(part: BufferedWriter) -> None:
    """Remove an unfinished file."""
    path = Path(part.name)
    # Buffered bytes may not be writable.
    with suppress(OSError):
        part.close()
    try:
        with _disk_errors():
            path.unlink(missing_ok=True)
    finally:
        _parts.discard(path)


def _rename_final(part: BufferedWriter, name: SavedFileName, www: Path) -> Path:
    """Rename the complete file to its name, or to one with a number."""
    source = Path(part.name)
    with _disk_errors():
        part.close()
        if source.parent.resolve().is_relative_to(www.resolve()):
            # These are served at /local, on Home Assistant's origin.
            name = name.harmless()
        number, lengths = 1, iter(_NAME_LENGTHS)
        length = next(lengths)
        while True:
            path = source.with_name(name.fitted(number, length))
            try:
                # The name is reserved first: another save may need one at the same time.
                path.touch(exist_ok=False)
            except FileExistsError:
                number += 1
                continue
            except OSError as err:
                if err.errno != errno.ENAMETOOLONG or (shorter := next(lengths, 0)) == 0:
                    raise
                length = shorter
                continue
            try:
                renamed = source.replace(path)
            except OSError:
                path.unlink()
                raise
            _parts.discard(source)
            return renamed


def saved_file_response(hass: HomeAssistant, path: Path, content_type: str, size: int) -> Json:
    """Return how an action describes a saved file.

    Returns `{"media_content_id": …, "media_content_type": …, "path": …, "url": …, "size": …}`, the
    size in bytes; `url` is a path of Home Assistant, quoted, and signed for seven days.
    """
    address = media_url(path.name)
    signed = async_sign_path(hass, address, _URL_LIFETIME, use_content_user=True)
    return {
        "media_content_id": media_source.generate_media_source_id(DOMAIN, path.name),
        "media_content_type": content_type,
        "path": str(path),
        # The signed path comes back unquoted.
        "url": f"{address}?{signed.rpartition('?')[2]}",
        "size": size,
    }


def media_url(name: str) -> str:
    """Return the path of Home Assistant at which a saved file is served."""
    # As Home Assistant quotes the paths of media items.
    return URL.build(path=f"/api/{DOMAIN}/media/{name}").raw_path
