"""Uploads files from disk in chunks, and fires progress events for large transfers."""

from collections.abc import AsyncIterator, Mapping, Sequence
import io
import os
import threading
import time
from typing import override

from homeassistant.core import callback

from .. import progress
from ..action import ActionCall
from ..types import Json
from .source import MAX_UPLOAD_BYTES, LocalFile, async_resolve_file

_PIECE = 1024**2
"""Bytes that are read from disk at once."""
PROGRESS_THRESHOLD = 8 * 1024**2
"""Bytes from which on a transfer has progress events."""
_PAUSE = 1.0
"""Seconds between two progress events."""
MAX_NAMES = 5
"""File names in a progress event: a skill may have hundreds of files."""

type FileTuple = tuple[str, FileSlice, str]
"""`(name, content, content type)`, as the SDK takes a file."""


class TransferProgress:
    """The progress of the files of one request; fires progress events for large ones."""

    def __init__(self, request: ActionCall, about: Json, counted: str, total: int) -> None:
        """Take what the events have.

        `about` is `{"id": …, "status": …}`; `counted` is the key of the bytes so far, of `total`
        bytes.
        """
        self._request = request
        self._about = about
        self._counted = counted
        self._total = total
        self._moved: dict[object, int] = {}
        self._start = time.monotonic()
        self._next = self._start if total >= PROGRESS_THRESHOLD else float("inf")

    def update(self, file: object, position: int) -> None:
        """Record the position in a file, in bytes; in any thread."""
        self._moved[file] = position
        count = sum(self._moved.values())
        now = time.monotonic()
        if now >= self._next or (count == self._total >= PROGRESS_THRESHOLD):
            self._next = now + _PAUSE
            hass = self._request.hass
            if threading.get_ident() == hass.loop_thread_id:
                self._tell(count, now - self._start)
            else:
                hass.loop.call_soon_threadsafe(self._tell, count, now - self._start)

    @callback
    def _tell(self, count: int, elapsed: float) -> None:
        """Fire the progress event."""
        progress.fire_progress(
            self._request,
            self._about,
            elapsed,
            progress=count * 100 // self._total,
            **{self._counted: count, "total": self._total},
        )


class FileSlice(io.RawIOBase):
    """A file, or a part of one, that is read from disk while it is sent.

    The SDK and its HTTP client ask for its length, and read it again for each retry.
    """

    def __init__(
        self,
        source: LocalFile,
        offset: int = 0,
        length: int | None = None,
        progress: TransferProgress | None = None,
    ) -> None:
        """Take the part to send, in bytes; by default the whole file."""
        self._source = source
        self._offset = offset
        self._length = source.size - offset if length is None else length
        self._progress = progress
        self._position = 0
        self._piece, self._piece_start = b"", 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}
        self._position = start[whence] + offset
        return self._position

    @override
    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; blocks. Raises HomeAssistantError "file_changed"."""
        if size < 0:
            return self.readall()
        start = self._position - self._piece_start
        if not 0 <= start < len(self._piece):
            length = min(_PIECE, self._length - self._position)
            self._piece = self._source.read(self._offset + self._position, length)
            self._piece_start, start = self._position, 0
            if self._progress is not None:
                self._progress.update(self, self._position)
        data = self._piece[start : start + size]
        self._position += len(data)
        return data


async def async_encode_uploads(request: ActionCall, arguments: Json, key: str) -> int:
    """Replace the file or the list of files in `arguments[key]` by what the SDK takes.

    Each file is `{"id": …}`. Returns their size in bytes. Raises what `async_resolve_file` raises.
    """
    value = arguments[key]
    is_list = isinstance(value, list)
    uploads, total = await async_open_uploads(request, value if is_list else [value])
    arguments[key] = uploads if is_list else uploads[0]
    return total


async def async_open_uploads(
    request: ActionCall, items: Sequence[Mapping[str, str]]
) -> tuple[list[FileTuple], int]:
    """Return files ready to be sent.

    Each item is `{"id": …}`. Returns `([(name, content, content type), …], size)`, the size of all
    in bytes. Raises what `async_resolve_file` raises.
    """
    sources = [await async_resolve_file(request, item, MAX_UPLOAD_BYTES) for item in items]
    total = sum(source.size for source in sources)
    # The server gives them their ids.
    names = [source.path.name for source in sources]
    about = {"id": ", ".join(names[:MAX_NAMES]), "status": "uploading"}
    progress = TransferProgress(request, about, "sent", total)
    uploads = [
        (source.path.name, FileSlice(source, progress=progress), source.content_type)
        for source in sources
    ]
    return uploads, total


async def async_track_download(
    request: ActionCall, chunks: AsyncIterator[bytes], headers: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """Yield the chunks of a download, and fire progress events if the length is known."""
    length = headers.get("content-length", "")
    # The length is that of the compressed body.
    total = int(length) if length.isdecimal() and "content-encoding" not in headers else 0
    # The last id is that of the file, the others are its parents.
    ids = [
        request.data[field.key]
        for field in request.action.fields
        if field.key in request.data and field.key.endswith("_id")
    ]
    about = {"id": ids[-1] if ids else None, "status": "downloading"}
    progress = TransferProgress(request, about, "received", total)
    count = 0
    async for chunk in chunks:
        yield chunk
        count += len(chunk)
        progress.update(chunks, count)
