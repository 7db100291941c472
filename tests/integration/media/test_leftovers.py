"""Half-written files of a process that was killed go at the next start."""

import asyncio
from io import BufferedWriter
from pathlib import Path
import threading

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest

from custom_components.openai_api.media import storage
from tests.integration.conftest import Call, add_entry, entry_data
from tests.integration.waiting import wait_for
from tests.standin.server import StandIn

from .helpers import SPEAK, names, put


@pytest.mark.parametrize("age", [0, 0.01, 3])
async def test_unfinished_files_removed_at_start(
    hass: HomeAssistant, standin: StandIn, folder: Path, age: float
) -> None:
    for name in (".half.part", ".k3a_x9zz.part", ".x.part", "whole.wav", ".hidden", "a.part"):
        put(folder, name, age=age)
    await add_entry(hass, entry_data(standin))
    await wait_for(lambda: names(folder) == {"whole.wav", ".hidden", "a.part"})


async def test_start_without_media_directory(hass: HomeAssistant, standin: StandIn) -> None:
    hass.config.media_dirs = {}
    entry = await add_entry(hass, entry_data(standin))
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("again", ["reload", "another entry"])
async def test_file_being_written_is_kept(
    hass: HomeAssistant,
    standin: StandIn,
    folder: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    again: str,
) -> None:
    entry = await add_entry(hass, entry_data(standin))
    other = await add_entry(hass, entry_data(standin, "none"))
    append, go_on = storage._write, threading.Event()

    def wait(part: BufferedWriter, chunk: bytes) -> None:
        assert go_on.wait(10)
        append(part, chunk)

    monkeypatch.setattr(storage, "_write", wait)
    task = asyncio.create_task(call("create_speech", config_entry_id=entry.entry_id, **SPEAK))
    await wait_for(lambda: bool(names(folder)))
    if again == "reload":
        assert await hass.config_entries.async_reload(other.entry_id)
    else:
        await add_entry(hass, entry_data(standin, "query"))
    await hass.async_block_till_done()
    assert names(folder)
    go_on.set()
    answer = await asyncio.wait_for(task, 30)
    assert Path(answer["path"]).stat().st_size == answer["size"]
