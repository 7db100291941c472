"""Audio that servers send as text: base64 or hexadecimal digits, bare or within JSON."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import orjson

from .base64_text import decode_base64
from .media_types import HEAD_BYTES, decode_text, detect_media_type, is_media, is_text

_KEYS: Final = frozenset(
    {
        *("audio", "audio_base64", "audioBase64", "audio_content", "audioContent", "audio_data"),
        *("audioData", "audio_url", "b64_json", "base64", "bytes", "content", "data", "file"),
        *("output", "result", "sound", "speech", "url", "wav"),
    }
)
"""The keys of audio in the objects of servers."""
_MAX_DEPTH: Final = 6
_MIN_LENGTH: Final = 16
"""Characters: nothing shorter is audio."""
_MIN_PCM_BYTES: Final = 480
"""Bytes: 10 ms. Ids, tokens and paths are base64, too."""


def audio_in_text(body: bytes, *, is_pcm: bool) -> bytes | None:
    """Return the audio in a text, None if there is none; blocks.

    It counts by its first bytes. PCM has none: with `is_pcm`, because it was requested, what stands
    under a key of audio is PCM unless it is a text.
    """
    text = decode_text(body).strip()
    if text[:1] in ("{", "[", '"'):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
    else:
        value = text
    for candidate in _candidates(value, 0):
        for audio in _decoded(candidate):
            head = audio[:HEAD_BYTES]
            detected = detect_media_type(head)
            is_audio = (
                detected is not None and is_media(detected) and not detected.startswith("image/")
            )
            may_be_pcm = is_pcm and detected is None and value is not text
            if is_audio or (may_be_pcm and len(audio) >= _MIN_PCM_BYTES and not is_text(head)):
                return audio
    return None


def _candidates(value: Any, depth: int) -> Iterator[str]:
    """Yield the texts that may be audio."""
    if isinstance(value, str):
        if len(value) >= _MIN_LENGTH:
            yield value
    elif depth >= _MAX_DEPTH:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _candidates(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _KEYS or isinstance(item, dict | list):
                yield from _candidates(item, depth + 1)


def _decoded(text: str) -> Iterator[bytes]:
    """Yield what a text may be: hexadecimal digits are base64, too."""
    with suppress(ValueError):
        yield bytes.fromhex(text.removeprefix("0x"))
    with suppress(ValueError):
        yield decode_base64(text)
