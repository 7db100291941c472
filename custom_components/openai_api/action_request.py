"""Sends the request of one call of an action, and reads the response."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from .action import ActionCall
from .api.request import async_request_bytes
from .api.response import async_parse_body, unexpected_body_error
from .error_bodies import answer_error
from .error_translation import parse_error_body
from .exceptions import (
    ApiError,
    ErrorInResponse,
    ErrorSettings,
    ResponseEmpty,
    UnexpectedBody,
)
from .streaming.answer_forms import adapt, transcript_in
from .streaming.answer_objects import (
    id_in,
    is_change,
    is_deletion,
    is_left_undeleted,
    is_named,
    may_be_made,
)
from .streaming.embeddings import has_numbers, with_numbers
from .streaming.subtitles import FORMATS as SUBTITLES, as_subtitles
from .streaming.text import LARGE_BYTES
from .types import Json

_SHOWN = 4096
"""Bytes of an unexpected response that are quoted at most."""
_TRANSCRIPTS = frozenset({"audio.transcriptions.create", "audio.translations.create"})
_TEXT_FORMATS = ("text", "srt", "vtt")
_WRAPPINGS = ("data", "result", "response")
_ITEMS = frozenset({"conversations.items.retrieve"})
"""Methods that return an item, whose `error` is its own."""
_LISTS = frozenset({"conversations.items.create"})
"""Methods that return a list of what they make."""
_NOTHING = frozenset({b"", b"null", b"true"})
"""Bodies that say no more than the status does."""
_ANSWER_KEYS = {
    "beta.responses.create": {"output", "output_text"},
    "chat.completions.create": {"choices"},
    "completions.create": {"choices"},
    "embeddings.create": {"data"},
    "images.create_variation": {"data"},
    "images.edit": {"data"},
    "images.generate": {"data"},
    "moderations.create": {"results"},
    "responses.create": {"output", "output_text"},
}
"""Keys of the responses of these SDK methods: each response has at least one of them."""


async def async_fetch(request: ActionCall, **changes: Any) -> tuple[bytes, str]:
    """Send the request of a call, and return the body of the response.

    Returns `(body, content type)`. `changes` replace arguments after they have been encoded. Raises
    what `api.request.async_request_bytes` raises.
    """
    values, size = await request.encode()
    return await async_request_bytes(
        request.host,
        request.operation,
        values | changes,
        request.request_options,
        upload_size=size,
    )


async def async_request_json(request: ActionCall, **changes: Any) -> Json:
    """Send the request of a call, and return the JSON object in the response.

    Returns what `parse_body` returns, the API's object unchanged. Raises what `async_fetch` and
    `parse_body` raise.
    """
    body, content_type = await async_fetch(request, **changes)
    return await async_parse_answer(request, body, content_type)


async def async_parse_answer(request: ActionCall, body: bytes, content_type: str) -> Json:
    """Return the JSON object in the body of a response to a call.

    Returns what `parse_body` returns. A stream of events is accumulated though the call did not ask
    for one, and a transcript in a text format becomes `{"text": …}` whatever its content type. An
    object in `data` or in a list of one, as some gateways wrap it, is unwrapped. Nothing at all as
    the answer to a change becomes `{}`, to a deletion `{"deleted": true}`. Raises what `parse_body` raises,
    UnexpectedBody for an object without the keys of the method, and ErrorInResponse for a wrapped
    error, and for a deletion that the server has not made.
    """
    action, form = request.action, request.data.get("response_format")
    request.answer_size.bytes = len(body)
    method, settings = request.operation.method, request.host.settings
    is_transcript = method in _TRANSCRIPTS
    if is_change(method) and body.strip() in _NOTHING:
        return {"deleted": True} if is_deletion(method) else {}
    answer = await async_parse_body(
        request.hass,
        settings,
        body,
        content_type,
        accumulator=action.accumulator,
        expects_text=is_transcript and form in _TEXT_FORMATS,
        is_item=method in _ITEMS,
    )

    def unexpected() -> UnexpectedBody:
        words = body[:_SHOWN].decode(errors="replace")
        return unexpected_body_error(settings, content_type, words)

    if is_transcript:
        if (text := transcript_in(answer)) is not None:
            return _with_transcript(answer, text, form)
        raise unexpected()
    if is_deletion(method):
        check_deletion(answer, settings)
    keys = _ANSWER_KEYS.get(method)
    if keys is None:
        if (made := _object_in(method, answer, settings)) is None:
            raise unexpected()
        return made
    adapted = adapt(method, answer)
    if _has_answer(keys, adapted):
        return await _async_completed(request, adapted)
    if isinstance(wrapped := unwrapped(answer), dict):
        if (error := answer_error(wrapped)) is not None:
            raise ErrorInResponse(**parse_error_body(error, settings))
        wrapped = adapt(method, wrapped)
        if _has_answer(keys, wrapped):
            return await _async_completed(request, wrapped)
    raise unexpected()


async def _async_completed(request: ActionCall, answer: Json) -> Json:
    """Return an answer of a method with `_ANSWER_KEYS`: embeddings as they were requested.

    Raises ResponseEmpty for embeddings without numbers.
    """
    if request.operation.method != "embeddings.create":
        return answer
    if request.data.get("encoding_format") != "base64":
        answer = await async_run_large(request, partial(with_numbers, answer))
    if not has_numbers(answer):
        raise ResponseEmpty
    return answer


def check_deletion(answer: Json, settings: ErrorSettings) -> None:
    """Raise ErrorInResponse if the answer to a deletion says that nothing was deleted."""
    if is_left_undeleted(answer):
        raise ErrorInResponse(**parse_error_body({"message": "deleted: false", **answer}, settings))


def require_id(request: ActionCall, answer: Json, *keys: str) -> str:
    """Return the id that an object has under one of these keys.

    Raises UnexpectedBody with the object if it has none: it may have been paid for.
    """
    if (identifier := id_in(answer, *keys)) is None:
        words = orjson.dumps(answer, default=str)[:_SHOWN].decode(errors="replace")
        raise unexpected_body_error(request.host.settings, "application/json", words)
    return identifier


def _object_in(method: str, answer: Json, settings: ErrorSettings) -> Json | None:
    """Return the object that a method makes or reads, also from within another; None if none is.

    Raises ErrorInResponse for an error, and ResponseEmpty for an empty object.
    """
    if is_change(method) or is_named(answer):
        return answer
    if not answer:
        raise ResponseEmpty
    for candidate in (unwrapped(answer), answer):
        if not isinstance(candidate, dict) or method in _LISTS:
            continue
        if (error := answer_error(candidate, is_of_model=True)) is not None:
            raise ErrorInResponse(**parse_error_body(error, settings))
        if is_named(candidate):
            return candidate
    return answer if may_be_made(method, answer) else None


def _has_answer(keys: set[str], answer: Json) -> bool:
    """Return whether an object is what a method with these keys returns.

    Raises ResponseEmpty for an empty list of what was requested.
    """
    if any(key in answer and (len(keys) == 1 or answer[key] is not None) for key in keys):
        if len(keys) == 1 and not answer[next(iter(keys))]:
            raise ResponseEmpty
        if "choices" in keys:
            return _has_message(answer["choices"])
        return "data" not in keys or isinstance(answer["data"], list)
    # A response that the server has only begun may lack its output.
    if "output" not in keys or "id" not in answer or "choices" in answer:
        return False
    is_named = answer.get("object") == "response" or str(answer["id"]).startswith("resp_")
    return is_named or "status" in answer


def _has_message(choices: object) -> bool:
    """Return whether one of the choices says something, or why it does not."""
    return isinstance(choices, list) and any(
        isinstance(choice, dict)
        and (
            isinstance(choice.get("message"), dict)
            or "text" in choice
            or choice.get("finish_reason") not in (None, "", "stop")
        )
        for choice in choices
    )


def _with_transcript(answer: Json, text: str, form: object) -> Json:
    """Return a transcript with its text: some hosts send none for silence, a list, or no subtitles."""
    if form in SUBTITLES:
        text = as_subtitles(text, answer.get("segments"), str(form))
    if answer.keys() == {"data"} and isinstance(segments := answer["data"], list):
        return {"text": text, "segments": segments}
    return {**answer, "text": text}


def unwrapped(answer: Json) -> object:
    """Return what some gateways wrap in `data`, `result` or `response`, or in a list of one."""
    inner = next((answer[key] for key in _WRAPPINGS if answer.get(key)), None)
    return inner[0] if isinstance(inner, list) and len(inner) == 1 else inner


async def async_finish(request: ActionCall, answer: Json) -> Json:
    """Check a response, and return it with the keys that the action adds.

    Returns the API's object with keys such as `{"output_text": …}`, as `postprocess` of the action
    adds them. Raises ToolCallIncomplete or StructureIgnored if the response is not what was asked
    for, though the server says that it is complete.
    """
    action = request.action
    if action.check is not None:
        try:
            settings = request.host.settings
            await async_run_large(request, partial(action.check, request.data, answer, settings))
        except ApiError:
            # It has used tokens nevertheless.
            request.host.record_success(answer, request.operation.method, request.data.get("model"))
            raise
    if action.postprocess is None:
        return answer
    return await async_run_large(request, partial(action.postprocess, answer))


async def async_run_large[T](request: ActionCall, work: Callable[[], T]) -> T:
    """Return the result of work on a response, done in the executor if that is large."""
    if request.answer_size.bytes <= LARGE_BYTES:
        return work()
    return await request.hass.async_add_executor_job(work)
