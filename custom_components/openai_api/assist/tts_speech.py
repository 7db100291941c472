"""Speaks a text while it is being written: sentence by sentence, the sound as it is made."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError
from openai import Omit

from ..api.host import ServiceHost
from ..api.response import parse_body
from ..const import LOGGER
from ..exceptions import ApiError, EntryUnloaded
from .errors import FAILED, AssistError
from .http import body_of
from .pcm import Coalescer, Converter, PcmFormat, WavError, WavReader, wav_header
from .tts_format import (
    EXTENSIONS,
    HEAD,
    Mp3Joiner,
    is_text,
    next_format,
    recognize,
    shape_of,
)
from .tts_options import SpeechOptions, Wanted, target_of
from .tts_text import async_sentences, take_piece

_TEXT_PATIENCE: Final = 300.0
"""Seconds that the writer may pause, for tools may be at work; a pipeline runs no longer."""
_LARGEST: Final = 64 * 1024 * 1024
"""Bytes of sound of one request: 20 minutes of PCM. A service that sends more never ends."""
_LARGEST_MESSAGE: Final = 64 * 1024
_METHOD: Final = "audio.speech.create"
_COMMON_VOICE: Final = "alloy"
_REFUSING: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
"""Statuses of services that do not know a parameter or its value."""
_WHOLE: Final = frozenset({"flac"})
"""Formats whose files cannot follow each other: all of a text is one request."""
_LEFT_OUT: Final = ""
"""What stands there for an option that the model does not take."""
_FORMATS: Final = "speech_formats"
"""Key of `ServiceHost.known`: by model and format asked for, the one that the service takes."""


@dataclass(eq=False)
class _Piece:
    """One request: its sound arrives in a queue, whoever listens."""

    text: str
    kind: asyncio.Future[tuple[str, PcmFormat | None]]
    """What the sound is, once its first bytes are there: a container, or "pcm" and its shape."""
    chunks: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    error: HomeAssistantError | None = None
    size: int = 0
    """Bytes of samples of a WAV that have come."""
    coalescer: Coalescer | None = None
    """Set for PCM as soon as its shape is known."""

    def begin(self, kind: str, shape: PcmFormat | None) -> None:
        """Set what the sound is."""
        if shape is not None:
            self.coalescer = Coalescer(shape)
        self.kind.set_result((kind, shape))

    def add(self, chunk: bytes) -> None:
        """Hand over sound."""
        if self.coalescer is not None:
            chunk = self.coalescer.feed(chunk)
        if chunk:
            self.chunks.put_nowait(chunk)

    def end(self) -> None:
        """Hand over the rest of the sound, and its end."""
        if self.coalescer is not None and (rest := self.coalescer.finish()):
            self.chunks.put_nowait(rest)
        self.chunks.put_nowait(None)


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
        self._sentences: list[str] = []
        self._has_ended = False
        self._news = asyncio.Event()
        self._order: asyncio.Queue[_Piece | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(options.sentences_ahead)
        self._first: _Piece | None = None
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
            kind, _ = await self._first.kind
        except BaseException:
            self._close()
            raise
        return EXTENSIONS.get(kind, "wav")

    async def async_stream(self) -> AsyncGenerator[bytes]:
        """Yield the sound, one piece of text after the other.

        What goes wrong after the beginning is logged, for a listener only hears the end of it,
        and then raised.
        """
        assert self._first is not None
        try:
            kind, shape = self._first.kind.result()
            target = target_of(self._wanted, shape, is_probed=self._is_probed) if shape else None
            if target:
                yield wav_header(target)
            piece: _Piece | None = self._first
            while piece is not None:
                async with aclosing(self._async_sound(piece, kind, target)) as sound:
                    async for chunk in sound:
                        yield chunk
                piece = await self._order.get()
            if self._error:
                raise self._error
        except HomeAssistantError as err:
            LOGGER.warning("An answer could not be spoken to its end: %s", err)
            raise
        finally:
            self._close()

    async def _async_sound(
        self, piece: _Piece, kind: str, target: PcmFormat | None
    ) -> AsyncGenerator[bytes]:
        """Yield the sound of one piece, in the shape of the whole."""
        found, shape = await piece.kind
        if found != kind:
            raise AssistError("assist_bad_sound", message=f"{kind}, {found}")
        converter = Converter(shape, target) if shape and target else None
        joiner = Mp3Joiner() if kind == "mp3" else None
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
                    self._news.set()
        except TimeoutError:
            LOGGER.debug("The text to speak has stopped without an end")
            self._error = AssistError("assist_slow")
        except HomeAssistantError as err:
            self._error = err
        finally:
            self._has_ended = True
            self._news.set()

    async def _async_schedule(self) -> None:
        """Begin requests in the order of the text, no more at a time than is allowed."""
        number = 0
        is_whole = self._asked in _WHOLE
        try:
            while True:
                await self._slots.acquire()
                while not self._has_ended and (is_whole or not self._sentences):
                    self._news.clear()
                    await self._news.wait()
                if not self._sentences:
                    return
                text = take_piece(self._sentences, 1000 if is_whole else number)
                number += 1
                piece = _Piece(text, asyncio.get_running_loop().create_future())
                self._order.put_nowait(piece)
                self._run(self._async_speak(piece), "sound")
        finally:
            self._order.put_nowait(None)

    async def _async_speak(self, piece: _Piece) -> None:
        """Have one piece spoken; whatever goes wrong is its error."""
        try:
            await self._async_request(piece)
        except HomeAssistantError as err:
            piece.error = err
            self._host.record_failure(err, _METHOD, self._options.model)
        except asyncio.CancelledError:
            piece.error = EntryUnloaded()
            raise
        except Exception:  # noqa: BLE001
            # Whoever listens must not wait for ever.
            piece.error = AssistError(FAILED)
            LOGGER.exception("A text could not be spoken")
        finally:
            self._slots.release()
            piece.end()
            if piece.error and not piece.kind.done():
                piece.kind.set_exception(piece.error)
                # Nobody may be listening any more.
                piece.kind.exception()

    async def _async_request(self, piece: _Piece) -> None:
        """Ask for a format that the service knows, and remember which that is."""
        known: dict[Any, str] = self._host.known.setdefault(_FORMATS, {})
        model = self._options.model
        while True:
            asked = known.get((model, self._asked), self._asked)
            voice = self._options.voice or known.get((model, "voice"))
            # Another piece may be told the same meanwhile.
            sent = [key for key in self._options.arguments if self._key(key) not in known]
            options = [key for key in ("instructions", "speed") if key in sent]
            try:
                await self._async_ask(piece, asked, voice, sent)
            except HomeAssistantError as err:
                if piece.kind.done():
                    raise
                if voice is None and _is_refused(err, "voice"):
                    known[model, "voice"] = _COMMON_VOICE
                elif option := next((key for key in options if _is_refused(err, key)), None):
                    if self._key(option) not in known:
                        name = self._host.entry.title
                        LOGGER.warning("The model %s of %s does not take %s", model, name, option)
                    known[self._key(option)] = _LEFT_OUT
                elif (other := next_format(self._asked, asked)) and _is_refused(
                    err, "response_format", "format", asked
                ):
                    known[model, self._asked] = other
                else:
                    raise
                LOGGER.debug("The service is asked otherwise from now on: %s", err)
            else:
                return

    def _key(self, option: str) -> tuple[str, str, str]:
        """Return the key of an option of ours that the model does not take with its value."""
        return self._options.model, option, repr(self._options.arguments[option])

    async def _async_ask(self, piece: _Piece, asked: str, voice: Any, sent: list[str]) -> None:
        """Ask once, with the options in `sent`, and pass on what is heard as it arrives."""
        host, patience = self._host, self._options.patience
        method, _ = await host.method(_METHOD, "streaming")
        arguments = {
            **{key: value for key, value in self._options.arguments.items() if key in sent},
            "input": piece.text,
            "voice": Omit() if voice is None else voice,
            "response_format": asked,
            "timeout": patience,
        }
        async with host.async_request_scope(patience) as wait, method(**arguments) as response:
            content_type = response.headers.get("content-type", "")
            head, size = b"", 0
            reader: WavReader | None = None
            async with aclosing(body_of(response)) as chunks:
                async for received in chunks:
                    chunk = received
                    size += len(chunk)
                    if size > _LARGEST:
                        raise AssistError("assist_bad_sound", message="…")
                    if not piece.kind.done() and reader is None:
                        head += chunk
                        if len(head) < HEAD:
                            continue
                        chunk, head = head, b""
                        reader = self._begin(piece, content_type, chunk, asked)
                        if not piece.kind.done() and reader is None:
                            await self._async_refuse(content_type, chunk, chunks)
                        # From here on each piece of sound has a time limit of its own.
                        host.disable_timeout(wait)
                    self._pass_on(piece, reader, chunk)
            if not piece.kind.done():
                if reader is None and len(head) > 1:
                    reader = self._begin(piece, content_type, head, asked)
                    self._pass_on(piece, reader, head)
                if not piece.kind.done():
                    if len(head) < 2 or not head.strip():
                        # A header without a sample is no sound, either.
                        raise AssistError("assist_answer_empty")
                    await self._async_refuse(content_type, head, _nothing())
        host.record_success(None, _METHOD, self._options.model)

    def _begin(self, piece: _Piece, content_type: str, head: bytes, asked: str) -> WavReader | None:
        """Take note of what a sound is; a WAV says so itself a little later."""
        kind = recognize(content_type, head, asked)
        if kind == "wav":
            return WavReader()
        if kind == "pcm":
            piece.begin("pcm", shape_of(content_type))
        elif kind is not None:
            piece.begin(kind, None)
        return None

    def _pass_on(self, piece: _Piece, reader: WavReader | None, chunk: bytes) -> None:
        """Hand over sound, without the header of a WAV."""
        if reader is not None:
            try:
                chunk = reader.feed(chunk)
            except WavError as err:
                raise AssistError("assist_bad_sound", message=str(err)) from None
            piece.size += len(chunk)
            if piece.size > 1 and reader.shape is not None and not piece.kind.done():
                piece.begin("pcm", reader.shape)
        piece.add(chunk)

    async def _async_refuse(
        self, content_type: str, head: bytes, chunks: AsyncIterable[bytes]
    ) -> None:
        """Raise the error that a service has sent instead of sound."""
        async for chunk in chunks:
            head += chunk
            if len(head) > _LARGEST_MESSAGE:
                break
        # It raises for an error that calls itself a success, and for a web page.
        kind = "" if is_text(head[:HEAD]) else content_type
        parse_body(self._host.settings, head[:_LARGEST_MESSAGE], kind)
        raise AssistError("assist_bad_sound", message=content_type.partition(";")[0] or "–")

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


async def _nothing() -> AsyncGenerator[bytes]:
    """Yield nothing."""
    for chunk in tuple[bytes, ...]():
        yield chunk


def _is_refused(err: HomeAssistantError, param: str, *words: str) -> bool:
    """Tell whether a service refuses a parameter: it names it, or all of these words."""
    if not isinstance(err, ApiError) or err.status not in _REFUSING:
        return False
    text = f"{err.param or ''} {err.message or ''} {err.code or ''}".lower()
    return param in text or (bool(words) and all(word in text for word in words))
