"""Uploads that need several requests: many files, large files, files for a vector store."""

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
from ..action_request import async_parse_answer, async_request_json, require_id
from ..api.request import MIN_UPLOAD_RATE, Operation, async_request_bytes
from ..exceptions import validation_error
from ..media import multipart
from ..media.source import MAX_UPLOAD_BYTES, async_resolve_file
from ..types import Json

_MAX_FILE_BYTES = 8 * 1024**3
_PART_SIZE = 16 * 1024**2
_MAX_CONCURRENT_PARTS = 5


async def async_upload_to_store(request: ActionCall) -> ServiceResponse:
    """Upload a file, add it to a vector store, and poll it where the action says so.

    Returns the API's `vector_store.file`. Raises what `dispatch.async_send` and the encoder of the
    file raise.
    """
    data = dict(request.data)
    file_id = await _async_upload(request, data.pop("file"))
    adding = Operation(method="vector_stores.files.create")
    data["file_id"] = file_id
    return await dispatch.async_send(replace(request, operation_override=adding, data=data))


async def async_upload_batch_to_store(request: ActionCall) -> ServiceResponse:
    """Upload files concurrently, add them to a vector store, and poll them where the action says so.

    Returns the API's `vector_store.files_batch`. Nothing is sent if a file is missing. Raises
    ServiceValidationError "field_missing" without any file, the error of the first upload that
    fails, and what `dispatch.async_send` raises.
    """
    data = dict(request.data)
    items = data.pop("files")
    if not items and not data.get("file_ids"):
        raise validation_error("field_missing", field="files")
    at_once = asyncio.Semaphore(data.pop("max_concurrency", None) or _MAX_CONCURRENT_PARTS)
    for item in items:
        # They are read later, but nothing is sent if one is missing.
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
    return await dispatch.async_send(replace(request, data=data))


async def _async_upload(request: ActionCall, item: Mapping[str, str]) -> str:
    """Upload a file with the purpose `assistants`, and return its id."""
    values: dict[str, Any] = {"file": item, "purpose": "assistants"}
    encode = next(field.encode for field in request.action.fields if field.file)
    assert encode is not None
    size = await encode(request, values, "file")
    step = request.step("files.create", values)
    body, content_type = await async_request_bytes(
        step.host, step.operation, values, step.request_options, upload_size=size
    )
    return require_id(request, await async_parse_answer(step, body, content_type), "id", "file_id")


async def async_upload_in_parts(request: ActionCall) -> Json:
    """Upload a large file in parts, and fire a progress event after each part.

    Returns the API's `upload`, completed, with its `file`. `part_size` is in bytes, 16 MiB by
    default. If a part fails, the upload is cancelled at the server and the error is raised. SDK
    methods: `uploads.create`, `uploads.parts.create`, `uploads.complete` and `uploads.cancel`.
    """
    data, start = dict(request.data), time.monotonic()
    source = await async_resolve_file(request, data.pop("file"), _MAX_FILE_BYTES)
    part_size = data.pop("part_size", None) or _PART_SIZE
    closing = {"md5": data.pop("md5")} if "md5" in data else {}
    data["filename"] = data.get("filename") or source.path.name
    data.setdefault("mime_type", source.content_type)
    opening = request.step("uploads.create", {**data, "bytes": source.size}, **request.options)
    upload = await async_request_json(opening)
    ids = {"upload_id": require_id(request, upload, "id", "upload_id")}
    try:
        part_ids = []
        for offset in range(0, source.size, part_size):
            sent = min(offset + part_size, source.size)
            piece = multipart.FileSlice(source, offset, sent - offset)
            seconds = request.timeout + (sent - offset) / MIN_UPLOAD_RATE
            step = request.step("uploads.parts.create", ids, timeout=seconds)
            part = await async_request_json(step, data=piece)
            part_ids.append(require_id(request, part, "id", "part_id"))
            _tell(request, upload, sent * 100 // source.size, start)
        done = request.step("uploads.complete", {**ids, **closing, "part_ids": part_ids})
        answer = await async_request_json(done)
    except HomeAssistantError:
        with suppress(HomeAssistantError):
            await async_request_json(request.step("uploads.cancel", ids))
        raise
    _tell(request, answer, 100, start, done=True)
    return answer


def _tell(
    request: ActionCall, upload: Json, percent: int, start: float, *, done: bool = False
) -> None:
    """Fire the progress event."""
    elapsed = time.monotonic() - start
    progress.fire_progress(request, upload, elapsed, done=done, progress=percent)
