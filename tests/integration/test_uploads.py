"""Large files: sent in parts by hand, in one go, and waited for."""

from collections.abc import Callable
import hashlib
from pathlib import Path

from homeassistant.core import Event
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
import voluptuous as vol

from custom_components.openai_api import uploads
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

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
def house(media_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with files that cannot be sent, each for another reason."""
    monkeypatch.setattr(uploads, "_LARGEST", 1000)
    (media_folder / "empty").touch()
    (media_folder / "large").write_bytes(b"x" * 1001)
    (media_folder.parent / "secret").write_text("hush")
    return media_folder.parent


def read(path: str) -> bytes:
    """Return the content of a file."""
    return Path(path).read_bytes()


async def test_by_hand(standin: StandIn, call: Call, media_folder: Path) -> None:
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


async def test_nothing_is_sent_without_what_is_needed(standin: StandIn, call: Call) -> None:
    good = {"filename": "a", "purpose": "batch", "bytes": 1, "mime_type": "text/plain"}
    before = len(standin.requests)
    for key in good:
        with pytest.raises(vol.Invalid):
            await call("create_upload", **{k: v for k, v in good.items() if k != key})
    for key in ("filename", "purpose", "mime_type"):
        with pytest.raises(vol.Invalid):
            await call("create_upload", **{**good, key: ""})
    assert len(standin.requests) == before


async def test_large_file_in_one_action(
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


async def test_large_file_under_another_name(standin: StandIn, call: Call, large: str) -> None:
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


async def test_half_an_upload_is_cancelled(standin: StandIn, call: Call, large: str) -> None:
    standin.fail(Fault(path="/complete", status=400, body={"error": {"message": "Wrong sum"}}))
    with pytest.raises(ServiceValidationError) as caught:
        await call("upload_file_chunked", file=large, purpose="user_data", md5="0")
    assert caught.value.translation_key == "refused"
    assert "Wrong sum" in str(caught.value.translation_placeholders)
    assert standin.requests[-1].path.endswith("/cancel")


async def test_host_without_an_upload_id(standin: StandIn, call: Call, large: str) -> None:
    standin.fail(Fault(path="^/uploads$", status=200, body={"object": "upload"}))
    with pytest.raises(HomeAssistantError) as caught:
        await call("upload_file_chunked", file=large, purpose="user_data")
    assert caught.value.translation_key == "bad_answer"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("media/none", "file_missing"),
        ("media/empty", "file_empty"),
        ("media", "path_is_folder"),
        ("media/large", "file_too_large"),
        ("secret", "path_not_allowed"),
        ("media-source://media_source/local/none.mp4", "file_missing"),
        # Home Assistant itself stumbles over files whose type it does not know.
        ("media-source://media_source/local/none", "media_not_found"),
        ("media-source://nobody/none", "media_not_found"),
    ],
)
async def test_files_that_cannot_be_sent(
    standin: StandIn, call: Call, house: Path, name: str, key: str
) -> None:
    before = len(standin.requests)

    path = name if ":" in name else str(house / name)
    with pytest.raises(ServiceValidationError) as caught:
        await call("upload_file_chunked", file=path, purpose="user_data")

    assert caught.value.translation_key == key
    with pytest.raises(vol.Invalid):
        await call("upload_file_chunked", file=path, purpose="user_data", part_size=0)
    assert len(standin.requests) == before


async def test_waiting_for_a_file(
    standin: StandIn, call: Call, events: Callable[[str], list[Event]], large: str
) -> None:
    fired = events("openai_api_progress_event")
    made = await call("create_file", file=large, purpose="user_data")
    standin.fail(Fault(path=made["id"], status=200, body={**made, "status": "uploaded"}, count=2))

    done = await call("wait_for_file_processing", file_id=made["id"], poll_interval_ms=100)

    assert done["status"] == "processed"
    assert [event.data["status"] for event in fired] == ["uploaded", "uploaded", "processed"]
    assert [request.method for request in standin.requests[-3:]] == ["GET"] * 3
