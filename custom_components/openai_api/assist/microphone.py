"""Reads a microphone once, for whoever listens: live, and again from the beginning."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import audioop

from ..const import LOGGER
from .pcm import MICROPHONE, Converter, PcmFormat, WavError, WavReader

LONGEST: Final = 300
"""Seconds that are kept; what is said after that is not heard. A pipeline ends then, too."""
_LARGEST: Final = LONGEST * MICROPHONE.rate * MICROPHONE.frame
_PIECE: Final = MICROPHONE.rate * MICROPHONE.frame // 10
"""Bytes of a tenth of a second: less makes more events, more makes them late."""
_QUIET: Final = 300
"""A root mean square below which nobody speaks, however quiet the room is."""
_PAUSE: Final = 1.0
_SPEECH: Final = 0.3
"""Seconds of silence that end what was said, and seconds that must have been said."""


class Microphone:
    """The sound of one run, as 16 kHz mono; reading it ends with the stream, or with `stop`."""

    def __init__(self, stream: AsyncIterable[bytes], shape: PcmFormat) -> None:
        """Take a stream and what it holds: samples, with or without the header of a WAV."""
        self.sound = bytearray()
        self.has_ended = False
        self._stream = stream
        self._shape = shape
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._async_read(), name="openai_api microphone")

    async def async_stop(self) -> None:
        """Read no further: whoever owns the stream may close it once this returns."""
        if (task := self._task) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def seconds(self) -> float:
        """How much was heard."""
        return MICROPHONE.seconds(len(self.sound))

    async def pieces(
        self, tenths: int = 1, *, until: Callable[[bytes], bool] | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the sound from its beginning, in pieces of so many 0.1 s, as it is heard.

        A piece is shorter where `until` is true of it.
        """
        position, size, seen = 0, _PIECE * tenths, 0
        while True:
            while (end := len(self.sound) // _PIECE * _PIECE) > seen:
                # What has piled up goes out together.
                new = bytes(self.sound[seen:end])
                seen = end
                # It hears all of the sound, also what goes out anyhow.
                is_end = until is not None and until(new)
                if is_end or end - position >= size:
                    yield bytes(self.sound[position:end])
                    position = end
            if self.has_ended:
                if position < len(self.sound):
                    yield bytes(self.sound[position:])
                return
            self._changed.clear()
            await self._changed.wait()

    async def async_wait(self) -> None:
        """Wait until the stream has ended."""
        while not self.has_ended:
            self._changed.clear()
            await self._changed.wait()

    async def async_wait_for_silence(self) -> None:
        """Wait until the stream has ended, or until somebody has spoken and then paused.

        For runs whose end nobody else hears: the service was to, and cannot.
        """
        detector = SilenceDetector()
        async for piece in self.pieces():
            if detector.feed(piece):
                return

    async def _async_read(self) -> None:
        """Keep what is heard, in the shape that everybody here expects."""
        reader, converter = WavReader(), None
        is_wav: bool | None = None
        try:
            async for chunk in self._stream:
                if is_wav is None and chunk:
                    # Clients of the HTTP interface send files, pipelines send samples.
                    is_wav = chunk[:4] == b"RIFF"
                samples = reader.feed(chunk) if is_wav else chunk
                if is_wav and reader.shape is None:
                    continue
                converter = converter or Converter(reader.shape or self._shape, MICROPHONE)
                before = len(self.sound) // _PIECE
                self.sound += converter.feed(samples)
                if len(self.sound) // _PIECE != before:
                    self._changed.set()
                if len(self.sound) >= _LARGEST:
                    LOGGER.warning("More than %s s were spoken, the rest is not heard", LONGEST)
                    return
        except WavError as err:
            LOGGER.warning("A recording cannot be understood: %s", err)
        finally:
            self.has_ended = True
            self._changed.set()


class SilenceDetector:
    """Hears the end of speech by its loudness: simple, and only used where nobody else does."""

    def __init__(self) -> None:
        self._floor = _QUIET / 3
        self._spoken = self._silent = 0.0

    def is_silent_after(self, sound: bytes) -> bool:
        """Take 16 kHz mono; return whether nobody speaks at its end."""
        self.feed(sound)
        return self._silent > 0

    def feed(self, sound: bytes) -> bool:
        """Take 16 kHz mono; return whether what was said has come to its end."""
        for start in range(0, len(sound), _PIECE):
            piece = sound[start : start + _PIECE]
            loudness = audioop.rms(piece, 2)
            seconds = MICROPHONE.seconds(len(piece))
            # The noise of a room is learnt quickly where it falls, and slowly where it rises.
            self._floor = min(loudness, self._floor * 1.02 + 1)
            if loudness > max(_QUIET, 3 * self._floor):
                self._spoken += seconds
                self._silent = 0.0
            else:
                self._silent += seconds
            if self._spoken >= _SPEECH and self._silent >= _PAUSE:
                return True
        return False
