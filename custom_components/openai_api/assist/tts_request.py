"""One segment of a text, spoken by one request in a format that the service supports."""

import asyncio
from collections.abc import AsyncIterable
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
from ..exceptions import BINARY_TYPE, ApiError
from .errors import AssistError, retry_delay
from .http import iter_body, without_sdk_retries
from .pcm import Coalescer, PcmFormat, WavError, WavReader
from .tts_format import HEAD_BYTES, detect_container, fallback_format, is_text, pcm_format_of
from .tts_options import SpeechOptions

_MAX_AUDIO_BYTES: Final = 64 * 1024 * 1024
"""Bytes of audio of one request: 20 minutes of PCM. A service that sends more never ends."""
_MAX_ERROR_BYTES: Final = 64 * 1024
METHOD: Final = "audio.speech.create"
_FALLBACK_VOICE: Final = "alloy"
_REJECTING_STATUSES: Final = frozenset(
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
_TEXT_TOO_LONG: Final = re.compile(
    r"\A(?!.*\b(?:quota|rate|requests?|instructions?)\b).*(?:too[ _](?:long|large)|at most \d+ char"
    r"|exceed\w* .*\b(?:char|length|limit)|maximum (?:input )?length)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER: Final = re.compile(r"\b\d{2,5}\b")
_MIN_SEGMENT_LENGTH: Final = 30
"""Characters of a text that is split no further."""
_OMITTED: Final = ""
"""The value for an option that the model rejects."""
_FORMATS: Final = "speech_formats"
"""Key of `ServiceHost.known`: the supported format by model and requested format."""


@dataclass(eq=False)
class SpeechSegment:
    """One request, whose audio arrives in a queue."""

    text: str
    format: asyncio.Future[tuple[str, PcmFormat | None]]
    """The format of the audio, once its first bytes are there: a container, or "pcm" and its format."""
    chunks: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    error: HomeAssistantError | None = None
    size: int = 0
    """Bytes of samples of a WAV that have come."""
    coalescer: Coalescer | None = None
    """Set for PCM as soon as its format is known."""
    rest: SpeechSegment | None = None
    """The segment to speak next, with the text that the service does not take in one request."""

    def split(self, max_length: int) -> None:
        """Keep at most so many characters of the text, and leave the others for `rest`."""
        whole = self.text.strip()
        space = whole.rfind(" ", 0, max_length + 1)
        at = space if space > max_length // 2 else max_length
        self.text = whole[:at].strip()
        if later := whole[at:].strip():
            self.rest = SpeechSegment(
                later, asyncio.get_running_loop().create_future(), rest=self.rest
            )

    def set_format(self, container: str, pcm_format: PcmFormat | None) -> None:
        """Set the format of the audio."""
        if pcm_format is not None:
            self.coalescer = Coalescer(pcm_format)
        self.format.set_result((container, pcm_format))

    def add(self, chunk: bytes) -> None:
        """Add a chunk of audio."""
        if self.coalescer is not None:
            chunk = self.coalescer.feed(chunk)
        if chunk:
            self.chunks.put_nowait(chunk)

    def end(self) -> None:
        """Add the rest of the audio, and its end."""
        if self.coalescer is not None and (rest := self.coalescer.finish()):
            self.chunks.put_nowait(rest)
        self.chunks.put_nowait(None)


class SpeechRequests:
    """The requests for one text."""

    def __init__(self, host: ServiceHost, options: SpeechOptions, requested: str) -> None:
        """Take the format that is requested first; nothing is sent yet."""
        self._host, self._options, self._requested_format = host, options, requested

    async def async_send(self, segment: SpeechSegment) -> None:
        """Ask for a format that the service knows, and remember which that is.

        What is longer than the service takes is left for `segment.rest`.
        """
        known: dict[Any, Any] = self._host.known.setdefault(_FORMATS, {})
        model, retries = self._options.model, 0
        while True:
            max_length = known.get((model, "length"), len(segment.text))
            if len(segment.text) > max_length:
                segment.split(max_length)
            requested = known.get((model, self._requested_format), self._requested_format)
            voice = self._options.voice or known.get((model, "voice"))
            # Another segment may have got the same error meanwhile.
            sent = [key for key in self._options.arguments if self._key(key) not in known]
            options = [key for key in ("instructions", "speed") if key in sent]
            try:
                with without_sdk_retries():
                    await self._async_request(segment, requested, voice, sent)
            except HomeAssistantError as err:
                if segment.format.done():
                    raise
                if (max_length := self._max_length(err, segment.text)) is not None:
                    known[model, "length"] = max_length
                elif voice is None and _is_rejected(err, "voice"):
                    known[model, "voice"] = _FALLBACK_VOICE
                elif option := next((key for key in options if _is_rejected(err, key)), None):
                    if self._key(option) not in known:
                        name = self._host.entry.title
                        LOGGER.warning("The model %s of %s does not take %s", model, name, option)
                    known[self._key(option)] = _OMITTED
                elif (other := fallback_format(self._requested_format, requested)) and _is_rejected(
                    err, "response_format", "format", requested
                ):
                    known[model, self._requested_format] = other
                elif (delay := retry_delay(err, retries)) is not None:
                    retries += 1
                    await asyncio.sleep(delay)
                    continue
                else:
                    raise
                LOGGER.debug("The service is asked otherwise from now on: %s", err)
            else:
                return

    def _max_length(self, err: HomeAssistantError, text: str) -> int | None:
        """Return how many characters a service takes that rejects a text as too long.

        None for another error, and where files cannot follow each other.
        """
        if (
            not isinstance(err, ApiError)
            or err.status not in _REJECTING_STATUSES
            or not _TEXT_TOO_LONG.match(f"{err.message or ''} {err.code or ''}")
            or len(text) <= _MIN_SEGMENT_LENGTH
            or self._requested_format == "flac"
        ):
            return None
        numbers = [int(number) for number in _NUMBER.findall(err.message or "")]
        limits = [number for number in numbers if _MIN_SEGMENT_LENGTH <= number < len(text)]
        return max(limits, default=max(_MIN_SEGMENT_LENGTH, len(text) // 2))

    def _key(self, option: str) -> tuple[str, str, str]:
        """Return the key of an option with a value that the model rejects."""
        return self._options.model, option, repr(self._options.arguments[option])

    async def _async_request(
        self, segment: SpeechSegment, requested: str, voice: Any, sent: list[str]
    ) -> None:
        """Send one request with the options in `sent`, and add its audio as it arrives."""
        host, timeout = self._host, self._options.patience
        method, _ = await host.method(METHOD, "streaming")
        arguments = {
            **{key: value for key, value in self._options.arguments.items() if key in sent},
            "input": segment.text,
            "voice": Omit() if voice is None else voice,
            "response_format": requested,
            "timeout": timeout,
        }
        async with host.async_request_scope(timeout) as wait, method(**arguments) as response:
            content_type = response.headers.get("content-type", "")
            head, size = b"", 0
            reader: WavReader | None = None
            async with aclosing(iter_body(response)) as chunks:
                async for received in chunks:
                    chunk = received
                    size += len(chunk)
                    if size > _MAX_AUDIO_BYTES:
                        limit = f"> {_MAX_AUDIO_BYTES // 1024**2} MiB"
                        raise AssistError("assist_bad_sound", message=limit)
                    if not segment.format.done() and reader is None:
                        head += chunk
                        if len(head) < HEAD_BYTES:
                            continue
                        chunk, head = head, b""
                        reader = self._start_segment(segment, content_type, chunk, requested)
                        if not segment.format.done() and reader is None:
                            await self._async_raise_error(content_type, chunk, chunks)
                        # From here on each chunk has a time limit of its own.
                        host.disable_timeout(wait)
                    self._add_audio(segment, reader, chunk)
            if not segment.format.done():
                if reader is None and len(head) > 1:
                    reader = self._start_segment(segment, content_type, head, requested)
                    self._add_audio(segment, reader, head)
                if not segment.format.done():
                    if len(head) < 2 or not head.strip():
                        # A header without a sample is no audio, either.
                        raise AssistError("assist_answer_empty")
                    await self._async_raise_error(content_type, head, chunks)
        host.record_success(None, METHOD, self._options.model)

    def _start_segment(
        self, segment: SpeechSegment, content_type: str, head: bytes, requested: str
    ) -> WavReader | None:
        """Set the format of the audio, or return the reader that finds it in the header of a WAV."""
        container = detect_container(content_type, head, requested)
        if container == "wav":
            return WavReader()
        if container == "pcm":
            segment.set_format("pcm", pcm_format_of(content_type))
        elif container is not None:
            segment.set_format(container, None)
        return None

    def _add_audio(self, segment: SpeechSegment, reader: WavReader | None, chunk: bytes) -> None:
        """Add audio, without the header of a WAV."""
        if reader is not None:
            try:
                chunk = reader.feed(chunk)
            except WavError as err:
                raise AssistError("assist_bad_sound", message=str(err)) from None
            segment.size += len(chunk)
            if segment.size > 1 and reader.pcm_format is not None and not segment.format.done():
                segment.set_format("pcm", reader.pcm_format)
        segment.add(chunk)

    async def _async_raise_error(
        self, content_type: str, head: bytes, chunks: AsyncIterable[bytes]
    ) -> None:
        """Raise the error that a service has sent instead of audio."""
        async for chunk in chunks:
            head += chunk
            if len(head) > _MAX_ERROR_BYTES:
                break
        # It raises for an error that calls itself a success, and for a web page.
        claimed = "" if is_text(head[:HEAD_BYTES]) else content_type
        parse_body(self._host.settings, head[:_MAX_ERROR_BYTES], claimed)
        raise AssistError("assist_bad_sound", message=content_type.partition(";")[0] or BINARY_TYPE)


def _is_rejected(err: HomeAssistantError, param: str, *words: str) -> bool:
    """Return whether a service rejects a parameter: the error has its name, or all of these words."""
    if not isinstance(err, ApiError) or err.status not in _REJECTING_STATUSES:
        return False
    text = f"{err.param or ''} {err.message or ''} {err.code or ''}".lower()
    return param in text or (bool(words) and all(word in text for word in words))
