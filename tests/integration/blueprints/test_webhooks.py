"""Automations that begin with a call from the service, signed and sent over HTTP."""

from collections.abc import Awaitable, Callable
from itertools import count
import json
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.standin.areas.webhooks import sign
from tests.standin.server import StandIn

from ..conftest import Call, add_entry, entry_data
from .assertions import assert_sent, contains
from .conftest import BlueprintHome, Install

SECRET = "whsec_YSBzaWduaW5nIHNlY3JldCBvZiAyNCBC"

type Report = Callable[..., Awaitable[None]]


@pytest.fixture
async def report(
    home: HomeAssistant, entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> Report:
    """Return a function with which a service reports an event."""
    home.config_entries.async_update_entry(entry, options={"webhook_secret": SECRET})
    assert await home.config_entries.async_reload(entry.entry_id)
    deliveries = count(1)
    clients: list[TestClient[Any, Any]] = []

    async def report_event(event: dict[str, Any], to: MockConfigEntry = entry) -> None:
        if not clients:
            # Once it serves, Home Assistant takes no new addresses.
            clients.append(await hass_client_no_auth())
        body = json.dumps(event).encode()
        path = f"/api/webhook/{to.options['webhook_id']}"
        headers = sign(SECRET, body, f"wh_{next(deliveries)}")
        response = await clients[0].post(path, data=body, headers=headers)
        assert response.status == 200
        await home.async_block_till_done()

    return report_event


def incoming(caller: str) -> dict[str, Any]:
    """Return the event of an incoming call."""
    headers = [{"name": "To", "value": "sip:home"}, {"name": "From", "value": caller}]
    data = {"call_id": "rtc_1", "sip_headers": headers}
    return {"id": "evt_1", "type": "realtime.call.incoming", "data": data}


async def test_phone_call_accepted(
    install: Install, blueprint_home: BlueprintHome, standin: StandIn, report: Report, call: Call
) -> None:
    """A call is answered, and the caller greeted."""
    tell = [{"action": "todo.add_item", "data": {"item": "{{ caller }} {{ call_id }}"}}]
    await install("answer_phone", instructions="Be brief.", tell=tell, callers=["+123"])
    await report(incoming('"Ann" <sip:+123@example.com>'))
    assert_sent(
        standin,
        "POST",
        "/realtime/calls/rtc_1/accept",
        {
            "type": "realtime",
            "model": "gpt-realtime",
            "instructions": "Be brief.",
            "audio": {"output": {"voice": "marin"}},
        },
    )
    socket = await standin.wait_for_socket()
    assert socket.request.param("call_id") == "rtc_1"
    update = await socket.wait_for(1)
    assert contains(update, {"type": "session.update", "session": {"instructions": "Be brief."}})
    assert "tools" not in update["session"]
    greeting = {"type": "response.create", "response": {"instructions": "Greet the caller."}}
    assert any(contains(frame, greeting) for frame in socket.received)
    assert blueprint_home.asked == [
        ("todo.add_item", {"item": '"Ann" <sip:+123@example.com> rtc_1'}),
    ]
    await call("close_realtime_websocket", connection_id="rtc_1")


async def test_phone_call_from_trusted_caller_gets_assist(
    home: HomeAssistant, install: Install, standin: StandIn, report: Report, call: Call
) -> None:
    """A trusted caller may use what is exposed to Assist."""
    for component in ("homeassistant", "conversation"):
        assert await async_setup_component(home, component, {})
    await install("answer_phone", control=True, everybody=True)
    await report(incoming("<sip:+123@example.com>"))
    update = await (await standin.wait_for_socket()).wait_for(1)
    assert update["session"]["tools"]
    await call("close_realtime_websocket", connection_id="rtc_1")


LISTED = ["+49 (30) 1234-567", "+789", "ann", "  ", ""]


@pytest.mark.parametrize(
    ("headers", "callers", "answered"),
    [
        pytest.param(["<sip:+49301234567@example.com>"], LISTED, True, id="number"),
        pytest.param(["sip:+789@example.com;tag=1"], LISTED, True, id="bare-address"),
        pytest.param(["<sip:%2B789@example.com>;tag=a"], LISTED, True, id="percent"),
        pytest.param(["<tel:+789;ext=1>"], LISTED, True, id="tel"),
        pytest.param(['"Ann, at home" <sips:ann:pw@example.com>'], LISTED, True, id="name"),
        pytest.param(["<sip:+456@example.com>"], LISTED, False, id="other-number"),
        pytest.param(["<sip:+7890@example.com>"], LISTED, False, id="longer-number"),
        pytest.param(["<sip:+78@example.com>"], LISTED, False, id="part-of-a-number"),
        pytest.param(["<sip:789@example.com>"], LISTED, False, id="without-plus"),
        pytest.param(['"+789" <sip:+456@example.com>'], LISTED, False, id="display-name"),
        pytest.param(["ann <sip:joanna@example.com>"], LISTED, False, id="part-of-a-name"),
        pytest.param(
            ['"<sip:+789@example.com>" <sip:+456@evil.example>'], LISTED, False, id="quoted-address"
        ),
        pytest.param(
            ["sip:+789@example.com <sip:+456@evil.example>"], LISTED, False, id="unquoted-address"
        ),
        pytest.param(
            ['sip:+789@a" <sip:+456@evil.example>'], LISTED, False, id="stray-quotation-mark"
        ),
        pytest.param(["<sip:+456@+789>"], LISTED, False, id="host-instead-of-user"),
        pytest.param(["<sip:+456@evil.example;x=+789@b>"], LISTED, False, id="parameter"),
        pytest.param(["<sip:example.com>"], LISTED, False, id="no-user"),
        pytest.param(["anonymous"], LISTED, False, id="no-address"),
        pytest.param([""], LISTED, False, id="empty-header"),
        pytest.param([], LISTED, False, id="no-header"),
        pytest.param(
            ["<sip:+789@example.com>", "<sip:+456@example.com>"], LISTED, False, id="two-headers"
        ),
        pytest.param(["['+789']"], LISTED, False, id="looks-like-a-list"),
        pytest.param(["<sip:+456@example.com>"], [], False, id="empty-list"),
        pytest.param(["<sip:+456@example.com>"], ["", "  "], False, id="blank-rows"),
        pytest.param(["<sip:@example.com>"], ["", "  "], False, id="blank-user"),
        pytest.param(["<sip:-@example.com>"], ["-", "()"], True, id="only-separators-whole"),
        pytest.param(["<sip:.@example.com>"], ["-", "()"], False, id="only-separators"),
    ],
)
async def test_phone_call_caller_allowlist(
    install: Install,
    standin: StandIn,
    report: Report,
    headers: list[str],
    callers: list[str],
    answered: bool,
) -> None:
    """Only those get through whose user is on the list, whole."""
    await install("answer_phone", callers=callers)
    event = incoming("")
    event["data"]["sip_headers"] = [
        {"name": "To", "value": "<sip:+789@example.com>"},
        *({"name": "From", "value": value} for value in headers),
    ]
    await report(event)
    assert_sent(standin, "POST", f"/realtime/calls/rtc_1/{'accept' if answered else 'reject'}", {})
    assert bool(standin.sockets) is answered


async def test_phone_call_from_any_caller(
    install: Install, standin: StandIn, report: Report, call: Call
) -> None:
    """The switch opens the line, the list does not matter then."""
    await install("answer_phone", callers=["+789"], everybody=True)
    await report(incoming("anonymous"))
    assert_sent(standin, "POST", "/realtime/calls/rtc_1/accept", {})


async def test_webhook_selected_events(
    home: HomeAssistant,
    install: Install,
    blueprint_home: BlueprintHome,
    standin: StandIn,
    entry: MockConfigEntry,
    report: Report,
) -> None:
    """Only the awaited events of the chosen host are reported."""
    other = await add_entry(home, entry_data(standin, "none"), {"webhook_secret": SECRET})
    await install("webhook_event", event_types=["batch.completed"], config_entry_id=entry.entry_id)
    done = {"id": "evt_1", "type": "batch.completed", "data": {"id": "batch_1"}}
    await report({**done, "type": "batch.failed"})
    await report(done, other)
    assert not blueprint_home.notices
    await report(done)
    assert blueprint_home.notices == ["batch.completed: batch_1"]


async def test_webhook_without_selection(
    install: Install, blueprint_home: BlueprintHome, report: Report
) -> None:
    """With nothing chosen, everything is reported."""
    await install("webhook_event")
    await report({"id": "evt_1", "type": "made.up"})
    await report(incoming("<sip:+123@example.com>"))
    assert blueprint_home.notices == ["made.up:", "realtime.call.incoming: rtc_1"]
