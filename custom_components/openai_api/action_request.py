"""Sends the request of one call of an action, and reads the answer to it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from homeassistant.exceptions import HomeAssistantError

from .action import ActionCall
from .api.request import async_request_bytes
from .api.response import async_parse_body, unexpected_body_error
from .error_bodies import answer_error
from .error_translation import parse_error_body
from .exceptions import ErrorInResponse, api_error, sanitize
from .streaming.text import LARGE_BYTES
from .types import Json

_SHOWN = 4096
"""Bytes of an unexpected answer that are looked at for words to show."""
_TRANSCRIPTS = frozenset({"audio.transcriptions.create", "audio.translations.create"})
_TEXT_FORMATS = ("text", "srt", "vtt")
_ANSWER_KEYS = {
    "beta.responses.create": {"id", "output"},
    "chat.completions.create": {"choices"},
    "completions.create": {"choices"},
    "embeddings.create": {"data"},
    "images.create_variation": {"data"},
    "images.edit": {"data"},
    "images.generate": {"data"},
    "moderations.create": {"results"},
    "responses.create": {"id", "output"},
}
"""What no answer of these SDK methods lacks: one of the keys is in each."""


async def async_fetch(request: ActionCall, **changes: Any) -> tuple[bytes, str]:
    """Return the body of the answer and its content type."""
    values, size = await request.encode()
    return await async_request_bytes(
        request.host,
        request.operation,
        values | changes,
        request.request_options,
        upload_size=size,
    )


async def async_request_json(request: ActionCall, **changes: Any) -> Json:
    """Return the API's object, whole and untouched."""
    body, content_type = await async_fetch(request, **changes)
    return await async_parse_answer(request, body, content_type)


async def async_parse_answer(request: ActionCall, body: bytes, content_type: str) -> Json:
    """Return the object in the body of an answer to a request; raises as `parse_body` does.

    A stream that nobody asked for becomes what it adds up to, and the words of a recording a
    text whatever they are labelled. Raises UnexpectedBody for an object without anything of what
    the method returns: many gateways have words of their own for errors.
    """
    action, form = request.action, request.data.get("response_format")
    request.answer_size.bytes = len(body)
    is_transcript = action.method in _TRANSCRIPTS
    answer = await async_parse_body(
        request.hass,
        request.host.settings,
        body,
        content_type,
        accumulator=action.accumulator,
        expects_text=is_transcript and form in _TEXT_FORMATS,
    )
    if is_transcript:
        return _transcript(answer)
    keys = _ANSWER_KEYS.get(action.method)
    if keys is None or not keys.isdisjoint(answer):
        return answer
    settings = request.host.settings
    if isinstance(wrapped := _wrapped(answer), dict):
        if (error := answer_error(wrapped)) is not None:
            raise ErrorInResponse(**parse_error_body(error, settings))
        if not keys.isdisjoint(wrapped):
            return wrapped
    raise unexpected_body_error(settings, content_type, body[:_SHOWN].decode(errors="replace"))


def _transcript(answer: Json) -> Json:
    """Return a transcript whose `text` is one: some hosts send none for silence, or a list."""
    if isinstance(segments := answer.get("data"), list) and "text" not in answer:
        texts = [item.get("text") for item in segments if isinstance(item, dict)]
        if len(texts) == len(segments) and all(isinstance(text, str) for text in texts):
            return {"text": "".join(texts), "segments": segments}
    return {**answer, "text": ""} if answer.get("text", "") is None else answer


def _wrapped(answer: Json) -> object:
    """Return what some gateways wrap in `data`, or in a list of one."""
    found = answer.get("data")
    return found[0] if isinstance(found, list) and len(found) == 1 else found


async def async_finish(request: ActionCall, answer: Json) -> Json:
    """Return an answer with what its row adds to it.

    Raises a translated error where it is not what was asked for, though the host says so.
    """
    action = request.action
    if action.check is not None:
        try:
            await async_run_large(request, partial(action.check, request.data, answer))
        except HomeAssistantError as err:
            # It was paid for all the same.
            request.host.record_success(answer, action.method, request.data.get("model"))
            shown = {
                name: sanitize(text, request.host.settings)
                for name, text in (err.translation_placeholders or {}).items()
            }
            raise api_error(err.translation_key or "bad_answer", **shown) from None
    if action.postprocess is None:
        return answer
    return await async_run_large(request, partial(action.postprocess, answer))


async def async_run_large[T](request: ActionCall, work: Callable[[], T]) -> T:
    """Return what work on an answer comes to, done outside of the event loop if it is large."""
    if request.answer_size.bytes <= LARGE_BYTES:
        return work()
    return await request.hass.async_add_executor_job(work)
