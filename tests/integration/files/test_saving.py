"""What comes from the host is saved: whole, under a good name, in one folder."""

import gzip
import json
from pathlib import Path
import resource
from typing import Any

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api.client import transport
from tests.integration.conftest import Call, traced
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import DRAW, SPEAK, fetch, names

pytestmark = pytest.mark.usefixtures("entry")

LONG = json.dumps({"object": "list", "data": [], "padding": " " * 2 * 1024**2}).encode()


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("hello.wav", "hello.wav"),
        ("hello", "hello.wav"),
        ("../../evil.wav", "evil.wav"),
        ("..\\evil.wav", "evil.wav"),
        ("/etc/evil.wav", "evil.wav"),
        ("a:b*c.wav", "a_b_c.wav"),
        ("Grüße.wav", "Grüße.wav"),
        (".hidden.wav", "hidden.wav"),
        ("x" * 300 + ".wav", "x" * 120 + ".wav"),
    ],
)
async def test_names_stay_in_the_folder(
    media_folder: Path, call: Call, filename: str, expected: str
) -> None:
    answer = await call("create_speech", filename=filename, **SPEAK)
    assert answer["path"] == str(media_folder / "openai_api" / expected)


async def test_nothing_is_overwritten(call: Call) -> None:
    first = await call("create_speech", filename="a.wav", **SPEAK)
    second = await call("create_speech", filename="a.wav", **SPEAK)
    assert Path(first["path"]).name == "a.wav"
    assert Path(second["path"]).name == "a (2).wav"


async def test_name_without_one(call: Call) -> None:
    name = Path((await call("create_speech", **SPEAK))["path"]).name
    assert name.startswith("create_speech_20")
    assert name.endswith(".wav")


async def test_download_returns_the_same_bytes(media_folder: Path, call: Call) -> None:
    path = media_folder / "data.jsonl"
    path.write_text('{"a": 1}\n')
    uploaded = await call("create_file", file=str(path), purpose="batch")
    answer = await call("download_file", file_id=uploaded["id"])
    assert Path(answer["path"]).read_bytes() == path.read_bytes()
    assert Path(answer["path"]).suffix == ".jsonl"


async def test_name_that_the_host_suggests(standin: StandIn, call: Call) -> None:
    headers = {"content-disposition": 'attachment; filename="../up.csv"'}
    standin.fail(Fault(path="/content", status=200, body="a,b", headers=headers))
    answer = await call("download_file", file_id="file-1")
    assert Path(answer["path"]).name == "up.csv"


@pytest.mark.parametrize(
    "fault", [Fault(path="/audio", drop="body"), Fault(path="/audio", cut_after=0)]
)
async def test_nothing_half_written_stays(
    standin: StandIn, media_folder: Path, call: Call, fault: Fault
) -> None:
    standin.fail(fault)
    with pytest.raises(HomeAssistantError):
        await call("create_speech", **SPEAK)
    assert not list((media_folder / "openai_api").iterdir())


async def test_folder_that_cannot_be_written(media_folder: Path, call: Call) -> None:
    (media_folder / "openai_api").write_text("a file where the folder should be")
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_speech", **SPEAK)
    assert caught.value.translation_key == "folder_not_writable"


async def test_no_media_folder(hass: HomeAssistant, standin: StandIn, call: Call) -> None:
    hass.config.media_dirs = {}
    before = len(standin.requests)
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_speech", **SPEAK)
    assert caught.value.translation_key == "no_media_folder"
    assert len(standin.requests) == before
    root = await media_source.async_browse_media(hass, "media-source://openai_api")
    assert root.children == []


@pytest.mark.parametrize("action", ["create_speech", "create_image"])
async def test_disk_that_takes_no_more(
    hass: HomeAssistant,
    folder: Path,
    call: Call,
    action: str,
    hass_client: ClientSessionGenerator,
) -> None:
    saved = (await call("create_image", **DRAW))["media"][0]
    before = names(folder)
    data = {"create_speech": SPEAK, "create_image": DRAW}[action]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The only failure of a write that the system itself brings about and every user may ask for.
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.raises(HomeAssistantError) as caught:
            await call(action, **data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.translation_key == "folder_not_writable"
    assert "File too large" in str(caught.value)
    assert names(folder) == before
    assert (await fetch(hass, hass_client))[2] == Path(saved["path"]).read_bytes()


async def test_downloads_are_flat_and_show_how_far_they_are(
    standin: StandIn, call: Call, events: Any
) -> None:
    fired = events("openai_api_progress_event")
    total = 64 * 1024**2
    await call("list_files")
    standin.fail(Fault(path="/content", size=total, content_type="application/zip"))

    with traced() as peak:
        answer = await call("download_file", file_id="file-1")
        assert peak() < 24 * 1024**2

    assert answer["size"] == total == Path(answer["path"]).stat().st_size
    last = fired[-1].data
    assert (last["status"], last["id"], last["action"]) == (
        "downloading",
        "file-1",
        "download_file",
    )
    assert (last["progress"], last["received"], last["total"]) == (100, total, total)
    assert len(fired) <= last["elapsed"] + 2


@pytest.mark.parametrize("how", ["long", "packed", "error"])
async def test_answers_too_large_to_hold(
    standin: StandIn, call: Call, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 1024**2)
    fault = {
        "long": Fault(path="/files", body=LONG, count=None),
        "packed": Fault(
            path="/files",
            body=gzip.compress(LONG),
            headers={"Content-Encoding": "gzip"},
            count=None,
        ),
        "error": Fault(path="/files", status=400, body=LONG, count=None),
    }[how]
    standin.fail(fault)
    before = len(standin.requests)

    with pytest.raises(HomeAssistantError) as caught:
        await call("list_files")

    assert caught.value.translation_key == "answer_too_large"
    # Trying again would not help.
    assert len(standin.requests) == before + 1
    # A download goes to the disk, so it may be as long as it likes.
    if how == "long":
        assert (await call("download_file", file_id="file-1"))["size"] == len(LONG)


async def test_long_answers_are_read_whole(standin: StandIn, call: Call) -> None:
    body = json.dumps({"object": "list", "data": ["x" * 1024**2] * 100})
    standin.fail(Fault(path="/files", body=body))
    assert len((await call("list_files"))["data"]) == 100
