"""Hosts that go away, refuse or stall while a file is being sent to them."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from .raw_server import Script, Step, answer
from .raw_server_fixture import RawServerFixture, raw_server_for

CONTENT = bytes(range(250)) * 40_000  # More than the system takes off our hands by itself.
FILE = {"id": "file_1", "object": "file"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NO = {"error": {"message": "Too large"}}


@pytest.fixture
def upload(media_folder: Path) -> dict[str, Any]:
    """Return the data of an action that sends a large file."""
    (media_folder / "garden.mp4").write_bytes(CONTENT)
    path = str(media_folder / "garden.mp4")
    return {"purpose": "user_data", "file": {"media_content_id": path}, "timeout": 2}


UNHEARD: dict[str, tuple[Script, tuple[str, ...]]] = {
    "refused, then closed": ([answer(NO, 413), 0.05, Step.CLOSE], ("refused", "cannot_connect")),
    "refused, then nothing": ([answer(NO, 413), Step.HOLD], ("refused",)),
    "reset": ([0.02, Step.RESET], ("cannot_connect",)),
    "closed": ([0.02, Step.CLOSE], ("cannot_connect",)),
    "redirected": ([answer(b"", 307, "Location: /x\r\n"), 0.05, Step.CLOSE], ("redirected",)),
    "the key refused": ([answer(NO, 401), Step.HOLD], ("auth_failed",)),
}


async def test_response_before_upload_finished(
    raw_server: RawServerFixture, upload: dict[str, Any], subtests: pytest.Subtests
) -> None:
    for name, (script, expected) in UNHEARD.items():
        with subtests.test(name):
            await raw_server.assert_survives(
                [script], expected, "create_file", is_deaf=True, **upload
            )


async def test_upload_write_stalls(raw_server: RawServerFixture, upload: dict[str, Any]) -> None:
    # A large one has the time that a slow line would take.
    Path(upload["file"]["media_content_id"]).write_bytes(CONTENT[:10_000])
    upload["timeout"] = 0.5
    await raw_server.assert_survives(
        [[Step.HOLD]], "timed_out", "create_file", is_deaf=True, **upload
    )


async def test_upload_retry_rewinds_file(hass: HomeAssistant, upload: dict[str, Any]) -> None:
    async with raw_server_for(hass, max_retries=2) as watch:
        again = answer(NO, 503, "Retry-After-Ms: 10\r\n")
        await watch.assert_survives(
            [[again], [CONTINUE + answer(FILE)]], FILE, "create_file", **upload
        )
        bodies = [
            item.body for item in watch.raw.requests if item.line.startswith("POST /v1/files")
        ]
        assert len(bodies) == 2
        assert all(CONTENT in body for body in bodies)
