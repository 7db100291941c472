"""A service that watches jobs, and what it stores and tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.const import DOMAIN, EVENT_PROGRESS
from tests.integration.conftest import Call, entry_data
from tests.standin.server import StandIn

from .helpers import Fired, JobsDriver


@pytest.fixture
def new_jobs(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    events: Callable[[str], Fired],
    hass_storage: dict[str, Any],
    media_folder: Path,
) -> JobsDriver:
    """Return a service that is not set up yet."""
    entry = MockConfigEntry(
        domain=DOMAIN, title="127.0.0.1", data=entry_data(standin, max_retries=0)
    )
    entry.add_to_hass(hass)
    return JobsDriver(
        hass=hass,
        standin=standin,
        call=call,
        told=events(EVENT_PROGRESS),
        stored=hass_storage,
        entry=entry,
    )


@pytest.fixture
async def jobs(new_jobs: JobsDriver) -> JobsDriver:
    """Return a service that is set up."""
    await new_jobs.set_up()
    await new_jobs.hass.async_block_till_done()
    return new_jobs
