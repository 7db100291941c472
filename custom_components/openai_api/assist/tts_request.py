"""One piece of a text, spoken by one request: asked for as the service takes it, and read."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError
from openai import Omit

from ..api.host import ServiceHost
from ..api.response import parse_body
from ..const import LOGGER
from ..exceptions import ApiError
from .errors import AssistError
from .http import body_of
from .pcm import Coalescer, PcmFormat, WavError, WavReader
from .tts_format import HEAD, is_text, next_format, recognize, shape_of
from .tts_options import SpeechOptions

_MAX_SOUND_BYTES: Final = 64 * 1024 * 1024
"""Bytes of sound of one request: 20 minutes of PCM. A service that sends more never ends."""
_MAX_ERROR_BYTES: Final = 64 * 1024
METHOD: Final = "audio.speech.create"
_FALLBACK_VOICE: Final = "alloy"
_REFUSING_STATUSES: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
"""Statuses of services that do not know a parameter or its value."""
_TOO_LONG: Final = re.compile(
    r"too[ _](?:long|large)|at most \d+ char|exceed\w* .*\b(?:char|length|limit)|maximum (?:input )?length",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\b\d{2,5}\b")
_SHORTEST: Final = 30
"""Characters of a text that no service finds too long."""
_LEFT_OUT: Final = ""
"""What stands there for an option that the model does not take."""
_FORMATS: Final = "speech_formats"
"""Key of `ServiceHost.known`: by model and format asked for, the one that the service takes."""


@dataclass(eq=False)
class SpeechPiece:
    """One request: its sound arrives in a queue, whoever listens."""

    text: str
    format: asyncio.Future[tuple[str, PcmFormat | None]]
    """What the sound is, once its first bytes are there: a container, or "pcm" and its shape."""
    chunks: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    error: HomeAssistantError | None = None
    size: int = 0
    """Bytes of samples of a WAV that have come."""
    coalescer: Coalescer | None = None
    """Set for PCM as soon as its shape is known."""
    rest: SpeechPiece | None = None
    """What is to be spoken next, for the service did not take all of it at once."""

    def cut(self, most: int) -> None:
        """Keep at most so many characters of the text, and leave the others for `rest`."""
        space = self.text.rfind(" ", 0, most + 1)
        at = space if space > most // 2 else most
        text, later = self.text[:at].strip(), self.text[at:].strip()
        if text and later:
            self.text = text
            following = asyncio.get_running_loop().create_future()
            self.rest = SpeechPiece(later, following, rest=self.rest)

    def begin(self, container: str, shape: PcmFormat | None) -> None:
        """Set what the sound is."""
        if shape is not None:
            self.coalescer = Coalescer(shape)
        self.format.set_result((container, shape))

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


class SpeechRequests:
    """The requests for one text."""

    def __init__(self, host: ServiceHost, options: SpeechOptions, asked: str) -> None:
        """Take the format that is asked for first; nothing is sent yet."""
        self._host, self._options, self._asked = host, options, asked

    async def async_send(self, piece: SpeechPiece) -> None:
        """Ask for a format that the service knows, and remember which that is.

        What is longer than the service takes is left for `piece.rest`.
        """
        known: dict[Any, Any] = self._host.known.setdefault(_FORMATS, {})
        model = self._options.model
        while True:
            if len(piece.text) > (most := known.get((model, "length"), len(piece.text))):
                piece.cut(most)
            asked = known.get((model, self._asked), self._asked)
            voice = self._options.voice or known.get((model, "voice"))
            # Another piece may be told the same meanwhile.
            sent = [key for key in self._options.arguments if self._key(key) not in known]
            options = [key for key in ("instructions", "speed") if key in sent]
            try:
                await self._async_ask(piece, asked, voice, sent)
            except HomeAssistantError as err:
                if piece.format.done():
                    raise
                if (most := self._most_of(err, piece.text)) is not None:
                    known[model, "length"] = most
                elif voice is None and _is_refused(err, "voice"):
                    known[model, "voice"] = _FALLBACK_VOICE
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

    def _most_of(self, err: HomeAssistantError, text: str) -> int | None:
        """Return how many characters a service takes that refuses a text as too long.

        None for another error, and where files cannot follow each other.
        """
        if (
            not isinstance(err, ApiError)
            or err.status not in _REFUSING_STATUSES
            or not _TOO_LONG.search(f"{err.message or ''} {err.code or ''}")
            or len(text) <= _SHORTEST
            or self._asked == "flac"
        ):
            return None
        told = [int(number) for number in _NUMBER.findall(err.message or "")]
        fitting = [number for number in told if _SHORTEST <= number < len(text)]
        return max(fitting, default=max(_SHORTEST, len(text) // 2))

    def _key(self, option: str) -> tuple[str, str, str]:
        """Return the key of an option of ours that the model does not take with its value."""
        return self._options.model, option, repr(self._options.arguments[option])

    async def _async_ask(self, piece: SpeechPiece, asked: str, voice: Any, sent: list[str]) -> None:
        """Ask once, with the options in `sent`, and pass on what is heard as it arrives."""
        host, patience = self._host, self._options.patience
        method, _ = await host.method(METHOD, "streaming")
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
                    if size > _MAX_SOUND_BYTES:
                        raise AssistError("assist_bad_sound", message="…")
                    if not piece.format.done() and reader is None:
                        head += chunk
                        if len(head) < HEAD:
                            continue
                        chunk, head = head, b""
                        reader = self._begin(piece, content_type, chunk, asked)
                        if not piece.format.done() and reader is None:
                            await self._async_refuse(content_type, chunk, chunks)
                        # From here on each piece of sound has a time limit of its own.
                        host.disable_timeout(wait)
                    self._pass_on(piece, reader, chunk)
            if not piece.format.done():
                if reader is None and len(head) > 1:
                    reader = self._begin(piece, content_type, head, asked)
                    self._pass_on(piece, reader, head)
                if not piece.format.done():
                    if len(head) < 2 or not head.strip():
                        # A header without a sample is no sound, either.
                        raise AssistError("assist_answer_empty")
                    await self._async_refuse(content_type, head, _nothing())
        host.record_success(None, METHOD, self._options.model)

    def _begin(
        self, piece: SpeechPiece, content_type: str, head: bytes, asked: str
    ) -> WavReader | None:
        """Take note of what a sound is; a WAV says so itself a little later."""
        container = recognize(content_type, head, asked)
        if container == "wav":
            return WavReader()
        if container == "pcm":
            piece.begin("pcm", shape_of(content_type))
        elif container is not None:
            piece.begin(container, None)
        return None

    def _pass_on(self, piece: SpeechPiece, reader: WavReader | None, chunk: bytes) -> None:
        """Hand over sound, without the header of a WAV."""
        if reader is not None:
            try:
                chunk = reader.feed(chunk)
            except WavError as err:
                raise AssistError("assist_bad_sound", message=str(err)) from None
            piece.size += len(chunk)
            if piece.size > 1 and reader.shape is not None and not piece.format.done():
                piece.begin("pcm", reader.shape)
        piece.add(chunk)

    async def _async_refuse(
        self, content_type: str, head: bytes, chunks: AsyncIterable[bytes]
    ) -> None:
        """Raise the error that a service has sent instead of sound."""
        async for chunk in chunks:
            head += chunk
            if len(head) > _MAX_ERROR_BYTES:
                break
        # It raises for an error that calls itself a success, and for a web page.
        claimed = "" if is_text(head[:HEAD]) else content_type
        parse_body(self._host.settings, head[:_MAX_ERROR_BYTES], claimed)
        raise AssistError("assist_bad_sound", message=content_type.partition(";")[0] or "–")


async def _nothing() -> AsyncGenerator[bytes]:
    """Yield nothing."""
    for chunk in tuple[bytes, ...]():
        yield chunk


def _is_refused(err: HomeAssistantError, param: str, *words: str) -> bool:
    """Tell whether a service refuses a parameter: it names it, or all of these words."""
    if not isinstance(err, ApiError) or err.status not in _REFUSING_STATUSES:
        return False
    text = f"{err.param or ''} {err.message or ''} {err.code or ''}".lower()
    return param in text or (bool(words) and all(word in text for word in words))
