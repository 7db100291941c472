"""Sends the request of an action, and gives back the answer as plain JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from homeassistant.core import Context, HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError

from .. import files, streams
from ..errors import failure, quote
from ..files import transfers
from ..host import OpenAIConfigEntry, ServiceHost
from ..model import Action, Answer, Json
from . import polls
from .body import bad_answer, parse

__all__ = [
    "BYTES_PER_SECOND",
    "Prepared",
    "Request",
    "async_ask",
    "async_fetch",
    "async_handle",
    "async_list",
    "bad_answer",
    "finish",
    "parse",
    "parse_answer",
]

_TRANSCRIPTS = frozenset({"audio.transcriptions.create", "audio.translations.create"})
_TEXT_FORMATS = ("text", "srt", "vtt")
# The slowest upload that is still worth waiting for.
BYTES_PER_SECOND = 64 * 1024


@dataclass(kw_only=True)
class Request:
    """One call of an action: whom to ask, what, and on whose behalf."""

    hass: HomeAssistant
    entry: OpenAIConfigEntry
    host: ServiceHost
    """The one of the entry, which lets go of it when it is unloaded."""
    action: Action
    data: Mapping[str, Any]
    """The arguments of the SDK method, under their own names."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The fields that are no arguments of the method: `timeout`, `all_pages`, `filename`, …"""
    context: Context

    @property
    def seconds(self) -> float:
        """How long the caller waits for the answer, or for the next piece of a stream."""
        seconds = float(self.options.get("timeout") or self.host.settings.timeout)
        if self.action.assemble is not None and self.longest is not None:
            return min(seconds, self.longest)
        return seconds

    @property
    def longest(self) -> float | None:
        """How long the caller waits for the whole of it, in seconds; None for as long as it takes."""
        longest: float | None = self.options.get("max_wait_seconds")
        return longest

    async def prepare(self, form: str) -> Prepared:
        """Return the SDK method, ready to be called.

        Files are looked for here, so that nothing is sent when one of them is missing.
        """
        method, known = await self.host.method(self.action.method, form)
        values = {**self.action.defaults, **self.data}
        uploads = set()
        for item in self.action.fields:
            if item.weave is not None and item.key in values:
                await item.weave(self, values, values.pop(item.key))
            elif item.file:
                uploads.add(item.key)
        arguments: dict[str, Any] = {}
        unknown: Json = {}
        size = 0
        for key, value in values.items():
            if key in uploads:
                arguments[key], length = await transfers.async_open(self, value)
                size += length
            elif key in known:
                arguments[key] = value
            else:
                # The API may know it, though the installed SDK does not.
                unknown[key] = value
        query = dict(self.options.get("extra_query") or {})
        body = dict(self.options.get("extra_body") or {})
        (body if self.action.body else query).update(unknown)
        if query:
            arguments["extra_query"] = query
        if body:
            arguments["extra_body"] = body
        arguments["timeout"] = self.seconds
        return Prepared(method, arguments, self.seconds + size / BYTES_PER_SECOND)


class Prepared(NamedTuple):
    """An SDK method with its arguments, and the seconds that it may take."""

    method: Callable[..., Any]
    arguments: dict[str, Any]
    seconds: float


async def async_handle(request: Request) -> ServiceResponse:
    """Answer a call of an action in the way that its row says."""
    action = request.action
    if action.handler is not None:
        return await action.handler(request)
    if action.assemble is not None and action.streams(request.data):
        return await streams.async_run(request)
    match action.answer:
        case Answer.BINARY:
            return await files.async_download(request)
        case Answer.PAGE:
            return await async_list(request)
        case Answer.VOID:
            return await _async_do(request)
    answer = await async_ask(request)
    if action.poll is not None:
        answer = await polls.async_settle(request, answer)
    return finish(request, answer)


async def async_fetch(request: Request, **changes: Any) -> tuple[bytes, str]:
    """Return the body of the answer and its content type."""
    method, arguments, seconds = await request.prepare("raw")
    async with request.host.waiting(seconds):
        answer = await method(**arguments | changes)
        response = answer.http_response
        return response.content, response.headers.get("content-type", "")


async def async_ask(request: Request, **changes: Any) -> Json:
    """Return the API's object, whole and untouched."""
    body, content_type = await async_fetch(request, **changes)
    return parse_answer(request, body, content_type)


def parse_answer(request: Request, body: bytes, content_type: str) -> Json:
    """Return the object in the body of an answer to a request; raises as `parse` does.

    A stream that nobody asked for becomes what it adds up to, and the words of a recording a
    text whatever they are labelled.
    """
    action, form = request.action, request.data.get("response_format")
    is_transcript = action.method in _TRANSCRIPTS
    return parse(
        request.host.settings,
        body,
        content_type,
        accumulator=action.assemble,
        expects_text=is_transcript and form in _TEXT_FORMATS,
    )


def finish(request: Request, answer: Json) -> Json:
    """Return an answer with what its row adds to it.

    Raises a translated error where it is not what was asked for, though the host says so.
    """
    action = request.action
    if action.check is not None:
        try:
            action.check(request.data, answer)
        except HomeAssistantError as err:
            # It was paid for all the same.
            request.host.answered(answer, action.method, request.data.get("model"))
            shown = {
                name: quote(text, request.host.settings)
                for name, text in (err.translation_placeholders or {}).items()
            }
            raise failure(err.translation_key or "bad_answer", **shown) from None
    return action.finish(answer) if action.finish else answer


async def async_list(request: Request) -> Json:
    """Return a page of a list, or the whole list as one page."""
    page = await async_ask(request)
    items = page.get("data")
    if not isinstance(items, list):
        raise failure("bad_answer", content_type="application/json", start="–")
    seen: set[str] = set()
    follow = request.options.get("all_pages") and any(
        item.key == "after" for item in request.action.fields
    )
    last = page
    while follow and last.get("has_more") and (cursor := _cursor(last)) and cursor not in seen:
        # A host that repeats its cursor would keep us here for ever.
        seen.add(cursor)
        last = await async_ask(request, after=cursor)
        if not isinstance(more := last.get("data") or [], list):
            raise failure("bad_answer", content_type="application/json", start="–")
        items.extend(more)
    page["has_more"] = bool(last.get("has_more", False))
    page["first_id"] = page.get("first_id") or _id(items[:1])
    page["last_id"] = _cursor(last) or _id(items[-1:])
    return page


def _cursor(page: Json) -> str | None:
    """Return where the next page begins."""
    cursor = page.get("last_id") or _id((page.get("data") or [])[-1:])
    return cursor if isinstance(cursor, str) else None


def _id(items: list[Any]) -> str | None:
    """Return the id of the only item, where it has one."""
    return items[0].get("id") if items and isinstance(items[0], dict) else None


async def _async_do(request: Request) -> Json:
    """Call a method that answers with nothing, and say what it did."""
    body, content_type = await async_fetch(request)
    answer = (
        parse(request.host.settings, body, content_type) if body.strip().startswith(b"{") else {}
    )
    identifier = next(item.key for item in request.action.fields if item.required)
    done = dict(request.action.done or {})
    name = "id" if "deleted" in done else identifier
    return {**answer, name: request.data[identifier], **done}
