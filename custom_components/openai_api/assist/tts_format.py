"""Detects the format of the audio of a service, and joins MP3 files."""

import re
from typing import Final

from .pcm import SESSION_FORMAT, PcmFormat

EXTENSIONS: Final = {"mp3": "mp3", "opus": "ogg", "ogg": "ogg", "flac": "flac", "aac": "aac"}
"""How Home Assistant and ffmpeg call the containers; PCM and WAV always become WAV."""
HEAD_BYTES: Final = 16
"""Bytes that are enough to detect a format."""
_RAW_TYPES: Final = frozenset({"audio/pcm", "audio/x-pcm", "audio/l16", "audio/raw", "audio/x-raw"})
_TYPES: Final = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-mp3": "mp3",
    "audio/mpeg3": "mp3",
    "audio/aac": "aac",
    "audio/x-aac": "aac",
    "audio/aacp": "aac",
}
_BREAKS: Final = b"\t\r\n"
_OPENING: Final = (b"{", b"<", b"[")
_MIN_CHARACTERS: Final = 7
"""Letters: fewer may be samples."""
_GENERIC_TYPES: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_PCM_PARAMETER: Final = re.compile(r"(?:^|;)\s*(rate|channels)\s*=\s*\"?(\d{1,6})\b", re.IGNORECASE)


def fallback_format(preferred: str, requested: str) -> str | None:
    """Return the format to ask for where a service does not know `requested`; None if that was the last.

    `preferred` is what was asked for in the beginning: after PCM comes what needs no decoding, either.
    """
    known = ["pcm", "wav", "mp3"] if preferred == "pcm" else [preferred, "mp3", "wav", "pcm"]
    order = list(dict.fromkeys(known))
    return next(iter(order[order.index(requested) + 1 :]), None) if requested in order else None


def detect_container(content_type: str, head: bytes, requested: str) -> str | None:
    """Return the container of a body: "wav", "pcm", "mp3", "ogg", "flac" or "aac"; None for no audio.

    `head` holds the first bytes. They count for more than what the service calls them, and
    that for more than `requested`, the format that was asked for.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if head[:4] in {b"RIFF", b"RF64"}:
        return "wav"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:3] == b"ID3":
        return "mp3"
    if is_text(head):
        # An error with the content type of audio.
        return None
    if media_type in _RAW_TYPES:
        # Loud samples may look like the beginning of an MP3 frame.
        return "pcm"
    is_audio_type = media_type.startswith("audio/") or media_type in _GENERIC_TYPES
    if is_audio_type and mp3_frame_length(head) and (requested != "pcm" or media_type in _TYPES):
        return "mp3"
    if media_type in _TYPES:
        return _TYPES[media_type]
    return requested if is_audio_type and requested in {"pcm", "aac"} else None


def is_text(head: bytes) -> bool:
    """Return whether these first bytes are a text: an error, a web page, in UTF-16 as well."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        characters, zeros = head[2::2], head[3::2]
        if head[:1] == b"\xfe":
            characters, zeros = zeros, characters
    elif head[1:2] == b"\0" and head[:1] in _OPENING:
        characters, zeros = head[::2], head[1::2]
    else:
        characters, zeros = head, b""
    is_whole = len(characters) >= _MIN_CHARACTERS or characters.lstrip()[:1] in _OPENING
    return (
        is_whole
        and not any(zeros)
        and all(32 <= sign < 127 or sign in _BREAKS for sign in characters)
    )


def pcm_format_of(content_type: str) -> PcmFormat:
    """Return the format of raw PCM by its content type; 24 kHz mono where that names none."""
    parameters = {name.lower(): int(value) for name, value in _PCM_PARAMETER.findall(content_type)}
    pcm_format = PcmFormat(
        parameters.get("rate", SESSION_FORMAT.rate), parameters.get("channels", 1), 2
    )
    return pcm_format if pcm_format.is_valid else SESSION_FORMAT


# Bit rates in kbit/s of MPEG 1 and of MPEG 2 and 2.5, layer III, and their sample rates.
_BIT_RATES: Final = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_SAMPLE_RATES: Final = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_VBR_MARKS: Final = (b"Xing", b"Info", b"VBRI")


def mp3_frame_length(head: bytes) -> int:
    """Return the bytes of the MP3 frame that begins here; 0 if none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version not in _SAMPLE_RATES or layer != 1 or not 0 < bit_rate < 15 or sample_rate == 3:
        return 0
    is_first = version == 3
    rate = _BIT_RATES[not is_first][bit_rate] * 1000
    return (144 if is_first else 72) * rate // _SAMPLE_RATES[version][sample_rate] + padding


class Mp3Joiner:
    """Takes off an MP3 what must not stand in the middle of a stream.

    Tags, and the frame that counts all frames: a player that believes it stops after the first
    of several files that follow each other.
    """

    def __init__(self) -> None:
        self._pending: bytes | None = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the part of a chunk that can be joined."""
        if self._pending is None:
            return chunk
        self._pending += chunk
        data, start = self._pending, 0
        if data[:3] == b"ID3":
            if len(data) < 10:
                return b""
            # Seven bits a byte, and a footer of ten bytes by the flag.
            size = (
                (data[6] & 127) << 21 | (data[7] & 127) << 14 | (data[8] & 127) << 7 | data[9] & 127
            )
            start = 10 + size + (10 if data[5] & 16 else 0)
        if len(data) < start + 4:
            return b""
        length = mp3_frame_length(data[start : start + 4])
        if len(data) < start + length:
            return b""
        if any(mark in data[start : start + min(length, 64)] for mark in _VBR_MARKS):
            start += length
        self._pending = None
        return data[start:]

    def finish(self) -> bytes:
        """Return what waited for more, in a file that is shorter than one frame."""
        rest, self._pending = self._pending or b"", None
        return b"" if rest[:3] == b"ID3" else rest
