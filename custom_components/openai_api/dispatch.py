"""Sends the request of an action as its description says."""

from homeassistant.core import ServiceResponse

from . import pagination, polling, stream_runner
from .action import ActionCall, ResponseKind
from .action_request import async_fetch, async_finish, async_request_json, check_deletion
from .api.response import async_parse_body
from .media.download import async_download
from .streaming.answer_objects import is_deletion
from .types import Json


async def async_send(request: ActionCall) -> ServiceResponse:
    """Send the request of a call, and return the response.

    The response is streamed, downloaded, followed over its pages or polled, as the action
    description says. Raises an ApiError or another translated HomeAssistantError.
    """
    action = request.action
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
    made = None if request.operation.method == poll.method else await async_request_json(request)
    return await async_finish(request, await polling.async_poll_until_done(request, made))


async def _async_request_empty(request: ActionCall) -> Json:
    """Call a method without a response body; return what it did.

    A word such as "ok" counts as done; an object, a list and a web page are looked into.
    """
    body, content_type = await async_fetch(request)
    settings, answer = request.host.settings, {}
    if (text := body.strip()).startswith((b"{", b"[", b"<")) or text == b"false":
        answer = await async_parse_body(request.hass, settings, body, content_type)
    if is_deletion(request.operation.method):
        check_deletion(answer, settings)
    identifier = next(item.key for item in request.action.fields if item.required)
    done = dict(request.action.empty_response or {})
    name = "id" if "deleted" in done else identifier
    return {**answer, name: request.data[identifier], **done}
