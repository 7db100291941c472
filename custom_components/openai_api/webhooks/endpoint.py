"""Creates and deletes the webhook of an entry at its server."""

from typing import Any

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.network import NoURLAvailableError, get_url

from ..api.host import ServiceHost
from ..api.request import Operation, RequestOptions, async_request_json
from ..const import CONF_WEBHOOK_ENDPOINT_ID, CONF_WEBHOOK_SECRET, LOGGER
from ..exceptions import EntryUnloaded, SigningSecretMissing
from ..types import Json

_CREATE = Operation(method="webhooks.create")
_DELETE = Operation(method="webhooks.delete", has_body=False)
_TIMEOUT = 30.0
"""Seconds that a form waits."""


@callback
def webhook_url(hass: HomeAssistant, webhook_id: str) -> str:
    """Return the URL of the webhook; only its path if no external URL with HTTPS is known."""
    path = webhook.async_generate_path(webhook_id)
    try:
        return get_url(hass, allow_internal=False, require_ssl=True) + path
    except NoURLAvailableError:
        return path


async def async_create(host: ServiceHost, url: str, event_types: list[str]) -> dict[str, Any]:
    """Create a webhook for `url` at the server.

    Returns `{"webhook_secret": …, "webhook_endpoint_id": …}`, the options of the entry. Raises
    SigningSecretMissing if the response has no secret, and what `async_request_json` raises. SDK
    method: `webhooks.create`.
    """
    data = {"name": "Home Assistant", "url": url, "event_types": event_types}
    made = await _async_request(host, _CREATE, data)
    if not made.get("signing_secret"):
        raise SigningSecretMissing
    return {
        CONF_WEBHOOK_SECRET: made["signing_secret"],
        CONF_WEBHOOK_ENDPOINT_ID: made.get("id"),
    }


async def async_delete(entry: ConfigEntry[Any], host: ServiceHost | None) -> None:
    """Delete the webhook that was created for an entry, if there is one.

    `host` is that of the entry, None if it is not loaded. A failure is logged.
    """
    if not (endpoint_id := entry.options.get(CONF_WEBHOOK_ENDPOINT_ID)):
        return
    try:
        data = {CONF_WEBHOOK_ENDPOINT_ID: endpoint_id}
        await _async_request(host, _DELETE, data)
    except HomeAssistantError:
        LOGGER.warning(
            "The webhook %s of %s could not be deleted at the service: delete it there",
            endpoint_id,
            entry.title,
        )


async def _async_request(host: ServiceHost | None, operation: Operation, data: Json) -> Json:
    """Send a request, without recording its result."""
    if host is None:
        raise EntryUnloaded
    options = RequestOptions(timeout=_TIMEOUT)
    return await async_request_json(host, operation, data, options)
