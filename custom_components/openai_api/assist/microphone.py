"""Buffers the audio of a speech-to-text run, so that it can be streamed and then uploaded."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import audioop

from ..const import LOGGER
from .pcm import MICROPHONE_FORMAT, Converter, PcmFormat, WavError, WavReader

MAX_SECONDS: Final = 300
"""Seconds of audio that are kept; the rest is ignored. A pipeline ends then, too."""
_MAX_BYTES: Final = MAX_SECONDS * MICROPHONE_FORMAT.rate * MICROPHONE_FORMAT.frame_size
_CHUNK_BYTES: Final = MICROPHONE_FORMAT.rate * MICROPHONE_FORMAT.frame_size // 10
"""Bytes of 0.1 s: smaller chunks make more events, larger ones delay them."""
_SILENCE_RMS: Final = 300
"""A root mean square below which audio is silence, however quiet the room is."""
_MIN_SILENCE_SECONDS: Final = 1.0
_MIN_SPEECH_SECONDS: Final = 0.3
"""Seconds of silence that end speech, and seconds of speech before them."""


class Microphone:
    """The audio of one run, as 16 kHz mono; reading ends with the stream, or with `async_stop`."""

    def __init__(self, stream: AsyncIterable[bytes], pcm_format: PcmFormat) -> None:
        """Take a stream and its format: samples, with or without the header of a WAV."""
        self.audio = bytearray()
        self.has_ended = False
        self._stream = stream
        self._format = pcm_format
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._async_read(), name="openai_api microphone")

    async def async_stop(self) -> None:
        """Stop reading: the owner of the stream may close it once this returns."""
        if (task := self._task) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def duration(self) -> float:
        """Seconds of audio so far."""
        return MICROPHONE_FORMAT.duration(len(self.audio))

    async def chunks(
        self, tenths: int = 1, *, until: Callable[[bytes], bool] | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the audio from its beginning, in chunks of so many 0.1 s, as it arrives.

        A chunk is shorter where `until` is true of it.
        """
        position, size, seen = 0, _CHUNK_BYTES * tenths, 0
        while True:
            while (end := len(self.audio) // _CHUNK_BYTES * _CHUNK_BYTES) > seen:
                new = bytes(self.audio[seen:end])
                seen = end
                # It gets all of the audio, also of complete chunks.
                is_end = until is not None and until(new)
                if is_end or end - position >= size:
                    yield bytes(self.audio[position:end])
                    position = end
            if self.has_ended:
                if position < len(self.audio):
                    yield bytes(self.audio[position:])
                return
            self._changed.clear()
            await self._changed.wait()

    async def async_wait_for_end(self) -> None:
        """Wait until the stream has ended."""
        while not self.has_ended:
            self._changed.clear()
            await self._changed.wait()

    async def async_wait_for_silence(self) -> None:
        """Wait until the stream has ended, or until speech is followed by silence.

        For runs in which the service was to detect the end of speech, and cannot.
        """
        detector = SilenceDetector()
        async for chunk in self.chunks():
            if detector.feed(chunk):
                return

    async def _async_read(self) -> None:
        """Read the stream and convert it to 16 kHz mono."""
        reader, converter = WavReader(), None
        is_wav: bool | None = None
        try:
            async for chunk in self._stream:
                if is_wav is None and chunk:
                    # Clients of the HTTP interface send files, pipelines send samples.
                    is_wav = chunk[:4] == b"RIFF"
                samples = reader.feed(chunk) if is_wav else chunk
                if is_wav and reader.pcm_format is None:
                    continue
                converter = converter or Converter(
                    reader.pcm_format or self._format, MICROPHONE_FORMAT
                )
                before = len(self.audio) // _CHUNK_BYTES
                self.audio += converter.feed(samples)
                if len(self.audio) // _CHUNK_BYTES != before:
                    self._changed.set()
                if len(self.audio) >= _MAX_BYTES:
                    LOGGER.warning("More than %s s were spoken, the rest is not heard", MAX_SECONDS)
                    return
        except WavError as err:
            LOGGER.warning("A recording cannot be understood: %s", err)
        finally:
            self.has_ended = True
            self._changed.set()


class SilenceDetector:
    """Detects the end of speech by its loudness, where nothing better does."""

    def __init__(self) -> None:
        self._noise_floor = _SILENCE_RMS / 3
        self._speech = self._silence = 0.0

    def is_silent_after(self, audio: bytes) -> bool:
        """Process 16 kHz mono; return whether it ends with silence."""
        self.feed(audio)
        return self._silence > 0

    def feed(self, audio: bytes) -> bool:
        """Process 16 kHz mono; return whether speech has ended."""
        for start in range(0, len(audio), _CHUNK_BYTES):
            chunk = audio[start : start + _CHUNK_BYTES]
            rms = audioop.rms(chunk, 2)
            seconds = MICROPHONE_FORMAT.duration(len(chunk))
            # The noise floor falls at once, and rises slowly.
            self._noise_floor = min(rms, self._noise_floor * 1.02 + 1)
            if rms > max(_SILENCE_RMS, 3 * self._noise_floor):
                self._speech += seconds
                self._silence = 0.0
            else:
                self._silence += seconds
            if self._speech >= _MIN_SPEECH_SECONDS and self._silence >= _MIN_SILENCE_SECONDS:
                return True
        return False
