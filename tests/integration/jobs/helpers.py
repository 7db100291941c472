"""Steps that the tests of watched jobs share."""

from datetime import timedelta
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.types import Json
from tests.integration.conftest import Call, entry_data
from tests.standin.faults import Fault
from tests.standin.server import StandIn

SENSOR = "sensor.127_0_0_1_job_night"
type Fired = list[Event]


async def pass_time(hass: HomeAssistant, **span: float) -> None:
    """Let time pass, six minutes unless said otherwise, and wait for what comes of it."""
    later = dt_util.utcnow() + timedelta(**span or {"minutes": 6})
    async_fire_time_changed(hass, later)
    await hass.async_block_till_done(wait_background_tasks=True)


def answer(standin: StandIn, path: str, *statuses: str, **more: Any) -> None:
    """Let the host answer the next looks with an object of these statuses."""
    for status in statuses:
        body = {"id": "x_1", "status": status, **more}
        standin.fail(Fault(path=f"^{path}$", method="GET", body=body))


def looks(standin: StandIn, path: str) -> int:
    """Return how often the host was asked for an object."""
    return [(sent.method, sent.path) for sent in standin.requests].count(("GET", path))


def key_of(entry: MockConfigEntry) -> str:
    """Return the name under which an entry stores its jobs."""
    return f"{DOMAIN}.{entry.entry_id}.jobs"


def in_store(stored: dict[str, Any], entry: MockConfigEntry) -> list[Json]:
    """Return the stored jobs."""
    return list(stored[key_of(entry)]["data"]["jobs"]) if key_of(entry) in stored else []


def assert_forgotten(hass: HomeAssistant, stored: dict[str, Any], entry: MockConfigEntry) -> None:
    """Make sure that nothing is left of the job: no entity, and nothing stored."""
    assert hass.states.get(SENSOR) is None
    assert er.async_get(hass).async_get(SENSOR) is None
    assert not in_store(stored, entry)


async def begin_poll(hass: HomeAssistant, standin: StandIn, call: Call, **outcome: Any) -> None:
    """Watch a batch, and wait until it is polled again, which has this outcome."""
    answer(standin, "/batches/x_1", "in_progress")
    await call("watch_job", kind="batch", id="x_1")
    standin.fail(Fault(path="/batches", **outcome))
    count = len(standin.requests)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await standin.wait_for_request(count + 1)


def job(**changes: Any) -> Json:
    """Return a batch that was watched before Home Assistant started."""
    return {
        "kind": "batch",
        "ids": {"batch_id": "x_1"},
        "started": time.time() - 3600,
        "until": time.time() + 3600,
        "name": "Night",
        "poll_interval": None,
        "status": "in_progress",
        "counts": {"request_counts": {"total": 9, "completed": 1}},
        "error": None,
        "ended": None,
        **changes,
    }


def entry_with(
    hass: HomeAssistant, stored: dict[str, Any], standin: StandIn, content: Json, **changes: Any
) -> MockConfigEntry:
    """Return an entry that has stored something before, and is not set up yet."""
    found = MockConfigEntry(domain=DOMAIN, title="127.0.0.1", data=entry_data(standin, **changes))
    stored[key_of(found)] = content
    found.add_to_hass(hass)
    return found


def sensor(hass: HomeAssistant, entity_id: str = SENSOR) -> State:
    """Return the state of a job's entity."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state


def statuses(told: Fired) -> list[str]:
    """Return the statuses that were told."""
    return [event.data["status"] for event in told]
