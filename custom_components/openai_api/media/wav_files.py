"""Mends WAV files that servers wrote while they were still speaking.

Some send the sound of each sentence with a header of its own, and players stop after the first;
others state a length that is none, and players show a day.
"""

from io import BufferedRandom
import os
from pathlib import Path
import struct
from typing import NamedTuple

_HEADER = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_BLOCK = 1024 * 1024
_MAX_UINT32 = 0xFFFF_FFFF
_MAX_CHUNKS = 64
"""Chunks before the samples that are looked at."""
_MAX_PARTS = 100_000
_MAX_FORM_BYTES = 64
"""Bytes of the chunk that says how the samples are written."""


class _Part(NamedTuple):
    """One WAV file within a file, its places counted from the beginning of that."""

    form: bytes
    """The chunk that says how the samples are written."""
    stated: int
    """The place of the length of the samples."""
    start: int
    end: int
    """Where the samples end; that of the file if the header does not say."""


def mend_wav(path: Path) -> int:
    """Make one WAV file of several in one file, and state its length; blocks.

    Anything else stays as it is. Returns the size of the file in bytes. Raises OSError.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        parts = _parts(file, size)
        if not parts or (len(parts) == 1 and parts[0].end < size):
            return size
        first = parts[0]
        if sum(part.end - part.start for part in parts) > _MAX_UINT32 - first.start:
            return size
        end = first.end
        for part in parts[1:]:
            end = _move(file, part.start, part.end, end)
        file.truncate(end)
        file.seek(first.stated)
        file.write(struct.pack("<I", end - first.start))
        file.seek(4)
        file.write(struct.pack("<I", end - 8))
        return end


def _parts(file: BufferedRandom, size: int) -> list[_Part]:
    """Return the WAV files in a file; one if something else follows, none if it is none."""
    parts: list[_Part] = []
    position = 0
    while position < size and len(parts) < _MAX_PARTS:
        part = _read(file, position, size)
        if part is None or (parts and part.form != parts[0].form):
            return parts[:1]
        parts.append(part)
        # Chunks begin at even places, but not all servers know that.
        position = part.end + (part.end - part.start) % 2
        file.seek(part.end)
        if file.read(4) == b"RIFF":
            position = part.end
    return parts


def _read(file: BufferedRandom, position: int, size: int) -> _Part | None:
    """Return the WAV file that begins at a place, None if there is none."""
    file.seek(position)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    name, _, chunk_format = _HEADER.unpack(head)
    if (name, chunk_format) != (b"RIFF", b"WAVE"):
        return None
    position, form = position + _HEADER.size, b""
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        if len(head := file.read(_CHUNK.size)) < _CHUNK.size:
            return None
        name, length = _CHUNK.unpack(head)
        start = position + _CHUNK.size
        if name == b"data":
            is_stated = 0 < length < _MAX_UINT32 and start + length <= size
            return _Part(form, position + 4, start, start + length if is_stated else size)
        if name == b"fmt ":
            form = file.read(min(length, _MAX_FORM_BYTES))
        position = start + length + length % 2
    return None


def _move(file: BufferedRandom, start: int, end: int, target: int) -> int:
    """Move bytes of a file forward to a place; returns where they end there."""
    while start < end:
        file.seek(start)
        block = file.read(min(_BLOCK, end - start))
        file.seek(target)
        target += file.write(block)
        start += len(block)
    return target
