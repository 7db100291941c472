"""The webhook is set up at the host, and removed there, from the options."""

from collections.abc import Callable
import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api.const import EVENT_WEBHOOK
from tests.standin.areas.webhooks import sign
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import EXISTS, HOME, PRICES, SECRET, Form, address, kept, suggested, url


def made(standin: StandIn) -> list[dict[str, Any]]:
    """Return the bodies of the requests that set up a webhook."""
    return [
        item.body
        for item in standin.requests
        if (item.method, item.path) == ("POST", "/webhook_endpoints")
    ]


def deleted(standin: StandIn) -> list[str]:
    """Return the ids of the webhooks that were to be deleted."""
    return [
        item.path.removeprefix("/webhook_endpoints/")
        for item in standin.requests
        if item.method == "DELETE"
    ]


@pytest.mark.usefixtures("endpoints")
async def test_webhook_setup(
    standin: StandIn,
    form: Form,
    entry: MockConfigEntry,
    events: Callable[[str], list[Any]],
    hass_client_no_auth: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody types or sees the secret, and the host is understood at once."""
    await form.open()
    result = await form.submit(record_events=True, webhooks={"set_up_webhook": True}, costs=PRICES)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "webhook")
    assert result["description_placeholders"] == {"webhook_url": url(entry)}
    result = await form.submit(event_types=[])
    assert result["errors"] == {"event_types": "no_event_types"}
    assert not made(standin)
    types = ["batch.completed", "video.completed"]
    result = await form.submit(event_types=types)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert made(standin) == [{"name": "Home Assistant", "url": url(entry), "event_types": types}]
    ((endpoint, secret),) = standin.state.signing_secrets.items()
    assert kept(entry) == {
        "record_events": True,
        "webhook_secret": secret,
        "webhook_endpoint_id": endpoint,
        **PRICES,
    }
    assert secret not in str(form.said)
    assert secret not in caplog.text
    fired = events(EVENT_WEBHOOK)
    client = await hass_client_no_auth()
    body = b'{"id": "evt_1", "type": "batch.completed"}'
    path = f"/api/webhook/{entry.options['webhook_id']}"
    assert (await client.post(path, data=body, headers=sign(secret, body, "wh_1"))).status == 200
    assert len(fired) == 1


@pytest.mark.usefixtures("endpoints")
async def test_webhook_setup_replaces_endpoint(
    standin: StandIn, form: Form, entry: MockConfigEntry
) -> None:
    """The new webhook takes the place of the old one, at the same address."""
    known: list[tuple[str, str]] = []
    for event_type in ("batch.completed", "batch.failed"):
        await form.open()
        await form.submit(record_events=False, webhooks={"set_up_webhook": True})
        await form.submit(event_types=[event_type])
        known.append((entry.options["webhook_endpoint_id"], entry.options["webhook_secret"]))
    (old, old_secret), (new, new_secret) = known
    assert (new != old, new_secret != old_secret) == (True, True)
    assert made(standin)[0]["url"] == made(standin)[1]["url"] == url(entry)
    assert deleted(standin) == [old]


@pytest.mark.usefixtures("endpoints")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=404), "webhooks_unsupported"),
        (Fault(status=405), "webhooks_unsupported"),
        (Fault(status=501, count=None), "webhooks_unsupported"),
        (Fault(body={"id": "webhook_1"}), "webhooks_unsupported"),
        (Fault(status=400, body={"error": {"message": "Not this one."}}), "webhook_refused"),
        (Fault(body="<html>Hello</html>", content_type="text/html"), "webhook_refused"),
        (Fault(body=""), "webhooks_unsupported"),
        (Fault(status=500, count=None), "webhook_refused"),
        (Fault(drop="before", count=None), "cannot_connect"),
        (Fault(status=401), "invalid_auth"),
    ],
)
async def test_webhook_setup_errors(
    standin: StandIn, form: Form, entry: MockConfigEntry, fault: Fault, error: str
) -> None:
    """The form says why, and nothing of what was typed is lost."""
    await form.open()
    typed = {"set_up_webhook": True, "webhook_secret": SECRET}
    await form.submit(record_events=True, webhooks=typed, costs=PRICES)
    standin.fail(fault)
    result = await form.submit(event_types=["batch.completed"])
    assert (result["step_id"], result["errors"]) == ("init", {"base": error})
    if fault.status == 400:
        shown = result["description_placeholders"]["details"]
        assert shown.startswith("Not this one. (HTTP 400, ")
    shown = suggested(result["data_schema"])
    assert shown["costs"] == {**PRICES, "cached_input_price": None}
    assert shown["webhooks"]["webhook_secret"] is shown["webhooks"]["set_up_webhook"] is None

    result = await form.submit(record_events=True, webhooks={}, costs=PRICES)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert kept(entry) == {"record_events": True, "webhook_secret": SECRET, **PRICES}
    assert SECRET not in str(form.said)


@pytest.mark.usefixtures("endpoints")
@pytest.mark.parametrize("status", [400, 500])
async def test_webhook_setup_error_is_redacted(
    hass: HomeAssistant,
    standin: StandIn,
    form: Form,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    """Neither the address nor a secret gets into a form, the last error or the log by way of it."""
    secret = "whsec_c29tZSti+b3R/oZXI="
    await form.open()
    await form.submit(record_events=True, webhooks={"set_up_webhook": True})
    message = f"Nobody at {url(entry)}, so {secret} is not needed."
    standin.fail(Fault(status=status, body={"error": {"message": message}}, count=None))
    result = await form.submit(event_types=["batch.completed"])
    expected = f"Nobody at {HOME}/api/webhook/***, so *** is not needed."
    assert result["description_placeholders"]["message"] == expected
    last_error = hass.states.get("sensor.127_0_0_1_last_error")
    assert last_error
    assert expected in last_error.attributes["message"]
    for shown in (str(result["description_placeholders"]), last_error.state, caplog.text):
        assert "b3R" not in shown
    assert entry.options["webhook_id"] not in last_error.state


@pytest.mark.usefixtures("endpoints")
async def test_webhook_setup_retry_keeps_input(
    standin: StandIn, form: Form, entry: MockConfigEntry
) -> None:
    """What was chosen is still there."""
    await form.open()
    await form.submit(record_events=True, webhooks={"set_up_webhook": True})
    standin.fail(Fault(status=400))
    await form.submit(event_types=["batch.completed"])
    result = await form.submit(record_events=True, webhooks={"set_up_webhook": True})
    assert suggested(result["data_schema"]) == {"event_types": ["batch.completed"]}
    await form.submit(event_types=["batch.completed"])
    assert entry.options["webhook_endpoint_id"] in standin.state.signing_secrets


@pytest.mark.skipif(EXISTS, reason="this SDK can set up webhooks")
async def test_webhook_setup_method_missing_in_old_sdk(standin: StandIn, form: Form) -> None:
    await form.open()
    await form.submit(record_events=True, webhooks={"set_up_webhook": True})
    result = await form.submit(event_types=["batch.completed"])
    assert result["errors"] == {"base": "webhooks_unsupported"}
    assert not made(standin)


@pytest.mark.usefixtures("endpoints")
async def test_webhook_setup_entry_not_loaded(
    hass: HomeAssistant, form: Form, entry: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    await form.open()
    await form.submit(record_events=True, webhooks={"set_up_webhook": True})
    result = await form.submit(event_types=["batch.completed"])
    assert result["errors"] == {"base": "cannot_connect"}


@pytest.mark.usefixtures("endpoints")
@pytest.mark.parametrize("obeys", [True, False])
async def test_webhook_removal(
    standin: StandIn,
    form: Form,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    obeys: bool,
) -> None:
    """All of it is gone, here in any case, and the next webhook has another address."""
    result = await form.open()
    assert "remove_webhook" not in suggested(result["data_schema"])["webhooks"]
    await form.submit(record_events=True, webhooks={"set_up_webhook": True}, costs=PRICES)
    await form.submit(event_types=["batch.completed"])
    old, endpoint = url(entry), entry.options["webhook_endpoint_id"]
    if not obeys:
        standin.fail(Fault(method="DELETE", status=403))

    result = await form.open()
    assert "remove_webhook" in suggested(result["data_schema"])["webhooks"]
    result = await form.submit(
        record_events=True, webhooks={"remove_webhook": True, "webhook_secret": SECRET}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"record_events": True, **PRICES}
    assert entry.runtime_data.webhook_receiver is None
    assert deleted(standin) == [endpoint]
    warned = [item for item in caplog.records if item.levelno == logging.WARNING]
    assert any(endpoint in item.getMessage() for item in warned) is not obeys
    result = await form.open()
    assert address(result) != old
    assert "remove_webhook" not in suggested(result["data_schema"])["webhooks"]
