"""Large files: sent in parts by hand, in one go, and waited for."""

import asyncio
from collections.abc import Callable
import hashlib
import os
from pathlib import Path

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.openai_api.handlers import uploads
from tests.standin.faults import Fault
from tests.standin.records import Part
from tests.standin.server import StandIn

from .conftest import Call, add_entry, raises_key, read, traced

pytestmark = pytest.mark.usefixtures("entry")
DATA = bytes(range(250)) * 10
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
EXPIRY = {"anchor": "created_at", "seconds": 3600}


@pytest.fixture
def large(media_folder: Path) -> str:
    """Return the path of a file."""
    (media_folder / "garden.mp4").write_bytes(DATA)
    return str(media_folder / "garden.mp4")


@pytest.fixture
def allowed_folder(media_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with files that cannot be sent, each for another reason."""
    monkeypatch.setattr(uploads, "_MAX_FILE_BYTES", 1000)
    (media_folder / "empty").touch()
    (media_folder / "large").write_bytes(b"x" * 1001)
    (media_folder.parent / "secret").write_text("hush")
    return media_folder.parent


@pytest.fixture
def huge(media_folder: Path) -> Path:
    """Return a file that does not fit into memory as often as it may be copied."""
    path = media_folder / "holiday.mp4"
    with path.open("wb") as file:
        for number in range(64):
            file.write(number.to_bytes(8) * (1024**2 // 8))
    return path


async def test_upload_parts_manually(standin: StandIn, call: Call, media_folder: Path) -> None:
    (media_folder / "one").write_bytes(DATA[:1000])
    (media_folder / "two").write_bytes(DATA[1000:])
    announced = {
        "filename": "garden.mp4",
        "purpose": "user_data",
        "bytes": len(DATA),
        "mime_type": "video/mp4",
        "expires_after": EXPIRY,
    }

    upload = await call("create_upload", **announced)

    assert (standin.requests[-1].path, standin.requests[-1].body) == ("/uploads", announced)
    parts = []
    for name in ("one", "two"):
        part = await call("add_upload_part", upload_id=upload["id"], data=str(media_folder / name))
        parts.append(part["id"])
    (sent,) = standin.requests[-1].body
    assert standin.requests[-1].path == f"/uploads/{upload['id']}/parts"
    assert (sent.name, sent.data) == ("data", DATA[1000:])
    done = await call("complete_upload", upload_id=upload["id"], part_ids=parts, md5=MD5)
    assert standin.requests[-1].body == {"part_ids": parts, "md5": MD5}
    assert done["file"]["bytes"] == len(DATA)
    with pytest.raises(ServiceValidationError):
        await call("cancel_upload", upload_id=upload["id"])
    dropped = await call("create_upload", **announced)
    assert (await call("cancel_upload", upload_id=dropped["id"]))["status"] == "cancelled"
    assert standin.requests[-1].path == f"/uploads/{dropped['id']}/cancel"


async def test_upload_missing_fields_send_nothing(standin: StandIn, call: Call) -> None:
    good = {"filename": "a", "purpose": "batch", "bytes": 1, "mime_type": "text/plain"}
    before = len(standin.requests)
    for key in good:
        with pytest.raises(vol.Invalid):
            await call("create_upload", **{k: v for k, v in good.items() if k != key})
    for key in ("filename", "purpose", "mime_type"):
        with pytest.raises(vol.Invalid):
            await call("create_upload", **{**good, key: ""})
    assert len(standin.requests) == before


async def test_upload_file_chunked(
    standin: StandIn, call: Call, events: Callable[[str], list[Event]], large: str
) -> None:
    fired = events("openai_api_progress_event")
    before = len(standin.requests)

    done = await call(
        "upload_file_chunked",
        file=large,
        purpose="user_data",
        part_size=1000,
        md5=MD5,
        expires_after=EXPIRY,
    )

    sent = standin.requests[before:]
    assert [request.path.rpartition("/")[2] for request in sent] == [
        "uploads",
        "parts",
        "parts",
        "parts",
        "complete",
    ]
    assert sent[0].body == {
        "filename": "garden.mp4",
        "mime_type": "video/mp4",
        "purpose": "user_data",
        "bytes": 2500,
        "expires_after": EXPIRY,
    }
    assert b"".join(request.body[0].data for request in sent[1:4]) == DATA
    assert sent[4].body["md5"] == MD5
    assert (done["status"], done["file"]["filename"]) == ("completed", "garden.mp4")
    assert [(event.data["progress"], event.data["status"]) for event in fired] == [
        (40, "pending"),
        (80, "pending"),
        (100, "pending"),
        (100, "completed"),
    ]
    assert {event.data["id"] for event in fired} == {done["id"]}
    saved = await call("download_file", file_id=done["file"]["id"])
    assert read(saved["path"]) == DATA


async def test_upload_file_chunked_with_filename(standin: StandIn, call: Call, large: str) -> None:
    done = await call(
        "upload_file_chunked",
        file={"media_content_id": large, "media_content_type": "video/x-own"},
        purpose="user_data",
        filename="night.mp4",
        part_size=None,
    )
    assert done["file"]["filename"] == "night.mp4"
    opened = next(request for request in standin.requests if request.path == "/uploads")
    assert opened.body["mime_type"] == "video/x-own"


async def test_upload_cancelled_after_part_error(standin: StandIn, call: Call, large: str) -> None:
    standin.fail(Fault(path="/complete", status=400, body={"error": {"message": "Wrong sum"}}))
    with raises_key("refused", ServiceValidationError) as caught:
        await call("upload_file_chunked", file=large, purpose="user_data", md5="0")
    assert "Wrong sum" in str(caught.value.translation_placeholders)
    assert standin.requests[-1].path.endswith("/cancel")


async def test_upload_without_id_raises(standin: StandIn, call: Call, large: str) -> None:
    standin.fail(Fault(path="^/uploads$", status=200, body={"object": "upload"}))
    with raises_key("bad_answer"):
        await call("upload_file_chunked", file=large, purpose="user_data")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("media/none", "file_missing"),
        ("media/empty", "file_empty"),
        ("media", "path_is_folder"),
        ("media/large", "file_too_large"),
        ("secret", "path_not_allowed"),
        ("media-source://media_source/local/none.mp4", "file_missing"),
        ("media-source://media_source/local/none", "file_missing"),
        ("media-source://nobody/none", "media_not_found"),
    ],
)
async def test_upload_invalid_files_are_rejected(
    standin: StandIn, call: Call, allowed_folder: Path, name: str, key: str
) -> None:
    before = len(standin.requests)

    path = name if ":" in name else str(allowed_folder / name)
    with raises_key(key, ServiceValidationError):
        await call("upload_file_chunked", file=path, purpose="user_data")
    with pytest.raises(vol.Invalid):
        await call("upload_file_chunked", file=path, purpose="user_data", part_size=0)
    assert len(standin.requests) == before


async def test_wait_for_file_processing(
    standin: StandIn, call: Call, events: Callable[[str], list[Event]], large: str
) -> None:
    fired = events("openai_api_progress_event")
    made = await call("create_file", file=large, purpose="user_data")
    standin.fail(Fault(path=made["id"], status=200, body={**made, "status": "uploaded"}, count=2))

    done = await call("wait_for_file_processing", file_id=made["id"], poll_interval_ms=100)

    assert done["status"] == "processed"
    assert [event.data["status"] for event in fired] == ["uploaded", "uploaded", "processed"]
    assert [request.method for request in standin.requests[-3:]] == ["GET"] * 3


def form(standin: StandIn) -> Part:
    """Return the file of the last form."""
    parts: list[Part] = standin.requests[-1].body
    return next(part for part in parts if part.filename is not None)


async def test_upload_parts_memory_is_bounded(standin: StandIn, call: Call, huge: Path) -> None:
    await call("list_files")
    with traced() as peak:
        answer = await call("upload_file_chunked", file=str(huge), purpose="user_data")
        assert peak() < 24 * 1024**2
    assert answer["file"]["bytes"] == 64 * 1024**2
    parts = [item.body[0] for item in standin.requests if item.path.endswith("/parts")]
    content = huge.read_bytes()
    assert [part.digest for part in parts] == [
        hashlib.sha256(content[start : start + 16 * 1024**2]).hexdigest()
        for start in range(0, len(content), 16 * 1024**2)
    ]


async def test_upload_memory_is_bounded(standin: StandIn, call: Call, huge: Path) -> None:
    digest = hashlib.sha256(huge.read_bytes()).hexdigest()
    # What the first call of its kind loads is not what a file takes.
    await call("list_files")

    with traced() as peak:
        answer = await call("create_file", file=str(huge), purpose="user_data")
        assert peak() < 24 * 1024**2

    assert answer["bytes"] == 64 * 1024**2
    assert form(standin).digest == digest
    headers = standin.requests[-1].headers
    assert int(headers["Content-Length"]) - form(standin).size < 1000
    assert "Transfer-Encoding" not in headers


async def test_upload_progress_events(
    call: Call, events: Callable[[str], list[Event]], huge: Path
) -> None:
    fired = events("openai_api_progress_event")

    await call("create_file", file=str(huge), purpose="user_data")

    assert [event.data["status"] for event in fired] == ["uploading"] * len(fired)
    first, last = fired[0].data, fired[-1].data
    total = 64 * 1024**2
    assert (first["progress"], first["sent"], first["total"]) == (0, 0, total)
    assert (last["progress"], last["sent"], last["total"]) == (100, total, total)
    assert (last["action"], last["id"]) == ("create_file", "holiday.mp4")
    # At most one a second, and one at the end.
    assert len(fired) <= last["elapsed"] + 2
    count = len(fired)
    (huge.parent / "small.txt").write_text("small")
    await call("create_file", file=str(huge.parent / "small.txt"), purpose="user_data")
    assert len(fired) == count


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="/files", status=503, headers={"Retry-After": "0"}),
        Fault(path="/files", status=429),
    ],
    ids=["busy", "too many requests"],
)
async def test_upload_retry_sends_complete_file(
    standin: StandIn, call: Call, large: str, fault: Fault
) -> None:
    standin.fail(fault)
    before = len(standin.requests)
    answer = await call("create_file", file=large, purpose="user_data")
    assert answer["bytes"] == len(DATA)
    assert [request.path for request in standin.requests[before:]] == ["/files"] * 2
    assert form(standin).data == DATA


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda path: os.truncate(path, 1024), "file_changed"),
        (lambda path: os.truncate(path, 65 * 1024**2), "file_changed"),
        (lambda path: os.utime(path, (1, 1)), "file_changed"),
        (lambda path: path.unlink(), "file_missing"),
    ],
    ids=["shorter", "longer", "rewritten", "gone"],
)
async def test_upload_file_changed_during_transfer(
    hass: HomeAssistant, call: Call, huge: Path, change: Callable[[Path], None], key: str
) -> None:
    starts = []

    @callback
    def begin(event: Event) -> None:
        if event.data["sent"] == 0:
            starts.append(event)
            change(huge)

    hass.bus.async_listen("openai_api_progress_event", begin)
    with raises_key(key):
        await call("create_file", file=str(huge), purpose="user_data")
    # Trying again would not help.
    assert len(starts) == 1
    assert (await call("list_files"))["data"] == []


async def test_upload_part_changed_before_transfer(
    hass: HomeAssistant, standin: StandIn, call: Call, large: str
) -> None:
    def change(event: Event) -> None:
        if event.data.get("progress") == 40:
            os.utime(large, (1, 1))

    hass.bus.async_listen("openai_api_progress_event", change)
    with raises_key("file_changed"):
        await call("upload_file_chunked", file=large, purpose="user_data", part_size=1000)
    assert standin.requests[-1].path.endswith("/cancel")


async def test_upload_rejected_before_body(
    hass: HomeAssistant, call: Call, huge: Path, entry: MockConfigEntry
) -> None:
    """A proxy refuses as soon as it knows the length, and closes the connection."""
    answered = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await answered.wait()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    proxy = await add_entry(
        hass,
        {**entry.data, "base_url": f"http://127.0.0.1:{port}/v1", "skip_validation": True},
    )
    with raises_key("refused", ServiceValidationError) as caught:
        await call(
            "create_file", config_entry_id=proxy.entry_id, file=str(huge), purpose="user_data"
        )
    assert caught.value.translation_placeholders is not None
    assert caught.value.translation_placeholders["status"] == "413"
    answered.set()
    server.close()
    await server.wait_closed()
