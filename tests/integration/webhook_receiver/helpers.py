"""What a service sends to a webhook, and how it signs."""

import base64
from collections.abc import Awaitable, Callable
import json

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.webhooks import receiver as webhook_receiver

KEY = b"a signing secret of 24 B"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
OTHER = f"whsec_{base64.b64encode(KEY[::-1]).decode()}"
EVENT = {"id": "evt_1", "object": "event", "type": "batch.completed", "data": {"id": "batch_1"}}
BODY = json.dumps(EVENT).encode()
LIMIT = webhook_receiver.MAX_BODY
type Post = Callable[..., Awaitable[int]]


def path(entry: MockConfigEntry) -> str:
    """Return where an entry is called."""
    return f"/api/webhook/{entry.options['webhook_id']}"


def refused(entry: MockConfigEntry) -> dict[str, int]:
    """Return the calls that were turned away, by the reason."""
    return dict(entry.runtime_data.webhook_receiver.refused)
