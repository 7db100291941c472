"""Saves the files that methods return, as they arrive."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import orjson

from ..action import ActionCall
from ..api import response
from ..api.transport import async_join
from ..error_bodies import answer_error
from ..error_translation import parse_error_body
from ..exceptions import (
    ErrorInResponse,
    ResponseEmpty,
    ResponseTooLarge,
    StreamIncomplete,
    StreamMalformed,
    UnexpectedBody,
    sanitize,
)
from ..streaming.accumulators import SpeechAccumulator
from ..streaming.decode import is_event_stream
from ..streaming.ndjson import NdjsonDecoder
from ..streaming.sse import EventTooLarge, SSEDecoder
from ..types import Json
from . import multipart
from .base64_text import decode_base64
from .encoded_audio import audio_in_text
from .media_types import (
    HEAD_BYTES,
    OCTET_STREAM,
    canonical_media_type,
    decode_text,
    guess_type,
    is_media,
    is_other_file,
    is_text,
)
from .sent_names import sent_name
from .source import MAX_READ_BYTES
from .storage import async_require_media_directory, async_save, iter_bytes

_WRITE_SIZE = 1024 * 1024
_LOOKED_AT = 256
_MAX_TEXT = 64 * 1024
"""Bytes of a text, returned instead of a file, that are read."""
# Methods that return audio or video, and their default format.
_SPEECH = "audio.speech.create"
_LINES = "application/jsonl"
_MEDIA_METHODS = {_SPEECH: "mp3", "videos.download_content": "mp4"}
_REFUSAL = frozenset({"code", "detail", "error", "message", "object", "param", "status", "type"})
"""The keys of which an error consists that a server sends instead of a file."""


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
    or video, a stream of events is joined, and audio in a text is decoded. Any other text (JSON, a
    web page) raises ErrorInResponse or UnexpectedBody with the words of the server, another kind of
    file UnexpectedBody. An object that is nothing but an error raises ErrorInResponse, unless it
    has a file name or is called a file, which may also be empty. ResponseEmpty is raised for
    nothing but blanks, StreamIncomplete and StreamMalformed for a stream.
    """
    label = response.headers.get("content-type", "")
    chunks: AsyncIterator[bytes] = response.iter_bytes(_WRITE_SIZE)
    chunks = multipart.async_track_download(request, chunks, response.headers)
    labels = [label]
    may_be_empty = False
    if (default_format := _MEDIA_METHODS.get(request.operation.method)) is not None:
        head, chunks = await _async_peek(chunks)
        if head and len(head) < HEAD_BYTES and not head.strip():
            # Nothing but the end of a line.
            raise ResponseEmpty
        if is_text(head, label):
            is_lines = _is_ndjson(head) or canonical_media_type(label) == _LINES
            if is_lines or _is_event_stream(head, label):
                audio = await _async_join_events(request, chunks, is_lines=is_lines)
                chunks = iter_bytes(audio)
            else:
                chunks = iter_bytes(await _async_read_text(request, label, chunks))
        elif is_other_file(head, is_audio=request.operation.method == _SPEECH):
            raise _unexpected(label, request)
        # A content type other than audio, image or video is ignored.
        kinds = map(canonical_media_type, [label, *_wanted_types(request, default_format)])
        labels = list(filter(is_media, kinds))
    elif "content-disposition" in response.headers or canonical_media_type(label) == OCTET_STREAM:
        # No error is called a file, and code interpreters write empty ones.
        may_be_empty = response.headers.get("content-length") == "0"
    else:
        head, chunks = await _async_peek(chunks)
        if (error := _refusal_in(head)) is not None:
            raise ErrorInResponse(**parse_error_body(error, request.host.settings))
    return await async_save(
        request.host,
        directory,
        chunks,
        *labels,
        name=request.options.get("filename")
        or sent_name(response.headers.get("content-disposition", "")),
        source_action=request.action.key,
        may_be_empty=may_be_empty,
    )


