"""Videos: jobs that take a few looks, and characters."""

from __future__ import annotations

from tests.standin import media
from tests.standin.routing import Call, Form, Route, need, one_of, resource_routes
from tests.standin.state import Blob, Kind
from tests.standin.wire import ApiError, Json, Reply, new_id, now

VIDEOS = Kind(name="video", deleted="video.deleted")
CHARACTERS = Kind(name="character")
ONE = "/videos/{video_id}"
LENGTHS = ("4", "8", "12")
LONGER = (*LENGTHS, "16", "20")
SIZES = ("720x1280", "1280x720", "1024x1792", "1792x1024")
# The beginning of an MP4 file, enough for a player to know it by.
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
TYPES = {"video": "video/mp4", "thumbnail": "image/webp", "spritesheet": "image/jpeg"}


def _add(call: Call, prompt: str, **details: str | None) -> Json:
    """Start a video, which is half done at the first look and done at the second."""
    video: Json = {
        "id": new_id("video_"),
        "object": "video",
        "created_at": now(),
        "completed_at": None,
        "expires_at": None,
        "error": None,
        "status": "queued",
        "progress": 0,
        "model": "sora-2",
        "seconds": "4",
        "size": SIZES[0],
        "prompt": prompt,
        "remixed_from_video_id": None,
        **{key: value for key, value in details.items() if value},
    }
    return call.collection(VIDEOS).add(
        video,
        {"status": "in_progress", "progress": 50},
        {"status": "completed", "progress": 100, "completed_at": now()},
    )


def _reference(form: Form, name: str, *keys: str) -> str | None:
    """Return what a reference names, None for a file; refuses a form with neither."""
    for key in keys:
        if form.has(f"{name}[{key}]"):
            return form.need(f"{name}[{key}]")
    form.file(name)
    return None


async def create(call: Call) -> Json:
    """Start a video from words, and perhaps a picture."""
    form = call.form
    seconds = one_of("seconds", form.text("seconds", "4"), LENGTHS)
    size = one_of("size", form.text("size", SIZES[0]), SIZES)
    if any(part.name.startswith("input_reference") for part in form.parts):
        _reference(form, "input_reference", "file_id", "image_url")
    return _add(call, form.need("prompt"), model=form.text("model"), seconds=seconds, size=size)


def _source(call: Call) -> Json | None:
    """Return the video that a form starts from, None where it brings a file."""
    named = _reference(call.form, "video", "id")
    return None if named is None else _finished(call, named)


def _finished(call: Call, video_id: str) -> Json:
    """Return a finished video."""
    video = call.collection(VIDEOS).get(video_id)
    if video["status"] != "completed":
        raise ApiError(400, "The video is not ready yet.", code="video_not_ready")
    return video


async def edit(call: Call) -> Json:
    """Start a video that changes another."""
    source = _source(call)
    prompt = call.form.need("prompt")
    return _add(call, prompt, remixed_from_video_id=source["id"] if source else None)


async def extend(call: Call) -> Json:
    """Start a video that goes on."""
    source = _source(call)
    added = one_of("seconds", call.form.need("seconds"), LONGER)
    before = int(source["seconds"]) if source else 0
    return _add(call, call.form.need("prompt"), seconds=str(before + int(added)))


async def remix(call: Call) -> Json:
    """Start a video like another."""
    source = _finished(call, call.ids["video_id"])
    return _add(call, need(call.json, "prompt", str), remixed_from_video_id=source["id"])


async def content(call: Call) -> Reply:
    """Return a finished video, or pictures of it."""
    variant = one_of("variant", call.request.param("variant") or "video", TYPES)
    video = _finished(call, call.ids["video_id"])
    body = MP4 if variant == "video" else media.png(16, 16, video["prompt"])
    return Reply(body=body, content_type=TYPES[variant])


async def create_character(call: Call) -> Json:
    """Keep a character."""
    name = call.form.need("name")
    part, data = call.form.file("video")
    character = {"id": new_id("char_"), "created_at": now(), "name": name}
    kind = part.content_type or TYPES["video"]
    call.state.blobs[str(character["id"])] = Blob(data=data, content_type=kind)
    return call.collection(CHARACTERS).add(character)


ROUTES = (
    Route("POST", "/videos", create),
    Route("POST", "/videos/edits", edit),
    Route("POST", "/videos/extensions", extend),
    Route("POST", "/videos/characters", create_character),
    *resource_routes(CHARACTERS, "/videos/characters/{character_id}", "retrieve"),
    *resource_routes(VIDEOS, ONE, "list", "retrieve", "delete"),
    Route("GET", f"{ONE}/content", content),
    Route("POST", f"{ONE}/remix", remix),
)
