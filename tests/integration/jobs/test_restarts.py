"""Jobs outlive a reload and a restart, whatever has become of what was stored."""

from pathlib import Path
import time
from types import SimpleNamespace
from typing import Any

from homeassistant.core import CoreState
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.openai_api.jobs import job as job_module, manager, store as store_module
from tests.integration.automations import automate, on
from tests.integration.conftest import add_entry, entry_data

from .helpers import SENSOR, JobsDriver, job, key_of


async def test_jobs_survive_reload(jobs: JobsDriver) -> None:
    jobs.answer("in_progress", "in_progress", "completed")
    await jobs.watch(name="Night")
    er.async_get(jobs.hass).async_update_entity(SENSOR, name="My batch")

    await jobs.unload()
    await jobs.pass_time()
    assert jobs.polls() == 1
    await jobs.set_up()
    await jobs.pass_time(seconds=1)
    assert jobs.polls() == 2
    assert jobs.statuses == ["in_progress"]
    assert jobs.sensor.name == "My batch"

    await jobs.pass_time()
    assert jobs.statuses == ["in_progress", "completed"]
    assert jobs.sensor.state == "completed"
    assert await jobs.hass.config_entries.async_reload(jobs.entry.entry_id)
    await jobs.pass_time()
    assert jobs.polls() == 3
    assert len(jobs.told) == 2
    assert jobs.sensor.state == "completed"


async def test_job_finished_during_downtime_fires_after_start(new_jobs: JobsDriver) -> None:
    """The end is told once automations listen, and only then."""
    new_jobs.answer("completed")
    new_jobs.hass.set_state(CoreState.not_running)
    new_jobs.restore({"version": 1, "data": {"jobs": [job()]}})
    ended = on("progress", {"action": "watch_job", "done": True}, status="{{ trigger.status }}")
    ran = await automate(new_jobs.hass, ended, on("progress", {"done": False}))
    await new_jobs.set_up()
    await new_jobs.pass_time()
    assert new_jobs.polls() == 0
    assert new_jobs.sensor.state == "in_progress"
    assert new_jobs.sensor.attributes["request_counts"] == {"total": 9, "completed": 1}

    await new_jobs.hass.async_start()
    await new_jobs.pass_time(seconds=1)
    assert new_jobs.statuses == ["completed"]
    assert new_jobs.told[0].data["elapsed"] >= 3600
    assert [(event.data["n"], event.data["status"]) for event in ran] == [(0, "completed")]
    (kept,) = new_jobs.in_store()
    assert kept["ended"]


async def test_unload_during_poll(jobs: JobsDriver, caplog: pytest.LogCaptureFixture) -> None:
    await jobs.begin_poll(hang=True)
    await jobs.unload()
    await jobs.hass.async_block_till_done(wait_background_tasks=True)
    assert "cannot be looked at" not in caplog.text
    assert len(jobs.told) == 1
    assert jobs.in_store()


async def test_orphaned_job_entity_removed(jobs: JobsDriver) -> None:
    """After a backup was restored, no entity is left of what nobody knows any more."""
    jobs.answer("in_progress")
    await jobs.watch(name="Night")
    await jobs.unload()
    assert er.async_get(jobs.hass).async_get(SENSOR)
    del jobs.stored[jobs.key]
    await jobs.set_up()
    assert er.async_get(jobs.hass).async_get(SENSOR) is None
    assert er.async_get(jobs.hass).async_get("sensor.127_0_0_1_requests")


async def test_disabled_job_sensor(jobs: JobsDriver) -> None:
    jobs.answer("in_progress", "in_progress", "completed")
    await jobs.watch(name="Night")
    registry = er.async_get(jobs.hass)
    registry.async_update_entity(SENSOR, disabled_by=er.RegistryEntryDisabler.USER)
    assert await jobs.hass.config_entries.async_reload(jobs.entry.entry_id)
    await jobs.pass_time(seconds=1)
    await jobs.pass_time()
    assert jobs.statuses == ["in_progress", "completed"]
    assert jobs.hass.states.get(SENSOR) is None
    await jobs.call("stop_watching_job", id="x_1")
    assert registry.async_get(SENSOR) is None


@pytest.mark.parametrize(
    "store",
    [
        {"version": 1, "data": "nonsense"},
        {"version": 1, "data": ["x"]},
        {"version": 1, "data": {"jobs": None}},
        {"version": 1, "data": {"jobs": {"a": job()}}},
        {"version": 1},
        {"version": None, "data": {"jobs": []}},
        {"data": {"jobs": []}},
        {"version": 1, "minor_version": "x", "data": None},
    ],
)
async def test_damaged_store_is_kept_aside(
    new_jobs: JobsDriver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    store: dict[str, Any],
) -> None:
    """The entry works all the same, and stores anew; nothing that was there is lost."""
    moved: list[str] = []

    def move(path: str) -> str:
        moved.append(path)
        return f"{path}.corrupt"

    monkeypatch.setattr(store_module, "_move", move)
    new_jobs.restore(store)
    await new_jobs.set_up()
    await new_jobs.hass.async_block_till_done()
    assert await new_jobs.listed() == []
    if "minor_version" in store:
        assert (moved, "newer release" in caplog.text) == ([], True)
        return
    assert [Path(path).name for path in moved] == [new_jobs.key]
    assert f"{moved[0]}.corrupt" in caplog.text
    new_jobs.answer("in_progress")
    await new_jobs.watch()
    assert len(new_jobs.in_store()) == 1


