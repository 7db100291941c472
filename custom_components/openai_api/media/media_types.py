"""Media types by the first bytes, the content type and the name of a file."""

import codecs
import mimetypes
from pathlib import Path
import re

HEAD_BYTES = 4096
"""The bytes that `detect_media_type` needs at most."""
OCTET_STREAM = "application/octet-stream"
PCM = "audio/pcm"
# Content types that servers use, and their standard names.
_ALIASES = {
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/x-mpeg-3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/mpg": "audio/mpeg",
    "audio/x-mpg": "audio/mpeg",
    "audio/mpa": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-pn-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-aac": "audio/aac",
    "audio/aacp": "audio/aac",
    "audio/x-hx-aac-adts": "audio/aac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/ogg-opus": "audio/opus",
    "audio/x-opus": "audio/opus",
    "audio/x-opus+ogg": "audio/opus",
    "audio/opus+ogg": "audio/opus",
    "audio/x-ogg": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/l16": PCM,
    "audio/x-l16": PCM,
    "audio/raw": PCM,
    "audio/x-raw": PCM,
    "audio/x-pcm": PCM,
    "audio/pcm16": PCM,
    "audio/s16le": PCM,
    "audio/x-aiff": "audio/aiff",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-ndjson": "application/jsonl",
    "application/ndjson": "application/jsonl",
    "binary/octet-stream": OCTET_STREAM,
    "application/binary": OCTET_STREAM,
    "application/force-download": OCTET_STREAM,
    "application/download": OCTET_STREAM,
    "application/unknown": OCTET_STREAM,
}
# Types that are missing in Python's table, or have unusual suffixes there.
_SUFFIXES = {
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/aac": ".aac",
    "audio/opus": ".opus",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/webm": ".weba",
    "audio/aiff": ".aiff",
    "audio/amr": ".amr",
    "audio/basic": ".au",
    PCM: ".pcm",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "application/jsonl": ".jsonl",
}
_TYPES = {suffix: kind for kind, suffix in _SUFFIXES.items()} | {
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".wave": "audio/wav",
    ".mpga": "audio/mpeg",
    ".oga": "audio/ogg",
    ".aif": "audio/aiff",
    ".tif": "image/tiff",
    ".m4b": "audio/mp4",
    ".m4v": "video/mp4",
    ".ndjson": "application/jsonl",
}
# Containers of audio or video: the content type decides.
_CONTAINERS = {
    "video/mp4": "audio/mp4",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/webm",
    "audio/ogg": "audio/opus",
}
_SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b".snd\0", "audio/basic"),
)
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}
_BRANDS = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
}
_MARKUP_TYPE = re.compile(r"text/.*|application/(?:.*\+)?(?:json|xml)|application/x?html.*")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e]+")
_LETTERS = re.compile(rb"[A-Za-z]")
_FEWEST_LETTERS = 0.3
"""The share of letters in a text."""
_MAX_LATIN_SHARE = 0.25
"""The share of letters beyond ASCII in a text of one byte per letter."""
_OPENING = (b"{", b"[", b"<")
_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MIN_WIDE_LETTERS = 4
"""Letters of a text in UTF-16 without a byte order mark."""
_OTHER_FILES = (b"\x1f\x8b\x08", b"PK\x03\x04", b"%PDF-", b"7z\xbc\xaf")
_MAX_SUFFIX_LENGTH = 10


def canonical_media_type(label: str) -> str:
    """Return the standard name of a content type, in lower case and without parameters."""
    name = label.partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


def detect_media_type(head: bytes, label: str = "") -> str | None:
    """Return the type of audio, an image or a video by its first bytes.

    `head` has the first `HEAD_BYTES` bytes. `label` is the content type of the server; it decides
    only where the bytes do not. Returns None for types without a signature, such as PCM.
    """
    label_type = canonical_media_type(label)
    media_type = _by_signature(head)
    if (
        media_type is None
        and (length := _mpeg_frame(head)) is not None
        # PCM may begin with these two bytes by chance, but is not followed by another frame.
        and (label_type != PCM or _is_mpeg_frame(head[length:]))
    ):
        media_type = "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    if media_type is not None and label_type == _CONTAINERS.get(media_type):
        return label_type
    return media_type


def _by_signature(head: bytes) -> str | None:
    """Return the type of a file with an unambiguous signature."""
    for start, kind in _SIGNATURES:
        if head.startswith(start):
            return kind
    if head[:4] in {b"RIFF", b"RF64", b"BW64"}:
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"OggS":
        if b"OpusHead" in head[:128]:
            return "audio/opus"
        return "video/ogg" if b"\x80theora" in head[:128] else "audio/ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:128] else "video/x-matroska"
    # The version follows, which no text has there.
    if head[:3] == b"ID3" and head[3:4] < b"\x10":
        return "audio/mpeg"
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "audio/aiff"
    if head[:2] == b"BM" and len(head) > 26 and head[6:10] == bytes(4):
        return "image/bmp"
    return None


