"""The folder of the saved files."""

from pathlib import Path

import pytest

from custom_components.openai_api.const import DOMAIN


@pytest.fixture(autouse=True)
async def enable_event_loop_debug() -> None:
    """Leave asyncio's debug mode off: to note where each future is made takes a third of the time."""


@pytest.fixture
def folder(media_folder: Path) -> Path:
    """Return the folder of the saved files."""
    found = media_folder / DOMAIN
    found.mkdir()
    return found
