"""Steps that the tests of watched jobs share."""

from dataclasses import dataclass
from datetime import timedelta
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.types import Json
from tests.integration.conftest import Call
from tests.standin.faults import Fault
from tests.standin.server import StandIn

SENSOR = "sensor.127_0_0_1_job_night"
BATCH = "/batches/x_1"
type Fired = list[Event]


@dataclass(kw_only=True)
class JobsDriver:
    """A service whose jobs are watched; unless a test says otherwise, the batch `x_1`."""

    hass: HomeAssistant
    standin: StandIn
    call: Call
    told: Fired
    """The progress events."""
    stored: dict[str, Any]
    """What Home Assistant has stored, by the keys."""
    entry: MockConfigEntry

    @property
    def key(self) -> str:
        """The name under which the entry stores its jobs."""
        return key_of(self.entry)

    def restore(self, content: Json) -> None:
        """Let the entry have stored something before; it is not set up by that."""
        self.stored[self.key] = content

    async def set_up(self) -> None:
        """Set up the entry."""
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)

    async def unload(self) -> None:
        """Unload the entry."""
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)

    def answer(self, *statuses: str, path: str = BATCH, **more: Any) -> None:
        """Let the server answer the next polls with an object of these statuses."""
        for status in statuses:
            body = {"id": "x_1", "status": status, **more}
            self.standin.fail(Fault(path=f"^{path}$", method="GET", body=body))

    async def watch(self, **data: Any) -> Json:
        """Watch a job."""
        found: Json = await self.call("watch_job", **{"kind": "batch", "id": "x_1", **data})
        return found

    async def begin_poll(self, **outcome: Any) -> None:
        """Watch the batch, and wait until it is polled again, which has this outcome."""
        self.answer("in_progress")
        await self.watch()
        self.standin.fail(Fault(path="/batches", **outcome))
        count = len(self.standin.requests)
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(minutes=6))
        await self.standin.wait_for_request(count + 1)

    async def pass_time(self, **span: float) -> None:
        """Let time pass, six minutes unless said otherwise, and wait for what comes of it."""
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(**span or {"minutes": 6}))
        await self.hass.async_block_till_done(wait_background_tasks=True)

    def polls(self, path: str = BATCH) -> int:
        """Return how often the server was asked for an object."""
        return [(sent.method, sent.path) for sent in self.standin.requests].count(("GET", path))

    @property
    def statuses(self) -> list[str]:
        """The statuses that were told."""
        return [event.data["status"] for event in self.told]

    async def listed(self) -> list[Json]:
        """Return the watched jobs, as the action lists them."""
        found: list[Json] = (await self.call("list_watched_jobs"))["data"]
        return found

    def in_store(self) -> list[Json]:
        """Return the stored jobs."""
        return list(self.stored[self.key]["data"]["jobs"]) if self.key in self.stored else []

    @property
    def sensor(self) -> State:
        """The state of the entity of a job named Night."""
        state = self.hass.states.get(SENSOR)
        assert state is not None
        return state

    def assert_forgotten(self) -> None:
        """Make sure that nothing is left of the job: no entity, and nothing stored."""
        assert self.hass.states.get(SENSOR) is None
        assert er.async_get(self.hass).async_get(SENSOR) is None
        assert not self.in_store()


def key_of(entry: MockConfigEntry) -> str:
    """Return the name under which an entry stores its jobs."""
    return f"{DOMAIN}.{entry.entry_id}.jobs"


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
