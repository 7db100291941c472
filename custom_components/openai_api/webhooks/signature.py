"""Verifies the signatures of webhook calls."""

from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant
from openai import AsyncOpenAI

if TYPE_CHECKING:
    from openai.resources.webhooks import AsyncWebhooks


TOLERANCE = 300
"""Seconds that a call may be old or early, by default."""
_PREFIX = "whsec_"


async def async_get_sdk_webhooks(hass: HomeAssistant, client: AsyncOpenAI) -> AsyncWebhooks:
    """Return the resource of the SDK that verifies signatures."""
    # The first access imports the resource, which would block the event loop.
    return await hass.async_add_import_executor_job(getattr, client, "webhooks")


def verify_signature(
    webhooks: AsyncWebhooks,
    payload: str | bytes,
    headers: Mapping[str, str],
    secret: str,
    tolerance: int = TOLERANCE,
) -> None:
    """Raise ValueError unless the payload was signed with the secret within `tolerance` seconds.

    `headers` are `{"webhook-id": …, "webhook-timestamp": …, "webhook-signature": …}`. SDK method:
    `webhooks.verify_signature`.
    """
    if not is_valid_secret(secret):
        raise ValueError("The signing secret is not one")
    try:
        webhooks.verify_signature(payload, headers, secret=secret, tolerance=tolerance)
    except TypeError as err:
        # A signature that is not ASCII.
        raise ValueError(str(err)) from None


def is_valid_secret(secret: str) -> bool:
    """Return whether a text can be a signing secret."""
    if not secret.startswith(_PREFIX):
        return bool(secret)
    try:
        # The SDK ignores invalid base64; anyone could sign with an empty key.
        return bool(b64decode(secret.removeprefix(_PREFIX), validate=True))
    except ValueError:
        return False
