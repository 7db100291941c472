"""Videos: started from words, files and other videos, waited for, and downloaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeassistant.core import Event
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from tests.standin.areas.videos import MP4
from tests.standin.media import png
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
FAST = {"poll_interval_ms": 100}


def sent_form(standin: StandIn, index: int = -1) -> dict[str, Any]:
    """Return the parts of a request by their names; a file as its name and its bytes."""
    return {
        part.name: (part.filename, part.data) if part.filename else part.data
        for part in standin.requests[index].body
    }


async def finished(call: Call) -> str:
    """Make a video and return its id."""
    return str((await call("create_and_poll_video", prompt="A boat", **FAST))["id"])


async def test_video_lifecycle(standin: StandIn, call: Call) -> None:
    made = await call("create_video", prompt="A boat", model="m-1", seconds=8, size="1280x720")
    assert made["status"] == "queued"
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/videos")
    assert sent_form(standin) == {
        "prompt": "A boat",
        "model": "m-1",
        "seconds": "8",
        "size": "1280x720",
    }

    known = {"video_id": made["id"]}
    assert (await call("get_video", **known))["progress"] == 50
    with pytest.raises(ServiceValidationError, match="not ready"):
        await call("download_video_content", **known)
    assert (await call("get_video", **known))["status"] == "completed"
    saved = await call("download_video_content", **known, filename="boat")
    assert saved["path"].endswith("boat.mp4")
    assert saved["media_content_type"] == "video/mp4"
    assert saved["size"] == len(MP4)
    saved = await call("download_video_content", **known, variant="thumbnail")
    assert standin.requests[-1].query == [("variant", "thumbnail")]
    assert standin.requests[-1].path == f"/videos/{made['id']}/content"
    # The bytes are those of a PNG, whatever the label says.
    assert saved["path"].endswith(".png")

    page = await call("list_videos", order="asc")
    assert [video["id"] for video in page["data"]] == [made["id"]]
    gone = await call("delete_video", **known)
    assert gone == {"id": made["id"], "object": "video.deleted", "deleted": True}


async def test_poll_fires_progress_events(
    standin: StandIn, call: Call, events: Callable[[str], list[Event]]
) -> None:
    progress = events("openai_api_progress_event")

    video = await call("create_and_poll_video", prompt="A boat", **FAST)

    assert (video["status"], video["progress"]) == ("completed", 100)
    assert [event.data["progress"] for event in progress] == [0, 50, 100]
    assert {event.data["id"] for event in progress} == {video["id"]}
    requests = [(sent.method, sent.path) for sent in standin.requests[-3:]]
    assert requests == [("POST", "/videos"), *[("GET", f"/videos/{video['id']}")] * 2]


async def test_poll_existing_video(standin: StandIn, call: Call) -> None:
    made = await call("create_video", prompt="A boat")
    count = len(standin.requests)

    video = await call("poll_video", video_id=made["id"], **FAST)

    assert video["status"] == "completed"
    paths = {(sent.method, sent.path) for sent in standin.requests[count:]}
    assert paths == {("GET", f"/videos/{made['id']}")}


async def test_poll_max_wait_exceeded(call: Call) -> None:
    with pytest.raises(HomeAssistantError, match="queued"):
        await call(
            "create_and_poll_video", prompt="A boat", poll_interval_ms=5000, max_wait_seconds=1
        )


@pytest.mark.parametrize("action", ["create_video", "create_and_poll_video"])
@pytest.mark.parametrize(
    "reference",
    [
        {"file_id": "file-1"},
        '{"file_id": "file-1"}',
        {"image_url": "data:image/png;base64,AAAA"},
    ],
    ids=["object", "text", "address"],
)
async def test_video_reference_by_file_id(
    standin: StandIn, call: Call, action: str, reference: Any
) -> None:
    extra = FAST if action == "create_and_poll_video" else {}
    await call(action, prompt="A", input_reference=reference, extra_body={"x": 1}, **extra)

    sent = next(
        sent_form(standin, index)
        for index, request in enumerate(standin.requests)
        if request.path == "/videos"
    )
    (key, value), *_ = reference.items() if isinstance(reference, dict) else [("file_id", "file-1")]
    assert sent == {"prompt": "A", "x": "1", f"input_reference[{key}]": value}


@pytest.mark.parametrize("as_media", [True, False])
async def test_video_reference_from_local_file(
    standin: StandIn, call: Call, media_folder: Path, as_media: bool
) -> None:
    picture = media_folder / "room.png"
    picture.write_bytes(png(8, 8, "room"))
    item = {"media_content_id": "media-source://media_source/local/room.png"}

    await call("create_video", prompt="A", input_reference=item if as_media else str(picture))

    name, content = sent_form(standin)["input_reference"]
    assert (name, content) == ("room.png", picture.read_bytes())


@pytest.mark.parametrize(
    ("action", "path", "more"),
    [("edit_video", "edits", {}), ("extend_video", "extensions", {"seconds": "8"})],
)
async def test_video_edit_and_extend(
    standin: StandIn, call: Call, media_folder: Path, action: str, path: str, more: dict[str, Any]
) -> None:
    source = await finished(call)

    made = await call(action, prompt="Snow", video={"id": source}, **more)
    assert made["status"] == "queued"
    assert standin.requests[-1].path == f"/videos/{path}"
    assert sent_form(standin) == {"prompt": "Snow", "video[id]": source, **more}

    clip = media_folder / "clip.mp4"
    clip.write_bytes(MP4)
    await call(action, prompt="Snow", video=str(clip), **more)
    assert sent_form(standin) == {"prompt": "Snow", "video": ("clip.mp4", MP4), **more}
    with pytest.raises(Exception, match="video"):
        await call(action, prompt="Snow", **more)


async def test_video_remix(standin: StandIn, call: Call) -> None:
    source = await finished(call)
    made = await call("remix_video", video_id=source, prompt="At night")

    assert made["remixed_from_video_id"] == source
    assert standin.requests[-1].path == f"/videos/{source}/remix"
    assert standin.requests[-1].body == {"prompt": "At night"}


async def test_video_character(standin: StandIn, call: Call, media_folder: Path) -> None:
    clip = media_folder / "rex.mp4"
    clip.write_bytes(MP4)
    made = await call("create_video_character", name="Rex", video=str(clip))

    assert standin.requests[-1].path == "/videos/characters"
    assert sent_form(standin) == {"name": "Rex", "video": ("rex.mp4", MP4)}
    assert await call("get_video_character", character_id=made["id"]) == made
    assert standin.requests[-1].path == f"/videos/characters/{made['id']}"
