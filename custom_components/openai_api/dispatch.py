"""Sends the request of an action, and gives back the answer as plain JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from homeassistant.core import Context, HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError

from . import pagination, polling
from .action import ActionDescription, Json, ResponseKind
from .api.host import OpenAIConfigEntry, ServiceHost
from .api.request import (
    Operation,
    PreparedRequest,
    RequestOptions,
    async_prepare,
    async_request_bytes,
)
from .api.response import parse_body, unexpected_body_error
from .exceptions import api_error, sanitize
from .media import multipart
from .media.download import async_download
from .request_defaults import defaults_for
from .streaming import runner

__all__ = [
    "ActionCall",
    "async_dispatch",
    "async_fetch",
    "async_request_json",
    "finish",
    "parse_answer",
    "parse_body",
    "unexpected_body_error",
]

_TRANSCRIPTS = frozenset({"audio.transcriptions.create", "audio.translations.create"})
_TEXT_FORMATS = ("text", "srt", "vtt")


@dataclass(kw_only=True)
class ActionCall:
    """One call of an action: whom to ask, what, and on whose behalf."""

    hass: HomeAssistant
    entry: OpenAIConfigEntry
    host: ServiceHost
    """The one of the entry, which lets go of it when it is unloaded."""
    action: ActionDescription
    data: Mapping[str, Any]
    """The arguments of the SDK method, under their own names."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The fields that are no arguments of the method: `timeout`, `all_pages`, `filename`, …"""
    context: Context
    allow_paths: bool = True
    """Whether fields for files may name paths, and not only media items."""

    @property
    def timeout(self) -> float:
        """How long the caller waits for the answer, or for the next piece of a stream."""
        seconds = float(self.options.get("timeout") or self.host.settings.timeout)
        if self.action.accumulator is not None and self.longest is not None:
            return min(seconds, self.longest)
        return seconds

    @property
    def request_options(self) -> RequestOptions:
        """The options of the request, with the time limit that holds for it."""
        return replace(RequestOptions.from_mapping(self.options), timeout=self.timeout)

    @property
    def longest(self) -> float | None:
        """How long the caller waits for the whole of it, in seconds; None for as long as it takes."""
        longest: float | None = self.options.get("max_wait_seconds")
        return longest

    async def build(self, response_mode: str) -> PreparedRequest:
        """Return the SDK method, ready to be called.

        Files are looked for here, so that nothing is sent when one of them is missing.
        """
        values, size = await self.encode()
        return await async_prepare(
            self.host,
            self.operation,
            values,
            self.request_options,
            response_mode=response_mode,
            upload_size=size,
        )

    @property
    def operation(self) -> Operation:
        """The SDK method that the action stands for."""
        return Operation(method=self.action.method, has_body=self.action.has_body)

    async def encode(self) -> tuple[dict[str, Any], int]:
        """Return the arguments as the SDK method takes them, and the bytes of files in them."""
        values = {**self.action.defaults, **self.data}
        uploads = set()
        for item in self.action.fields:
            if item.encode is not None and item.key in values:
                await item.encode(self, values, values.pop(item.key))
            elif item.file:
                uploads.add(item.key)
        entry = self.entry
        extra_body = self.options.get("extra_body") or {}
        values |= defaults_for(self.action.method, values, extra_body, entry.data, entry.options)
        size = 0
        for key in uploads & values.keys():
            values[key], length = await multipart.async_open_uploads(self, values[key])
            size += length
        return values, size


async def async_dispatch(request: ActionCall) -> ServiceResponse:
    """Answer a call of an action in the way that its row says."""
    action = request.action
    if action.handler is not None:
        return await action.handler(request)
    if action.accumulator is not None and action.is_streaming(request.data):
        return await runner.async_run(request)
    match action.response:
        case ResponseKind.FILE:
            return await async_download(request)
        case ResponseKind.LIST:
            return await pagination.async_request_list(request)
        case ResponseKind.NONE:
            return await _async_request_empty(request)
    answer = await async_request_json(request)
    if action.poll is not None:
        answer = await polling.async_poll_until_done(request, answer)
    return finish(request, answer)


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
    return parse_answer(request, body, content_type)


def parse_answer(request: ActionCall, body: bytes, content_type: str) -> Json:
    """Return the object in the body of an answer to a request; raises as `parse` does.

    A stream that nobody asked for becomes what it adds up to, and the words of a recording a
    text whatever they are labelled.
    """
    action, form = request.action, request.data.get("response_format")
    is_transcript = action.method in _TRANSCRIPTS
    return parse_body(
        request.host.settings,
        body,
        content_type,
        accumulator=action.accumulator,
        expects_text=is_transcript and form in _TEXT_FORMATS,
    )


def finish(request: ActionCall, answer: Json) -> Json:
    """Return an answer with what its row adds to it.

    Raises a translated error where it is not what was asked for, though the host says so.
    """
    action = request.action
    if action.check is not None:
        try:
            action.check(request.data, answer)
        except HomeAssistantError as err:
            # It was paid for all the same.
            request.host.record_success(answer, action.method, request.data.get("model"))
            shown = {
                name: sanitize(text, request.host.settings)
                for name, text in (err.translation_placeholders or {}).items()
            }
            raise api_error(err.translation_key or "bad_answer", **shown) from None
    return action.postprocess(answer) if action.postprocess else answer


async def _async_request_empty(request: ActionCall) -> Json:
    """Call a method that answers with nothing, and say what it did."""
    body, content_type = await async_fetch(request)
    answer = (
        parse_body(request.host.settings, body, content_type)
        if body.strip().startswith(b"{")
        else {}
    )
    identifier = next(item.key for item in request.action.fields if item.required)
    done = dict(request.action.empty_response or {})
    name = "id" if "deleted" in done else identifier
    return {**answer, name: request.data[identifier], **done}
