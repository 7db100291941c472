"""Converts recordings to the input format of a session, and output audio to WAV."""

import base64
import binascii
from collections.abc import Iterator, Mapping
import io
from typing import Any
import wave

import audioop

from ..exceptions import validation_error
from ..types import Json

_PIECE = 48 * 1024
"""Bytes of audio in one event: a second of speech."""
_LAWS = {"audio/pcmu": audioop.lin2ulaw, "audio/pcma": audioop.lin2alaw}
_UNLAWS = {"audio/pcmu": audioop.ulaw2lin, "audio/pcma": audioop.alaw2lin}
_TELEPHONE_RATE = 8000
_DEFAULT_RATE = 24000
_SLOWEST, _FASTEST = 1000, 384_000
"""Hz: less would fill the memory when it is converted, more is a damaged file."""


def is_file_name(value: str) -> bool:
    """Return whether a text is a path or media source id: base64 has no dot and no colon."""
    return "." in value or ":" in value


def decode(text: str) -> bytes:
    """Return the decoded bytes of base64; raises ServiceValidationError "audio_not_base64"."""
    try:
        found = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error, ValueError:
        raise validation_error("audio_not_base64") from None
    if not found:
        raise validation_error("audio_not_base64")
    return found


def pieces(audio: bytes) -> Iterator[str]:
    """Yield the audio as base64 of at most 48 KiB, each for one event."""
    for start in range(0, len(audio), _PIECE):
        yield base64.b64encode(audio[start : start + _PIECE]).decode()


def width_of(audio_format: Mapping[str, Any]) -> int:
    """Return the bytes per sample of an audio format: 1 for G.711, 2 for PCM16."""
    return 1 if str(audio_format.get("type")) in _LAWS else 2


def rate_of(audio_format: Mapping[str, Any]) -> int:
    """Return the sample rate of an audio format in Hz: 8000 for G.711, 24000 by default."""
    if width_of(audio_format) == 1:
        return _TELEPHONE_RATE
    rate = audio_format.get("rate")
    if isinstance(rate, int | float) and _SLOWEST <= rate <= _FASTEST:
        return int(rate)
    return _DEFAULT_RATE


def convert(name: str, content: bytes, audio_format: Mapping[str, Any]) -> bytes:
    """Return a recording in the input format of a session; blocks.

    Takes WAV files of 1 to 384 kHz, mono or stereo, and raw files (.pcm, .raw, .ulaw, .alaw) that
    are in the format already; `audio_format` is one of the API, such as `{"type": "audio/pcm",
    "rate": 24000}`. Raises ServiceValidationError "audio_kind_unknown" for anything else.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix in {"pcm", "raw", "ulaw", "alaw"}:
        return content
    try:
        with wave.open(io.BytesIO(content)) as sound:
            width, channels, rate = (
                sound.getsampwidth(),
                sound.getnchannels(),
                sound.getframerate(),
            )
            samples = sound.readframes(sound.getnframes())
    except wave.Error, EOFError, RuntimeError:
        raise validation_error("audio_kind_unknown", name=name) from None
    # A recording that was cut short may end within a frame.
    samples = samples[: len(samples) // (width * channels) * width * channels]
    if not samples or channels > 2 or width > 4 or not _SLOWEST <= rate <= _FASTEST:
        raise validation_error("audio_kind_unknown", name=name)
    if width == 1:
        # Single bytes are unsigned in WAV files, and nowhere else.
        samples = audioop.bias(samples, 1, -128)
    samples = audioop.lin2lin(samples, width, 2)
    if channels == 2:
        samples = audioop.tomono(samples, 2, 0.5, 0.5)
    if rate != (wanted := rate_of(audio_format)):
        samples, _ = audioop.ratecv(samples, 2, 1, rate, wanted, None)
    law = _LAWS.get(str(audio_format.get("type")))
    return law(samples, 2) if law else samples


def as_wav(audio: bytes, audio_format: Mapping[str, Any]) -> bytes:
    """Return raw audio in `audio_format` as a mono WAV file of 16 bits; blocks.

    `audio_format` is one of the API, such as `{"type": "audio/pcm", "rate": 24000}`.
    """
    unlaw = _UNLAWS.get(str(audio_format.get("type")))
    samples = unlaw(audio, 2) if unlaw else audio[: len(audio) // 2 * 2]
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_of(audio_format))
        sound.writeframes(samples)
    return target.getvalue()


def _is_message(value: object) -> bool:
    """Return whether this is a whole message and not its content."""
    return isinstance(value, Mapping) and "content" in value


def content_of(message: Any) -> list[Json]:
    """Return the content of a message as a list of parts.

    Returns `[{"type": "input_text", "text": …}]` for a text. Parts are returned as they are, except
    that `image` of an `input_image` becomes `image_url`, and that what is in its `providerData`,
    as other SDKs have it, stands beside it. Raises ServiceValidationError
    "message_invalid" for anything else.
    """
    if isinstance(message, str):
        return [{"type": "input_text", "text": message}]
    if isinstance(message, list) and len(message) == 1 and _is_message(message[0]):
        (message,) = message
    parts = message.get("content") if isinstance(message, Mapping) else message
    if isinstance(parts, str):
        return content_of(parts)
    if not isinstance(parts, list) or not parts:
        raise validation_error("message_invalid")
    found: list[Json] = []
    for part in parts:
        if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
            raise validation_error("message_invalid")
        if part["type"] == "input_image" and "image" in part:
            rest = {**part, "image_url": part["image"]}
            del rest["image"]
            more = rest.pop("providerData", None)
            found.append({**rest, **more} if isinstance(more, Mapping) else rest)
        else:
            found.append(dict(part))
    return found
