"""Jobs outlive a reload and a restart, whatever has become of what was stored."""

from datetime import timedelta
from pathlib import Path
import time
from types import SimpleNamespace
from typing import Any

from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.openai_api.jobs import job as job_module, manager, store as store_module
from tests.integration.automations import automate, on
from tests.integration.conftest import Call, add_entry, entry_data
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import (
    SENSOR,
    Fired,
    answer,
    entry_with,
    in_store,
    job,
    key_of,
    looks,
    pass_time,
    sensor,
    statuses,
)


async def test_jobs_survive_reload(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    answer(standin, "/batches/x_1", "in_progress", "in_progress", "completed")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    er.async_get(hass).async_update_entity(SENSOR, name="My batch")

    assert await hass.config_entries.async_unload(entry.entry_id)
    await pass_time(hass)
    assert looks(standin, "/batches/x_1") == 1
    assert await hass.config_entries.async_setup(entry.entry_id)
    await pass_time(hass, seconds=1)
    assert looks(standin, "/batches/x_1") == 2
    assert statuses(told) == ["in_progress"]
    assert sensor(hass).name == "My batch"

    await pass_time(hass)
    assert statuses(told) == ["in_progress", "completed"]
    assert sensor(hass).state == "completed"
    assert await hass.config_entries.async_reload(entry.entry_id)
    await pass_time(hass)
    assert looks(standin, "/batches/x_1") == 3
    assert len(told) == 2
    assert sensor(hass).state == "completed"


async def test_job_finished_during_downtime_fires_after_start(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    told: Fired,
    stored: dict[str, Any],
) -> None:
    """The end is told once automations listen, and only then."""
    answer(standin, "/batches/x_1", "completed")
    hass.set_state(CoreState.not_running)
    found = entry_with(hass, stored, standin, {"version": 1, "data": {"jobs": [job()]}})
    ended = on("progress", {"action": "watch_job", "done": True}, status="{{ trigger.status }}")
    ran = await automate(hass, ended, on("progress", {"done": False}))
    assert await hass.config_entries.async_setup(found.entry_id)
    await pass_time(hass)
    assert looks(standin, "/batches/x_1") == 0
    assert sensor(hass).state == "in_progress"
    assert sensor(hass).attributes["request_counts"] == {"total": 9, "completed": 1}

    await hass.async_start()
    await pass_time(hass, seconds=1)
    assert statuses(told) == ["completed"]
    assert told[0].data["elapsed"] >= 3600
    assert [(event.data["n"], event.data["status"]) for event in ran] == [(0, "completed")]
    (kept,) = in_store(stored, found)
    assert kept["ended"]


async def test_unload_during_poll(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")
    standin.fail(Fault(path="/batches", hang=True))
    count = len(standin.requests)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await standin.wait_for_request(count + 1)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert "cannot be looked at" not in caplog.text
    assert len(told) == 1
    assert in_store(stored, entry)


async def test_orphaned_job_entity_removed(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    stored: dict[str, Any],
) -> None:
    """After a backup was restored, no entity is left of what nobody knows any more."""
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert er.async_get(hass).async_get(SENSOR)
    del stored[key_of(entry)]
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert er.async_get(hass).async_get(SENSOR) is None
    assert er.async_get(hass).async_get("sensor.127_0_0_1_requests")


async def test_disabled_job_sensor(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call, told: Fired
) -> None:
    answer(standin, "/batches/x_1", "in_progress", "in_progress", "completed")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    registry = er.async_get(hass)
    registry.async_update_entity(SENSOR, disabled_by=er.RegistryEntryDisabler.USER)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await pass_time(hass, seconds=1)
    await pass_time(hass)
    assert statuses(told) == ["in_progress", "completed"]
    assert hass.states.get(SENSOR) is None
    await call("stop_watching_job", id="x_1")
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
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    call: Call,
    stored: dict[str, Any],
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
    found = entry_with(hass, stored, standin, store)
    assert await hass.config_entries.async_setup(found.entry_id)
    await hass.async_block_till_done()
    assert (await call("list_watched_jobs"))["data"] == []
    if "minor_version" in store:
        assert (moved, "newer release" in caplog.text) == ([], True)
        return
    assert [Path(path).name for path in moved] == [key_of(found)]
    assert f"{moved[0]}.corrupt" in caplog.text
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")
    assert len(in_store(stored, found)) == 1


def test_damaged_file_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "openai_api.1.jobs"
    path.write_text("[]")
    moved = Path(store_module._move(str(path)))
    assert moved.read_text() == "[]"
    assert moved.name.startswith("openai_api.1.jobs.corrupt.")
    assert not path.exists()


@pytest.mark.parametrize("data", [{}, [], {"jobs": []}])
async def test_empty_store_has_no_jobs(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    call: Call,
    stored: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    data: Any,
) -> None:
    found = entry_with(hass, stored, standin, {"version": 1, "data": data})
    assert await hass.config_entries.async_setup(found.entry_id)
    assert (await call("list_watched_jobs"))["data"] == []
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
    ids=str,
)
async def test_damaged_job_is_kept(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    call: Call,
    stored: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    damaged: Any,
) -> None:
    found = entry_with(hass, stored, standin, {"version": 1, "data": {"jobs": [damaged]}})
    assert await hass.config_entries.async_setup(found.entry_id)
    assert (await call("list_watched_jobs"))["data"] == []
    assert f"{key_of(found)}: " in caplog.text
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")
    assert damaged in in_store(stored, found)
    assert len(in_store(stored, found)) == 2


async def test_corrupt_job_in_store_is_skipped(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, call: Call, stored: dict[str, Any]
) -> None:
    found = entry_with(
        hass, stored, standin, {"version": 1, "data": {"jobs": [job(kind="weather"), job(new=1)]}}
    )
    assert await hass.config_entries.async_setup(found.entry_id)
    await pass_time(hass, seconds=0)
    (kept,) = (await call("list_watched_jobs"))["data"]
    assert kept["id"] == "x_1"


@pytest.mark.parametrize("data", [{}, {"jobs": [job()]}, "nonsense"])
@pytest.mark.parametrize("version", [(2, 1), (1, 2), (3, 7)])
async def test_newer_store_is_not_written(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    version: tuple[int, int],
    data: Any,
) -> None:
    """What only differs in its minor version is read, and told of twice rather than never."""
    before = {"version": version[0], "minor_version": version[1], "data": data, "more": 1}
    found = entry_with(hass, stored, standin, dict(before))
    answer(standin, "/batches/x_1", "completed", "in_progress")
    assert await hass.config_entries.async_setup(found.entry_id)
    is_read = version[0] == 1 and "jobs" in data
    assert len((await call("list_watched_jobs"))["data"]) == is_read
    await pass_time(hass, seconds=1)
    assert statuses(told) == ["completed"] * is_read
    await call("watch_job", kind="batch", id="x_1")
    assert stored[key_of(found)] == before
    assert f"{key_of(found)} is left as it is" in caplog.text


async def test_newer_store_with_more_of_each_job_is_read(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, call: Call, stored: dict[str, Any]
) -> None:
    data = {"jobs": [job(new=1)], "paused": True}
    found = entry_with(hass, stored, standin, {"version": 1, "data": data})
    assert await hass.config_entries.async_setup(found.entry_id)
    assert [one["id"] for one in (await call("list_watched_jobs"))["data"]] == ["x_1"]


@pytest.mark.parametrize(
    "unknown",
    [job(kind="weather"), job(kind="weather", name=None), job(kind="voice", ids={"voice_id": "v"})],
    ids=["named", "unnamed", "other-id"],
)
async def test_stored_job_of_unknown_kind_is_kept(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    call: Call,
    stored: dict[str, Any],
    unknown: dict[str, Any],
) -> None:
    found = entry_with(hass, stored, standin, {"version": 1, "data": {"jobs": [unknown]}})
    assert await hass.config_entries.async_setup(found.entry_id)
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")

    assert unknown in in_store(stored, found)
    assert len(in_store(stored, found)) == 2


@pytest.mark.parametrize("days", [-20_000, -30, 30, 20_000])
async def test_clock_change_keeps_jobs(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    answer(standin, "/batches/x_1", "in_progress", "in_progress", "completed")
    await call("watch_job", kind="batch", id="x_1")
    clock = SimpleNamespace(time=lambda: time.time() + days * 86_400, monotonic=time.monotonic)
    for module in (manager, job_module):
        monkeypatch.setattr(module, "time", clock)
    await pass_time(hass)
    await pass_time(hass)

    assert statuses(told) == ["in_progress", "completed"]
    assert told[-1].data["elapsed"] < 3600


async def test_jobs_per_entry(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    told: Fired,
    stored: dict[str, Any],
) -> None:
    """Each has its own jobs; what is left goes with the entry."""
    other = await add_entry(hass, entry_data(standin, "none"))
    answer(standin, "/batches/x_1", "in_progress", "in_progress", "completed")
    mine, theirs = {"config_entry_id": entry.entry_id}, {"config_entry_id": other.entry_id}
    await call("watch_job", kind="batch", id="x_1", **mine)
    await call("watch_job", kind="batch", id="x_1", **theirs)
    assert len((await call("list_watched_jobs", **mine))["data"]) == 1
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert key_of(entry) not in stored
    assert key_of(other) in stored
    await pass_time(hass)
    assert [(event.data["config_entry_id"], event.data["status"]) for event in told] == [
        (entry.entry_id, "in_progress"),
        (other.entry_id, "in_progress"),
        (other.entry_id, "completed"),
    ]
