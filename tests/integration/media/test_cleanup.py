"""Saved files are counted, and deleted when an action asks for it."""

from datetime import timedelta
import logging
import os
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
import voluptuous as vol

from custom_components.openai_api.const import DOMAIN
from tests.integration.conftest import Call, add_entry, entry_data, raises_key
from tests.integration.waiting import wait_for
from tests.standin.server import StandIn

from .helpers import MEGABYTE, ROOT, SPACE, SPEAK, browse, names, put, shown


async def test_saved_files_sensors(
    hass: HomeAssistant, standin: StandIn, folder: Path, call: Call
) -> None:
    put(folder, "old.mp3", 3 * MEGABYTE, age=3)
    put(folder, ".half.part", MEGABYTE)
    entry = await add_entry(hass, entry_data(standin))
    state = shown(hass, SPACE)
    assert (float(state.state), state.attributes["unit_of_measurement"]) == (3, "MB")
    registry = er.async_get(hass)
    counter = registry.async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_saved_files")
    assert counter is not None
    found = registry.async_get(counter)
    assert found is not None
    assert found.disabled
    registry.async_update_entity(counter, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, counter).state == "1"

    saved = await call("create_speech", **SPEAK)
    await wait_for(lambda: float(shown(hass, SPACE).state) == 3 + saved["size"] / MEGABYTE)
    await wait_for(lambda: shown(hass, counter).state == "2")
    await call("tidy_up_saved_files", older_than_days=1)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=6))
    await wait_for(lambda: shown(hass, counter).state == "1")


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize(
    ("data", "deleted"),
    [
        ({"older_than_days": 7}, {"film.mp4", "notes.txt"}),
        ({"older_than_days": "0.5"}, {"film.mp4", "notes.txt", "voice.wav"}),
        ({"older_than_days": 0}, {"film.mp4", "notes.txt", "voice.wav", "house.png"}),
        ({"older_than_days": 1e300}, set()),
        ({"keep_megabytes": 4}, set()),
        ({"keep_megabytes": 3.9}, {"notes.txt"}),
        ({"keep_megabytes": 1}, {"film.mp4", "notes.txt", "voice.wav"}),
        ({"keep_megabytes": 0.5}, {"film.mp4", "notes.txt", "voice.wav"}),
        ({"keep_megabytes": 0}, {"film.mp4", "notes.txt", "voice.wav", "house.png"}),
        ({"keep_megabytes": 3, "older_than_days": 7}, {"film.mp4", "notes.txt"}),
        ({"older_than_days": 0, "kinds": ["sound", "video"]}, {"voice.wav", "film.mp4"}),
        ({"older_than_days": 0, "kinds": "picture"}, {"house.png"}),
        ({"older_than_days": 7, "kinds": []}, {"film.mp4", "notes.txt"}),
        ({"keep_megabytes": 1, "kinds": ["picture", "other"]}, {"notes.txt"}),
    ],
)
async def test_cleanup_by_age_and_size(
    folder: Path, call: Call, data: dict[str, Any], deleted: set[str]
) -> None:
    put(folder, "house.png", MEGABYTE)
    put(folder, "voice.wav", MEGABYTE, age=1)
    put(folder, "film.mp4", MEGABYTE, age=8)
    put(folder, "notes.txt", MEGABYTE, age=9)
    before = names(folder)

    trial = await call("tidy_up_saved_files", dry_run=True, **data)
    assert names(folder) == before
    answer = await call("tidy_up_saved_files", **data)
    assert names(folder) == before - deleted

    assert trial == {**answer, "dry_run": True}
    assert {item["name"] for item in answer["deleted"]} == deleted
    assert answer["dry_run"] is False
    assert answer["count"] == len(deleted)
    assert answer["freed"] == len(deleted) * MEGABYTE
    assert answer["left_size"] == answer["left"] * MEGABYTE
    if not data.get("kinds"):
        assert answer["left"] == 4 - len(deleted)


@pytest.mark.usefixtures("entry")
async def test_cleanup_result(folder: Path, call: Call, caplog: pytest.LogCaptureFixture) -> None:
    path = put(folder, "house & garden #1.png", 10, age=3)
    moment = dt_util.utc_from_timestamp(path.stat().st_mtime).isoformat(timespec="seconds")
    answer = await call("tidy_up_saved_files", older_than_days=1)
    assert answer["deleted"] == [
        {
            "media_content_id": f"{ROOT}/house & garden #1.png",
            "media_content_type": "image/png",
            "name": "house & garden #1.png",
            "kind": "picture",
            "size": 10,
            "saved_at": moment,
        }
    ]
    assert [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.INFO and record.name.startswith(f"custom_components.{DOMAIN}")
    ] == ["Deleted 1 saved files (0.0 MB) beyond the limits, and 0 unfinished ones"]


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize(
    ("sizes", "limit", "left"),
    [
        ([1, 50, 1, 1], 10, {0, 2, 3}),
        ([50, 1, 1, 1], 10, {0, 1, 2, 3}),
        ([1, 1, 1, 50], 10, {0, 1, 2}),
        ([50, 60, 4, 4, 4], 10, {0, 2, 3}),
        ([6, 6, 3, 1], 10, {0}),
        ([50], 10, {0}),
        ([10, 1], 10, {0}),
        ([5, 20, 4, 30, 2], 10, {0, 2}),
    ],
)
async def test_cleanup_large_file_keeps_others(
    folder: Path, call: Call, sizes: list[int], limit: int, left: set[int]
) -> None:
    for age, size in enumerate(sizes):
        put(folder, f"{age}.mp4", size * MEGABYTE, age=age)
    answer = await call("tidy_up_saved_files", keep_megabytes=limit, dry_run=True)
    assert answer["left"] == len(left)
    await call("tidy_up_saved_files", keep_megabytes=limit)
    assert names(folder) == {f"{age}.mp4" for age in left}


