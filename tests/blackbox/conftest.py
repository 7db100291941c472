"""One Home Assistant and one stand-in service for all tests, in one event loop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness import Events, Service

from .home_assistant import (
    CANARY,
    KEY_VARIABLE,
    RecordingHomeAssistant,
    SampleFiles,
    add_demo_entities,
)

LAST = ("test_restart.py", "test_shutdown.py")
GROUPS = {"test_upgrade.py": "upgrade", "test_assist.py": "assist", "test_wire.py": "wire"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every test here in the one loop, and what stops Home Assistant last."""
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        # Those of one group share a process, and so its Home Assistant.
        item.add_marker(pytest.mark.xdist_group(GROUPS.get(item.path.name, "home")))
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    order = {here / name: place for place, name in enumerate(LAST, 1)}
    items.sort(key=lambda item: order.get(item.path, 0))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service() -> AsyncIterator[Service]:
    """Run the stand-in service."""
    async with Service(key=CANARY) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ha() -> AsyncIterator[RecordingHomeAssistant]:
    """Run Home Assistant, with all that happens in it on record."""
    home = RecordingHomeAssistant(env={KEY_VARIABLE: CANARY})
    add_demo_entities(home.folder)
    async with home as running:
        SampleFiles(running.folder).write()
        await running.record()
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def first_entry(ha: RecordingHomeAssistant, service: Service) -> str:
    """Add the entry that most tests use and return its id."""
    result = await ha.add_entry({"base_url": service.url(), "api_key": CANARY})
    assert result["type"] == "create_entry", result
    entry_id: str = result["result"]["entry_id"]
    return entry_id


@pytest_asyncio.fixture(loop_scope="session")
async def entry(ha: RecordingHomeAssistant, service: Service, first_entry: str) -> str:
    """Return that entry's id, with a stand-in that forgot the last test."""
    await service.reset()
    assert (await ha.entry(first_entry))["state"] == "loaded"
    return first_entry


@pytest_asyncio.fixture(loop_scope="session")
async def stream_events(ha: RecordingHomeAssistant) -> Events:
    """Collect the stream events from now on."""
    return await ha.subscribe_events("openai_api_stream_event")


@pytest_asyncio.fixture(loop_scope="session")
async def connection_events(ha: RecordingHomeAssistant) -> Events:
    """Collect the connection events from now on."""
    return await ha.subscribe_events("openai_api_connection_event")


@pytest_asyncio.fixture(loop_scope="session")
async def realtime_events(ha: RecordingHomeAssistant) -> Events:
    """Collect the notices of realtime conversations from now on."""
    return await ha.subscribe_events("openai_api_realtime_event")


@pytest_asyncio.fixture(loop_scope="session")
async def server_events(ha: RecordingHomeAssistant) -> Events:
    """Collect the server events from now on."""
    return await ha.subscribe_events("openai_api_server_event")
