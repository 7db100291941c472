"""Converts PCM while it arrives: rate, channels and width, and the header of a WAV stream.

All samples are little-endian and signed, as services and Home Assistant send them; samples of
one byte are unsigned, as in WAV files.
"""

from array import array
from dataclasses import dataclass
from math import isnan
import struct
import sys
import time
from typing import Any, Final

import audioop

_UNKNOWN_LENGTH: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MAX_HEADER_BYTES: Final = 64 * 1024
"""Bytes: chunks with names and images may stand before the samples."""
_PCM: Final = 1
_FLOAT: Final = 3
"""The tag of samples between -1 and 1, as some services send them: 4 or 8 bytes each."""
_FLOAT_CODES: Final = {4: "f", 8: "d"}
_EXTENSIBLE: Final = 0xFFFE
"""The format tag of an extended header, which holds the real one."""
_MAX_CHUNK_SECONDS: Final = 0.5
"""Seconds of audio that are joined at most."""
_MIN_RATE: Final = 4_000
_MAX_RATE: Final = 384_000


class WavError(ValueError):
    """A WAV stream holds something other than PCM, or its header is invalid."""


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """A PCM format: samples a second, channels, and bytes a sample (1 to 4)."""

    rate: int = 24_000
    channels: int = 1
    width: int = 2

    @property
    def frame_size(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.width

    @property
    def is_valid(self) -> bool:
        """Whether this can be converted: 4,000 to 384,000 Hz, 1 or 2 channels, 1 to 4 bytes."""
        return (
            _MIN_RATE <= self.rate <= _MAX_RATE and self.channels in {1, 2} and 1 <= self.width <= 4
        )

    def duration(self, size: int) -> float:
        """Return how long so many bytes last."""
        return size / self.frame_size / self.rate


MICROPHONE_FORMAT: Final = PcmFormat(rate=16_000)
"""What Assist pipelines hand over: 16 kHz, mono, 16 bits."""
SESSION_FORMAT: Final = PcmFormat(rate=24_000)
"""The format of realtime sessions, and of the speech of services unless they say otherwise."""


def wav_header(pcm_format: PcmFormat, size: int | None = None) -> bytes:
    """Return the 44 bytes before the samples of a WAV file.

    `size` is the number of bytes of the samples; None where nobody can know it yet, which
    readers of streams take as "to the end".
    """
    return _HEADER.pack(
        b"RIFF",
        _UNKNOWN_LENGTH if size is None else size + _HEADER.size - 8,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        pcm_format.channels,
        pcm_format.rate,
        pcm_format.rate * pcm_format.frame_size,
        pcm_format.frame_size,
        pcm_format.width * 8,
        b"data",
        _UNKNOWN_LENGTH if size is None else size,
    )


def wav_file(samples: bytes, pcm_format: PcmFormat) -> bytes:
    """Return a whole WAV file; half a frame at the end is left out."""
    samples = samples[: len(samples) // pcm_format.frame_size * pcm_format.frame_size]
    return wav_header(pcm_format, len(samples)) + samples


class WavReader:
    """Removes the header of a WAV stream that arrives in chunks of any size.

    A stated length is honoured where it is a real one, so that chunks behind the samples are
    not heard as noise; 0 and 0xFFFFFFFF mean "to the end". Floats become samples of two bytes.
    """

    def __init__(self) -> None:
        self.pcm_format: PcmFormat | None = None
        """None until the header is complete."""
        self._float_width = 0
        """Bytes of a sample that is a float."""
        self._pending = b""
        self._remaining: int | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Return the samples that a chunk brings, none while the header is incomplete.

        Raises WavError for anything but PCM of a shape that can be converted.
        """
        if self.pcm_format is None:
            self._pending += chunk
            if (start := self._parse(self._pending)) is None:
                if len(self._pending) > _MAX_HEADER_BYTES:
                    raise WavError("no samples after 64 KiB")
                return b""
            chunk, self._pending = self._pending[start:], b""
        if self._remaining is not None:
            chunk = chunk[: self._remaining]
            self._remaining -= len(chunk)
        return self._floats_to_int16(chunk) if self._float_width else chunk

    def _floats_to_int16(self, chunk: bytes) -> bytes:
        """Return samples of two bytes for those that are floats."""
        chunk = self._pending + chunk
        size = len(chunk) // self._float_width * self._float_width
        self._pending = chunk[size:]
        floats = struct.unpack(
            f"<{size // self._float_width}{_FLOAT_CODES[self._float_width]}", chunk[:size]
        )
        numbers = [0.0 if isnan(sample) else max(-1.0, min(1.0, sample)) for sample in floats]
        samples = array("h", [round(number * 32_767) for number in numbers])
        if sys.byteorder == "big":
            samples.byteswap()
        return samples.tobytes()

    def _parse(self, header: bytes) -> int | None:
        """Return where the samples begin; None while the header is incomplete."""
        if len(header) < 12:
            return None
        if header[:4] not in {b"RIFF", b"RF64"} or header[8:12] != b"WAVE":
            raise WavError("no WAV file")
        position, pcm_format, width = 12, None, 0
        while len(header) >= position + 8:
            name = header[position : position + 4]
            (size,) = struct.unpack_from("<I", header, position + 4)
            start = position + 8
            if name == b"data":
                if pcm_format is None:
                    raise WavError("samples before their format")
                self.pcm_format, self._float_width = pcm_format, width
                self._remaining = None if size in {0, _UNKNOWN_LENGTH} else size
                return start
            if len(header) < start + size:
                return None
            if name == b"fmt ":
                pcm_format, width = _parse_format(header[start : start + size])
            # Chunks begin at even places.
            position = start + size + size % 2
        return None


def _parse_format(content: bytes) -> tuple[PcmFormat, int]:
    """Return the format in a format chunk, and the bytes of a float; raises WavError."""
    if len(content) < 16:
        raise WavError("half a format")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content)
    if tag == _EXTENSIBLE and len(content) >= 26:
        (tag,) = struct.unpack_from("<H", content, 24)
    if (
        tag == _FLOAT
        and bits // 8 in _FLOAT_CODES
        and (pcm_format := PcmFormat(rate, channels)).is_valid
    ):
        return pcm_format, bits // 8
    pcm_format = PcmFormat(rate, channels, bits // 8)
    if tag != _PCM or bits % 8 or not pcm_format.is_valid:
        raise WavError(f"format {tag}, {rate} Hz, {channels} channels, {bits} bits")
    return pcm_format, 0


class Converter:
    """Converts PCM from one format to another; chunks may end within a frame."""

    def __init__(self, source: PcmFormat, target: PcmFormat) -> None:
        """Take the formats; raises ValueError for one that cannot be converted."""
        if not (source.is_valid and target.is_valid):
            raise ValueError(f"{source} cannot become {target}")
        self._source, self._target = source, target
        self._partial_frame = b""
        # The state of audioop between two chunks.
        self._state: Any = None

    def feed(self, chunk: bytes) -> bytes:
        """Return the converted samples of a chunk and of what was left of the one before."""
        source, target = self._source, self._target
        if source == target and not self._partial_frame and len(chunk) % source.frame_size == 0:
            return chunk
        chunk = self._partial_frame + chunk
        size = len(chunk) // source.frame_size * source.frame_size
        chunk, self._partial_frame = chunk[:size], chunk[size:]
        if source == target or not chunk:
            return chunk
        width = source.width
        if width == 1:
            chunk = audioop.bias(chunk, 1, 128)
        if width != 2:
            chunk = audioop.lin2lin(chunk, width, 2)
        if source.channels == 2 and target.channels == 1:
            # Half of each: both together would clip.
            chunk = audioop.tomono(chunk, 2, 0.5, 0.5)
        if source.rate != target.rate:
            channels = min(source.channels, target.channels)
            chunk, self._state = audioop.ratecv(
                chunk, 2, channels, source.rate, target.rate, self._state
            )
        if source.channels == 1 and target.channels == 2:
            chunk = audioop.tostereo(chunk, 2, 1, 1)
        if target.width != 2:
            chunk = audioop.lin2lin(chunk, 2, target.width)
        if target.width == 1:
            chunk = audioop.bias(chunk, 1, 128)
        return chunk


class Coalescer:
    """Joins small chunks of audio for as long as the listener has enough to play meanwhile.

    A chunk costs the same whatever its size, in each of the layers between a service and a
    loudspeaker. A service that speaks no faster than one listens gets nothing delayed.
    """

    def __init__(self, pcm_format: PcmFormat) -> None:
        """Take the format of the samples; the first chunk is returned at once."""
        self._format = pcm_format
        self._pending = bytearray()
        self._start: float | None = None
        self._handed_over = 0.0

    def feed(self, chunk: bytes) -> bytes:
        """Return the joined chunks, or nothing yet."""
        if not chunk:
            return chunk
        now = time.monotonic()
        if self._start is None:
            self._start = now
        self._pending += chunk
        ahead = self._handed_over - (now - self._start)
        if self._format.duration(len(self._pending)) < min(ahead / 2, _MAX_CHUNK_SECONDS):
            return b""
        return self.finish()

    def finish(self) -> bytes:
        """Return what has not been handed over yet."""
        rest = bytes(self._pending)
        self._pending.clear()
        self._handed_over += self._format.duration(len(rest))
        return rest
