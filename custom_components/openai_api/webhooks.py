"""Tells whether a webhook call is really from the service host."""

from typing import TYPE_CHECKING

import orjson

from .const import CONF_WEBHOOK_SECRET
from .errors import quote, refusal
from .model import Json

if TYPE_CHECKING:
    from .requests import Request

_TOLERANCE = 300
"""Seconds: how old or how new a call may be where nobody says."""


async def async_verify(request: Request) -> Json:
    """Return `verified` for a genuine call; raises a translated error for any other."""
    await _async_check(request)
    return {"verified": True}


async def async_unwrap(request: Request) -> Json:
    """Return the event that a genuine call carries; raises a translated error for any other."""
    await _async_check(request)
    try:
        event = orjson.loads(request.data["payload"])
    except orjson.JSONDecodeError as err:
        raise refusal("webhook_not_genuine", message=err) from None
    return event if isinstance(event, dict) else {"data": event}


async def _async_check(request: Request) -> None:
    """Raise a translated error unless signature and time are right."""
    host, data = request.host, request.data
    secret = data.get("secret") or request.entry.options.get(CONF_WEBHOOK_SECRET)
    if not secret:
        raise refusal("field_missing", field="secret")
    # Templates make numbers of what looks like one, as the time does.
    headers = {name: str(value) for name, value in data["headers"].items()}
    # The first use of the resource imports it, which is no work for the loop.
    webhooks = await request.hass.async_add_import_executor_job(getattr, host.client, "webhooks")
    try:
        webhooks.verify_signature(
            data["payload"], headers, secret=secret, tolerance=data.get("tolerance", _TOLERANCE)
        )
    except (TypeError, ValueError) as err:
        raise refusal("webhook_not_genuine", message=quote(str(err), host.settings)) from None