def _refusal_in(head: bytes) -> object | None:
    """Return the error that a server has sent instead of a file, with a status of success.

    None for anything that may be the file. `head` are its first bytes, or all if there are fewer.
    """
    if len(head) >= HEAD_BYTES or head.lstrip()[:1] != b"{":
        return None
    with suppress(orjson.JSONDecodeError):
        refusal = orjson.loads(head)
        # An error in an object may be the file: that of a batch.
        if refusal.keys() <= _REFUSAL and not isinstance(refusal.get("error"), dict):
            return answer_error(refusal)
    return None


def _wanted_types(request: ActionCall, default_format: str) -> list[str]:
    """Return the media types of the requested format and of the default one."""
    formats = (request.data.get("response_format"), default_format)
    return [guess_type(f"x.{extension}") for extension in formats if isinstance(extension, str)]


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
    return canonical_media_type(label) == "text/event-stream" or is_event_stream(head)


def _is_ndjson(head: bytes) -> bool:
    """Return whether a text begins with an event of speech on a line, which may be long."""
    return head.lstrip()[:1] == b"{" and b'"speech.audio.' in head[:_LOOKED_AT]


async def _async_join_events(
    request: ActionCall, chunks: AsyncIterator[bytes], *, is_lines: bool
) -> bytes:
    """Return the audio in an event stream; raises a translated error if there is none."""
    decoder: SSEDecoder | NdjsonDecoder = NdjsonDecoder() if is_lines else SSEDecoder()
    events, size = SpeechAccumulator(), 0
    try:
        async for chunk in chunks:
            if (size := size + len(chunk)) > MAX_READ_BYTES:
                raise ResponseTooLarge(MAX_READ_BYTES)
            for _, data in decoder.feed(chunk):
                await _async_add_event(request, events, data)
        for _, data in decoder.flush():
            await _async_add_event(request, events, data)
    except EventTooLarge:
        raise StreamMalformed from None
    if (done := events.result(ended=True)) is None:
        raise StreamIncomplete
    return await request.hass.async_add_executor_job(join_base64, done["audio"])


async def _async_add_event(request: ActionCall, events: SpeechAccumulator, data: bytes) -> None:
    """Add an event of a stream; raises ErrorInResponse for an error."""
    if data.strip() not in {b"", b"[DONE]"}:
        event = await response.async_parse_body(
            request.hass, request.host.settings, data, "application/json"
        )
        events.add(event)


async def _async_read_text(request: ActionCall, label: str, chunks: AsyncIterator[bytes]) -> bytes:
    """Return the audio in a text; raises a translated error with the words of the server."""
    pieces, size, is_audio = [], 0, request.operation.method == _SPEECH
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size >= (MAX_READ_BYTES if is_audio else _MAX_TEXT):
            break
    text = await async_join(pieces, size)
    if is_audio:
        is_pcm = request.data.get("response_format") == "pcm"
        work = partial(audio_in_text, text, is_pcm=is_pcm)
        if (audio := await request.hass.async_add_executor_job(work)) is not None:
            return audio
    settings = request.host.settings
    decoded = decode_text(text[:_MAX_TEXT])
    with suppress(orjson.JSONDecodeError):
        raise ErrorInResponse(**parse_error_body(orjson.loads(decoded), settings))
    raise _unexpected(label, request, decoded)


def _unexpected(label: str, request: ActionCall, text: str = "") -> UnexpectedBody:
    """Return the error for a body that is no such file."""
    settings = request.host.settings
    return UnexpectedBody(sanitize(canonical_media_type(label), settings), sanitize(text, settings))


def join_base64(pieces: Any) -> bytes:
    """Return the bytes of a list of texts that are each base64 of their own; blocks.

    Raises StreamMalformed if one is not.
    """
    try:
        return b"".join(decode_base64(piece) for piece in pieces)
    except TypeError, ValueError:
        raise StreamMalformed from None
