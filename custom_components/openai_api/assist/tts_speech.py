"""Speaks a text while it is being written: sentence by sentence, the sound as it is made."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..const import LOGGER
from ..exceptions import EntryUnloaded
from .errors import FAILED, AssistError
from .pcm import Converter, PcmFormat, wav_header
from .tts_format import EXTENSIONS, Mp3Joiner
from .tts_options import SpeechOptions, Wanted, target_of
from .tts_request import METHOD, SpeechPiece, SpeechRequests
from .tts_text import async_sentences, take_piece

_TEXT_PATIENCE: Final = 300.0
"""Seconds that the writer may pause, for tools may be at work; a pipeline runs no longer."""
_WHOLE: Final = frozenset({"flac"})
"""Formats whose files cannot follow each other: all of a text is one request."""


class Speech:
    """One text being spoken. Start it, then read the sound; leaving the stream ends everything."""

    def __init__(
        self,
        host: ServiceHost,
        options: SpeechOptions,
        texts: AsyncIterable[str],
        wanted: Wanted,
        *,
        is_probed: bool,
    ) -> None:
        """Take what to say and for whom; nothing is sent yet.

        `is_probed` says that ffmpeg will convert a WAV and looks for other things in it first:
        then it is handed over as 48 kHz stereo, of which that look takes a fourth of the time.
        """
        self._host, self._options, self._texts = host, options, texts
        self._wanted = wanted
        self._is_probed = is_probed
        self._requests = SpeechRequests(host, options, self._asked)
        self._sentences: list[str] = []
        self._has_ended = False
        self._text_changed = asyncio.Event()
        self._order: asyncio.Queue[SpeechPiece | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(options.sentences_ahead)
        self._first: SpeechPiece | None = None
        self._error: HomeAssistantError | None = None

    @property
    def _asked(self) -> str:
        """The format that services are asked for first."""
        if (chosen := self._options.audio_format) != "auto":
            return chosen
        is_mp3 = self._wanted.extension == "mp3" and not self._wanted.is_shaped
        return "mp3" if is_mp3 else "pcm"

    async def async_start(self) -> str:
        """Begin, and return the extension of the sound once the first of it is there.

        Raises AssistError "assist_tts_no_text" where there is nothing to say, and ApiError for what
        the service answers instead of sound.
        """
        self._run(self._async_read(), "text")
        self._run(self._async_schedule(), "requests")
        try:
            self._first = await self._order.get()
            if self._first is None:
                raise self._error or AssistError("assist_tts_no_text")
            container, _ = await self._first.format
        except BaseException:
            self._close()
            raise
        return EXTENSIONS.get(container, "wav")

    async def async_stream(self) -> AsyncGenerator[bytes]:
        """Yield the sound, one piece of text after the other.

        What goes wrong after the beginning is logged, for a listener only hears the end of it,
        and then raised.
        """
        assert self._first is not None
        try:
            container, shape = self._first.format.result()
            target = target_of(self._wanted, shape, is_probed=self._is_probed) if shape else None
            if target:
                yield wav_header(target)
            piece: SpeechPiece | None = self._first
            while piece is not None:
                async with aclosing(self._async_sound(piece, container, target)) as sound:
                    async for chunk in sound:
                        yield chunk
                piece = piece.rest or await self._order.get()
            if self._error:
                raise self._error
        except HomeAssistantError as err:
            LOGGER.warning("An answer could not be spoken to its end: %s", err)
            raise
        finally:
            self._close()

    async def _async_sound(
        self, piece: SpeechPiece, container: str, target: PcmFormat | None
    ) -> AsyncGenerator[bytes]:
        """Yield the sound of one piece, in the shape of the whole."""
        own, shape = await piece.format
        if own != container:
            raise AssistError("assist_bad_sound", message=f"{container}, {own}")
        converter = Converter(shape, target) if shape and target else None
        joiner = Mp3Joiner() if container == "mp3" else None
        while (chunk := await piece.chunks.get()) is not None:
            if converter:
                chunk = converter.feed(chunk)
            elif joiner:
                chunk = joiner.feed(chunk)
            if chunk:
                yield chunk
        if joiner and (rest := joiner.finish()):
            yield rest
        if piece.error:
            raise piece.error

    async def _async_read(self) -> None:
        """Read the text, and let the requests begin as soon as a sentence is whole."""
        options = self._options
        try:
            sentences = async_sentences(
                self._texts, clean=options.clean_text, first=options.first_piece
            )
            async with aclosing(sentences):  # type: ignore[type-var]
                while True:
                    # Nothing is held meanwhile: a turn that failed never ends its text.
                    async with asyncio.timeout(_TEXT_PATIENCE):
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
        finally:
            self._has_ended = True
            self._text_changed.set()

    async def _async_schedule(self) -> None:
        """Begin requests in the order of the text, no more at a time than is allowed."""
        number = 0
        is_whole = self._asked in _WHOLE
        try:
            while True:
                await self._slots.acquire()
                while not self._has_ended and (is_whole or not self._sentences):
                    self._text_changed.clear()
                    await self._text_changed.wait()
                if not self._sentences:
                    return
                text = take_piece(self._sentences, 1000 if is_whole else number)
                number += 1
                piece = SpeechPiece(text, asyncio.get_running_loop().create_future())
                self._order.put_nowait(piece)
                self._run(self._async_speak(piece), "sound")
        finally:
            self._order.put_nowait(None)

    async def _async_speak(self, piece: SpeechPiece) -> None:
        """Have one piece spoken; whatever goes wrong is its error."""
        try:
            await self._requests.async_send(piece)
        except HomeAssistantError as err:
            piece.error = err
            self._host.record_failure(err, METHOD, self._options.model)
        except asyncio.CancelledError:
            piece.error = EntryUnloaded()
            raise
        except Exception:  # noqa: BLE001
            # Whoever listens must not wait for ever.
            piece.error = AssistError(FAILED)
            LOGGER.exception("A text could not be spoken")
        finally:
            if piece.rest is not None and piece.error is None:
                self._run(self._async_speak(piece.rest), "sound")
            else:
                self._slots.release()
            piece.end()
            if piece.error and not piece.format.done():
                piece.format.set_exception(piece.error)
                # Nobody may be listening any more.
                piece.format.exception()

    def _run(self, work: Any, name: str) -> None:
        """Do something beside, for as long as the entry is loaded."""
        task = self._host.entry.async_create_background_task(
            self._host.hass, work, f"openai_api speech {name}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close(self) -> None:
        """End whatever still goes on."""
        for task in tuple(self._tasks):
            task.cancel()