# kbit/s by the index in the header: MPEG-1 layers 3 and 2, and both of MPEG-2 and 2.5.
_BITRATES = {
    (3, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (2, 1): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _is_mpeg_frame(head: bytes) -> bool:
    """Return whether the bytes begin with the header of an MPEG audio frame."""
    return _mpeg_frame(head) is not None


def _mpeg_frame(head: bytes) -> int | None:
    """Return the length in bytes of the MP3 or AAC (ADTS) frame at the start, None if there is none.

    If the header does not say, it is the length of `head`.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer = head[1] >> 1 & 3
    if layer == 0:
        # ADTS: twelve bits of sync, a sample rate below the reserved ones, and its length.
        if head[1] & 0xF0 != 0xF0 or head[2] >> 2 & 15 > 12 or len(head) < 7:
            return None
        return max(7, (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5)
    version, rate, bitrate = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 4
    # Layer 1 is not used, and a byte order mark would look like it.
    if layer == 3 or version == 1 or rate == 3 or bitrate == 15:
        return None
    if bitrate == 0:
        return len(head)
    kbits = _BITRATES[(3, layer) if version == 3 else (2, 1)][bitrate]
    samples = 144 if version == 3 or layer == 2 else 72
    return samples * kbits * 1000 // _SAMPLE_RATES[version][rate] + (head[2] >> 1 & 1)


def is_text(head: bytes, label: str = "") -> bool:
    """Return whether the first bytes are a text, such as JSON, a web page or an error message.

    `label` is the content type; a text type is believed unless the bytes contradict it.
    """
    start = head.lstrip()
    if not start or detect_media_type(head, label) is not None:
        return False
    if _wide_encoding(head) is not None:
        return True
    if start[:1] in _OPENING:
        # Some servers end a text with a zero.
        head = head.rstrip(b"\0")
    if _CONTROL.search(head):
        # PCM with the content type of a text is audio.
        return False
    try:
        head.decode()
    except UnicodeDecodeError as err:
        # The last character may be cut.
        if len(head) - err.start >= 4:
            is_latin = len(_NOT_ASCII.findall(head)) < len(head) * _MAX_LATIN_SHARE
            return is_latin or bool(_MARKUP_TYPE.fullmatch(canonical_media_type(label)))
    return True


def _wide_encoding(head: bytes) -> str | None:
    """Return the encoding of a text in UTF-16 or UTF-32, None for anything else.

    Without a byte order mark only ASCII is one. Quiet PCM whose samples are all above zero is not,
    as they are near each other.
    """
    for mark, name in _WIDE_MARKS.items():
        if head.startswith(mark):
            text = head[: len(head) // 4 * 4].decode(name, errors="replace")
            ascii_count = sum(map(str.isascii, text))
            return name if ascii_count * 2 > len(text) and "\0" not in text else None
    half = len(head) // 2
    if half < _MIN_WIDE_LETTERS or len(head) % 2:
        head = head[: half * 2]
    for name, letters, zeros in (
        ("utf-16-le", head[::2], head[1::2]),
        ("utf-16-be", head[1::2], head[::2]),
    ):
        if half >= _MIN_WIDE_LETTERS and not any(zeros) and _reads_like_text(letters):
            return name
    return None


def _reads_like_text(letters: bytes) -> bool:
    """Return whether ASCII is words or JSON."""
    if not _PRINTABLE.fullmatch(letters):
        return False
    share = len(_LETTERS.findall(letters)) / len(letters)
    return share > _FEWEST_LETTERS and (b" " in letters or letters[:1] in _OPENING)


def decode_text(body: bytes) -> str:
    """Return a text in UTF-8, UTF-16 or UTF-32; what is none of these becomes U+FFFD."""
    name = _wide_encoding(body[:HEAD_BYTES]) or "utf-8"
    return body.decode(name, errors="replace").removeprefix("\ufeff").rstrip("\0")


def is_other_file(head: bytes, *, is_audio: bool) -> bool:
    """Return whether the first bytes are of a file that is no audio and no video.

    Such as an archive; with `is_audio`, an image is one, too.
    """
    if head.startswith(_OTHER_FILES):
        return True
    detected = detect_media_type(head)
    return is_audio and detected is not None and detected.startswith("image/")


def guess_type(name: str) -> str:
    """Return the content type by the suffix of a file name, else `application/octet-stream`."""
    suffix = Path(name).suffix.lower()
    guessed = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or OCTET_STREAM
    return canonical_media_type(guessed)


def suffix_of(media_type: str) -> str | None:
    """Return the usual suffix of a content type, with its dot; None if it is unknown."""
    if media_type == OCTET_STREAM:
        return None
    return _SUFFIXES.get(media_type) or mimetypes.guess_extension(media_type)


def is_media(media_type: str) -> bool:
    """Return whether a content type is audio, an image or a video."""
    return media_type.partition("/")[0] in {"audio", "image", "video"}


def media_type_of(head: bytes, *labels: str) -> str:
    """Return the media type by the first bytes, otherwise by the first label that they allow.

    `labels` are content types, the most trusted first: that of the server, then the requested one.
    Without any, it is `application/octet-stream`.
    """
    kinds = [kind for label in labels if (kind := canonical_media_type(label))]
    label = PCM if PCM in kinds else next(filter(is_media, kinds), "")
    if (detected := detect_media_type(head, label)) is not None:
        return detected
    # PCM has no signature: without another one, the label counts.
    if PCM in kinds:
        return PCM
    known = (kind for kind in kinds if suffix_of(kind) is not None)
    return next(known, kinds[0] if kinds else OCTET_STREAM)


def fit_suffix(stem: str, suffix: str, media_type: str) -> tuple[str, str]:
    """Return a file name whose suffix fits the content.

    Returns `(stem, suffix)`, the suffix with its dot. The given suffix stays if it means the same
    type, or if the type is not audio, an image or a video.
    """
    if len(suffix) > _MAX_SUFFIX_LENGTH:
        stem, suffix = stem + suffix, ""
    fitting = suffix_of(media_type) or ".bin"
    if not suffix:
        return stem, fitting
    named = guess_type(f"x{suffix}")
    if not is_media(media_type) or named == media_type:
        return stem, suffix
    if named in _CONTAINERS and _CONTAINERS[named] == media_type:
        return stem, suffix
    if _CONTAINERS.get(media_type) == named:
        return stem, suffix
    # An unknown suffix may be a part of the name, as in "at 7.30".
    return (stem + suffix, fitting) if named == OCTET_STREAM else (stem, fitting)
