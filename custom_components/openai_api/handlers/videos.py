"""Videos that hosts make, from words, from files, and from what they made before."""

from dataclasses import replace
from typing import Any

from openai import omit

from .. import polling
from ..action import ActionCall
from ..action_request import async_request_json
from ..types import Json

REFERENCE = "reference"
"""Marks what a field names as something that the host has already, and no file to send."""


async def async_make_video(request: ActionCall) -> Json:
    """Start a video, and wait for it where the row says so."""
    data = dict(request.data)
    body = dict(request.options.get("extra_body") or {})
    changes: dict[str, Any] = {}
    for key in [field.key for field in request.action.fields if field.file]:
        if REFERENCE in data.get(key, {}):
            # The SDK takes every value of such a field for a file, and fails with an object.
            body[key] = data.pop(key)[REFERENCE]
            changes[key] = omit
    plain = replace(request, data=data, options={**request.options, "extra_body": body})
    answer = await async_request_json(plain, **changes)
    return await polling.async_poll_until_done(request, answer) if request.action.poll else answer
