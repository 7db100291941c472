"""Every request of every action, compared with the one that is on record.

`scripts/test --record` records them anew; the difference is to be read.
What only newer SDKs know is on record beside the tests that run on the newest Home Assistant.
"""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from homeassistant.core import Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from custom_components.openai_api import polling
from custom_components.openai_api.action import ActionGroup
from custom_components.openai_api.actions import ACTION_GROUPS, ACTIONS
from custom_components.openai_api.const import EVENT_STREAM

from .conftest import CANARY, Call, add_entry
from .payloads import LOCAL_ACTIONS, SOCKET_ACTIONS
from .wire import Recorder, exercise_actions, serving, write_files


class Wire(SingleFileSnapshotExtension):
    """Requests as a text: a file for each family, a line for each thing that is sent."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
async def recorder() -> AsyncGenerator[Recorder]:
    """Return a host that takes down every request."""
    async with serving(Recorder()) as found:
        yield found


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: Recorder, media_folder: Path) -> MockConfigEntry:
    """Return a service that is the recorder, with files to send at hand."""
    write_files(media_folder)
    data = {"base_url": recorder.url, "api_key": CANARY, "skip_validation": True}
    return await add_entry(hass, data)


def test_requests_cover_all_but_websocket_actions() -> None:
    """What sends frames instead of requests is tested elsewhere."""
    assert {
        action.key for action in ACTIONS if action.method.endswith(".connect")
    } == SOCKET_ACTIONS


@pytest.mark.parametrize(
    "family",
    [
        family
        for family in ACTION_GROUPS
        if {action.key for action in family.actions} - SOCKET_ACTIONS - LOCAL_ACTIONS
    ],
    ids=lambda family: family.key,
)
async def test_requests(
    family: ActionGroup,
    call: Call,
    entry: MockConfigEntry,
    events: Callable[[str], list[Event]],
    media_folder: Path,
    recorder: Recorder,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The requests of a family's actions are those on record, and the answers come back whole."""
    monkeypatch.setattr(polling, "INITIAL_INTERVAL", 0)
    client = entry.runtime_data.host.client
    found = await exercise_actions(
        family, call, client, media_folder, recorder, events(EVENT_STREAM)
    )
    assert snapshot.use_extension(Wire) == found