def test_damaged_file_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "openai_api.1.jobs"
    path.write_text("[]")
    moved = Path(store_module._move(str(path)))
    assert moved.read_text() == "[]"
    assert moved.name.startswith("openai_api.1.jobs.corrupt.")
    assert not path.exists()


@pytest.mark.parametrize("data", [{}, [], {"jobs": []}])
async def test_empty_store_has_no_jobs(
    new_jobs: JobsDriver, caplog: pytest.LogCaptureFixture, data: Any
) -> None:
    new_jobs.restore({"version": 1, "data": data})
    await new_jobs.set_up()
    assert await new_jobs.listed() == []
    assert "watched job" not in caplog.text


@pytest.mark.parametrize(
    "damaged",
    [
        "x",
        {"kind": "batch"},
        job(ids={}),
        job(started="yesterday"),
        job(started="nan"),
        job(ended=1e300),
        job(until="inf"),
    ],
    ids=["text", "few keys", "no id", "start in words", "start nan", "end late", "limit infinite"],
)
async def test_damaged_job_is_kept(
    new_jobs: JobsDriver, caplog: pytest.LogCaptureFixture, damaged: Any
) -> None:
    new_jobs.restore({"version": 1, "data": {"jobs": [damaged]}})
    await new_jobs.set_up()
    assert await new_jobs.listed() == []
    assert f"{new_jobs.key}: " in caplog.text
    new_jobs.answer("in_progress")
    await new_jobs.watch()
    assert damaged in new_jobs.in_store()
    assert len(new_jobs.in_store()) == 2


async def test_corrupt_job_in_store_is_skipped(new_jobs: JobsDriver) -> None:
    new_jobs.restore({"version": 1, "data": {"jobs": [job(kind="weather"), job(new=1)]}})
    await new_jobs.set_up()
    await new_jobs.pass_time(seconds=0)
    (kept,) = await new_jobs.listed()
    assert kept["id"] == "x_1"


@pytest.mark.parametrize("data", [{}, {"jobs": [job()]}, "nonsense"])
@pytest.mark.parametrize("version", [(2, 1), (1, 2), (3, 7)])
async def test_newer_store_is_not_written(
    new_jobs: JobsDriver, caplog: pytest.LogCaptureFixture, version: tuple[int, int], data: Any
) -> None:
    """What only differs in its minor version is read, and told of twice rather than never."""
    before = {"version": version[0], "minor_version": version[1], "data": data, "more": 1}
    new_jobs.restore(dict(before))
    new_jobs.answer("completed", "in_progress")
    await new_jobs.set_up()
    is_read = version[0] == 1 and "jobs" in data
    assert len(await new_jobs.listed()) == is_read
    await new_jobs.pass_time(seconds=1)
    assert new_jobs.statuses == ["completed"] * is_read
    await new_jobs.watch()
    assert new_jobs.stored[new_jobs.key] == before
    assert f"{new_jobs.key} is left as it is" in caplog.text


async def test_newer_store_with_more_of_each_job_is_read(new_jobs: JobsDriver) -> None:
    data = {"jobs": [job(new=1)], "paused": True}
    new_jobs.restore({"version": 1, "data": data})
    await new_jobs.set_up()
    assert [one["id"] for one in await new_jobs.listed()] == ["x_1"]


@pytest.mark.parametrize(
    "unknown",
    [job(kind="weather"), job(kind="weather", name=None), job(kind="voice", ids={"voice_id": "v"})],
    ids=["named", "unnamed", "other-id"],
)
async def test_stored_job_of_unknown_kind_is_kept(
    new_jobs: JobsDriver, unknown: dict[str, Any]
) -> None:
    new_jobs.restore({"version": 1, "data": {"jobs": [unknown]}})
    await new_jobs.set_up()
    new_jobs.answer("in_progress")
    await new_jobs.watch()

    assert unknown in new_jobs.in_store()
    assert len(new_jobs.in_store()) == 2


@pytest.mark.parametrize("days", [-20_000, -30, 30, 20_000])
async def test_clock_change_keeps_jobs(
    jobs: JobsDriver, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    jobs.answer("in_progress", "in_progress", "completed")
    await jobs.watch()
    clock = SimpleNamespace(time=lambda: time.time() + days * 86_400, monotonic=time.monotonic)
    for module in (manager, job_module):
        monkeypatch.setattr(module, "time", clock)
    await jobs.pass_time()
    await jobs.pass_time()

    assert jobs.statuses == ["in_progress", "completed"]
    assert jobs.told[-1].data["elapsed"] < 3600


async def test_jobs_per_entry(jobs: JobsDriver) -> None:
    """Each has its own jobs; what is left goes with the entry."""
    other = await add_entry(jobs.hass, entry_data(jobs.standin, "none"))
    jobs.answer("in_progress", "in_progress", "completed")
    mine, theirs = {"config_entry_id": jobs.entry.entry_id}, {"config_entry_id": other.entry_id}
    await jobs.watch(**mine)
    await jobs.watch(**theirs)
    assert len((await jobs.call("list_watched_jobs", **mine))["data"]) == 1
    await jobs.hass.config_entries.async_remove(jobs.entry.entry_id)
    await jobs.hass.async_block_till_done()
    assert jobs.key not in jobs.stored
    assert key_of(other) in jobs.stored
    await jobs.pass_time()
    assert [(event.data["config_entry_id"], event.data["status"]) for event in jobs.told] == [
        (jobs.entry.entry_id, "in_progress"),
        (other.entry_id, "in_progress"),
        (other.entry_id, "completed"),
    ]
