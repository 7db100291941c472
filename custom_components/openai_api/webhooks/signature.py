"""Tells whether a webhook call is really from the service host."""

from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant
from openai import AsyncOpenAI

if TYPE_CHECKING:
    from openai.resources.webhooks import AsyncWebhooks


TOLERANCE = 300
"""Seconds: how old or how new a call may be where nobody says."""
_PREFIX = "whsec_"


async def async_get_sdk_webhooks(hass: HomeAssistant, client: AsyncOpenAI) -> AsyncWebhooks:
    """Return the part of the SDK that knows webhooks."""
    # Its first use imports it, which is no work for the loop.
    return await hass.async_add_import_executor_job(getattr, client, "webhooks")


def verify_signature(
    webhooks: AsyncWebhooks,
    payload: str | bytes,
    headers: Mapping[str, str],
    secret: str,
    tolerance: int = TOLERANCE,
) -> None:
    """Raise ValueError unless the payload was signed with the secret, these seconds ago at most."""
    if not is_valid_secret(secret):
        raise ValueError("The signing secret is not one")
    try:
        webhooks.verify_signature(payload, headers, secret=secret, tolerance=tolerance)
    except TypeError as err:
        # A signature that is not ASCII.
        raise ValueError(str(err)) from None


def is_valid_secret(secret: str) -> bool:
    """Tell whether a text can be a signing secret."""
    if not secret.startswith(_PREFIX):
        return bool(secret)
    try:
        # The SDK leaves out what is no base64; an empty key would let anybody sign.
        return bool(b64decode(secret.removeprefix(_PREFIX), validate=True))
    except ValueError:
        return False
