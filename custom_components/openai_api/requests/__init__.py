"""Sends the request of an action, and gives back the answer as plain JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import Context, HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError

from .. import streams
from ..api.request import (
    Operation,
    PreparedRequest,
    RequestOptions,
    async_prepare,
    async_request_bytes,
)
from ..errors import failure, quote
from ..host import OpenAIConfigEntry, ServiceHost
from ..media import multipart
from ..media.download import async_download
from ..model import Action, Answer, Json
from . import pagination, polls
from .body import bad_answer, parse

__all__ = [
    "Request",
    "async_ask",
    "async_fetch",
    "async_handle",
    "bad_answer",
    "finish",
    "parse",
    "parse_answer",
]

_TRANSCRIPTS = frozenset({"audio.transcriptions.create", "audio.translations.create"})
_TEXT_FORMATS = ("text", "srt", "vtt")


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
            values[key], length = await multipart.async_open_uploads(self, values[key])
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
    return finish(request, answer)


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
