"""Calls that are taken, and calls that are turned away."""

from collections.abc import Callable
from http import HTTPStatus
import json
import time

from homeassistant.core import Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.openai_api.webhooks import receiver as webhook_receiver
from tests.integration.automations import automate, on
from tests.integration.conftest import add_entry, entry_data
from tests.standin.areas.webhooks import sign
from tests.standin.server import StandIn

from .helpers import BODY, EVENT, LIMIT, OTHER, SECRET, Post, refused


async def test_signed_call_fires_event(
    receiving: MockConfigEntry, post: Post, fired: list[Event]
) -> None:
    assert await post() == HTTPStatus.OK
    assert [event.data for event in fired] == [
        {
            "config_entry_id": receiving.entry_id,
            "webhook_event_id": "evt_1",
            "event_type": "batch.completed",
            "event": EVENT,
        }
    ]
    assert not refused(receiving)


async def test_signature_covers_raw_body(post: Post, fired: list[Event]) -> None:
    body = json.dumps(EVENT, indent=3, ensure_ascii=False).replace("batch_1", "b\u00e4tch").encode()
    assert await post(body) == HTTPStatus.OK
    assert fired[0].data["event"]["data"] == {"id": "b\u00e4tch"}


async def test_one_matching_signature_is_enough(post: Post, fired: list[Event]) -> None:
    headers = sign(SECRET, BODY, "wh_1")
    other = sign(OTHER, BODY, "wh_1")["webhook-signature"]
    headers["webhook-signature"] = f"{other} v2,x {headers['webhook-signature']}"
    assert await post(BODY, headers) == HTTPStatus.OK
    assert len(fired) == 1


async def test_event_without_id(post: Post, fired: list[Event]) -> None:
    assert await post(b'{"data": 1}') == HTTPStatus.OK
    assert fired[0].data["webhook_event_id"] == "wh_1"
    assert fired[0].data["event_type"] is None


def with_header(**changes: str) -> dict[str, str]:
    """Return genuine headers but for some."""
    changed = {f"webhook-{key}": value for key, value in changes.items()}
    return {**sign(SECRET, BODY, "wh_1"), **changed}


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (BODY, lambda: sign(OTHER, BODY, "wh_1"), 401, "SIGNATURE"),
        (BODY + b" ", lambda: sign(SECRET, BODY, "wh_1"), 401, "SIGNATURE"),
        (b"\xff", lambda: sign(SECRET, b"\xff", "wh_1"), 401, "SIGNATURE"),
        (BODY, lambda: with_header(id="wh_2"), 401, "SIGNATURE"),
        (BODY, lambda: with_header(signature="v1,\u00e4"), 401, "SIGNATURE"),
        (BODY, lambda: sign(SECRET, BODY, "wh_1", int(time.time()) - 400), 401, "TIME"),
        (BODY, lambda: sign(SECRET, BODY, "wh_1", int(time.time()) + 400), 401, "TIME"),
        (BODY, lambda: with_header(timestamp="9" * 400), 401, "TIME"),
        (BODY, lambda: with_header(timestamp="now"), 400, "UNREADABLE"),
        (BODY, lambda: with_header(timestamp="9" * 5000), 400, "UNREADABLE"),
        (BODY, lambda: with_header(id=""), 401, "UNSIGNED"),
        (BODY, lambda: with_header(timestamp=""), 401, "UNSIGNED"),
        (BODY, lambda: with_header(signature=""), 401, "UNSIGNED"),
        (BODY, dict, 401, "UNSIGNED"),
        (b"", lambda: sign(SECRET, b"", "wh_1"), 400, "NO_EVENT"),
        (b"[1]", lambda: sign(SECRET, b"[1]", "wh_1"), 400, "NO_EVENT"),
        (b"{", lambda: sign(SECRET, b"{", "wh_1"), 400, "NO_EVENT"),
        (b" " * (LIMIT + 1), lambda: sign(SECRET, b"", "wh_1"), 413, "TOO_LARGE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_invalid_calls_are_rejected(
    receiving: MockConfigEntry,
    post: Post,
    fired: list[Event],
    body: bytes,
    headers: Callable[[], dict[str, str]],
    status: int,
    reason: str,
) -> None:
    assert await post(body, headers()) == status
    assert refused(receiving) == {reason: 1}
    assert not fired


