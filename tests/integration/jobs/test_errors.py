"""Jobs of a host that is away, refuses, forgets them or takes too long."""

import time

import pytest

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.jobs.job import Job
from custom_components.openai_api.types import Json
from tests.integration.conftest import CANARY
from tests.standin.faults import Fault

from .helpers import JobsDriver, job


async def test_poll_backoff_while_unreachable(
    jobs: JobsDriver, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.answer("in_progress")
    await jobs.watch(name="Night")
    jobs.standin.fail(Fault(path="/batches", status=503, count=4))
    jobs.answer("completed")
    await jobs.pass_time(seconds=7)
    assert jobs.polls() == 2
    # It is asked less and less often.
    await jobs.pass_time(seconds=7)
    assert jobs.polls() == 2
    for _ in range(3):
        await jobs.pass_time(minutes=16)
    assert jobs.polls() == 5
    assert jobs.statuses == ["in_progress"]
    assert jobs.sensor.name == "127.0.0.1 Job Night"
    await jobs.pass_time(minutes=16)
    assert jobs.statuses == ["in_progress", "completed"]
    lines = [record.message for record in caplog.records if " cannot be " in record.message]
    assert len(lines) == 1, lines


async def test_poll_error_is_logged_once(
    jobs: JobsDriver, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.answer("in_progress")
    await jobs.watch()
    jobs.standin.fail(Fault(path="/batches", status=403, count=2))
    jobs.standin.fail(Fault(path="/batches", body="<html>", content_type="text/html"))
    jobs.answer("in_progress")
    for _ in range(4):
        await jobs.pass_time(minutes=16)
    assert jobs.polls() == 5
    texts = [record.message for record in caplog.records]
    assert sum("Polling watched jobs" in text and " failed: " in text for text in texts) == 1
    assert sum("succeeds again" in text for text in texts) == 1
    assert len(jobs.told) == 1


async def test_not_found_limit_ends_job(jobs: JobsDriver) -> None:
    """A job that is deleted at the host ends; one 404 alone may be a gateway that restarts."""
    jobs.answer("in_progress")
    await jobs.watch(name="Night")
    jobs.standin.fail(Fault(path="/batches", status=404))
    jobs.answer("in_progress")
    for _ in range(4):
        await jobs.pass_time(minutes=16)
    assert jobs.statuses == ["in_progress"]
    await jobs.pass_time(minutes=16)
    assert jobs.statuses == ["in_progress", "gone"]
    end = jobs.told[-1].data
    assert end["done"] is True
    assert "404" in end["error"]
    assert "result" not in end
    assert jobs.sensor.state == "gone"
    assert jobs.sensor.attributes["error"] == end["error"]
    count = len(jobs.standin.requests)
    await jobs.pass_time(minutes=16)
    assert len(jobs.standin.requests) == count


async def test_auth_failed_starts_reauthentication(jobs: JobsDriver) -> None:
    """The owner is asked for a new key, and with it the watch goes on."""
    jobs.answer("in_progress")
    await jobs.watch()
    jobs.standin.key = "another"
    await jobs.pass_time()
    await jobs.pass_time(minutes=50)
    assert jobs.polls() == 2
    (flow,) = jobs.hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == "reauth"
    jobs.standin.key = CANARY
    jobs.answer("completed")
    await jobs.hass.config_entries.flow.async_configure(flow["flow_id"], {"api_key": CANARY})
    await jobs.hass.async_block_till_done()
    await jobs.pass_time(seconds=1)
    assert jobs.statuses == ["in_progress", "completed"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(path="/batches", body={"id": "x_1", "status": "in_progress"}), "7 days"),
        (Fault(path="/batches", status=503), "503"),
    ],
)
async def test_max_days_exceeded_ends_job(new_jobs: JobsDriver, fault: Fault, said: str) -> None:
    """What takes too long is watched no longer, but looked at once more."""
    late = job(started=time.time() - 8 * 86_400, until=time.time() - 86_400)
    content = {"version": 1, "data": {"jobs": [late]}}
    new_jobs.restore(content)
    new_jobs.standin.fail(fault)
    await new_jobs.set_up()
    await new_jobs.pass_time(seconds=1)
    assert new_jobs.polls() == 1
    assert new_jobs.statuses == ["given_up"]
    assert new_jobs.told[0].data["done"] is True
    assert said in new_jobs.told[0].data["error"]
    assert new_jobs.sensor.state == "given_up"


async def test_max_days(jobs: JobsDriver) -> None:
    jobs.answer("in_progress", "in_progress")
    for data, days in (({}, 7), ({"max_days": 0.5}, 0.5)):
        await jobs.watch(**data)
        (kept,) = jobs.in_store()
        assert kept["until"] - kept["started"] == pytest.approx(days * 86_400)


@pytest.mark.parametrize(
    ("elapsed", "changes", "pause"),
    [
        (0, {}, 5),
        (600, {}, 30),
        (86_400, {}, 300),
        (86_400, {"poll_interval": 30}, 30),
        (0, {"poll_interval": 0.01}, 1),
        (0, {"failures": 2}, 20),
        (0, {"failures": 5000}, 900),
        (0, {"failures": 5000, "poll_interval": 1800}, 1800),
    ],
)
def test_poll_intervals(elapsed: float, changes: Json, pause: float) -> None:
    started = time.time() - elapsed
    watched = Job(kind="batch", ids={"batch_id": "x"}, started=started, until=0, **changes)
    assert watched.next_interval == pytest.approx(pause, rel=0.01)
