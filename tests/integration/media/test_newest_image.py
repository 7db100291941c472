"""The newest picture is shown as an image entity."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.components import image, media_source
from homeassistant.components.media_source import Unresolvable
from homeassistant.core import HomeAssistant, State
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    mock_restore_cache_with_extra_data,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.integration.conftest import Call, add_entry, entry_data
from tests.integration.waiting import wait_for
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import DRAW, GIF, PICTURE, ROOT, SPEAK, fetch, shown


@pytest.mark.usefixtures("entry")
async def test_newest_image_after_save(
    hass: HomeAssistant, call: Call, hass_client: ClientSessionGenerator
) -> None:
    assert shown(hass).state == "unknown"
    assert shown(hass).attributes["media_content_id"] is None
    status, content_type, content = await fetch(hass, hass_client)
    assert (status, content_type) == (200, "image/png")
    assert len(content) < 100

    seen: list[dict[str, Any]] = []
    for action, more in (
        ("create_image", DRAW),
        ("create_image", {**DRAW, "stream": True, "partial_images": 2}),
        ("create_image_edit", {"prompt": "Snow"}),
        ("create_image_variation", {"n": 2}),
    ):
        source = {"image": seen[0]["path"]} if action != "create_image" else {}
        seen.append((await call(action, **more, **source))["media"][-1])
        state = shown(hass)
        assert state.attributes["media_content_id"] == seen[-1]["media_content_id"]
        updated = dt_util.parse_datetime(state.state)
        assert updated is not None
        assert abs(dt_util.utcnow() - updated) < timedelta(seconds=5)
        status, content_type, content = await fetch(hass, hass_client)
        assert (status, content_type) == (200, "image/png")
        assert content == Path(seen[-1]["path"]).read_bytes()
    assert len({saved["path"] for saved in seen}) == 4

    await call("create_speech", **SPEAK)
    assert shown(hass).attributes["media_content_id"] == seen[-1]["media_content_id"]


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0 a photo", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (GIF, "image/gif"),
    ],
)
async def test_image_type_from_signature(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    hass_client: ClientSessionGenerator,
    content: bytes,
    kind: str,
) -> None:
    body = {"data": [{"b64_json": base64.b64encode(content).decode()}]}
    standin.fail(Fault(path="/images", status=200, body=body))
    await call("create_image", **DRAW)
    assert await fetch(hass, hass_client) == (200, kind, content)
    standin.fail(Fault(path="/content", status=200, body=content, content_type="image/png"))
    await call("download_file", file_id="file-1", filename="wrong.png")
    assert await fetch(hass, hass_client) == (200, kind, content)


@pytest.mark.usefixtures("entry")
async def test_downloaded_svg_is_not_shown(
    hass: HomeAssistant, standin: StandIn, call: Call
) -> None:
    standin.fail(Fault(path="/content", status=200, body="<svg/>", content_type="image/svg+xml"))
    await call("download_file", file_id="file-1")
    assert shown(hass).state == "unknown"
    standin.fail(Fault(path="/content", status=200, body=GIF, content_type="image/gif"))
    saved = await call("download_file", file_id="file-1")
    assert shown(hass).attributes["media_content_id"] == saved["media_content_id"]


async def test_newest_image_per_entry(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    other = await add_entry(hass, entry_data(standin, "none"))
    first = await call("create_image", config_entry_id=entry.entry_id, **DRAW)
    assert shown(hass, f"{PICTURE}_2").state == "unknown"
    second = await call("create_image", config_entry_id=other.entry_id, **DRAW)
    assert [
        shown(hass, entity_id).attributes["media_content_id"]
        for entity_id in (PICTURE, f"{PICTURE}_2")
    ] == [answer["media"][0]["media_content_id"] for answer in (first, second)]


async def test_newest_image_after_reload(
    hass: HomeAssistant, entry: MockConfigEntry, call: Call, hass_client: ClientSessionGenerator
) -> None:
    saved = (await call("create_image", **DRAW))["media"][0]
    before = shown(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert shown(hass).state == "unavailable"
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass).state == before.state
    assert shown(hass).attributes["media_content_id"] == saved["media_content_id"]
    assert (await fetch(hass, hass_client))[2] == Path(saved["path"]).read_bytes()


@pytest.mark.parametrize("is_there", [True, False])
async def test_newest_image_after_restart(
    hass: HomeAssistant,
    standin: StandIn,
    folder: Path,
    hass_client: ClientSessionGenerator,
    is_there: bool,
) -> None:
    saved_at = "2026-11-19T06:00:00+00:00"
    stored = {"name": "a.gif", "media_content_id": f"{ROOT}/a.gif", "saved_at": saved_at}
    mock_restore_cache_with_extra_data(hass, ((State(PICTURE, saved_at), stored),))
    if is_there:
        (folder / "a.gif").write_bytes(GIF)
    await add_entry(hass, entry_data(standin))
    assert shown(hass).state == (saved_at if is_there else "unknown")
    expected = (200, "image/gif", GIF) if is_there else (200, "image/png")
    assert (await fetch(hass, hass_client))[: len(expected)] == expected


@pytest.mark.parametrize(
    "damage",
    [{"name": None}, {"name": 5}, {"saved_at": 5}, {"saved_at": "then"}, {"media_content_id": []}],
    ids=str,
)
async def test_newest_image_after_restart_with_damaged_memory(
    hass: HomeAssistant,
    standin: StandIn,
    folder: Path,
    hass_client: ClientSessionGenerator,
    call: Call,
    damage: dict[str, Any],
) -> None:
    moment = "2026-11-19T06:00:00+00:00"
    stored = {"name": "a.gif", "media_content_id": f"{ROOT}/a.gif", "saved_at": moment} | damage
    stored = {key: value for key, value in stored.items() if value is not None}
    mock_restore_cache_with_extra_data(hass, ((State(PICTURE, moment), stored),))
    (folder / "a.gif").write_bytes(GIF)
    await add_entry(hass, entry_data(standin))
    assert shown(hass).state == "unknown"
    assert (await fetch(hass, hass_client))[:2] == (200, "image/png")
    saved = (await call("create_image", **DRAW))["media"][-1]
    assert shown(hass).attributes["media_content_id"] == saved["media_content_id"]


@pytest.mark.usefixtures("entry")
async def test_image_file_deleted(
    hass: HomeAssistant, call: Call, hass_client: ClientSessionGenerator
) -> None:
    saved = (await call("create_image", **DRAW))["media"][0]
    path = Path(saved["path"])
    path.rename(path.with_name("elsewhere.png"))
    assert (await fetch(hass, hass_client))[:2] == (200, "image/png")
    assert shown(hass).state == "unknown"
    assert shown(hass).attributes["media_content_id"] is None
    # The folder of a NAS comes and goes.
    path.with_name("elsewhere.png").rename(path)
    await call("tidy_up_saved_files", older_than_days=1)
    await wait_for(lambda: shown(hass).attributes["media_content_id"] == saved["media_content_id"])
    await call("tidy_up_saved_files", keep_megabytes=0)
    await wait_for(lambda: shown(hass).state == "unknown")


@pytest.mark.usefixtures("entry")
async def test_image_directory_missing(
    hass: HomeAssistant, call: Call, hass_client: ClientSessionGenerator
) -> None:
    saved = (await call("create_image", **DRAW))["media"][0]
    hass.config.media_dirs = {}
    assert (await fetch(hass, hass_client))[:2] == (200, "image/png")
    assert shown(hass).attributes["media_content_id"] is None
    with pytest.raises(Unresolvable):
        await media_source.async_resolve_media(hass, saved["media_content_id"], None)


@pytest.mark.usefixtures("entry")
async def test_newest_image_as_action_input(hass: HomeAssistant, call: Call) -> None:
    await call("create_image", **DRAW)
    item = shown(hass).attributes["media_content_id"]
    assert (await call("create_image_edit", image=item, prompt="Snow"))["media"]
    found = await image.async_get_image(hass, PICTURE)
    assert found.content.startswith(b"\x89PNG")
