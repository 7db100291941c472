"""Webhook endpoints: where events are reported, and the secrets that sign them."""

from __future__ import annotations

import base64
import secrets

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
    return {**endpoint, "signing_secret": secret}


async def test(call: Call) -> Json:
    """Say how the endpoint took a sample event."""
    endpoint = call.collection(ENDPOINTS).get(call.ids["webhook_endpoint_id"])
    return {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": endpoint["id"],
        "event_type": one_of("event_type", need(call.json, "event_type", str), EVENT_TYPES),
        "status_code": 200,
        "success": True,
    }


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
