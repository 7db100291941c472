"""The media browser finds saved files, and people get them from there."""

import asyncio
import os
from pathlib import Path
import time
from urllib.parse import quote

from homeassistant.components import media_source
from homeassistant.components.media_player.errors import BrowseError
from homeassistant.components.media_source import Unresolvable
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_load_integrations
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api.const import DOMAIN
from tests.integration.conftest import Call

from .helpers import ROOT, SPEAK, browse, put

pytestmark = pytest.mark.usefixtures("entry")


async def test_browse_newest_first(hass: HomeAssistant, media_folder: Path, call: Call) -> None:
    await call("create_speech", filename="first.wav", **SPEAK)
    await call("create_speech", filename="second.wav", **SPEAK)
    folder = media_folder / "openai_api"
    (folder / ".part").touch()
    (folder / "notes.txt").touch()
    for age, name in enumerate(["second.wav", "first.wav", "notes.txt"]):
        os.utime(folder / name, (1_000_000 - age, 1_000_000 - age))

    sounds = await media_source.async_browse_media(hass, "media-source://openai_api/kind/sound")

    assert sounds.children is not None
    assert [(child.title, child.can_play) for child in sounds.children] == [
        ("second.wav", True),
        ("first.wav", True),
    ]
    with pytest.raises(HomeAssistantError):
        await media_source.async_browse_media(hass, "media-source://openai_api/first.wav")
    with pytest.raises(HomeAssistantError):
        await media_source.async_resolve_media(hass, "media-source://openai_api/none.wav", None)
    with pytest.raises(HomeAssistantError):
        await media_source.async_resolve_media(hass, "media-source://openai_api/.part", None)


async def test_browse_kinds(hass: HomeAssistant, folder: Path) -> None:
    assert await browse(hass) == []
    for age, name in enumerate(("a.png", "b.svg", "c.mp3", "d.mp4", "e.jsonl", "f")):
        put(folder, name, age=age)
    put(folder, ".g.part")
    (folder / "link.png").symlink_to(folder / "a.png")
    (folder / "folder.png").mkdir()
    root = await browse(hass)
    assert [(child.title, child.media_content_id, child.can_expand) for child in root] == [
        ("Pictures", f"{ROOT}/kind/picture", True),
        ("Sounds", f"{ROOT}/kind/sound", True),
        ("Videos", f"{ROOT}/kind/video", True),
        ("Other files", f"{ROOT}/kind/other", True),
    ]
    assert [child.children_media_class for child in root] == ["image", "music", "video", "url"]
    pictures = await browse(hass, "kind/picture")
    assert [(child.title, child.can_play) for child in pictures] == [
        ("a.png", True),
        ("b.svg", True),
    ]
    assert pictures[0].thumbnail == "/api/openai_api/media/a.png"
    others = await browse(hass, "kind/other")
    assert [(child.title, child.can_play) for child in others] == [("e.jsonl", False), ("f", False)]
    for child in (*pictures, *others):
        media = await media_source.async_resolve_media(hass, child.media_content_id, None)
        assert media.path == folder / child.title


async def test_browse_only_present_kinds(hass: HomeAssistant, call: Call) -> None:
    await call("create_speech", **SPEAK)
    (child,) = await browse(hass)
    assert child.title == "Sounds"
    assert await browse(hass, "kind/picture") == []


@pytest.mark.parametrize(
    ("language", "name", "title"),
    [
        ("en", "create_image_2026-11-20_14-03-11.png", "Picture · 20 Nov 2026, 14:03"),
        ("de", "create_image_2026-11-20_14-03-11.png", "Bild · 20.11.2026, 14:03"),
        ("en", "create_image_2026-01-02_14-03-11 (2).png", "Picture · 2 Jan 2026, 14:03 (2)"),
        ("en", "create_speech_2026-11-20_14-03-11.mp3", "Speech · 20 Nov 2026, 14:03"),
        (
            "en",
            "realtime_answer_2026-11-20_14-03-11-123456.wav",
            "Spoken answer · 20 Nov 2026, 14:03",
        ),
        ("en", "download_video_2026-11-20_14-03-11.mp4", "Video · 20 Nov 2026, 14:03"),
        ("en", "download_file_2026-11-20_14-03-11.bin", "File · 20 Nov 2026, 14:03"),
        ("en", "ig_0a1b2c.png", "Picture · 9 Sep 2001, 01:46"),
        ("en", "ig_0a1b2c (3).webp", "Picture · 9 Sep 2001, 01:46 (3)"),
        ("en", "create_image_2026-13-40_14-03-11.png", "create_image_2026-13-40_14-03-11.png"),
        ("en", "greeting.mp3", "greeting.mp3"),
    ],
)
async def test_browse_readable_titles(
    hass: HomeAssistant, folder: Path, language: str, name: str, title: str
) -> None:
    hass.config.language = language
    await hass.config.async_set_time_zone("UTC")
    await async_load_integrations(hass, {DOMAIN})
    path = put(folder, name)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (child,) = await browse(hass)
    (found,) = await browse(hass, child.media_content_id.removeprefix(f"{ROOT}/"))
    assert found.title == title


