"""One Home Assistant and one stand-in service for all tests, in one event loop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.home import Events, Service

from .house import CANARY, KEY_VARIABLE, House, Samples, furnish

LAST = ("test_restart.py", "test_shutdown.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every test here in the one loop, and what stops Home Assistant last."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    order = {here / name: place for place, name in enumerate(LAST, 1)}
    items.sort(key=lambda item: order.get(item.path, 0))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service() -> AsyncIterator[Service]:
    """Run the stand-in service."""
    async with Service(key=CANARY) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house() -> AsyncIterator[House]:
    """Run Home Assistant, with all that happens in it on record."""
    home = House(env={KEY_VARIABLE: CANARY})
    furnish(home.folder)
    async with home as running:
        Samples(running.folder).write()
        await running.record()
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def first_entry(house: House, service: Service) -> str:
    """Add the entry that most tests use and return its id."""
    result = await house.add_entry({"base_url": service.url(), "api_key": CANARY})
    assert result["type"] == "create_entry", result
    entry_id: str = result["result"]["entry_id"]
    return entry_id


@pytest_asyncio.fixture(loop_scope="session")
async def entry(house: House, service: Service, first_entry: str) -> str:
    """Return that entry's id, with a stand-in that forgot the last test."""
    await service.reset()
    assert (await house.entry(first_entry))["state"] == "loaded"
    return first_entry


@pytest_asyncio.fixture(loop_scope="session")
async def stream_events(house: House) -> Events:
    """Collect the stream events from now on."""
    return await house.subscribe_events("openai_api_stream_event")


@pytest_asyncio.fixture(loop_scope="session")
async def connection_events(house: House) -> Events:
    """Collect the connection events from now on."""
    return await house.subscribe_events("openai_api_connection_event")


@pytest_asyncio.fixture(loop_scope="session")
async def realtime_events(house: House) -> Events:
    """Collect the notices of realtime conversations from now on."""
    return await house.subscribe_events("openai_api_realtime_event")


@pytest_asyncio.fixture(loop_scope="session")
async def server_events(house: House) -> Events:
    """Collect the server events from now on."""
    return await house.subscribe_events("openai_api_server_event")
