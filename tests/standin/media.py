"""Sounds and pictures made on the spot."""

from __future__ import annotations

from functools import lru_cache
import hashlib
import io
import math
import struct
import wave
import zlib

PCM_RATE = 24_000
TELEPHONE_RATE = 8_000
PITCH = 440
LOUDNESS = 8_000
SECONDS_PER_CHARACTER = 0.05
MAX_SECONDS = 30.0

# MPEG-2 layer III, 32 kbit/s, 24 kHz, mono; a frame of zeros decodes to silence.
MP3_HEADER = bytes([0xFF, 0xF3, 0x44, 0xC0])
MP3_FRAME = MP3_HEADER.ljust(72 * 32_000 // PCM_RATE, b"\0")
MP3_FRAME_SECONDS = 576 / PCM_RATE


def spoken_seconds(text: str) -> float:
    """Tell how long a text takes to speak."""
    return min(MAX_SECONDS, max(0.2, len(text) * SECONDS_PER_CHARACTER))


def audio_seconds(size: int, kind: str = "audio/pcm", rate: int = PCM_RATE) -> float:
    """Tell how long raw audio lasts."""
    return size / (2 * rate if kind == "audio/pcm" else TELEPHONE_RATE)


def tone(seconds: float, kind: str = "audio/pcm") -> bytes:
    """Return a tone as raw audio: 16-bit PCM or G.711."""
    second = _second(kind)
    width = 2 if kind == "audio/pcm" else 1
    size = round(seconds * len(second) / width) * width
    return (second * math.ceil(seconds))[:size]


@lru_cache
def _second(kind: str) -> bytes:
    """Return one second of a tone, a whole number of its waves."""
    rate = PCM_RATE if kind == "audio/pcm" else TELEPHONE_RATE
    samples = [round(LOUDNESS * math.sin(math.tau * PITCH * index / rate)) for index in range(rate)]
    if kind == "audio/pcm":
        return struct.pack(f"<{rate}h", *samples)
    return bytes(map(_mu_law if kind == "audio/pcmu" else _a_law, samples))


def _mu_law(sample: int) -> int:
    """Encode a sample by G.711 μ-law."""
    magnitude = min(abs(sample), 32_635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = magnitude >> (exponent + 3) & 0x0F
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | mantissa) & 0xFF


def _a_law(sample: int) -> int:
    """Encode a sample by G.711 A-law."""
    magnitude = min(abs(sample), 32_767) >> 3
    exponent = max(magnitude.bit_length() - 5, 0)
    mantissa = magnitude >> max(exponent, 1) & 0x0F
    return ((0 if sample < 0 else 0x80) | exponent << 4 | mantissa) ^ 0x55


def wav(pcm: bytes, rate: int = PCM_RATE) -> bytes:
    """Wrap PCM in a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


def mp3(seconds: float) -> bytes:
    """Return silence as an MP3 file."""
    return MP3_FRAME * math.ceil(seconds / MP3_FRAME_SECONDS)


def file_seconds(data: bytes) -> float:
    """Tell how long an audio file lasts, guessing where it is no WAV file."""
    try:
        with wave.open(io.BytesIO(data)) as reader:
            return float(reader.getnframes() / reader.getframerate())
    except wave.Error, EOFError:
        return len(data) / 4_000


@lru_cache
def png(width: int, height: int, seed: str) -> bytes:
    """Return a picture whose colours follow from the seed."""
    start, end = hashlib.sha256(seed.encode()).digest()[:3], b"\xff\xff\xff"
    # Filter type 0, then the pixels of a gradient; every row is the same.
    row = b"\0" + b"".join(
        bytes(low + (high - low) * x // width for low, high in zip(start, end, strict=True))
        for x in range(width)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(row * height, 1)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
