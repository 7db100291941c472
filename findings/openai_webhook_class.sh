#!/usr/bin/env bash
# Most would guess: `client.webhooks.unwrap` of the openai SDK returns an event of the class for its
# type, and something generic for a type that it does not know.
# What happens: every type outside of its union becomes an AgentEnvironmentExpiredWebhookEvent, its
# first member. That includes safety_identifier.blocked, for which the SDK has a class of its own.
# Who meets it: whoever tells events apart with isinstance or match; `event.type` is right.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi openai==3.57.0
expect "AgentEnvironmentExpiredWebhookEvent safety_identifier.blocked" "$(python - <<'PY'
import base64
import hashlib
import hmac
import json
import time
from openai import OpenAI
from openai.types.webhooks import SafetyIdentifierBlockedWebhookEvent

key = b"a signing secret of 24 B"
client = OpenAI(api_key="x", webhook_secret=f"whsec_{base64.b64encode(key).decode()}")
data = {"safety_identifier": "someone", "safety_category": "bio"}
event = {"id": "evt_1", "type": "safety_identifier.blocked", "created_at": 1, "data": data}
payload, stamp = json.dumps(event), str(int(time.time()))
mac = hmac.new(key, f"wh_1.{stamp}.{payload}".encode(), hashlib.sha256).digest()
found = client.webhooks.unwrap(
    payload,
    {
        "webhook-id": "wh_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    },
)
assert not isinstance(found, SafetyIdentifierBlockedWebhookEvent)
print(type(found).__name__, found.type)
PY
)"
