"""The folder of the saved files."""

from pathlib import Path

import pytest

from custom_components.openai_api.const import DOMAIN


@pytest.fixture
def folder(media_folder: Path) -> Path:
    """Return the folder of the saved files."""
    found = media_folder / DOMAIN
    found.mkdir()
    return found
