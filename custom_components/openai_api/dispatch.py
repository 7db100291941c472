"""Carries out a call of an action in the way that its row says."""

from homeassistant.core import ServiceResponse

from . import pagination, polling, stream_runner
from .action import ActionCall, ResponseKind
from .action_request import async_fetch, async_finish, async_request_json
from .api.response import async_parse_body
from .media.download import async_download
from .types import Json


async def async_dispatch(request: ActionCall) -> ServiceResponse:
    """Answer a call of an action in the way that its row says."""
    action = request.action
    if action.handler is not None:
        return await action.handler(request)
    if action.accumulator is not None and action.is_streaming(request.data):
        return await stream_runner.async_run(request)
    match action.response:
        case ResponseKind.FILE:
            return await async_download(request)
        case ResponseKind.LIST:
            return await pagination.async_request_list(request)
        case ResponseKind.NONE:
            return await _async_request_empty(request)
    if (poll := action.poll) is None:
        return await async_finish(request, await async_request_json(request))
    made = None if action.method == poll.method else await async_request_json(request)
    return await async_finish(request, await polling.async_poll_until_done(request, made))


async def _async_request_empty(request: ActionCall) -> Json:
    """Call a method that answers with nothing, and say what it did."""
    body, content_type = await async_fetch(request)
    answer = (
        await async_parse_body(request.hass, request.host.settings, body, content_type)
        if body.strip().startswith(b"{")
        else {}
    )
    identifier = next(item.key for item in request.action.fields if item.required)
    done = dict(request.action.empty_response or {})
    name = "id" if "deleted" in done else identifier
    return {**answer, name: request.data[identifier], **done}
