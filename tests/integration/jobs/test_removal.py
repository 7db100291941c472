"""Jobs are watched no longer: stopped, too many, or over for a day."""

from typing import Any

from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.openai_api.jobs import manager
from tests.integration.conftest import raises_key

from .helpers import SENSOR, JobsDriver


async def test_stop_watching(jobs: JobsDriver) -> None:
    jobs.answer("in_progress")
    await jobs.watch(name="Night")
    assert await jobs.call("stop_watching_job", id="x_1") == {"id": "x_1", "status": "stopped"}
    await jobs.pass_time()
    assert jobs.polls() == 1
    assert len(jobs.told) == 1
    jobs.assert_forgotten()
    assert await jobs.listed() == []
    with raises_key("job_unknown", ServiceValidationError):
        await jobs.call("stop_watching_job", id="x_1")


@pytest.mark.parametrize(
    "outcome",
    [
        {"body": {"id": "x_1", "status": "completed"}},
        {"body": {"id": "x_1", "status": "finalizing"}},
        {"status": 404},
    ],
)
async def test_stop_during_poll(jobs: JobsDriver, outcome: dict[str, Any]) -> None:
    await jobs.begin_poll(delay=0.1, **outcome)
    await jobs.call("stop_watching_job", id="x_1")
    await jobs.hass.async_block_till_done(wait_background_tasks=True)
    await jobs.pass_time(minutes=16)
    assert jobs.polls() == 2
    assert jobs.statuses == ["in_progress"]
    assert not jobs.in_store()


async def test_job_limit_raises(jobs: JobsDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "MAX_JOBS", 2)
    for number in range(3):
        jobs.answer("in_progress", path=f"/batches/x_{number}")
    for number in range(2):
        await jobs.watch(id=f"x_{number}")
    with raises_key("too_many_jobs", ServiceValidationError):
        await jobs.watch(id="x_2")
    jobs.answer("in_progress")
    await jobs.watch()
    assert len(await jobs.listed()) == 2


async def test_finished_jobs_limit(jobs: JobsDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "MAX_FINISHED", 2)
    for number in range(3):
        jobs.answer("completed", path=f"/batches/x_{number}")
        await jobs.watch(id=f"x_{number}")
    await jobs.hass.async_block_till_done()
    assert [item["id"] for item in await jobs.listed()] == ["x_1", "x_2"]
    shown = [item for item in jobs.hass.states.async_entity_ids("sensor") if "_job_" in item]
    assert shown == ["sensor.127_0_0_1_job_x_1", "sensor.127_0_0_1_job_x_2"]


async def test_finished_job_removed_after_a_day(jobs: JobsDriver) -> None:
    jobs.answer("completed")
    await jobs.watch(name="Night")
    await jobs.pass_time(hours=23)
    assert jobs.sensor.state == "completed"
    await jobs.pass_time(hours=25)
    jobs.assert_forgotten()


async def test_finished_job_removed_after_downtime(jobs: JobsDriver) -> None:
    jobs.answer("completed")
    await jobs.watch(name="Night")
    await jobs.unload()
    jobs.stored[jobs.key]["data"]["jobs"][0]["ended"] -= 2 * 86_400
    await jobs.set_up()
    await jobs.pass_time(seconds=1)
    assert jobs.hass.states.get(SENSOR) is None
    assert er.async_get(jobs.hass).async_get(SENSOR) is None
