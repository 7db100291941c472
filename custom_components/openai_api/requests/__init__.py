"""Sends the request of an action, and gives back the answer as plain JSON."""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from homeassistant.core import Context, HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
import orjson

from .. import streams
from ..errors import error_details, failure, quote
from ..host import OpenAIConfigEntry, ServiceHost
from ..media import multipart
from ..media.download import async_download
from ..model import Action, Answer, Json
from ..settings import Settings
from . import polls

_PAGES = frozenset({"text/html", "text/json"})
_TEXTS = frozenset({"application/x-subrip", "application/srt", "application/vtt"})
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
    allow_paths: bool = True
    """Whether files may be named by their paths, and not by media items only."""

    @property
    def seconds(self) -> float:
        """How long the caller waits for the answer."""
        return float(self.options.get("timeout") or self.host.settings.timeout)

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
                arguments[key], length = await multipart.async_open_uploads(self, value)
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
            return await async_download(request)
        case Answer.PAGE:
            return await async_list(request)
        case Answer.VOID:
            return await _async_do(request)
    answer = await async_ask(request)
    if action.poll is not None:
        answer = await polls.async_settle(request, answer)
    return action.finish(answer) if action.finish else answer


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
    return parse(request.host.settings, body, content_type)


def parse(settings: Settings, body: bytes, content_type: str) -> Json:
    """Return the JSON object in a body; a plain text becomes `{"text": …}`.

    Raises a translated error for anything else: a web page, half an answer, none at all.
    """
    kind = content_type.partition(";")[0].strip().lower()
    # Some hosts mark their bytes as UTF-8, though JSON is nothing else.
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        raise failure("empty_answer")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode(errors="replace")
        if kind in _TEXTS or (kind.startswith("text/") and kind not in _PAGES):
            return {"text": text}
        raise _bad_answer(settings, kind, text) from None
    if kind.startswith("text/plain"):
        # A transcript of "Two" or "17" is a text, whatever JSON makes of it.
        return found if isinstance(found, dict) else {"text": body.decode(errors="replace")}
    if isinstance(found, list):
        return {"data": found}
    if isinstance(found, str):
        return {"text": found}
    if not isinstance(found, dict):
        raise _bad_answer(settings, kind, body.decode())
    if found.get("error") and found.keys().isdisjoint(("id", "object")):
        # Some hosts say that all is well, and then that it is not.
        raise failure("host_error", **error_details(found, settings))
    return found


def _bad_answer(settings: Settings, kind: str, text: str) -> HomeAssistantError:
    """Return the error for an answer that is not what was asked for."""
    shown = quote(kind, settings) or "–"
    return failure("bad_answer", content_type=shown, start=quote(text, settings))


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
