"""Sends files where one request is not enough: many files, large files, files to search."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
import time
from typing import Any

from homeassistant.core import ServiceResponse
from homeassistant.exceptions import HomeAssistantError

from .. import dispatch, progress
from ..action import ActionCall
from ..action_request import async_request_json
from ..api.request import MIN_UPLOAD_RATE
from ..exceptions import UnexpectedBody
from ..media import multipart
from ..media.source import MAX_UPLOAD_BYTES, async_resolve_file
from ..types import Json

_LARGEST = 8 * 1024**3
_PART_SIZE = 16 * 1024**2
_AT_ONCE = 5


async def async_upload_to_store(request: ActionCall) -> ServiceResponse:
    """Upload the file, add it to the vector store, and wait for it if the row says so."""
    data = dict(request.data)
    file_id = await _async_upload(request, data.pop("file"))
    return await _async_add(request, "vector_stores.files.create", {**data, "file_id": file_id})


async def async_upload_batch_to_store(request: ActionCall) -> ServiceResponse:
    """Upload the files, several at once, add them to the vector store, and wait for them."""
    data = dict(request.data)
    items = data.pop("files")
    at_once = asyncio.Semaphore(data.pop("max_concurrency", None) or _AT_ONCE)
    for item in items:
        # They are read when their turn comes; but nothing is sent when one is missing.
        await async_resolve_file(request, item, MAX_UPLOAD_BYTES)

    async def upload(item: Mapping[str, str]) -> str:
        async with at_once:
            return await _async_upload(request, item)

    try:
        async with asyncio.TaskGroup() as group:
            uploads = [group.create_task(upload(item)) for item in items]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    data["file_ids"] = [*data.get("file_ids", ()), *(task.result() for task in uploads)]
    return await _async_add(request, request.action.method, data)


async def _async_upload(request: ActionCall, item: Mapping[str, str]) -> str:
    """Upload a file for searching, and return its id."""
    # The row's own field for files, under the name that this method has for it.
    fields = tuple(replace(field, key="file") for field in request.action.fields if field.file)
    data = {"file": item, "purpose": "assistants"}
    step = _step(request, "files.create", data)
    return _id(await async_request_json(replace(step, action=replace(step.action, fields=fields))))


async def _async_add(request: ActionCall, method: str, data: Mapping[str, Any]) -> ServiceResponse:
    """Add what was uploaded to the vector store, the way any other row is carried out."""
    action = replace(request.action, method=method, handler=None)
    return await dispatch.async_dispatch(replace(request, action=action, data=data))


async def async_upload_in_parts(request: ActionCall) -> Json:
    """Upload a large file piece by piece, firing a progress event after each.

    Returns the upload with the file that the host made of it. What fails half-way is cancelled
    at the host.
    """
    data, start = dict(request.data), time.monotonic()
    source = await async_resolve_file(request, data.pop("file"), _LARGEST)
    part_size = data.pop("part_size", None) or _PART_SIZE
    closing = {"md5": data.pop("md5")} if "md5" in data else {}
    data["filename"] = data.get("filename") or source.path.name
    data.setdefault("mime_type", source.content_type)
    opening = _step(request, "uploads.create", {**data, "bytes": source.size})
    upload = await async_request_json(replace(opening, options=request.options))
    ids = {"upload_id": _id(upload)}
    try:
        part_ids = []
        for offset in range(0, source.size, part_size):
            sent = min(offset + part_size, source.size)
            piece = multipart.FileSlice(source, offset, sent - offset)
            seconds = request.timeout + (sent - offset) / MIN_UPLOAD_RATE
            step = replace(
                _step(request, "uploads.parts.create", ids), options={"timeout": seconds}
            )
            part_ids.append(_id(await async_request_json(step, data=piece)))
            _tell(request, upload, sent * 100 // source.size, start)
        done = _step(request, "uploads.complete", {**ids, **closing, "part_ids": part_ids})
        answer = await async_request_json(done)
    except HomeAssistantError:
        with suppress(HomeAssistantError):
            await async_request_json(_step(request, "uploads.cancel", ids))
        raise
    _tell(request, answer, 100, start, done=True)
    return answer


def _step(request: ActionCall, method: str, data: Mapping[str, Any]) -> ActionCall:
    """Return a request for one of the methods that an action takes together."""
    action = replace(request.action, method=method, fields=(), handler=None, poll=None)
    options = {key: value for key, value in request.options.items() if key == "timeout"}
    return replace(request, action=action, data=data, options=options)


def _id(answer: Json) -> str:
    """Return the id of what the host has made."""
    if not isinstance(found := answer.get("id"), str):
        raise UnexpectedBody("application/json")
    return found


def _tell(
    request: ActionCall, upload: Json, percent: int, start: float, *, done: bool = False
) -> None:
    """Fire the progress event."""
    elapsed = time.monotonic() - start
    progress.fire_progress(request, upload, elapsed, done=done, progress=percent)
