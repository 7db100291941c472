"""What an earlier version has stored: entry, devices, entities, states, watched jobs and files.

The folder `earlier` holds the files that version 0.1.0 left behind, before it had Assist entities.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
import re
import time

import pytest
import pytest_asyncio

from tests.harness import Service

from .home_assistant import CANARY, RecordingHomeAssistant, png
from .test_triggers import wait_for

STORED = Path(__file__).parent / "earlier" / ".storage"
ENTRY = "01M8GRR8RG9181NE47CY88JPVB"
BATCH = "batch_a365e4b8ea3a87fddb74ae5f8bb09f5d"
PICTURE = "create_image_2026-11-28_09-46-04.png"
STARTED = 1795859164.6572733
ENTITIES = {
    "binary_sensor.127_0_0_1_reachable": "on",
    "image.127_0_0_1_newest_picture": None,
    "sensor.127_0_0_1_costs": "0.0027575",
    "sensor.127_0_0_1_failed_requests": "0",
    "sensor.127_0_0_1_input_tokens": "3",
    "sensor.127_0_0_1_job_night": "in_progress",
    "sensor.127_0_0_1_last_error": "unknown",
    "sensor.127_0_0_1_open_connections": "0",
    "sensor.127_0_0_1_output_tokens": "275",
    "sensor.127_0_0_1_requests": "5",
    "sensor.127_0_0_1_space_used_by_saved_files": None,
}


def restore(folder: Path, url: str) -> None:
    """Put the stored files where Home Assistant looks for them, as if they were of today."""
    now = time.time()
    for source in STORED.iterdir():
        text = source.read_text().replace("http://127.0.0.1:40993", url.removesuffix("/v1"))
        text = re.sub(
            r'("(?:last_seen|last_changed|last_reported|last_updated)": )"[^"]*"',
            rf'\1"{datetime.now(UTC).isoformat()}"',
            text,
        )
        text = text.replace(str(STARTED), str(now)).replace(
            str(STARTED + 604800), str(now + 604800)
        )
        target = folder / ".storage" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    pictures = folder / "media" / "openai_api"
    pictures.mkdir(parents=True)
    (pictures / PICTURE).write_bytes(png(8, 8))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def upgraded(service: Service) -> AsyncIterator[RecordingHomeAssistant]:
    """Run a Home Assistant that starts with what was stored."""
    await service.reset()
    await service.fail(
        path="/batches/", count=None, body={"id": BATCH, "object": "batch", "status": "in_progress"}
    )
    home = RecordingHomeAssistant()
    restore(home.folder, service.url())
    async with home as running:
        await running.record()
        yield running


async def test_entry_and_entities_kept(upgraded: RecordingHomeAssistant) -> None:
    """The entry is loaded under its id, and each entity has its id and its count."""
    entry = await upgraded.entry_until(ENTRY, "loaded")
    assert entry["title"] == "127.0.0.1"
    states = await upgraded.states()
    ours = {
        item["entity_id"]: states[item["entity_id"]]["state"]
        for item in await upgraded.command("config/entity_registry/list")
        if item["config_entry_id"] == ENTRY and item["entity_id"] in states
    }
    assert ENTITIES.keys() <= ours.keys()
    for entity_id, expected in ENTITIES.items():
        if expected is not None:
            assert ours[entity_id] == expected, entity_id
        assert ours[entity_id] != "unavailable"


async def test_options_and_key_are_used(upgraded: RecordingHomeAssistant, service: Service) -> None:
    """A request carries the stored key, and its tokens have their price."""
    costs = float((await upgraded.states())["sensor.127_0_0_1_costs"]["state"])
    answer = await upgraded.call("create_model_response", {"model": "gpt-5-mini", "input": "Hi"})
    assert answer["output_text"]
    sent = next(item for item in await service.requests() if item["path"] == "/responses")
    assert dict(sent["headers"])["Authorization"] == f"Bearer {CANARY}"

    async def is_counted() -> bool:
        """Tell whether the sensors have gone on from what was stored."""
        states = await upgraded.states()
        return (
            float(states["sensor.127_0_0_1_costs"]["state"]) > costs
            and int(states["sensor.127_0_0_1_requests"]["state"]) > 5
        )

    await wait_for(is_counted)


async def test_watched_job_kept(upgraded: RecordingHomeAssistant, service: Service) -> None:
    """The batch is still watched, and can be let go of."""
    (job,) = (await upgraded.call("list_watched_jobs"))["data"]
    assert (job["id"], job["kind"], job["name"], job["done"]) == (BATCH, "batch", "Night", False)
    await upgraded.call("stop_watching_job", {"id": BATCH})
    assert "sensor.127_0_0_1_job_night" not in await upgraded.states()


async def test_saved_file_is_found(upgraded: RecordingHomeAssistant) -> None:
    """The picture is in the media browser and can be loaded."""
    id_ = f"media-source://openai_api/{PICTURE}"
    media = await upgraded.command("media_source/resolve_media", media_content_id=id_)
    content_type, content = await upgraded.download(media["url"])
    assert (content_type, content) == ("image/png", png(8, 8))


@pytest.mark.parametrize("word", ["Traceback", "ERROR", "Error while setting up"])
async def test_log_has_no_errors(upgraded: RecordingHomeAssistant, word: str) -> None:
    """Nothing was logged as an error while the stored files were read."""
    ours = [line for line in upgraded.logs().splitlines() if "openai_api" in line]
    assert not [line for line in ours if word in line]
