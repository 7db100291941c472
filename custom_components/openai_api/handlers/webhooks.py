"""Webhook calls that an automation has received itself."""

import orjson

from ..action import ActionCall
from ..const import CONF_WEBHOOK_SECRET
from ..exceptions import sanitize, validation_error
from ..types import Json
from ..webhooks.signature import TOLERANCE, async_get_sdk_webhooks, verify_signature


async def async_verify(request: ActionCall) -> Json:
    """Verify the signature of a webhook call.

    Returns `{"verified": true}`. Raises ServiceValidationError "field_missing" without a secret,
    and "webhook_not_genuine" for a wrong signature, or a call that is more than `tolerance` seconds
    old or early. SDK method: `webhooks.verify_signature`.
    """
    await _async_verify_call(request)
    return {"verified": True}


async def async_unwrap(request: ActionCall) -> Json:
    """Verify a webhook call, and return its event.

    Returns the event as it was sent, `{"id": …, "type": …, "data": …}`; other JSON as `{"data":
    …}`. Raises what `async_verify` raises, and ServiceValidationError "webhook_not_genuine" for a
    payload that is not JSON.
    """
    await _async_verify_call(request)
    try:
        event = orjson.loads(request.data["payload"])
    except orjson.JSONDecodeError as err:
        raise validation_error("webhook_not_genuine", message=err) from None
    return event if isinstance(event, dict) else {"data": event}


async def _async_verify_call(request: ActionCall) -> None:
    """Raise ServiceValidationError unless the signature and the time are right."""
    host, data = request.host, request.data
    secret = data.get("secret") or request.entry.options.get(CONF_WEBHOOK_SECRET)
    if not secret:
        raise validation_error("field_missing", field="secret")
    # Templates convert texts that look like numbers, such as the time.
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
