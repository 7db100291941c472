"""Saves the files that methods return, as they arrive."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
import re
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from homeassistant.exceptions import HomeAssistantError
import orjson

from ..action import ActionCall
from ..api import response
from ..error_translation import parse_error_body
from ..exceptions import (
    ErrorInResponse,
    ResponseTooLarge,
    StreamIncomplete,
    StreamMalformed,
    api_error,
    sanitize,
)
from ..streaming.accumulators import SpeechAccumulator
from ..streaming.sse import EventTooLarge, SSEDecoder
from ..types import Json
from . import multipart
from .media_types import (
    HEAD_BYTES,
    canonical_media_type,
    guess_type,
    is_media,
    is_text,
)
from .source import MAX_READ_BYTES
from .storage import async_require_media_directory, async_save, iter_bytes

_WRITE_SIZE = 1024 * 1024
_MAX_TEXT = 64 * 1024
"""Bytes of a text, returned instead of a file, that are read."""
# Methods that return audio or video, and their default format.
_MEDIA_METHODS = {"audio.speech.create": "mp3", "videos.download_content": "mp4"}
_NO_ALPHABET = re.compile(rb"[^A-Za-z0-9+/]")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class StreamedResponse(Protocol):
    """A response of the SDK whose body is read in chunks."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response."""

    def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Yield the decompressed body in chunks of `chunk_size` bytes, or as they arrive."""


class WholeResponse:
    """A body that was read already, as a response whose body is read in chunks."""

    def __init__(self, body: bytes, content_type: str) -> None:
        """Take the body and its content type."""
        self._body = body
        self.headers = {"content-type": content_type}

    async def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Yield the whole body."""
        yield self._body


async def async_download(request: ActionCall) -> Json:
    """Save the file that a method returns, as it arrives.

    Returns what `async_save` returns. Raises what `async_save_response` raises, StorageError before
    the request if the media folder is not writable, and an ApiError.
    """
    host = request.host
    directory = await async_require_media_directory(request.hass)
    method, arguments, seconds = await request.build("streaming")
    async with host.async_request_scope(seconds) as wait, method(**arguments) as response:
        # From here on each chunk has its own time limit: a large file takes long.
        host.disable_timeout(wait)
        return await async_save_response(request, response, directory)


async def async_save_response(
    request: ActionCall, response: StreamedResponse, directory: Path
) -> Json:
    """Save the body of a response.

    Returns what `async_save` returns, and raises what that raises. Where the method returns audio
    or video, a stream of events is joined, and a text (JSON, a web page) raises ErrorInResponse or
    HomeAssistantError "bad_answer" with the words of the server; StreamIncomplete and
    StreamMalformed are raised for a stream.
    """
    label = response.headers.get("content-type", "")
    chunks: AsyncIterator[bytes] = response.iter_bytes(_WRITE_SIZE)
    chunks = multipart.async_track_download(request, chunks, response.headers)
    labels = [label]
    if (default_format := _MEDIA_METHODS.get(request.operation.method)) is not None:
        head, chunks = await _async_peek(chunks)
        if is_text(head, label):
            if _is_event_stream(head, label):
                audio = await _async_join_events(request, chunks)
                chunks = iter_bytes(audio)
            else:
                raise await _async_text_error(request, label, chunks)
        # A content type other than audio, image or video is ignored.
        kinds = map(canonical_media_type, [label, *_wanted_types(request, default_format)])
        labels = list(filter(is_media, kinds))
    return await async_save(
        request.host,
        directory,
        chunks,
        *labels,
        name=request.options.get("filename") or _sent_name(response.headers),
        source_action=request.action.key,
    )


def _wanted_types(request: ActionCall, default_format: str) -> list[str]:
    """Return the media types of the requested format and of the default one."""
    formats = (request.data.get("response_format"), default_format)
    return [guess_type(f"x.{wanted}") for wanted in formats if isinstance(wanted, str)]