@pytest.mark.parametrize("identifier", ["a.png", "kind", "kind/music", "kind/picture/x", "kind/"])
async def test_browse_unknown_folder(hass: HomeAssistant, folder: Path, identifier: str) -> None:
    put(folder, "a.png")
    with pytest.raises(BrowseError) as caught:
        await media_source.async_browse_media(hass, f"{ROOT}/{identifier}")
    assert caught.value.translation_key == "saved_folder_missing"
    assert identifier in str(caught.value)


@pytest.mark.parametrize(
    "identifier", ["none.png", ".a.part", "../secrets.yaml", "link.png", "deeper", "x" * 300, "b/c"]
)
async def test_resolve_unknown_file(
    hass: HomeAssistant,
    folder: Path,
    media_folder: Path,
    hass_client: ClientSessionGenerator,
    identifier: str,
) -> None:
    put(media_folder, "secrets.yaml")
    put(folder, ".a.part")
    (folder / "deeper").mkdir()
    (folder / "link.png").symlink_to(media_folder / "secrets.yaml")
    with pytest.raises(Unresolvable) as caught:
        await media_source.async_resolve_media(hass, f"{ROOT}/{identifier}", None)
    assert caught.value.translation_key == "saved_file_missing"
    assert identifier in str(caught.value)
    client = await hass_client()
    response = await client.get(f"/api/openai_api/media/{quote(identifier, safe='')}")
    assert response.status in {400, 404}


async def test_resolve_unusual_names(
    hass: HomeAssistant, folder: Path, hass_client: ClientSessionGenerator
) -> None:
    odd = ["a..b.png", "~c.png", "50 % #1?.png", "\"quoted\" 'x'.png", "Küche ☕.png", "a+b&c.png"]
    for name in odd:
        put(folder, name, len(name))
    put(folder, "line\nbreak.png")
    (folder / os.fsdecode(b"latin\xfc.png")).write_bytes(b"x")
    pictures = await browse(hass, "kind/picture")
    assert {child.title for child in pictures} == set(odd)
    client = await hass_client()
    for child in pictures:
        assert child.thumbnail is not None
        response = await client.get(child.thumbnail)
        assert await response.read() == (folder / child.title).read_bytes()
        media = await media_source.async_resolve_media(hass, child.media_content_id, None)
        assert media.path == folder / child.title


async def test_browse_thousands_of_files(hass: HomeAssistant, folder: Path) -> None:
    now = time.time()
    for number in range(5000):
        path = str(folder / f"{number:04}.png")
        os.close(os.open(path, os.O_CREAT))
        os.utime(path, (now - number, now - number))
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            # The time of this thread's own work, however busy the machine is.
            before = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - before)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    page = await browse(hass, "kind/picture")
    await asyncio.sleep(0)
    watcher.cancel()
    assert longest < 0.02
    assert [child.title for child in page[:-1]] == [f"{number:04}.png" for number in range(250)]
    assert (page[-1].title, page[-1].can_expand) == ("Older files (4750)", True)
    older = await browse(hass, page[-1].media_content_id.removeprefix(f"{ROOT}/"))
    assert [older[0].title, older[249].title] == ["0250.png", "0499.png"]
    assert older[-1].title == "Older files (4500)"
    last = await browse(hass, "kind/picture/4750")
    assert (len(last), last[-1].title) == (250, "4999.png")
    assert await browse(hass, "kind/picture/999999") == []


@pytest.mark.parametrize("name", ["..%2f..%2fsecrets.yaml", ".part", "none.wav"])
async def test_view_serves_only_saved_files(
    media_folder: Path, hass_client: ClientSessionGenerator, name: str
) -> None:
    (media_folder / "secrets.yaml").write_text("secret")
    client = await hass_client()
    response = await client.get(f"/api/openai_api/media/{name}")
    assert response.status in {400, 404}


async def test_view_serves_html_as_attachment(
    media_folder: Path, hass_client: ClientSessionGenerator
) -> None:
    folder = media_folder / "openai_api"
    folder.mkdir()
    (folder / "page.html").write_text("<script>alert(1)</script>")
    client = await hass_client()
    response = await client.get("/api/openai_api/media/page.html")
    assert response.headers["Content-Disposition"] == "attachment"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
