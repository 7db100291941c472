"""Webhooks: calls told from forgeries, and endpoints kept at the host."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from openai import AsyncOpenAI
import pytest

from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data

KEY = b"a signing secret of 24 B"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
EVENT = {"id": "evt_1", "object": "event", "type": "response.completed", "data": {"id": "resp_1"}}
# Not the way in which Python would write it: only the very bytes are what was signed.
PAYLOAD = json.dumps(EVENT, indent=3).replace("resp_1", "r\u00e4sp_1")
EXISTS = hasattr(AsyncOpenAI(api_key="unused").webhooks, "create")
newer = pytest.mark.skipif(not EXISTS, reason="this SDK has no webhook endpoints")


def signed(payload: str = PAYLOAD, *, age: int = 0) -> dict[str, Any]:
    """Return the headers of a genuine call, as a template leaves them: the time is a number."""
    stamp = int(time.time()) - age
    mac = hmac.new(KEY, f"wh_1.{stamp}.{payload}".encode(), hashlib.sha256).digest()
    return {
        "Webhook-Id": "wh_1",
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": f"v1,c3RhbGU= v1,{base64.b64encode(mac).decode()}",
    }


@pytest.mark.usefixtures("entry")
async def test_signed_payload_is_verified_and_unwrapped(standin: StandIn, call: Call) -> None:
    count = len(standin.requests)
    genuine = {"payload": PAYLOAD, "headers": signed(), "secret": SECRET}

    assert await call("verify_webhook_signature", **genuine) == {"verified": True}
    assert await call("unwrap_webhook_event", **genuine) == json.loads(PAYLOAD)
    assert len(standin.requests) == count


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("action", ["verify_webhook_signature", "unwrap_webhook_event"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"payload": PAYLOAD + " "}, "does not match"),
        ({"secret": "whsec_c29tZXRoaW5nIGVsc2U="}, "does not match"),
        ({"secret": "whsec_!"}, "cannot be trusted"),
        ({"headers": {}}, "webhook-signature"),
        ({"headers": signed(age=400)}, "too old"),
        ({"headers": signed(age=-4000)}, "too new"),
        ({"headers": {**signed(), "Webhook-Signature": "v1,\u00e4"}}, "cannot be trusted"),
    ],
    ids=["payload", "secret", "no secret", "headers", "old", "new", "signature"],
)
async def test_forged_payload_is_rejected(
    call: Call, action: str, changes: dict[str, Any], words: str
) -> None:
    data = {"payload": PAYLOAD, "headers": signed(), "secret": SECRET, **changes}
    with pytest.raises(ServiceValidationError, match=words) as caught:
        await call(action, **data)
    assert data["secret"] not in str(caught.value)


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("action", ["verify_webhook_signature", "unwrap_webhook_event"])
async def test_tolerance_field(call: Call, action: str) -> None:
    old = {"payload": PAYLOAD, "headers": signed(age=900), "secret": SECRET}
    assert await call(action, **old, tolerance="1000")
    with pytest.raises(ServiceValidationError, match="too old"):
        await call(action, **old, tolerance=0)


@pytest.mark.usefixtures("entry")
async def test_missing_secret_raises(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", SECRET)
    with pytest.raises(ServiceValidationError, match="secret"):
        await call("unwrap_webhook_event", payload=PAYLOAD, headers=signed(), secret=None)


async def test_secret_from_entry_options(hass: HomeAssistant, standin: StandIn, call: Call) -> None:
    await add_entry(hass, entry_data(standin), {"webhook_secret": SECRET})

    event = await call("unwrap_webhook_event", payload=PAYLOAD, headers=signed())
    assert event["type"] == "response.completed"


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize(("payload", "answer"), [("[1]", {"data": [1]}), ("nothing", None)])
async def test_signed_payload_not_an_object(
    call: Call, payload: str, answer: dict[str, Any] | None
) -> None:
    data = {"payload": payload, "headers": signed(payload), "secret": SECRET}
    if answer is None:
        with pytest.raises(ServiceValidationError, match="cannot be trusted"):
            await call("unwrap_webhook_event", **data)
    else:
        assert await call("unwrap_webhook_event", **data) == answer


@pytest.mark.usefixtures("entry")
@pytest.mark.skipif(EXISTS, reason="this SDK has webhook endpoints")
async def test_method_missing_in_old_sdk(standin: StandIn, call: Call) -> None:
    count = len(standin.requests)
    with pytest.raises(HomeAssistantError, match="newer Home Assistant"):
        await call("list_webhook_endpoints")
    with pytest.raises(HomeAssistantError, match="newer Home Assistant"):
        await call("list_webhook_event_types")
    assert len(standin.requests) == count


@newer
@pytest.mark.usefixtures("entry")
async def test_endpoint_lifecycle(standin: StandIn, call: Call) -> None:
    new = {"name": "Home", "url": "https://example.com/hook", "event_types": ["batch.failed"]}
    made = await call("create_webhook_endpoint", **new)
    assert made["signing_secret"].startswith("whsec_")
    sent = standin.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/webhook_endpoints", new)

    known = {"webhook_endpoint_id": made["id"]}
    path = f"/webhook_endpoints/{made['id']}"
    assert "signing_secret" not in await call("retrieve_webhook_endpoint", **known)
    changed = await call("update_webhook_endpoint", **known, event_types="batch.completed")
    assert changed["event_types"] == ["batch.completed"]
    assert standin.requests[-1].path == path
    assert standin.requests[-1].body == {"event_types": ["batch.completed"]}
    page = await call("list_webhook_endpoints", limit=3)
    assert [item["id"] for item in page["data"]] == [made["id"]]

    renewed = await call(
        "rotate_webhook_secret", **known, keep_old_secret_active_for_24_hours="yes"
    )
    assert renewed["signing_secret"] != made["signing_secret"]
    sent = standin.requests[-1]
    assert sent.path == f"{path}/rotate_secret"
    assert sent.body == {"keep_old_secret_active_for_24_hours": True}
    tested = await call("test_webhook_endpoint", **known, event_type="batch.failed")
    assert (tested["status_code"], standin.requests[-1].path) == (200, f"{path}/test")

    gone = await call("delete_webhook_endpoint", **known)
    assert gone == {"id": made["id"], "object": "webhook_endpoint.deleted", "deleted": True}
    with pytest.raises(ServiceValidationError, match="404"):
        await call("retrieve_webhook_endpoint", **known)


@newer
@pytest.mark.usefixtures("entry")
async def test_endpoint_event_types(standin: StandIn, call: Call) -> None:
    page = await call("list_webhook_event_types")
    assert standin.requests[-1].path == "/webhook_event_types"
    assert "batch.completed" in page["data"]
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, None, None)
