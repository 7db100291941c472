"""Webhook endpoints: where events are reported, and the secrets that sign them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets

from aiohttp import ClientSession
from yarl import URL

from tests.standin.routing import Call, Route, check, need, one_of, resource_routes
from tests.standin.state import Kind
from tests.standin.wire import Json, invalid, new_id, now

ENDPOINTS = Kind(name="webhook endpoint", deleted="webhook_endpoint.deleted")
ONE = "/webhook_endpoints/{webhook_endpoint_id}"
EVENT_TYPES = (
    "batch.completed",
    "batch.failed",
    "response.completed",
    "response.failed",
    "video.completed",
    "realtime.call.incoming",
)


def _secret() -> str:
    """Make a signing secret."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def sign(secret: str, payload: bytes, delivery: str, stamp: int | None = None) -> dict[str, str]:
    """Return the headers with which a call is delivered now, or at another time."""
    stamp = now() if stamp is None else stamp
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{delivery}.{stamp}.".encode() + payload, hashlib.sha256)
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(stamp),
        "webhook-signature": f"v1,{base64.b64encode(mac.digest()).decode()}",
    }


def _checked(body: Json) -> Json:
    """Return what a body sets of an endpoint."""
    if (url := check(body, "url", str)) is not None and not url.startswith("https://"):
        raise invalid("The URL must use HTTPS.", "url")
    for event_type in check(body, "event_types", list) or ():
        one_of("event_types", event_type, EVENT_TYPES)
    check(body, "name", str)
    return {key: body[key] for key in ("name", "url", "event_types") if key in body}


async def create(call: Call) -> Json:
    """Keep an endpoint; only this answer shows its secret."""
    for name, kind in (("name", str), ("url", str), ("event_types", list)):
        need(call.json, name, kind)
    secret = _secret()
    endpoint = call.collection(ENDPOINTS).add(
        {
            "id": new_id("webhook_"),
            "object": "webhook_endpoint",
            "created_at": now(),
            "updated_at": now(),
            "signing_secret_hint": f"whsec_...{secret[-4:]}",
            **_checked(call.json),
        }
    )
    call.state.signing_secrets[endpoint["id"]] = secret
    return {**endpoint, "signing_secret": secret}


async def update(call: Call) -> Json:
    """Change an endpoint."""
    return call.collection(ENDPOINTS).update(
        call.ids["webhook_endpoint_id"], {**_checked(call.json), "updated_at": now()}
    )


async def rotate(call: Call) -> Json:
    """Make a new secret; only this answer shows it."""
    check(call.json, "keep_old_secret_active_for_24_hours", bool)
    secret = _secret()
    endpoint = call.collection(ENDPOINTS).update(
        call.ids["webhook_endpoint_id"], {"signing_secret_hint": f"whsec_...{secret[-4:]}"}
    )
    call.state.signing_secrets[endpoint["id"]] = secret
    return {**endpoint, "signing_secret": secret}


async def test(call: Call) -> Json:
    """Send a sample event to the endpoint, and say how it was taken."""
    endpoint = call.collection(ENDPOINTS).get(call.ids["webhook_endpoint_id"])
    event_type = one_of("event_type", need(call.json, "event_type", str), EVENT_TYPES)
    status = await _deliver(call, endpoint, event_type)
    return {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": endpoint["id"],
        "event_type": event_type,
        "status_code": status,
        "success": status == 200,
    }


async def _deliver(call: Call, endpoint: Json, event_type: str) -> int:
    """Report a sample to an endpoint on this machine; elsewhere, all is well."""
    url = URL(endpoint["url"])
    if (local := call.standin.reroutes.get(str(url.origin()))) is None:
        return 200
    event = {
        "id": new_id("evt_"),
        "object": "event",
        "created_at": now(),
        "type": event_type,
        "data": {"call_id": "rtc_sample", "sip_headers": []}
        if event_type == "realtime.call.incoming"
        else {"id": "sample"},
    }
    payload = json.dumps(event).encode()
    secret = call.state.signing_secrets[endpoint["id"]]
    headers = sign(secret, payload, new_id("wh_"))
    async with (
        ClientSession() as session,
        session.post(URL(local).join(url.relative()), data=payload, headers=headers) as response,
    ):
        return response.status


async def event_types(call: Call) -> Json:
    """List the kinds of events; this list holds words and has no pages."""
    return {"object": "list", "data": list(EVENT_TYPES)}


ROUTES = (
    Route("POST", "/webhook_endpoints", create),
    *resource_routes(ENDPOINTS, ONE, "list", "retrieve", "delete"),
    Route("POST", ONE, update),
    Route("POST", f"{ONE}/rotate_secret", rotate),
    Route("POST", f"{ONE}/test", test),
    Route("GET", "/webhook_event_types", event_types),
)
