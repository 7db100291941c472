"""What comes from the host is saved: whole, under a good name, in one folder."""

import errno
import gzip
import json
import os
from pathlib import Path
import resource
from types import SimpleNamespace
from typing import Any

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.openai_api.api import transport
from tests.integration.conftest import Call, raises_key, traced
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
async def test_filename_stays_in_media_directory(
    media_folder: Path, call: Call, filename: str, expected: str
) -> None:
    answer = await call("create_speech", filename=filename, **SPEAK)
    assert answer["path"] == str(media_folder / "openai_api" / expected)


async def test_existing_file_is_not_overwritten(call: Call) -> None:
    first = await call("create_speech", filename="a.wav", **SPEAK)
    second = await call("create_speech", filename="a.wav", **SPEAK)
    assert Path(first["path"]).name == "a.wav"
    assert Path(second["path"]).name == "a (2).wav"


async def test_filename_default(call: Call) -> None:
    name = Path((await call("create_speech", **SPEAK))["path"]).name
    assert name.startswith("create_speech_20")
    assert name.endswith(".wav")


async def test_download_content(media_folder: Path, call: Call) -> None:
    path = media_folder / "data.jsonl"
    path.write_text('{"a": 1}\n')
    uploaded = await call("create_file", file=str(path), purpose="batch")
    answer = await call("download_file", file_id=uploaded["id"])
    assert Path(answer["path"]).read_bytes() == path.read_bytes()
    assert Path(answer["path"]).suffix == ".jsonl"


@pytest.mark.parametrize(
    ("label", "headers", "is_file"),
    [
        ("application/octet-stream", {}, True),
        ("text/csv", {"content-disposition": "attachment; filename=new.csv"}, True),
        ("text/csv", {}, False),
    ],
)
async def test_empty_file_is_saved_if_server_calls_it_a_file(
    standin: StandIn, call: Call, label: str, headers: dict[str, str], is_file: bool
) -> None:
    fault = Fault(path="/content", status=200, body=b"", content_type=label, headers=headers)
    standin.fail(fault)
    asked = {"container_id": "cntr_1", "file_id": "cfile_1"}
    if is_file:
        saved = await call("download_container_file_content", **asked)
        assert (saved["size"], Path(saved["path"]).read_bytes()) == (0, b"")
    else:
        with raises_key("empty_answer"):
            await call("download_container_file_content", **asked)


async def test_filename_from_content_disposition(standin: StandIn, call: Call) -> None:
    headers = {"content-disposition": 'attachment; filename="../up.csv"'}
    standin.fail(Fault(path="/content", status=200, body="a,b", headers=headers))
    answer = await call("download_file", file_id="file-1")
    assert Path(answer["path"]).name == "up.csv"


@pytest.mark.parametrize(
    "fault", [Fault(path="/audio", drop="body"), Fault(path="/audio", cut_after=0)]
)
async def test_partial_file_removed(
    standin: StandIn, media_folder: Path, call: Call, fault: Fault
) -> None:
    standin.fail(fault)
    with pytest.raises(HomeAssistantError):
        await call("create_speech", **SPEAK)
    assert not list((media_folder / "openai_api").iterdir())


async def test_media_directory_not_writable(media_folder: Path, call: Call) -> None:
    (media_folder / "openai_api").write_text("a file where the folder should be")
    with raises_key("folder_not_writable"):
        await call("create_speech", **SPEAK)


async def test_media_directory_missing(hass: HomeAssistant, standin: StandIn, call: Call) -> None:
    hass.config.media_dirs = {}
    before = len(standin.requests)
    with raises_key("no_media_folder"):
        await call("create_speech", **SPEAK)
    assert len(standin.requests) == before
    root = await media_source.async_browse_media(hass, "media-source://openai_api")
    assert root.children == []


@pytest.mark.parametrize("action", ["create_speech", "create_image"])
async def test_disk_full(
    hass: HomeAssistant, folder: Path, call: Call, action: str, hass_client: ClientSessionGenerator
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


async def test_download_memory_is_bounded_and_progress_fired(
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


@pytest.mark.parametrize("how", ["long", "packed"])
async def test_response_size_limit(
    standin: StandIn, call: Call, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 1024**2)
    fault = {
        "long": Fault(path="/files", body=LONG, count=None),
        "packed": Fault(
            path="/files",
            body=gzip.compress(LONG),
            headers={"Content-Encoding": "gzip"},
            count=None,
        ),
    }[how]
    standin.fail(fault)
    before = len(standin.requests)

    with raises_key("answer_too_large"):
        await call("list_files")
    # Trying again would not help.
    assert len(standin.requests) == before + 1
    # A download goes to the disk, so it may be as long as it likes.
    if how == "long":
        assert (await call("download_file", file_id="file-1"))["size"] == len(LONG)


async def test_long_response_is_complete(standin: StandIn, call: Call) -> None:
    body = json.dumps({"object": "list", "data": ["x" * 1024**2] * 100})
    standin.fail(Fault(path="/files", body=body))
    assert len((await call("list_files"))["data"]) == 100


def size_of(name: str) -> int:
    """Return the bytes of a name."""
    return len(name.encode())


@pytest.mark.parametrize("count", [1, 2, 11])
@pytest.mark.parametrize(
    "filename",
    [
        "ü" * 200,
        "家" * 120 + ".wav",
        "😀" * 64 + ".mp3",
        "é" * 118 + ".x" + "y" * 90,
        "a." + "b" * 300,
    ],
)
async def test_filename_length_in_bytes(
    hass: HomeAssistant, folder: Path, call: Call, filename: str, count: int
) -> None:
    paths = []
    for _ in range(count):
        answer = await call("create_speech", filename=filename, **SPEAK)
        paths.append(Path(answer["path"]))
    assert len(set(paths)) == count
    for path in paths:
        assert size_of(path.name) <= 255
        assert path.suffix == ".wav"
        assert path.exists()
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize("longest", [254, 143, 64])
@pytest.mark.parametrize("filename", ["x" * 120, "ü" * 120, "家" * 85])
async def test_filename_too_long_for_file_system(
    hass: HomeAssistant,
    folder: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    longest: int,
    filename: str,
) -> None:
    touch = Path.touch

    def refuse(path: Path, *rest: Any, **named: Any) -> None:
        if size_of(path.name) > longest:
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        touch(path, *rest, **named)

    monkeypatch.setattr(Path, "touch", refuse)
    first = await call("create_speech", filename=filename, **SPEAK)
    second = await call("create_speech", filename=filename, **SPEAK)
    assert first["path"] != second["path"]
    assert len(names(folder)) == 2
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("tts.mp3", "tts%20(2).wav"),
        ("Grüße.wav", "Gr%C3%BC%C3%9Fe%20(2).wav"),
        ("a(b).wav", "a(b)%20(2).wav"),
    ],
)
async def test_saved_file_url_is_quoted(
    call: Call, filename: str, expected: str, hass_client_no_auth: ClientSessionGenerator
) -> None:
    await call("create_speech", filename=filename, **SPEAK)
    answer = await call("create_speech", filename=filename, **SPEAK)
    address, _, query = answer["url"].partition("?")
    assert address == f"/api/openai_api/media/{expected}"
    assert query.startswith("authSig=")
    assert answer["url"].isascii()
    client = await hass_client_no_auth()
    response = await client.get(URL(answer["url"], encoded=True))
    assert response.status == 200
    assert await response.read() == Path(answer["path"]).read_bytes()


