"""Every service has an address, a secret and a count of refusals of its own."""

from http import HTTPStatus
import json
import logging
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components import webhook
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.openai_api.const import LOGGER
from custom_components.openai_api.webhooks import receiver as webhook_receiver
from tests.integration.conftest import add_entry, entry_data
from tests.integration.waiting import wait_for
from tests.standin.areas.webhooks import sign
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import BODY, KEY, OTHER, SECRET, Post, path, refused


async def test_webhook_url_per_entry(
    hass: HomeAssistant,
    standin: StandIn,
    receiving: MockConfigEntry,
    post: Post,
    fired: list[Event],
) -> None:
    other = await add_entry(hass, entry_data(standin, "none"), {"webhook_secret": OTHER})
    assert other.options["webhook_id"] != receiving.options["webhook_id"]

    assert await post(BODY, sign(OTHER, BODY, "wh_1"), other) == HTTPStatus.OK
    assert await post(BODY, sign(SECRET, BODY, "wh_1"), other) == HTTPStatus.UNAUTHORIZED
    assert await post(BODY, sign(SECRET, BODY, "wh_1")) == HTTPStatus.OK
    assert [event.data["config_entry_id"] for event in fired] == [
        other.entry_id,
        receiving.entry_id,
    ]
    assert (refused(receiving), refused(other)) == ({}, {"SIGNATURE": 1})


async def test_webhook_url_kept_until_entry_removed(
    hass: HomeAssistant,
    receiving: MockConfigEntry,
    client: TestClient[Any, Any],
    hass_ws_client: WebSocketGenerator,
    fired: list[Event],
) -> None:
    webhook_id = receiving.options["webhook_id"]
    assert len(webhook_id) == 64
    known = await hass_ws_client()

    async def registered() -> list[dict[str, Any]]:
        await known.send_json_auto_id({"type": "webhook/list"})
        found: list[dict[str, Any]] = (await known.receive_json())["result"]
        return found

    (found,) = await registered()
    assert found["webhook_id"] == webhook_id
    assert found["allowed_methods"] == ["POST"]
    assert not found["local_only"]
    assert await hass.config_entries.async_reload(receiving.entry_id)
    assert [item["webhook_id"] for item in await registered()] == [webhook_id]

    async def called() -> int:
        headers = sign(SECRET, BODY, "wh_1")
        async with client.post(path(receiving), data=BODY, headers=headers) as response:
            assert await response.read() == b""
            return response.status

    assert await hass.config_entries.async_unload(receiving.entry_id)
    # The server sends it again, and it is heard then.
    assert [item["webhook_id"] for item in await registered()] == [webhook_id]
    assert await called() == HTTPStatus.SERVICE_UNAVAILABLE
    assert not fired
    assert await hass.config_entries.async_setup(receiving.entry_id)
    assert await called() == HTTPStatus.OK
    assert len(fired) == 1

    assert await hass.config_entries.async_unload(receiving.entry_id)
    await hass.config_entries.async_remove(receiving.entry_id)
    assert not hass.data[webhook_receiver._DELIVERY_LOGS]
    assert await registered() == []
    # Home Assistant's answer to addresses that it does not know.
    assert await called() == HTTPStatus.OK
    assert len(fired) == 1


async def test_calls_are_refused_until_the_service_is_reached(
    hass: HomeAssistant,
    standin: StandIn,
    receiving: MockConfigEntry,
    post: Post,
    fired: list[Event],
) -> None:
    assert await hass.config_entries.async_unload(receiving.entry_id)
    # As after a restart of Home Assistant, which knows of none then.
    webhook.async_unregister(hass, receiving.options["webhook_id"])
    standin.fail(Fault(path="/models", status=503, count=None))
    assert not await hass.config_entries.async_setup(receiving.entry_id)
    assert await post() == HTTPStatus.SERVICE_UNAVAILABLE
    standin.reset()
    assert await hass.config_entries.async_reload(receiving.entry_id)
    assert await post() == HTTPStatus.OK
    assert len(fired) == 1


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize("gone", [{"webhook_secret"}, {"webhook_secret", "webhook_id"}])
async def test_address_is_given_up_with_its_secret(
    hass: HomeAssistant, receiving: MockConfigEntry, gone: set[str], is_loaded: bool
) -> None:
    """Nobody need send again what nobody can receive."""
    if not is_loaded:
        assert await hass.config_entries.async_unload(receiving.entry_id)
    options = {key: value for key, value in receiving.options.items() if key not in gone}
    hass.config_entries.async_update_entry(receiving, options=options)
    await hass.async_block_till_done()
    if is_loaded:
        assert await hass.config_entries.async_reload(receiving.entry_id)
    else:
        assert await hass.config_entries.async_setup(receiving.entry_id)
    assert not hass.data[webhook._HANDLERS]


@pytest.mark.usefixtures("entry")
async def test_webhook_not_registered_without_secret(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert entry.runtime_data.webhook_receiver is None
    assert "webhook_id" not in entry.options
    assert not hass.data.get(webhook._HANDLERS)


async def test_empty_signing_secret_is_rejected(
    hass: HomeAssistant, standin: StandIn, post: Post, fired: list[Event]
) -> None:
    """A secret that was cut off would let anybody sign."""
    cut = await add_entry(hass, entry_data(standin, "none"), {"webhook_secret": "whsec_"})
    assert await post(BODY, sign("whsec_", BODY, "wh_1"), cut) == HTTPStatus.UNAUTHORIZED
    assert not fired


async def test_rejected_calls_counted_and_logged_once(
    hass: HomeAssistant,
    receiving: MockConfigEntry,
    post: Post,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever calls a hundred times fills no log."""
    registry = er.async_get(hass)
    sensor = "sensor.127_0_0_1_refused_webhooks"
    entity = registry.async_get(sensor)
    assert entity
    assert entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    registry.async_update_entity(sensor, disabled_by=None)
    assert await hass.config_entries.async_reload(receiving.entry_id)
    await hass.async_block_till_done()
    caplog.clear()

    for _ in range(5):
        await post(BODY, sign(OTHER, BODY, "wh_1"))
        await post(BODY, {})
    assert await post() == HTTPStatus.OK
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == LOGGER.name and record.levelno >= logging.WARNING
    ]
    assert len(lines) == 2
    assert "not signed with the signing secret" in lines[0]
    await wait_for(lambda: (state := hass.states.get(sensor)) and state.state == "10")
    found = await get_diagnostics_for_config_entry(hass, hass_client, receiving)
    assert found["webhooks"] == {"received": 1, "refused": {"SIGNATURE": 5, "UNSIGNED": 5}}
    assert found["options"] == {"webhook_secret": "**REDACTED**", "webhook_id": "**REDACTED**"}
    told = caplog.text + json.dumps(found)
    assert SECRET not in told
    assert SECRET[6:] not in told
    assert KEY.decode() not in told
