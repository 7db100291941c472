"""An entry's life: set up, not ready, unloaded, and what it leaves in the database."""

import asyncio
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance, session_scope
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.openai_api.config_flow import OpenAIConfigFlow
from custom_components.openai_api.const import DOMAIN, EVENT_STREAM
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call, add_entry, entry_data


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (Fault(path="/models", drop="before", count=2), ConfigEntryState.SETUP_RETRY),
        (Fault(path="/models", status=503), ConfigEntryState.SETUP_RETRY),
        (
            Fault(path="/models", status=200, body="<html>", content_type="text/html"),
            ConfigEntryState.SETUP_RETRY,
        ),
        (Fault(path="/models", status=401), ConfigEntryState.SETUP_ERROR),
        (Fault(path="/models", status=404), ConfigEntryState.LOADED),
    ],
)
async def test_setup_entry(
    hass: HomeAssistant, standin: StandIn, fault: Fault, state: ConfigEntryState
) -> None:
    standin.fail(fault)
    entry = await add_entry(hass, entry_data(standin))
    assert entry.state is state


async def test_setup_without_environment_variable(hass: HomeAssistant, standin: StandIn) -> None:
    entry = await add_entry(
        hass, entry_data(standin, api_key_source="environment", api_key="NO_SUCH_VARIABLE")
    )
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN)


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ((1, 9), ConfigEntryState.LOADED),
        ((2, 1), ConfigEntryState.MIGRATION_ERROR),
        ((9, 3), ConfigEntryState.MIGRATION_ERROR),
    ],
)
async def test_entry_of_newer_release_is_left_as_it_is(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    caplog: pytest.LogCaptureFixture,
    version: tuple[int, int],
    state: ConfigEntryState,
) -> None:
    assert OpenAIConfigFlow.VERSION == 1
    data, options = {**entry_data(standin), "more": {"a": 1}}, {"newer": [1]}
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Home",
        data=data,
        options=options,
        version=version[0],
        minor_version=version[1],
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id) is (version[0] == 1)
    assert entry.state is state
    assert (entry.version, entry.minor_version) == version
    assert (dict(entry.data), dict(entry.options)) == (data, options)
    # Home Assistant says so itself.
    assert ("higher than the current version" in caplog.text) is (version[0] > 1)


async def test_unload_and_remove_entry(
    hass: HomeAssistant, entry: MockConfigEntry, call: Call
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert hass.services.has_service(DOMAIN, "create_model_response")
    await hass.config_entries.async_remove(entry.entry_id)
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not ir.async_get(hass).issues


async def test_process_environment_is_ignored(
    hass: HomeAssistant, standin: StandIn, media_folder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ORG_ID", "PROJECT_ID", "API_KEY", "BASE_URL", "ADMIN_KEY"):
        monkeypatch.setenv(f"OPENAI_{name}", "from-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-sneaky: from-the-environment")
    await add_entry(hass, entry_data(standin))
    assert "from-the-environment" not in standin.requests[-1].headers.values()


@pytest.mark.parametrize("is_recorded", [False, True])
async def test_events_excluded_from_recorder(
    recorder_mock: object,
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Call,
    is_recorded: bool,
) -> None:
    entry = await add_entry(hass, entry_data(standin), {"record_events": is_recorded})
    await call("create_model_response", model="m", input="Hello", stream=True)
    await async_wait_recording_done(hass)

    assert await stored(hass) is is_recorded

    hass.config_entries.async_update_entry(entry, options={"record_events": not is_recorded})
    await hass.config_entries.async_reload(entry.entry_id)
    excluded = get_instance(hass).exclude_event_types
    assert (EVENT_STREAM in excluded) is is_recorded
    await hass.config_entries.async_remove(entry.entry_id)
    assert EVENT_STREAM in excluded


async def test_events_excluded_by_user_stay_excluded(
    recorder_mock: object, hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    excluded = get_instance(hass).exclude_event_types
    excluded.add(EVENT_STREAM)
    await add_entry(hass, entry_data(standin), {"record_events": True})
    assert EVENT_STREAM in excluded

    other = await add_entry(hass, entry_data(standin, "none"), {"record_events": False})
    await hass.config_entries.async_reload(other.entry_id)
    assert EVENT_STREAM in excluded


async def stored(hass: HomeAssistant) -> bool:
    """Tell whether the database holds an event of a stream."""

    def look() -> Any:
        from homeassistant.components.recorder.db_schema import EventTypes

        with session_scope(hass=hass) as session:
            return session.query(EventTypes).filter_by(event_type=EVENT_STREAM).count()

    return bool(await get_instance(hass).async_add_executor_job(look))


async def test_concurrent_calls(entry: MockConfigEntry, call: Call) -> None:
    answers = await asyncio.gather(
        *(call("create_model_response", model="m", input=f"Number {n}") for n in range(50))
    )
    assert [f"Number {n}" in answer["output_text"] for n, answer in enumerate(answers)] == [
        True
    ] * 50
