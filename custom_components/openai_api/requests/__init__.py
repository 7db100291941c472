"""Sends the request of an action, and gives back the answer as plain JSON."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import Context, HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
import orjson

from .. import streams
from ..api.request import (
    MIN_UPLOAD_RATE,
    Operation,
    PreparedRequest,
    RequestOptions,
    async_prepare,
    async_request_bytes,
)
from ..errors import ErrorInResponse, error_details, failure, quote
from ..files import transfers
from ..files.download import async_download
from ..host import OpenAIConfigEntry, ServiceHost
from ..model import Action, Answer, Json
from ..settings import Settings
from . import pagination, polls

_PAGES = frozenset({"text/html", "text/json"})
_TEXTS = frozenset({"application/x-subrip", "application/srt", "application/vtt"})
BYTES_PER_SECOND = MIN_UPLOAD_RATE


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
    """Whether fields for files may name paths, and not only media items."""

    @property
    def seconds(self) -> float:
        """How long the caller waits for the answer."""
        return float(self.options.get("timeout") or self.host.settings.timeout)

    async def prepare(self, form: str) -> PreparedRequest:
        """Return the SDK method, ready to be called.

        Files are looked for here, so that nothing is sent when one of them is missing.
        """
        values, size = await self.encode()
        return await async_prepare(
            self.host,
            self.operation,
            values,
            RequestOptions.from_mapping(self.options),
            response_mode=form,
            upload_size=size,
        )

    @property
    def operation(self) -> Operation:
        """The SDK method that the action stands for."""
        return Operation(method=self.action.method, has_body=self.action.body)

    async def encode(self) -> tuple[dict[str, Any], int]:
        """Return the arguments as the SDK method takes them, and the bytes of files in them."""
        values = {**self.action.defaults, **self.data}
        uploads = set()
        for item in self.action.fields:
            if item.weave is not None and item.key in values:
                await item.weave(self, values, values.pop(item.key))
            elif item.file:
                uploads.add(item.key)
        size = 0
        for key in uploads & values.keys():
            values[key], length = await transfers.async_open(self, values[key])
            size += length
        return values, size


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
            return await pagination.async_list(request)
        case Answer.VOID:
            return await _async_do(request)
    answer = await async_ask(request)
    if action.poll is not None:
        answer = await polls.async_settle(request, answer)
    return action.finish(answer) if action.finish else answer


async def async_fetch(request: Request, **changes: Any) -> tuple[bytes, str]:
    """Return the body of the answer and its content type."""
    values, size = await request.encode()
    return await async_request_bytes(
        request.host,
        request.operation,
        values | changes,
        RequestOptions.from_mapping(request.options),
        upload_size=size,
    )


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
        raise ErrorInResponse(**error_details(found, settings))
    return found


def _bad_answer(settings: Settings, kind: str, text: str) -> HomeAssistantError:
    """Return the error for an answer that is not what was asked for."""
    shown = quote(kind, settings) or "–"
    return failure("bad_answer", content_type=shown, start=quote(text, settings))


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
