#!/usr/bin/env bash
# Most would guess: `async_fire_time_changed` of Home Assistant's tests fires what waits for a time of
# Home Assistant: intervals, points in time, coordinators.
# What happens: it fires every timer of the event loop that is due by then, `asyncio.timeout` included:
# a request under way times out, although no time passes and its answer is on the way.
# Who meets it: whoever moves the clock in a test while something is waited for, and whoever takes
# such a test of a timeout for proof of what a real clock does.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
home_assistant 2026.10.4 pytest-homeassistant-custom-component==0.13.375
cat > "$FOLDER/test_clock.py" <<'PY'
import asyncio
from datetime import timedelta

from homeassistant.util.dt import utcnow
from pytest_homeassistant_custom_component.common import async_fire_time_changed


async def test_clock(hass):
    answered = asyncio.Event()

    async def ask(seconds):
        try:
            async with asyncio.timeout(seconds):
                await answered.wait()
                return "answer"
        except TimeoutError:
            return "timeout"

    minute, day = (asyncio.create_task(ask(seconds)) for seconds in (60, 86400))
    await asyncio.sleep(0)
    async_fire_time_changed(hass, utcnow() + timedelta(hours=1))
    answered.set()
    print(f"\nwithin a minute: {await minute}; within a day: {await day}")
PY
expect 'within a minute: timeout; within a day: answer' \
  "$(cd "$FOLDER" && python -m pytest -q -s --asyncio-mode=auto test_clock.py 2>/dev/null | grep '^within')"
