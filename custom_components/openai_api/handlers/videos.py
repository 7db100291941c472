"""Videos from texts, from files, and from other videos."""

from dataclasses import replace
from typing import Any

from openai import omit

from .. import polling
from ..action import ActionCall
from ..action_request import async_request_json
from ..types import Json

REFERENCE = "reference"
"""The key of a field that names an object at the server instead of a file to send."""


async def async_make_video(request: ActionCall) -> Json:
    """Create a video, and poll it where the action says so.

    Returns the API's `video`. Raises what `async_request_json` and `async_poll_until_done` raise.
    """
    data = dict(request.data)
    body = dict(request.options.get("extra_body") or {})
    changes: dict[str, Any] = {}
    for key in [field.key for field in request.action.fields if field.file]:
        if REFERENCE in data.get(key, {}):
            # The SDK treats every value of such a field as a file, and fails with an object.
            body[key] = data.pop(key)[REFERENCE]
            changes[key] = omit
    plain = replace(request, data=data, options={**request.options, "extra_body": body})
    answer = await async_request_json(plain, **changes)
    return await polling.async_poll_until_done(request, answer) if request.action.poll else answer
