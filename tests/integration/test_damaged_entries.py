"""Entries that were edited by hand, or stored by a newer release: nothing else breaks with them."""

from collections.abc import Coroutine
from datetime import timedelta
import os
from pathlib import Path
import time
from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntryState, ConfigSubentryData
from homeassistant.core import Context, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import Unauthorized
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
    get_system_health_info,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api.const import DOMAIN
from tests.standin.server import StandIn

from .conftest import CANARY, Call, add_entry, entry_data, state_of
from .waiting import wait_for

SECRET = "whsec_MTIzNDU2Nzg5MDEyMzQ1Ng=="
DAMAGED = {
    "no url": {"base_url": None},
    "number as url": {"base_url": 5},
    "not a url": {"base_url": "nowhere"},
    "url with a key": {"base_url": f"http://me:{CANARY}@127.0.0.1/v1"},
    "timeout": {"timeout": "soon"},
    "retries": {"max_retries": None},
    "header lines": {"extra_headers": ["a: b"]},
    "query text": {"extra_query": "a=b"},
    "number as key": {"api_key": 12345678},
    "newer way to sign in": {"auth_method": "oauth"},
    "header without name": {"auth_method": "header", "auth_name": None},
    "organization": {"organization": 5},
    "certificate": {"verify_ssl": "no"},
}


async def health(hass: HomeAssistant) -> dict[str, Any]:
    """Return what the page on the system's health tells; no server is asked."""
    info: dict[str, Any] = await get_system_health_info(hass, DOMAIN)
    for value in info.values():
        if isinstance(value, Coroutine):
            value.close()
    return info


@pytest.mark.parametrize("changes", DAMAGED.values(), ids=DAMAGED.keys())
async def test_damaged_connection_is_explained_and_entered_again(
    hass: HomeAssistant,
    standin: StandIn,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    assert await async_setup_component(hass, "system_health", {})
    entry = await add_entry(hass, entry_data(standin, **changes))
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "settings_damaged"
    assert CANARY not in caplog.text

    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert CANARY not in str(found)
    await health(hass)
    options = await hass.config_entries.options.async_init(entry.entry_id)
    assert options["type"] is FlowResultType.FORM

    # Another service can be added.
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": "user"})
    another = {"base_url": standin.url("none"), "auth_method": "none"}
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], another)
    assert result["type"] is FlowResultType.CREATE_ENTRY

    flow = await entry.start_reconfigure_flow(hass)
    assert flow["type"] is FlowResultType.FORM
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"],
        {"base_url": standin.url(), "auth_method": "bearer", "api_key": CANARY},
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert state_of(entry) is ConfigEntryState.LOADED


async def test_saved_key_is_asked_for_again_without_valid_url(
    hass: HomeAssistant, standin: StandIn
) -> None:
    entry = await add_entry(hass, entry_data(standin, base_url="nowhere"))
    flow = await entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"base_url": standin.url(), "auth_method": "bearer"}
    )
    assert result["errors"] == {"api_key": "key_for_other_origin"}
    assert not standin.requests


OPTIONS: list[dict[str, Any]] = [
    {"default_models": ["m"]},
    {"default_models": "m"},
    {"default_models": None},
    {"service_kind": ["openai"]},
    {"service_kind": 7},
    {"include_usage": [1]},
    {"input_price": "cheap", "output_price": "2"},
    {"input_price": [1], "cached_input_price": {}, "output_price": None},
    {"webhook_secret": 5, "webhook_id": "a"},
    {"record_events": "yes", "action_access": 3, "is_preferred": "no"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_damaged_options_count_as_none(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Call,
    options: dict[str, Any],
) -> None:
    entry = await add_entry(hass, entry_data(standin), options)
    assert entry.state is ConfigEntryState.LOADED
    assert (await call("create_model_response", model="m", input="Hello"))["status"] == "completed"
    assert (await call("create_moderation", input="Hello"))["results"]
    for flow in (
        await hass.config_entries.options.async_init(entry.entry_id),
        await entry.start_reconfigure_flow(hass),
    ):
        assert flow["type"] is FlowResultType.FORM


@pytest.mark.parametrize(
    "limits",
    [{"keep_days": -5, "keep_megabytes": -1}, {"keep_days": "30"}, {"keep_days": [1]}],
    ids=str,
)
async def test_damaged_limits_delete_nothing_and_leave_others_in_force(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, limits: dict[str, Any]
) -> None:
    folder = media_folder / DOMAIN
    folder.mkdir()
    for name, age in (("new.png", 1), ("old.png", 90)):
        (folder / name).write_bytes(b"x")
        then = time.time() - age * 86400
        os.utime(folder / name, (then, then))
    await add_entry(hass, entry_data(standin), limits)
    await add_entry(hass, entry_data(standin, "none"), {"keep_days": 60})

    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await wait_for(lambda: not (folder / "old.png").exists())
    assert (folder / "new.png").exists()


async def test_unknown_access_is_for_administrators(
    hass: HomeAssistant, standin: StandIn, media_folder: object, hass_admin_user: MockUser
) -> None:
    await add_entry(hass, entry_data(standin), {"action_access": "residents"})
    user = await hass.auth.async_create_user("member", group_ids=["system-users"])

    async def ask(user_id: str) -> None:
        await hass.services.async_call(
            DOMAIN,
            "list_models",
            blocking=True,
            return_response=True,
            context=Context(user_id=user_id),
        )

    with pytest.raises(Unauthorized):
        await ask(user.id)
    await ask(hass_admin_user.id)


async def test_copied_webhook_address_leaves_both_services_loaded(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = {"webhook_secret": SECRET, "webhook_id": "twin"}
    first = await add_entry(hass, entry_data(standin), options)
    second = await add_entry(hass, entry_data(standin, "none"), options)
    assert (first.state, second.state) == (ConfigEntryState.LOADED,) * 2
    assert "has the webhook address of another service" in caplog.text
    # The address goes to the other one as soon as it is free.
    await hass.config_entries.async_remove(first.entry_id)
    caplog.clear()
    assert await hass.config_entries.async_reload(second.entry_id)
    assert "has the webhook address of another service" not in caplog.text


async def test_diagnostics_of_damaged_subentries(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    subentries = [
        ConfigSubentryData(
            data={"prompt": prompt, "instructions": {"a": 1}},
            subentry_type="newer_kind",
            title="?",
            unique_id=None,
        )
        for prompt in (None, 5, ["Hello"])
    ]
    entry = MockConfigEntry(domain=DOMAIN, data=entry_data(standin), subentries_data=subentries)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert str(found["subentries"]).count("newer_kind") == 3
    assert "Hello" not in str(found)


async def test_system_health_without_ignored_announcements(
    hass: HomeAssistant, standin: StandIn
) -> None:
    assert await async_setup_component(hass, "system_health", {})
    await add_entry(hass, entry_data(standin))
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, unique_id="a").add_to_hass(hass)
    info = await health(hass)
    assert info["service_hosts"] == 1
    assert not any("api.openai.com" in key for key in info)