@pytest.mark.usefixtures("entry")
async def test_cleanup_without_limit_raises(folder: Path, call: Call) -> None:
    put(folder, "a.png", age=100)
    with raises_key("tidy_up_without_limit", ServiceValidationError):
        await call("tidy_up_saved_files", kinds=["picture"])
    for data in (
        {"older_than_days": -1},
        {"keep_megabytes": -0.1},
        {"keep_megabytes": "nan"},
        {"older_than_days": 1, "kinds": ["music"]},
    ):
        with pytest.raises(vol.Invalid):
            await call("tidy_up_saved_files", **data)
    assert names(folder) == {"a.png"}


@pytest.mark.usefixtures("entry")
async def test_cleanup_keeps_other_files(
    folder: Path, media_folder: Path, call: Call, standin: StandIn
) -> None:
    outside = put(media_folder, "holiday.png", age=100)
    (folder / "link.png").symlink_to(outside)
    (folder / "dead.png").symlink_to(media_folder / "none.png")
    (folder / "linked").symlink_to(media_folder)
    (folder / "deeper").mkdir()
    put(folder / "deeper", "b.png", age=100)
    put(folder, ".hidden", age=100)
    put(folder, ".young.part", age=0.9)
    put(folder, ".stale.part", age=1.1)
    put(folder, "visible.part", age=0)
    os.mkfifo(folder / "pipe.png")
    put(folder, "a.png", age=100)
    before = len(standin.requests)

    answer = await call("tidy_up_saved_files", older_than_days=1)

    assert [item["name"] for item in answer["deleted"]] == ["a.png"]
    assert names(folder) == {
        "link.png",
        "dead.png",
        "linked",
        "deeper",
        ".hidden",
        ".young.part",
        "visible.part",
        "pipe.png",
    }
    assert names(folder / "deeper") == {"b.png"}
    assert outside.exists()
    assert len(standin.requests) == before


@pytest.mark.usefixtures("entry")
async def test_cleanup_of_symlinked_directory(
    media_folder: Path, call: Call, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "nas"
    elsewhere.mkdir()
    (media_folder / DOMAIN).symlink_to(elsewhere)
    put(elsewhere, "a.png", age=3)
    assert (await call("tidy_up_saved_files", older_than_days=1))["count"] == 1
    assert names(elsewhere) == set()


@pytest.mark.usefixtures("entry")
async def test_cleanup_without_files(hass: HomeAssistant, call: Call) -> None:
    answer = await call("tidy_up_saved_files", older_than_days=1)
    assert answer == {
        "deleted": [],
        "count": 0,
        "freed": 0,
        "left": 0,
        "left_size": 0,
        "dry_run": False,
    }
    hass.config.media_dirs = {}
    with raises_key("no_media_folder"):
        await call("tidy_up_saved_files", older_than_days=1)


@pytest.mark.usefixtures("entry")
async def test_cleanup_undeletable_file(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(folder, "a.png", age=2)
    put(folder, "b.png", age=3)
    unlink = Path.unlink

    def refuse(path: Path, **rest: Any) -> None:
        if path.name == "b.png":
            raise OSError(30, "Read-only file system")
        unlink(path, **rest)

    # Root may delete everywhere, and tests may not mount.
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(HomeAssistantError, match="Read-only file system") as caught:
        await call("tidy_up_saved_files", older_than_days=1)
    assert caught.value.translation_key == "cannot_delete"
    assert names(folder) == {"b.png"}
    assert "Deleted 1 saved files" in caplog.text


async def test_cleanup_unreadable_directory(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, call: Call
) -> None:
    (media_folder / DOMAIN).symlink_to(media_folder / DOMAIN)
    await add_entry(hass, entry_data(standin))
    assert shown(hass, SPACE).state == "unknown"
    assert await browse(hass) == []
    with pytest.raises(HomeAssistantError, match="symbolic links") as caught:
        await call("tidy_up_saved_files", older_than_days=1)
    assert caught.value.translation_key == "cannot_delete"


async def test_cleanup_shared_by_two_entries(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, folder: Path, call: Call
) -> None:
    await add_entry(hass, entry_data(standin, "none"))
    put(folder, "a.png", age=3)
    assert (await call("tidy_up_saved_files", older_than_days=1))["count"] == 1
    with pytest.raises(vol.Invalid):
        await call("tidy_up_saved_files", older_than_days=1, config_entry_id=entry.entry_id)