@pytest.mark.parametrize("action", ["create_speech", "create_image"])
@pytest.mark.parametrize("free", [0, 10 * 1000**2, 499 * 1000**2])
async def test_free_space_is_kept(
    hass: HomeAssistant,
    standin: StandIn,
    folder: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    free: int,
) -> None:
    statvfs = os.statvfs

    def full(path: Any) -> Any:
        found = statvfs(path)
        if not Path(path).is_relative_to(folder):
            return found
        return SimpleNamespace(f_blocks=10**9, f_bavail=free // 4096, f_frsize=4096)

    monkeypatch.setattr(os, "statvfs", full)
    data = {"create_speech": SPEAK, "create_image": DRAW}[action]
    before = len(standin.requests)
    with raises_key("folder_not_writable") as caught:
        await call(action, **data)
    assert "No space left on device" in str(caught.value)
    # Nothing was paid for.
    assert len(standin.requests) == before
    assert names(folder) == set()
    assert ir.async_get(hass).async_get_issue("openai_api", "folder_not_writable")
    monkeypatch.undo()
    await call(action, **data)
    assert not ir.async_get(hass).async_get_issue("openai_api", "folder_not_writable")


async def test_download_stops_before_disk_is_full(
    standin: StandIn, folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def filling(path: Any) -> Any:
        used = sum(file.stat().st_size for file in folder.iterdir())
        free = 520 * 1000**2 - used
        return SimpleNamespace(f_blocks=10**9, f_bavail=free // 4096, f_frsize=4096)

    monkeypatch.setattr(os, "statvfs", filling)
    standin.fail(Fault(path="/content", size=64 * 1024**2, content_type="application/zip"))
    with pytest.raises(HomeAssistantError, match="No space left"):
        await call("download_file", file_id="file-1")
    assert names(folder) == set()
    assert (await call("create_speech", **SPEAK))["size"]


@pytest.mark.parametrize(
    ("filename", "label", "expected"),
    [
        ("x.html", "text/html", "x.html.txt"),
        (None, "text/html", ".txt"),
        ("x.svg", "image/svg+xml", "x.svg.txt"),
        ("x.xhtml", "application/octet-stream", "x.xhtml.txt"),
        ("x.js", "text/javascript", "x.js.txt"),
        ("x.xml", "application/xml", "x.xml.txt"),
        ("x.svgz", "application/octet-stream", "x.svgz.txt"),
        ("x.json", "application/json", "x.json"),
        ("x.csv", "text/csv", "x.csv"),
        ("x.pdf", "application/pdf", "x.pdf"),
        ("x.png", "text/html", "x.png"),
        ("x.unheard", "text/html", "x.unheard"),
    ],
)
@pytest.mark.parametrize("is_link", [False, True])
async def test_saved_file_in_www_is_not_executable(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    tmp_path: Path,
    filename: str | None,
    label: str,
    expected: str,
    is_link: bool,
) -> None:
    hass.config.config_dir = str(tmp_path)
    place = tmp_path / "www" / "media"
    place.mkdir(parents=True)
    if is_link:
        (tmp_path / "shown").symlink_to(place)
        place = tmp_path / "shown"
    hass.config.media_dirs = {"local": str(place)}
    body = b"<script>alert(1)</script>"
    standin.fail(Fault(path="/content", status=200, body=body, content_type=label))
    data = {} if filename is None else {"filename": filename}
    answer = await call("download_file", file_id="file-1", **data)
    assert Path(answer["path"]).name.endswith(expected)
    assert Path(answer["path"]).read_bytes() == body


async def test_saved_html_outside_www_keeps_name(standin: StandIn, call: Call) -> None:
    for name in ("x.html", "x.svg"):
        standin.fail(Fault(path="/content", status=200, body="<p>", content_type="text/html"))
        answer = await call("download_file", file_id="file-1", filename=name)
        assert Path(answer["path"]).name == name