async def async_save_audio(request: ActionCall, directory: Path, audio: bytes) -> Json:
    """Save audio that was streamed.

    `audio` is a file in the requested format, or raw PCM. Returns what `async_save` returns, and
    raises what that raises.
    """
    return await async_save(
        request.host,
        directory,
        iter_bytes(audio),
        *filter(is_media, _wanted_types(request, _MEDIA_METHODS[request.operation.method])),
        name=request.options.get("filename"),
        source_action=request.action.key,
    )


def _sent_name(headers: Mapping[str, str]) -> str | None:
    """Return the file name in `Content-Disposition`."""
    found = re.search(r'filename="?([^";]+)', headers.get("content-disposition", ""))
    return found[1] if found else None


async def _async_peek(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return the first bytes, and all of the chunks."""
    head, read = b"", []
    async for chunk in chunks:
        read.append(chunk)
        head += chunk[:HEAD_BYTES]
        if len(head) >= HEAD_BYTES:
            break

    async def chain() -> AsyncIterator[bytes]:
        for chunk in read:
            yield chunk
        async for chunk in chunks:
            yield chunk

    return head[:HEAD_BYTES], chain()


def _is_event_stream(head: bytes, label: str) -> bool:
    """Return whether a text is an event stream."""
    return canonical_media_type(label) == "text/event-stream" or head.lstrip().startswith(
        (b"data:", b"event:")
    )


async def _async_join_events(request: ActionCall, chunks: AsyncIterator[bytes]) -> bytes:
    """Return the audio in an event stream; raises a translated error if there is none."""
    decoder, events, size = SSEDecoder(), SpeechAccumulator(), 0
    try:
        async for chunk in chunks:
            if (size := size + len(chunk)) > MAX_READ_BYTES:
                raise ResponseTooLarge(MAX_READ_BYTES)
            for _, data in decoder.feed(chunk):
                if data.strip() not in {b"", b"[DONE]"}:
                    # Raises ErrorInResponse for an error.
                    event = await response.async_parse_body(
                        request.hass, request.host.settings, data, "application/json"
                    )
                    events.add(event)
    except EventTooLarge:
        raise StreamMalformed from None
    if (done := events.result(ended=True)) is None:
        raise StreamIncomplete
    return await request.hass.async_add_executor_job(join_base64, done["audio"])


async def _async_text_error(
    request: ActionCall, label: str, chunks: AsyncIterator[bytes]
) -> HomeAssistantError:
    """Return the error for a text instead of a file, with the words of the server."""
    text, settings = b"", request.host.settings
    async for chunk in chunks:
        text += chunk[: _MAX_TEXT - len(text)]
        if len(text) >= _MAX_TEXT:
            break
    with suppress(orjson.JSONDecodeError):
        return ErrorInResponse(**parse_error_body(orjson.loads(text), settings))
    return api_error(
        "bad_answer",
        content_type=sanitize(canonical_media_type(label), settings) or "–",
        start=sanitize(text.decode(errors="replace"), settings),
    )


def join_base64(pieces: Any) -> bytes:
    """Return the bytes of a list of texts that are each base64 of their own; blocks.

    Raises StreamMalformed if one is not.
    """
    try:
        return b"".join(decode_base64(piece) for piece in pieces)
    except TypeError, ValueError:
        raise StreamMalformed from None


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64 as servers write it; blocks if it is long.

    It may be a `data:` URL, have line breaks, lack its padding, or use the URL-safe alphabet.
    Raises TypeError for what is no text, ValueError for anything else and for an empty text.
    """
    if not isinstance(text, str):
        raise TypeError("not a text")
    if text[:5].lower() == "data:":
        header, comma, text = text.partition(",")
        if not comma:
            raise ValueError("a data: address without content")
        content = unquote_to_bytes(text)
        if not header.lower().rstrip().endswith(";base64"):
            return content
    else:
        content = text.encode()
    content = b"".join(content.split()).rstrip(b"=").translate(_URL_SAFE)
    if not content or _NO_ALPHABET.search(content):
        raise ValueError("not base64")
    try:
        return base64.b64decode(content + b"=" * (-len(content) % 4), validate=True)
    except binascii.Error as err:
        raise ValueError(str(err)) from None
