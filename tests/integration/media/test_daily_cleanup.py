"""Once a day, saved files beyond the limits in the options are deleted."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.openai_api.media import cleanup
from tests.integration.conftest import add_entry, entry_data
from tests.integration.waiting import wait_for
from tests.standin.server import StandIn

from .helpers import MEGABYTE, names, put


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([{}], {"1.png", "5.png", "20.png"}),
        ([{"keep_days": 10.0}], {"1.png", "5.png"}),
        ([{"keep_days": 10.0}, {"keep_days": 3}], {"1.png"}),
        ([{"keep_days": 10.0}, {}], {"1.png", "5.png"}),
        ([{"keep_megabytes": 2}], {"1.png", "5.png"}),
        ([{"keep_megabytes": 5}, {"keep_megabytes": 1, "keep_days": 400}], {"1.png"}),
    ],
)
async def test_daily_cleanup_applies_options(
    hass: HomeAssistant,
    standin: StandIn,
    folder: Path,
    options: list[dict[str, Any]],
    left: set[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for age in (1, 5, 20):
        put(folder, f"{age}.png", MEGABYTE, age=age)
    for style, chosen in zip(("bearer", "none"), options, strict=False):
        await add_entry(hass, entry_data(standin, style), chosen)
    put(folder, ".crash.part", age=2)
    before = {"1.png", "5.png", "20.png", ".crash.part"}
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=4))
    await hass.async_block_till_done()
    assert names(folder) == before

    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await wait_for(lambda: names(folder) == left)
    text = f"Deleted {3 - len(left)} saved files ({3 - len(left)}.0 MB) beyond the limits, and 1"
    await wait_for(lambda: text in caplog.text)
    assert caplog.text.count("Deleted ") == 1

    put(folder, "6000.png", age=6000)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(days=1, minutes=1))
    if any("keep_days" in chosen for chosen in options):
        left = left - {"6000.png"}
    elif not any(options):
        left = left | {"6000.png"}
    await wait_for(lambda: names(folder) == left)


async def test_daily_cleanup_ignores_unloaded_entries(
    hass: HomeAssistant, standin: StandIn, folder: Path
) -> None:
    put(folder, "a.png", age=5)
    strict = await add_entry(hass, entry_data(standin), {"keep_days": 1})
    await add_entry(hass, entry_data(standin, "none"), {"keep_days": 10})
    assert cleanup._limits(hass).days == 1
    await hass.config_entries.async_unload(strict.entry_id)
    assert cleanup._limits(hass) == cleanup.RetentionPolicy(days=10, megabytes=None)


async def test_daily_cleanup_continues_after_error(
    hass: HomeAssistant, standin: StandIn, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(folder, "a.png", age=5)
    await add_entry(hass, entry_data(standin), {"keep_days": 1})
    folders, hass.config.media_dirs = hass.config.media_dirs, {}
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await wait_for(lambda: "The cleanup of saved files failed" in caplog.text)
    hass.config.media_dirs = folders
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(days=1, minutes=1))
    await wait_for(lambda: not names(folder))
