"""Sends files from disk piece by piece, and fires progress events for large ones."""

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
"""Bytes that are read from disk at once, and held in memory."""
PROGRESS_THRESHOLD = 8 * 1024**2
"""Bytes from which on a transfer takes long enough to be watched."""
_PAUSE = 1.0
"""Seconds between two progress events."""
MAX_NAMES = 5
"""A skill may have hundreds of files."""

type FileTuple = tuple[str, FileSlice, str]
"""Name, content and content type, as the SDK takes a file."""


class TransferProgress:
    """How far the files of one request are; fires progress events for large ones."""

    def __init__(self, request: ActionCall, about: Json, counted: str, total: int) -> None:
        """Take the id and the status to tell, and the name under which `total` bytes are counted."""
        self._request = request
        self._about = about
        self._counted = counted
        self._total = total
        self._moved: dict[object, int] = {}
        self._start = time.monotonic()
        self._next = self._start if total >= PROGRESS_THRESHOLD else float("inf")

    def update(self, file: object, position: int) -> None:
        """Note, in any thread, how many bytes of a file have passed."""
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

    The SDK and its HTTP client ask it for its length, and read it anew for every try.
    """

    def __init__(
        self,
        source: LocalFile,
        offset: int = 0,
        length: int | None = None,
        progress: TransferProgress | None = None,
    ) -> None:
        """Take the part to send, in bytes; without one it is the whole file."""
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
        """Return the next bytes; blocks. Raises a translated error if the file has changed."""
        if size < 0:
            return self.readall()
        start = self._position - self._piece_start
        if not 0 <= start < len(self._piece):
            length = min(_PIECE, self._length - self._position)
            self._piece = self._source.read(self._offset + self._position, length)
            self._piece_start, start = self._position, 0
            if self._progress is not None:
                self._progress.update(self, self._position)
        found = self._piece[start : start + size]
        self._position += len(found)
        return found


async def async_encode_uploads(request: ActionCall, arguments: Json, key: str) -> int:
    """Replace the file, or the list of files, that a field names by what the SDK sends."""
    value = arguments[key]
    is_list = isinstance(value, list)
    uploads, total = await async_open_uploads(request, value if is_list else [value])
    arguments[key] = uploads if is_list else uploads[0]
    return total


async def async_open_uploads(
    request: ActionCall, items: Sequence[Mapping[str, str]]
) -> tuple[list[FileTuple], int]:
    """Return files ready to be sent, and their size in bytes; each item is `{"id": …}`."""
    sources = [await async_resolve_file(request, item, MAX_UPLOAD_BYTES) for item in items]
    total = sum(source.size for source in sources)
    # Their ids they get at the host.
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
    """Yield the chunks of a download, telling how far it is where the host says how long."""
    length = headers.get("content-length", "")
    # The length is that of what comes over the line, packed or not.
    total = int(length) if length.isdecimal() and "content-encoding" not in headers else 0
    # The last id is that of the file, those before say where it lies.
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
