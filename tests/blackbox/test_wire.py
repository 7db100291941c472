"""Every request of every action on the newest Home Assistant, which knows all of them.

They are the same as on the oldest one. What only the newer SDK knows is on record here, and what
only the newest SDK there is knows in a file of its own. `scripts/test --record` writes both anew:
the first with `OPENAI_API_WIRE=update` in the environment, the second with `latest` and that SDK.
"""

import os
from pathlib import Path
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from openai._version import __version__ as sdk_version
import pytest

from tests.benchmark.core import DOMAIN, loaded_core
from tests.integration.wire import (
    NOT_KNOWN,
    Recorder,
    exercise_actions,
    serving,
    write_files,
)

OLDER = Path(__file__).parents[1] / "integration" / "__snapshots__" / "test_wire"
NEWER = Path(__file__).with_name("wire.txt")
IS_LATEST = tuple(map(int, sdk_version.split(".")[:2])) >= (3, 57)
LATEST = Path(__file__).with_name("wire_latest.txt")


def calls(text: str) -> dict[str, str]:
    """Return the calls in a record by their headings."""
    return {call.partition("\n")[0]: call.rstrip() for call in text.split("\n\n") if call.strip()}


async def record(hass: HomeAssistant, recorder: Recorder) -> dict[str, str]:
    """Call every action in every way, and return its requests."""
    from custom_components.openai_api.actions import ACTION_GROUPS
    from custom_components.openai_api.const import EVENT_STREAM

    async def call(action: str, /, **data: Any) -> Any:
        return await hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=True
        )

    fired: list[Event] = []

    @callback
    def take(event: Event) -> None:
        fired.append(event)

    hass.bus.async_listen(EVENT_STREAM, take)
    entry = hass.config_entries.async_entries(DOMAIN)[0]
    folder = Path(hass.config.media_dirs["local"])
    write_files(folder)
    found: dict[str, str] = {}
    for family in ACTION_GROUPS:
        client = entry.runtime_data.host.client
        found |= calls(await exercise_actions(family, call, client, folder, recorder, fired))
    return found


async def test_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The requests are those on record, and the answers come back whole."""
    async with (
        serving(Recorder()) as recorder,
        loaded_core(recorder.url, skip_validation=True) as hass,
    ):
        monkeypatch.setattr("custom_components.openai_api.polling.INITIAL_INTERVAL", 0)
        found = await record(hass, recorder)
    older = {
        heading: call
        for file in OLDER.glob("*.txt")
        for heading, call in calls(file.read_text()).items()
        if not heading.endswith(NOT_KNOWN)
    }
    newer = {
        heading: call
        for heading, call in found.items()
        if heading not in older and not heading.endswith(NOT_KNOWN)
    }
    assert {heading: found.get(heading) for heading in older} == older
    known = calls(NEWER.read_text())
    match os.environ.get("OPENAI_API_WIRE"):
        case "update":
            known = newer
            NEWER.write_text("\n\n".join(newer.values()) + "\n")
        case "latest":
            latest = [call for heading, call in newer.items() if heading not in known]
            LATEST.write_text("\n\n".join(latest) + "\n")
    if IS_LATEST:
        known |= calls(LATEST.read_text())
    assert newer == known
