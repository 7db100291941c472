"""Jobs of a host that is away, refuses, forgets them or takes too long."""

from pathlib import Path
import time
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.jobs.job import Job
from custom_components.openai_api.types import Json
from tests.integration.conftest import CANARY, Call
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import Fired, answer, entry_with, in_store, job, looks, pass_time, sensor, statuses


async def test_poll_backoff_while_unreachable(
    hass: HomeAssistant,
    standin: StandIn,
    quick: MockConfigEntry,
    call: Call,
    told: Fired,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    standin.fail(Fault(path="/batches", status=503, count=4))
    answer(standin, "/batches/x_1", "completed")
    await pass_time(hass, seconds=7)
    assert looks(standin, "/batches/x_1") == 2
    # It is asked less and less often.
    await pass_time(hass, seconds=7)
    assert looks(standin, "/batches/x_1") == 2
    for _ in range(3):
        await pass_time(hass, minutes=16)
    assert looks(standin, "/batches/x_1") == 5
    assert statuses(told) == ["in_progress"]
    assert sensor(hass).name == "127.0.0.1 Job Night"
    await pass_time(hass, minutes=16)
    assert statuses(told) == ["in_progress", "completed"]
    lines = [record.message for record in caplog.records if " cannot be " in record.message]
    assert len(lines) == 1, lines


async def test_poll_error_is_logged_once(
    hass: HomeAssistant,
    standin: StandIn,
    quick: MockConfigEntry,
    call: Call,
    told: Fired,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")
    standin.fail(Fault(path="/batches", status=403, count=2))
    standin.fail(Fault(path="/batches", body="<html>", content_type="text/html"))
    answer(standin, "/batches/x_1", "in_progress")
    for _ in range(4):
        await pass_time(hass, minutes=16)
    assert looks(standin, "/batches/x_1") == 5
    texts = [record.message for record in caplog.records]
    assert sum("Polling watched jobs" in text and " failed: " in text for text in texts) == 1
    assert sum("succeeds again" in text for text in texts) == 1
    assert len(told) == 1


async def test_not_found_limit_ends_job(
    hass: HomeAssistant, standin: StandIn, quick: MockConfigEntry, call: Call, told: Fired
) -> None:
    """A job that is deleted at the host ends; one 404 alone may be a gateway that restarts."""
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1", name="Night")
    standin.fail(Fault(path="/batches", status=404))
    answer(standin, "/batches/x_1", "in_progress")
    for _ in range(4):
        await pass_time(hass, minutes=16)
    assert statuses(told) == ["in_progress"]
    await pass_time(hass, minutes=16)
    assert statuses(told) == ["in_progress", "gone"]
    end = told[-1].data
    assert end["done"] is True
    assert "404" in end["error"]
    assert "result" not in end
    assert sensor(hass).state == "gone"
    assert sensor(hass).attributes["error"] == end["error"]
    count = len(standin.requests)
    await pass_time(hass, minutes=16)
    assert len(standin.requests) == count


async def test_auth_failed_starts_reauthentication(
    hass: HomeAssistant, standin: StandIn, quick: MockConfigEntry, call: Call, told: Fired
) -> None:
    """The owner is asked for a new key, and with it the watch goes on."""
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")
    standin.key = "another"
    await pass_time(hass)
    await pass_time(hass, minutes=50)
    assert looks(standin, "/batches/x_1") == 2
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == "reauth"
    standin.key = CANARY
    answer(standin, "/batches/x_1", "completed")
    await hass.config_entries.flow.async_configure(flow["flow_id"], {"api_key": CANARY})
    await hass.async_block_till_done()
    await pass_time(hass, seconds=1)
    assert statuses(told) == ["in_progress", "completed"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(path="/batches", body={"id": "x_1", "status": "in_progress"}), "7 days"),
        (Fault(path="/batches", status=503), "503"),
    ],
)
async def test_max_days_exceeded_ends_job(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    told: Fired,
    stored: dict[str, Any],
    fault: Fault,
    said: str,
) -> None:
    """What takes too long is watched no longer, but looked at once more."""
    late = job(started=time.time() - 8 * 86_400, until=time.time() - 86_400)
    content = {"version": 1, "data": {"jobs": [late]}}
    found = entry_with(hass, stored, standin, content, max_retries=0)
    standin.fail(fault)
    assert await hass.config_entries.async_setup(found.entry_id)
    await pass_time(hass, seconds=1)
    assert looks(standin, "/batches/x_1") == 1
    assert statuses(told) == ["given_up"]
    assert told[0].data["done"] is True
    assert said in told[0].data["error"]
    assert sensor(hass).state == "given_up"


async def test_max_days(
    standin: StandIn, entry: MockConfigEntry, call: Call, stored: dict[str, Any]
) -> None:
    answer(standin, "/batches/x_1", "in_progress", "in_progress")
    for data, days in (({}, 7), ({"max_days": 0.5}, 0.5)):
        await call("watch_job", kind="batch", id="x_1", **data)
        (kept,) = in_store(stored, entry)
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
