"""Jobs are watched no longer: stopped, too many, or over for a day."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.jobs import manager
from tests.integration.conftest import Call, raises_key
from tests.standin.server import StandIn

from .helpers import (
    SENSOR,
    Fired,
    answer,
    assert_forgotten,
    begin_poll,
    in_store,
    key_of,
    looks,
    pass_time,
    sensor,
    statuses,
)


async def test_stop_watching(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
) -> None:
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    assert await call("stop_watching_job", id="x_1") == {"id": "x_1", "status": "stopped"}
    await pass_time(hass)
    assert looks(standin, "/batches/x_1") == 1
    assert len(told) == 1
    assert_forgotten(hass, stored, entry)
    assert (await call("list_watched_jobs"))["data"] == []
    with raises_key("job_unknown", ServiceValidationError):
        await call("stop_watching_job", id="x_1")


@pytest.mark.parametrize(
    "outcome",
    [
        {"body": {"id": "x_1", "status": "completed"}},
        {"body": {"id": "x_1", "status": "finalizing"}},
        {"status": 404},
    ],
)
async def test_stop_during_poll(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
    outcome: dict[str, Any],
) -> None:
    await begin_poll(hass, standin, call, delay=0.1, **outcome)
    await call("stop_watching_job", id="x_1")
    await hass.async_block_till_done(wait_background_tasks=True)
    await pass_time(hass, minutes=16)
    assert looks(standin, "/batches/x_1") == 2
    assert statuses(told) == ["in_progress"]
    assert not in_store(stored, entry)


async def test_job_limit_raises(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manager, "MAX_JOBS", 2)
    for number in range(3):
        answer(standin, f"/batches/x_{number}", "in_progress")
    for number in range(2):
        await call("watch_job", kind="batch", id=f"x_{number}")
    with raises_key("too_many_jobs", ServiceValidationError):
        await call("watch_job", kind="batch", id="x_2")
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")
    assert len((await call("list_watched_jobs"))["data"]) == 2


async def test_finished_jobs_limit(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manager, "MAX_FINISHED", 2)
    for number in range(3):
        answer(standin, f"/batches/x_{number}", "completed")
        await call("watch_job", kind="batch", id=f"x_{number}")
    await hass.async_block_till_done()
    assert [item["id"] for item in (await call("list_watched_jobs"))["data"]] == ["x_1", "x_2"]
    shown = [item for item in hass.states.async_entity_ids("sensor") if "_job_" in item]
    assert shown == ["sensor.127_0_0_1_job_x_1", "sensor.127_0_0_1_job_x_2"]


async def test_finished_job_removed_after_a_day(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    stored: dict[str, Any],
) -> None:
    answer(standin, "/batches/x_1", "completed")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    await pass_time(hass, hours=23)
    assert sensor(hass).state == "completed"
    await pass_time(hass, hours=25)
    assert_forgotten(hass, stored, entry)


async def test_finished_job_removed_after_downtime(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    stored: dict[str, Any],
) -> None:
    answer(standin, "/batches/x_1", "completed")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    assert await hass.config_entries.async_unload(entry.entry_id)
    stored[key_of(entry)]["data"]["jobs"][0]["ended"] -= 2 * 86_400
    assert await hass.config_entries.async_setup(entry.entry_id)
    await pass_time(hass, seconds=1)
    assert hass.states.get(SENSOR) is None
    assert er.async_get(hass).async_get(SENSOR) is None
