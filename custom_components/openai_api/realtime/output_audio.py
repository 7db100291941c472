"""Spoken answers while they arrive: played live where that is possible, and kept as files."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..const import LOGGER
from ..media.storage import async_save, iter_bytes, media_directory
from ..types import Json
from .audio import as_wav, rate_of

if TYPE_CHECKING:
    from ..api.host import ServiceHost

LONGEST = 32 * 1024 * 1024
"""Bytes of audio kept of one answer: eleven minutes at 24 kHz. What follows is not kept."""


@dataclass(slots=True)
class Spoken:
    """The audio of one answer, in the pieces in which it came."""

    audio_format: Mapping[str, Any]
    is_complete: bool = False
    is_cut: bool = False
    size: int = 0
    is_live: bool = False
    """Whether somebody else reads it, too."""
    _pieces: list[str] = field(default_factory=list)
    _is_saved: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @callback
    def add(self, piece: str) -> None:
        """Take the next piece, in base64."""
        if self.size > LONGEST:
            self.is_cut = True
            return
        self._pieces.append(piece)
        self.size += len(piece) * 3 // 4
        self._news.set()

    @callback
    def finish(self) -> None:
        """Take note that no more will come."""
        self.is_complete = True
        self._news.set()

    async def stream(self) -> AsyncGenerator[bytes]:
        """Yield the audio as it arrives, from its beginning."""
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
                self._news.clear()
                await self._news.wait()
                continue
            yield _decoded(self._pieces[sent])
            sent += 1

    @callback
    def release(self) -> None:
        """Let go of the audio, which is saved; whoever reads it does so to its end first."""
        self._is_saved = True
        if not self.is_live:
            self._pieces.clear()

    def as_wav(self) -> bytes:
        """Return the whole as a WAV file. Slow: for the executor."""
        audio = b"".join(_decoded(piece) for piece in self._pieces)
        return as_wav(audio, self.audio_format)


def _decoded(piece: str) -> bytes:
    """Return the bytes of a piece; nothing for one that is garbled."""
    try:
        return base64.b64decode(piece)
    except ValueError:
        return b""


async def async_keep(host: ServiceHost, spoken: Spoken) -> Json:
    """Save a spoken answer in the media folder, and say where it is."""
    content = await host.hass.async_add_executor_job(spoken.as_wav)
    # Conversations may end their answers in the same second.
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
def play_live(hass: HomeAssistant, spoken: Spoken) -> Json:
    """Offer an answer to media players while it is being spoken; nothing where that fails.

    Home Assistant can do so since 2026.11, for PCM.
    """
    if "tts" not in hass.config.components or spoken.audio_format.get("type") != "audio/pcm":
        return {}
    from homeassistant.components import tts  # noqa: PLC0415

    create = getattr(tts, "async_create_audio_stream", None)
    if create is None:
        return {}
    pcm = tts.PcmFormat(sample_rate=rate_of(spoken.audio_format), sample_width=2, channels=1)
    try:
        stream = create(hass)
        # It may begin to read once the answer has been saved.
        spoken.is_live = True
        stream.async_set_audio_stream(pcm, spoken.stream())
    except Exception:  # noqa: BLE001
        spoken.is_live = False
        # Hearing it live is a bonus; the answer is saved whatever happens here.
        LOGGER.debug("A spoken answer cannot be played live", exc_info=True)
        return {}
    return {
        "media_content_id": stream.media_source_id,
        "media_content_type": stream.content_type,
        "url": stream.url,
    }
