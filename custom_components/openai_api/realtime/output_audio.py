"""Output audio of responses: played while it arrives, and saved as files."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..const import LOGGER
from ..media.base64_text import decode_base64
from ..media.storage import async_save, iter_bytes, media_directory
from ..types import Json
from .audio import as_wav, rate_of

if TYPE_CHECKING:
    from ..api.host import ServiceHost

MAX_BYTES = 32 * 1024 * 1024
"""Bytes of audio kept of one response: eleven minutes of PCM16 at 24 kHz. More is dropped."""


@dataclass(slots=True)
class OutputAudio:
    """The audio of one response, in the base64 pieces in which it came."""

    audio_format: Mapping[str, Any]
    is_complete: bool = False
    is_cut: bool = False
    size: int = 0
    is_live: bool = False
    """Whether a media player reads it, too."""
    _pieces: list[str] = field(default_factory=list)
    _is_saved: bool = False
    _has_more: asyncio.Event = field(default_factory=asyncio.Event)

    @callback
    def add(self, piece: str) -> None:
        """Add the next piece, in base64."""
        if self.size > MAX_BYTES:
            self.is_cut = True
            return
        self._pieces.append(piece)
        self.size += len(piece) * 3 // 4
        self._has_more.set()

    @callback
    def finish(self) -> None:
        """Record that the audio is complete."""
        self.is_complete = True
        self._has_more.set()

    async def stream(self) -> AsyncGenerator[bytes]:
        """Yield the raw audio in `audio_format` as it arrives, from its beginning."""
        self.is_live = True
        try:
            async for piece in self._stream():
                yield piece
        finally:
            self.is_live = False
            if self._is_saved:
                self._pieces.clear()

    async def _stream(self) -> AsyncGenerator[bytes]:
        """Yield the audio as it arrives."""
        sent = 0
        while sent < len(self._pieces) or not self.is_complete:
            if sent == len(self._pieces):
                self._has_more.clear()
                await self._has_more.wait()
                continue
            yield decoded(self._pieces[sent])
            sent += 1

    @callback
    def release(self) -> None:
        """Drop the audio, which is saved; a media player that reads it gets the rest first."""
        self._is_saved = True
        if not self.is_live:
            self._pieces.clear()

    def as_wav(self) -> bytes:
        """Return the audio as a mono WAV file of 16 bits; blocks."""
        audio = b"".join(decoded(piece) for piece in self._pieces)
        return as_wav(audio, self.audio_format)


def decoded(piece: str) -> bytes:
    """Return the bytes of a piece; none for invalid base64."""
    try:
        return base64.b64decode(piece)
    except ValueError:
        # Without padding, for one.
        with suppress(ValueError):
            return decode_base64(piece)
    return b""


async def async_save_audio(host: ServiceHost, audio: OutputAudio) -> Json:
    """Save the audio of a response as a WAV file in the media folder.

    Returns what `async_save` returns, and raises what that raises.
    """
    content = await host.hass.async_add_executor_job(audio.as_wav)
    # Several responses may end in the same second.
    moment = dt_util.now().strftime("%Y-%m-%d_%H-%M-%S-%f")
    return await async_save(
        host,
        media_directory(host.hass),
        iter_bytes(content),
        "audio/wav",
        name=f"realtime_answer_{moment}",
        source_action="realtime_answer",
    )


@callback
def start_live_stream(hass: HomeAssistant, audio: OutputAudio) -> Json:
    """Offer the audio of a response to media players while it arrives.

    Returns `{"media_content_id": …, "media_content_type": …, "url": …}`, or `{}` where that is not
    possible: it needs Home Assistant 2026.11, the `tts` integration, and PCM.
    """
    if "tts" not in hass.config.components or audio.audio_format.get("type") != "audio/pcm":
        return {}
    from homeassistant.components import tts  # noqa: PLC0415

    create = getattr(tts, "async_create_audio_stream", None)
    if create is None:
        return {}
    pcm = tts.PcmFormat(sample_rate=rate_of(audio.audio_format), sample_width=2, channels=1)
    try:
        stream = create(hass)
        # It may begin to read once the answer has been saved.
        audio.is_live = True
        stream.async_set_audio_stream(pcm, audio.stream())
    except Exception:  # noqa: BLE001
        audio.is_live = False
        # Live playback is optional; the audio is saved in any case.
        LOGGER.debug("Output audio cannot be played live", exc_info=True)
        return {}
    return {
        "media_content_id": stream.media_source_id,
        "media_content_type": stream.content_type,
        "url": stream.url,
    }
