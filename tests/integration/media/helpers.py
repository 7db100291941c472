"""Files in the folder for saved files, and how to look at them."""

import base64
import os
from pathlib import Path
import time
from typing import Any

from homeassistant.components import media_source
from homeassistant.components.media_player.browse_media import BrowseMedia
from homeassistant.core import HomeAssistant, State
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.standin.server import StandIn

DRAW = {"prompt": "A house", "model": "gpt-image-1", "size": "64x64"}
SPEAK = {"model": "tts-1", "voice": "alloy", "input": "Hello", "response_format": "wav"}
GIF = base64.b64decode("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==")
PICTURE = "image.127_0_0_1_newest_picture"
SPACE = "sensor.127_0_0_1_space_used_by_saved_files"
ROOT = "media-source://openai_api"
DAY = 24 * 60 * 60
MEGABYTE = 1000**2


def encode(content: bytes) -> str:
    """Return base64."""
    return base64.b64encode(content).decode()


def part(standin: StandIn, name: str) -> Any:
    """Return a part of the last multipart body."""
    return next(part for part in standin.requests[-1].body if part.name == name)


def put(folder: Path, name: str, size: int = 1, age: float = 0) -> Path:
    """Save a file of a size in bytes that is some days old."""
    path = folder / name
    # What Home Assistant watches for blocking takes far longer than to make a file.
    os.close(os.open(path, os.O_CREAT))
    os.truncate(path, size)
    moment = time.time() - age * DAY
    os.utime(path, (moment, moment))
    return path


def names(folder: Path) -> set[str]:
    """Return what is in the folder."""
    return {path.name for path in folder.iterdir()}


def shown(hass: HomeAssistant, entity_id: str = PICTURE) -> State:
    """Return a state that there must be."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state


async def browse(hass: HomeAssistant, identifier: str = "") -> list[BrowseMedia]:
    """Return what the media browser shows in one of our folders."""
    found = await media_source.async_browse_media(hass, f"{ROOT}/{identifier}".rstrip("/"))
    assert found.children is not None
    return list(found.children)


async def fetch(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> tuple[int, str, bytes]:
    """Return status, content type and bytes of the newest image as a dashboard gets it."""
    client = await hass_client()
    response = await client.get(shown(hass).attributes["entity_picture"])
    return response.status, response.content_type, await response.read()
