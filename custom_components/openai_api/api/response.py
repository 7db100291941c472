"""Parses the bodies of responses, whatever their content type says."""

import codecs
from collections.abc import Callable
from contextlib import suppress
from functools import partial
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..error_bodies import answer_error, redact_error
from ..error_translation import parse_error_body
from ..exceptions import (
    ErrorInResponse,
    ResponseEmpty,
    ResponseTooComplex,
    StreamIncomplete,
    UnexpectedBody,
    sanitize,
)
from ..streaming.base import AnswerError, StreamAccumulator
from ..streaming.decode import StreamGarbled, assemble, is_event_stream
from ..streaming.large_json import MAX_CONTAINERS, TooManyContainers
from ..streaming.ndjson import is_ndjson
from ..streaming.text import LARGE_BYTES, load_json
from ..types import Json
from .config import HostConfig

_NON_TEXT_TYPES = frozenset({"text/html", "text/json"})
_TEXT_TYPES = frozenset({"application/x-subrip", "application/srt", "application/vtt"})
_BINARY = ("audio/", "image/", "video/", "application/octet-stream")
_DONE_MARK = b"[DONE]"
_DONE = re.compile(rb"\s*(?:data: ?)?\[DONE\]\s*\Z")
_MARKUP = re.compile(
    r"<(?:!doctype|html|head|body|title|meta|div|span|p|a|h[1-6]|pre|script|style|br|hr|center)\b",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\s*<(?:!doctype html|html)\b", re.IGNORECASE)
"""The beginning of a web page, whatever its content type says."""
_LOOKED_AT = 4096
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_SHOWN = 32 * 1024
"""Bytes of an unexpected body that are decoded for its error, which shows fewer."""
_PIECE = 256 * 1024


async def async_parse_body(
    hass: HomeAssistant, settings: HostConfig, body: bytes, content_type: str, **options: Any
) -> Json:
    """Parse a body, in the executor if it is large.

    Returns what `parse_body` returns, which takes `options`, and raises what that raises.
    """
    if len(body) <= LARGE_BYTES:
        return parse_body(settings, body, content_type, **options)
    found = await hass.async_add_executor_job(
        partial(_parse_large, settings, body, content_type, **options)
    )
    if isinstance(found, HomeAssistantError):
        raise found
    return found


def _parse_large(
    settings: HostConfig, body: bytes, content_type: str, **options: Any
) -> Json | HomeAssistantError:
    """Return what `parse_body` does, or its error.

    Its traceback would keep all that was read, for the event loop to take apart.
    """
    try:
        return parse_body(settings, body, content_type, **options)
    except HomeAssistantError as err:
        return err.with_traceback(None)


def parse_body(
    settings: HostConfig,
    body: bytes,
    content_type: str,
    *,
    accumulator: Callable[[], StreamAccumulator] | None = None,
    expects_text: bool = False,
    is_item: bool = False,
) -> Json:
    """Return the JSON object in a body.

    A plain text becomes `{"text": …}`, a list `{"data": […]}`. A stream of events becomes what
    `accumulator` makes of it, or its only event. With `expects_text`, any text but a web page
    becomes `{"text": …}`, and so does an empty body, which is silence. With `is_item`, the `error`
    of an item of a conversation is its own, as that of a tool that has failed.

    Raises ErrorInResponse for an error with a status of success, ResponseEmpty, StreamIncomplete
    for a stream without its end, ResponseTooComplex for more objects and lists than are read,
    UnexpectedBody for anything else.
    """
    kind = content_type.partition(";")[0].strip().lower()
    body = _as_utf8(body, content_type)
    if _is_blank(body):
        if expects_text:
            return {"text": decode_text(body)}
        raise ResponseEmpty
    takes_text = getattr(accumulator, "takes_text", False)
    if accumulator is not None and is_ndjson(body, of_objects=takes_text):
        return _parse_stream(settings, body, kind, accumulator)
    if is_event_stream(body) and (kind == "text/event-stream" or not expects_text):
        return _parse_stream(settings, body, kind, accumulator)
    try:
        found = _load(body)
    except ValueError:
        start = _start_of(body)
        if _is_text(kind, start, expects_text=expects_text):
            return {"text": decode_text(body)}
        raise unexpected_body_error(settings, kind, start) from None
    if expects_text and not isinstance(found, dict | str):
        # A transcript such as "17" is a text, though it is JSON, too.
        return {"text": decode_text(body)}
    if kind.startswith("text/plain") and not isinstance(found, dict):
        return {"text": decode_text(body)}
    if isinstance(found, list) and answer_error(found) is None:
        return {"data": found}
    if isinstance(found, str):
        return {"text": found}
    if not isinstance(found, dict | list):
        raise unexpected_body_error(settings, kind, _start_of(body))
    error = answer_error(found, is_of_model=accumulator is not None, is_item=is_item)
    if error is not None:
        # Some servers send errors with status 200.
        raise ErrorInResponse(**parse_error_body(error, settings))
    assert isinstance(found, dict)
    if accumulator is not None and "choices" in found and not found["choices"]:
        raise ResponseEmpty
    # A job that has failed is an answer, too, and says why.
    return redact_error(found, settings.redact) if found.get("error") else found


def _is_blank(body: bytes) -> bool:
    """Return whether a body is empty or white space; a call of Python for all of it would block."""
    return all(body[at : at + _PIECE].isspace() for at in range(0, len(body), _PIECE))


def decode_text(body: bytes) -> str:
    """Return a body as text, with U+FFFD for what is not UTF-8.

    It is decoded in pieces: invalid bytes take Python long, and other threads wait for each call.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces = [decoder.decode(body[at : at + _PIECE]) for at in range(0, len(body), _PIECE)]
    return "".join([*pieces, decoder.decode(b"", final=True)])


def _start_of(body: bytes) -> str:
    """Return the beginning of a body as text."""
    return body[:_SHOWN].decode(errors="replace")


def _as_utf8(body: bytes, content_type: str) -> bytes:
    """Return a text in UTF-8, without a byte order mark, and without zeros at its end."""
    if body[:2] in _WIDE_MARKS:
        return body.decode("utf-16", errors="replace").encode()
    if (found := _CHARSET.search(content_type)) is not None:
        with suppress(LookupError, UnicodeError):
            body = _decoded(body, codecs.lookup(found[1]).name)
    if body[-1:] == b"\0":
        body = body.rstrip(b"\0")
    return body.removeprefix(codecs.BOM_UTF8)


def _decoded(body: bytes, charset: str) -> bytes:
    """Return a text in UTF-8 that is in the character set of its content type.

    Many servers name one that they do not use: what is UTF-8 stays as it is.
    """
    if charset.startswith(("utf-8", "ascii")):
        return body
    if not charset.startswith(("utf-16", "utf-32")):
        try:
            body.decode()
        except UnicodeDecodeError:
            return body.decode(charset).encode()
    elif b"\0" in body[:4]:
        return body.decode(charset).encode()
    return body


def _without_done(body: bytes) -> bytes:
    """Return a body without `[DONE]`, which some servers append to JSON."""
    start = body[: -len(_DONE_MARK) * 8]
    end = body[len(start) :]
    return start + _DONE.sub(b"", end) if _DONE_MARK in end else body


def _load(body: bytes) -> Any:
    """Return the value in a body; raises ValueError for what is no JSON, and ResponseTooComplex."""
    try:
        return load_json(_without_done(body))
    except TooManyContainers:
        raise ResponseTooComplex(MAX_CONTAINERS) from None


def _parse_stream(
    settings: HostConfig,
    body: bytes,
    kind: str,
    accumulator: Callable[[], StreamAccumulator] | None,
) -> Json:
    """Return what a stream that was not asked for adds up to."""
    try:
        answer = assemble(body, accumulator)
    except AnswerError as err:
        raise ErrorInResponse(**parse_error_body(err.body, settings)) from None
    except StreamGarbled:
        raise unexpected_body_error(settings, kind, _start_of(body)) from None
    if answer is None:
        if accumulator is None:
            raise unexpected_body_error(settings, kind, _start_of(body))
        raise StreamIncomplete
    return answer


def _is_text(kind: str, text: str, *, expects_text: bool) -> bool:
    """Return whether a body that is not JSON is the requested text, and not a web page."""
    if kind in _TEXT_TYPES or (kind.startswith("text/") and kind not in _NON_TEXT_TYPES):
        return kind != "text/event-stream" and _PAGE.match(text) is None
    is_page = _MARKUP.search(text[:_LOOKED_AT]) is not None or "\0" in text[:_LOOKED_AT]
    return expects_text and not is_page and not kind.startswith(_BINARY)


def unexpected_body_error(settings: HostConfig, kind: str, text: str) -> UnexpectedBody:
    """Return the error for a body that is not what was requested."""
    is_binary = kind.startswith(_BINARY) or "\0" in text[:_LOOKED_AT]
    return UnexpectedBody(sanitize(kind, settings), "" if is_binary else sanitize(text, settings))


def stray_answer(settings: HostConfig, lines: list[bytes], kind: str) -> Any:
    """Return the object that a stream holds instead of events, None if there is none.

    Raises what `parse_body` raises for an error, and UnexpectedBody for a web page.
    """
    body = b"\n".join(lines).strip()
    if body[:1] in (b"{", b"["):
        try:
            _load(body)
        except ValueError:
            return None
        return parse_body(settings, body, "application/json")
    if body[:1] == b"<":
        raise unexpected_body_error(settings, kind, _start_of(body))
    return None
