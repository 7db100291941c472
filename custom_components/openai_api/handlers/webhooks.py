"""Webhook calls that an automation has received itself."""

import orjson

from ..action import ActionCall
from ..const import CONF_WEBHOOK_SECRET
from ..exceptions import sanitize, validation_error
from ..types import Json
from ..webhooks.signature import TOLERANCE, async_get_sdk_webhooks, verify_signature


async def async_verify(request: ActionCall) -> Json:
    """Return `verified` for a genuine call; raises a translated error for any other."""
    await _async_verify_call(request)
    return {"verified": True}


async def async_unwrap(request: ActionCall) -> Json:
    """Return the event that a genuine call carries; raises a translated error for any other."""
    await _async_verify_call(request)
    try:
        event = orjson.loads(request.data["payload"])
    except orjson.JSONDecodeError as err:
        raise validation_error("webhook_not_genuine", message=err) from None
    return event if isinstance(event, dict) else {"data": event}


async def _async_verify_call(request: ActionCall) -> None:
    """Raise a translated error unless signature and time are right."""
    host, data = request.host, request.data
    secret = data.get("secret") or request.entry.options.get(CONF_WEBHOOK_SECRET)
    if not secret:
        raise validation_error("field_missing", field="secret")
    # Templates make numbers of what looks like one, as the time does.
    headers = {name: str(value) for name, value in data["headers"].items()}
    webhooks = await async_get_sdk_webhooks(request.hass, host.client)
    try:
        verify_signature(
            webhooks, data["payload"], headers, secret, data.get("tolerance", TOLERANCE)
        )
    except ValueError as err:
        raise validation_error(
            "webhook_not_genuine", message=sanitize(str(err), host.settings)
        ) from None
