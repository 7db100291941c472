"""Speaks a text while it is being written, sentence by sentence."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..const import LOGGER
from ..exceptions import EntryUnloaded
from .errors import FAILED, AssistError
from .pcm import SESSION_FORMAT, Converter, PcmFormat, wav_header
from .tts_format import EXTENSIONS, Mp3Joiner
from .tts_options import PreferredAudio, SpeechOptions, target_format
from .tts_request import METHOD, SpeechRequests, SpeechSegment
from .tts_text import async_sentences, take_segment

_TEXT_TIMEOUT: Final = 300.0
"""Seconds that the writer may pause, for tools may be at work; a pipeline runs no longer."""
_SILENCE: Final = bytes(SESSION_FORMAT.rate // 5)
"""A tenth of a second, for a text without a word: of an answer that is an emoji no player should fail."""
_SINGLE_FILE_FORMATS: Final = frozenset({"flac"})
"""Formats whose files cannot follow each other: all of a text is one request."""


class Speech:
    """One spoken text: `async_start` sends the requests, `async_stream` yields the audio."""

    def __init__(
        self,
        host: ServiceHost,
        options: SpeechOptions,
        texts: AsyncIterable[str],
        preferred: PreferredAudio,
        *,
        is_probed_by_ffmpeg: bool,
    ) -> None:
        """Take the text and the preferred audio; nothing is sent yet.

        `is_probed_by_ffmpeg` says that ffmpeg will convert a WAV and looks for other things in it first:
        then it is handed over as 48 kHz stereo, of which that look takes a fourth of the time.
        """
        self._host, self._options, self._texts = host, options, texts
        self._preferred = preferred
        self._is_probed = is_probed_by_ffmpeg
        self._requests = SpeechRequests(host, options, self._requested_format)
        self._sentences: list[str] = []
        self._has_text = False
        self._has_ended = False
        self._text_changed = asyncio.Event()
        self._segments: asyncio.Queue[SpeechSegment | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(options.sentences_ahead)
        self._first_segment: SpeechSegment | None = None
        self._error: HomeAssistantError | None = None

    @property
    def _requested_format(self) -> str:
        """The format that services are asked for first."""
        if (chosen := self._options.audio_format) != "auto":
            return chosen
        extension = self._preferred.extension
        # ffmpeg makes no "aac" of PCM: it has another name for that.
        is_encoded = extension in {"mp3", "aac"} and not self._preferred.is_specific
        return extension if is_encoded else "pcm"

    async def async_start(self) -> str:
        """Send the requests, and return the extension of the audio once its first bytes are there.

        Raises AssistError "assist_tts_no_text" where there is no text, and ApiError for what
        the service answers instead of sound.
        """
        self._create_task(self._async_read_sentences(), "text")
        self._create_task(self._async_schedule(), "requests")
        try:
            self._first_segment = await self._segments.get()
            if self._first_segment is None:
                if self._error or not self._has_text:
                    raise self._error or AssistError("assist_tts_no_text")
                return "wav"
            container, _ = await self._first_segment.format
        except BaseException:
            self._close()
            raise
        return EXTENSIONS.get(container, "wav")

    async def async_stream(self) -> AsyncGenerator[bytes]:
        """Yield the audio, one segment of the text after the other.

        What goes wrong after the beginning is logged, for a listener only hears the end of it,
        and then raised.
        """
        if self._first_segment is None:
            silent = target_format(
                self._preferred, SESSION_FORMAT, is_probed_by_ffmpeg=self._is_probed
            )
            yield wav_header(silent) + Converter(SESSION_FORMAT, silent).feed(_SILENCE)
            return
        try:
            container, pcm_format = self._first_segment.format.result()
            target = (
                target_format(self._preferred, pcm_format, is_probed_by_ffmpeg=self._is_probed)
                if pcm_format
                else None
            )
            if target:
                yield wav_header(target)
            segment: SpeechSegment | None = self._first_segment
            while segment is not None:
                async with aclosing(self._async_segment_audio(segment, container, target)) as audio:
                    async for chunk in audio:
                        yield chunk
                segment = segment.rest or await self._segments.get()
            if self._error:
                raise self._error
        except HomeAssistantError as err:
            LOGGER.warning("An answer could not be spoken to its end: %s", err)
            raise
        finally:
            self._close()

    async def _async_segment_audio(
        self, segment: SpeechSegment, container: str, target: PcmFormat | None
    ) -> AsyncGenerator[bytes]:
        """Yield the audio of one segment, in the format of the whole."""
        segment_container, pcm_format = await segment.format
        if segment_container != container:
            raise AssistError("assist_bad_sound", message=f"{container}, {segment_container}")
        converter = Converter(pcm_format, target) if pcm_format and target else None
        joiner = Mp3Joiner() if container == "mp3" else None
        while (chunk := await segment.chunks.get()) is not None:
            if converter:
                chunk = converter.feed(chunk)
            elif joiner:
                chunk = joiner.feed(chunk)
            if chunk:
                yield chunk
        if joiner and (rest := joiner.finish()):
            yield rest
        if segment.error:
            raise segment.error

    async def _async_read_sentences(self) -> None:
        """Read the text, and let the requests begin as soon as a sentence is whole."""
        options = self._options
        try:
            sentences = async_sentences(
                self._async_texts(), clean=options.clean_text, first=options.first_piece
            )
            async with aclosing(sentences):  # type: ignore[type-var]
                while True:
                    # No request slot is held meanwhile: a turn that failed never ends its text.
                    async with asyncio.timeout(_TEXT_TIMEOUT):
                        sentence = await anext(sentences, None)
                    if sentence is None:
                        break
                    self._sentences.append(sentence)
                    self._text_changed.set()
        except TimeoutError:
            LOGGER.debug("The text to speak has stopped without an end")
            self._error = AssistError("assist_slow")
        except HomeAssistantError as err:
            self._error = err
        except asyncio.CancelledError:
            self._error = EntryUnloaded()
            raise
        finally:
            self._has_ended = True
            self._text_changed.set()

    async def _async_texts(self) -> AsyncGenerator[str]:
        """Yield the text, and notice whether there is any."""
        async for text in self._texts:
            self._has_text = self._has_text or bool(text.strip())
            yield text

    async def _async_schedule(self) -> None:
        """Begin requests in the order of the text, no more at a time than is allowed."""
        number = 0
        is_single_file = self._requested_format in _SINGLE_FILE_FORMATS
        try:
            while True:
                await self._slots.acquire()
                while not self._has_ended and (is_single_file or not self._sentences):
                    self._text_changed.clear()
                    await self._text_changed.wait()
                if not self._sentences:
                    return
                text = take_segment(self._sentences, 1000 if is_single_file else number)
                number += 1
                segment = SpeechSegment(text, asyncio.get_running_loop().create_future())
                self._segments.put_nowait(segment)
                self._create_task(self._async_request(segment), "sound")
        finally:
            self._segments.put_nowait(None)

    async def _async_request(self, segment: SpeechSegment) -> None:
        """Send the request of one segment; an exception becomes the error of the segment."""
        try:
            await self._requests.async_send(segment)
        except HomeAssistantError as err:
            segment.error = err
            self._host.record_failure(err, METHOD, self._options.model)
        except asyncio.CancelledError:
            segment.error = EntryUnloaded()
            raise
        except Exception:  # noqa: BLE001
            # The listener must not wait forever.
            segment.error = AssistError(FAILED)
            LOGGER.exception("A text could not be spoken")
        finally:
            if segment.rest is not None and segment.error is None:
                self._create_task(self._async_request(segment.rest), "sound")
            else:
                self._slots.release()
            segment.end()
            if segment.error and not segment.format.done():
                segment.format.set_exception(segment.error)
                # Nobody may be listening any more.
                segment.format.exception()

    def _create_task(self, work: Any, name: str) -> None:
        """Run a coroutine in the background, for as long as the entry is loaded."""
        task = self._host.entry.async_create_background_task(
            self._host.hass, work, f"openai_api speech {name}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close(self) -> None:
        """End whatever still goes on."""
        for task in tuple(self._tasks):
            task.cancel()
