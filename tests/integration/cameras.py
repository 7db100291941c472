"""Cameras that show a picture of the caller's."""

from importlib.util import find_spec
import sys
from types import ModuleType
from unittest.mock import MagicMock

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest


async def add_camera(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, entity: str, picture: bytes
) -> None:
    """Add a camera with this entity id and picture."""
    if find_spec("turbojpeg") is None:
        # Cameras make their pictures smaller with it; these are small already.
        stand_in = ModuleType("turbojpeg")
        stand_in.TurboJPEG = MagicMock  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "turbojpeg", stand_in)
    from homeassistant.components import camera
    from homeassistant.components.camera.const import DATA_COMPONENT

    class Camera(camera.Camera):
        entity_id = entity

        async def async_camera_image(
            self, width: int | None = None, height: int | None = None
        ) -> bytes:
            return picture

    assert await async_setup_component(hass, "camera", {})
    await hass.data[DATA_COMPONENT].async_add_entities([Camera()])