async def test_duplicate_delivery_is_ignored(
    hass: HomeAssistant, receiving: MockConfigEntry, post: Post, fired: list[Event]
) -> None:
    """Whoever sends it again is told that all is well, also after a reload."""
    first = sign(SECRET, BODY, "wh_1")
    assert await post(BODY, first) == HTTPStatus.OK
    assert await post(BODY, first) == HTTPStatus.OK
    assert await post(BODY, sign(SECRET, BODY, "wh_1", int(time.time()) + 60)) == HTTPStatus.OK
    assert await hass.config_entries.async_reload(receiving.entry_id)
    assert await post(BODY, first) == HTTPStatus.OK
    assert len(fired) == 1
    assert await post(BODY, sign(SECRET, BODY, "wh_2")) == HTTPStatus.OK
    assert len(fired) == 2


async def test_deliveries_signed_before_start_are_rejected(
    receiving: MockConfigEntry, post: Post, fired: list[Event]
) -> None:
    """What was taken before a restart of Home Assistant is not taken once more."""
    assert await post(BODY, sign(SECRET, BODY, "wh_1", int(time.time()) - 60)) == 401
    assert refused(receiving) == {"TIME": 1}
    assert not fired


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
async def test_clock_change_accepts_delivery(
    post: Post, fired: list[Event], monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    assert await post(BODY, sign(SECRET, BODY, "wh_1")) == HTTPStatus.OK
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + days * 86_400)
    for delivery in ("wh_2", "wh_1"):
        assert await post(BODY, sign(SECRET, BODY, delivery)) == HTTPStatus.OK
    assert len(fired) == 2


async def test_delivery_log_size_limit(
    post: Post, fired: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When too many come at once, the host has to try again later; nothing is taken twice."""
    monkeypatch.setattr(webhook_receiver, "MAX_DELIVERIES", 2)
    statuses = [await post(BODY, sign(SECRET, BODY, f"wh_{number}")) for number in (1, 2, 3, 1)]
    assert statuses == [200, 200, 503, 200]
    assert len(fired) == 2
    monkeypatch.setattr(webhook_receiver, "DEDUPLICATION_SECONDS", 0)
    assert await post(BODY, sign(SECRET, BODY, "wh_3")) == HTTPStatus.OK
    assert len(fired) == 3


async def test_webhook_over_websocket_api(
    receiving: MockConfigEntry, hass_ws_client: WebSocketGenerator, fired: list[Event]
) -> None:
    """Home Assistant's cloud passes calls on in its own way."""
    socket = await hass_ws_client()
    for body, status in ((BODY, 200), (BODY + b" " * LIMIT, 413), (BODY + b" ", 401)):
        headers = sign(SECRET, body.rstrip(), "wh_1")
        await socket.send_json_auto_id(
            {
                "type": "webhook/handle",
                "webhook_id": receiving.options["webhook_id"],
                "method": "POST",
                "body": body.decode(),
                "headers": headers,
            }
        )
        assert (await socket.receive_json())["result"]["status"] == status
    assert len(fired) == 1


async def test_webhook_trigger(
    hass: HomeAssistant, standin: StandIn, receiving: MockConfigEntry, post: Post
) -> None:
    other = await add_entry(hass, entry_data(standin, "none"))
    said = {
        "who": "{{ trigger.config_entry_id }}",
        "type": "{{ trigger.event_type }}",
        "event_id": "{{ trigger.webhook_event_id }}",
        "batch": "{{ trigger.event.data.id }}",
        "words": "{{ trigger.description }}",
    }
    ran = await automate(
        hass,
        on("webhook_event", **said),
        on("webhook_event", {"event_type": ["batch.completed", "made.up"]}),
        on("webhook_event", {"event_type": "batch.failed"}),
        on("webhook_event", {"config_entry_id": receiving.entry_id}),
        on("webhook_event", {"config_entry_id": other.entry_id}),
    )
    assert await post() == HTTPStatus.OK
    assert await post() == HTTPStatus.OK
    assert await post(BODY + b" ", sign(SECRET, BODY, "wh_2")) == HTTPStatus.UNAUTHORIZED
    await hass.async_block_till_done()
    assert sorted(event.data["n"] for event in ran) == [0, 1, 3]
    (told,) = [event.data for event in ran if event.data["n"] == 0]
    assert told == {
        "n": 0,
        "who": receiving.entry_id,
        "type": "batch.completed",
        "event_id": "evt_1",
        "batch": "batch_1",
        "words": "webhook event batch.completed",
    }
