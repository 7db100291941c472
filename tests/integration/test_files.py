"""Files: sent from allowed places, saved where they can be played and seen."""

import io
import os
from pathlib import Path
from typing import Any
import wave

from homeassistant.components import media_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api import files
from custom_components.openai_api.media_source import SavedFiles
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
SPEAK = {"model": "tts-1", "voice": "alloy", "input": "Hello", "response_format": "wav"}


def part(standin: StandIn, name: str) -> Any:
    """Return a part of the last multipart body."""
    return next(part for part in standin.requests[-1].body if part.name == name)


@pytest.mark.parametrize("how", ["path", "media source", "media selector", "json"])
async def test_upload(
    hass: HomeAssistant, standin: StandIn, media_folder: Path, call: Call, how: str
) -> None:
    path = media_folder / "manual.pdf"
    path.write_bytes(b"%PDF-1.4 hello")
    media_id = "media-source://media_source/local/manual.pdf"
    value = {
        "path": str(path),
        "media source": media_id,
        "media selector": {"media_content_id": media_id, "media_content_type": "application/pdf"},
        "json": f'{{"media_content_id": "{path}"}}',
    }[how]

    answer = await call("create_file", file=value, purpose="user_data")

    assert answer["bytes"] == 14
    sent = part(standin, "file")
    assert (sent.filename, sent.content_type, sent.data) == (
        "manual.pdf",
        "application/pdf",
        b"%PDF-1.4 hello",
    )
    assert part(standin, "purpose").data == "user_data"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("{folder}/none.txt", "file_missing"),
        ("{folder}", "path_is_folder"),
        ("{folder}/empty.txt", "file_empty"),
        ("{folder}/large.bin", "file_too_large"),
        ("/etc/passwd", "path_not_allowed"),
        ("{folder}/../secrets.yaml", "path_not_allowed"),
        ("{folder}/link.txt", "path_not_allowed"),
        ("secrets.yaml", "path_not_allowed"),
        ("media-source://media_source/local/none.txt", "file_missing"),
        ("media-source://nowhere/none", "media_not_found"),
        ("media-source://tts/none", "media_not_found"),
    ],
)
async def test_files_that_cannot_be_sent(
    standin: StandIn,
    media_folder: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    key: str,
) -> None:
    monkeypatch.setattr(files, "LARGEST_UPLOAD", 1024**2)
    (media_folder / "empty.txt").touch()
    (media_folder / "large.bin").write_bytes(bytes(1024**2 + 1))
    (media_folder.parent / "secrets.yaml").write_text("secret: 1")
    (media_folder / "link.txt").symlink_to(media_folder.parent / "secrets.yaml")
    before = len(standin.requests)

    with pytest.raises(ServiceValidationError) as caught:
        await call("create_file", file=value.format(folder=media_folder), purpose="user_data")

    assert caught.value.translation_key == key
    assert len(standin.requests) == before


async def test_unreadable_file(media_folder: Path, call: Call, monkeypatch: Any) -> None:
    path = media_folder / "a.txt"
    path.write_text("a")

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ServiceValidationError, match="Permission denied"):
        await call("create_file", file=str(path), purpose="user_data")


async def test_speech_is_playable(
    hass: HomeAssistant, media_folder: Path, call: Call, hass_client_no_auth: ClientSessionGenerator
) -> None:
    answer = await call("create_speech", **SPEAK)

    path = Path(answer["path"])
    assert path.parent == media_folder / "openai_api"
    assert answer["media_content_type"] == "audio/wav"
    assert answer["size"] == path.stat().st_size
    with wave.open(str(path)) as sound:
        assert sound.getnframes() > 0

    media = await media_source.async_resolve_media(hass, answer["media_content_id"], None)
    assert media.path == path
    assert media.mime_type == "audio/wav"

    client = await hass_client_no_auth()
    response = await client.get(answer["url"])
    assert response.status == 200
    assert await response.read() == path.read_bytes()
    assert (await client.get(answer["url"].partition("?")[0])).status == 401


async def test_speech_in_pieces(call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    whole = await call("create_speech", **SPEAK)
    pieces = await call("create_speech", stream_format="sse", **SPEAK)

    assert [event.data["event_type"] for event in fired][-1] == "speech.audio.done"
    assert Path(pieces["path"]).read_bytes() == Path(whole["path"]).read_bytes()
    assert pieces["stream_id"] == fired[0].data["stream_id"]
    assert "audio" not in pieces


async def test_garbled_speech(standin: StandIn, call: Call) -> None:
    body = (
        'data: {"type":"speech.audio.delta","audio":"x"}\n\ndata: {"type":"speech.audio.done"}\n\n'
    )
    standin.fail(Fault(path="/audio", status=200, body=body, content_type="text/event-stream"))
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_speech", stream_format="sse", **SPEAK)
    assert caught.value.translation_key == "stream_garbled"


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


async def test_media_browser_shows_the_newest_first(
    hass: HomeAssistant, media_folder: Path, call: Call
) -> None:
    await call("create_speech", filename="first.wav", **SPEAK)
    await call("create_speech", filename="second.wav", **SPEAK)
    folder = media_folder / "openai_api"
    (folder / ".part").touch()
    (folder / "notes.txt").touch()
    for age, name in enumerate(["second.wav", "first.wav", "notes.txt"]):
        os.utime(folder / name, (1_000_000 - age, 1_000_000 - age))

    root = await media_source.async_browse_media(hass, "media-source://openai_api")

    assert root.children is not None
    assert [(child.title, child.can_play) for child in root.children] == [
        ("second.wav", True),
        ("first.wav", True),
        ("notes.txt", False),
    ]
    with pytest.raises(HomeAssistantError):
        await media_source.async_browse_media(hass, "media-source://openai_api/first.wav")
    with pytest.raises(HomeAssistantError):
        await media_source.async_resolve_media(hass, "media-source://openai_api/none.wav", None)
    with pytest.raises(HomeAssistantError):
        await media_source.async_resolve_media(hass, "media-source://openai_api/.part", None)


@pytest.mark.parametrize("name", ["..%2f..%2fsecrets.yaml", ".part", "none.wav"])
async def test_view_serves_saved_files_only(
    media_folder: Path, hass_client: ClientSessionGenerator, name: str
) -> None:
    (media_folder / "secrets.yaml").write_text("secret")
    client = await hass_client()
    response = await client.get(f"/api/openai_api/media/{name}")
    assert response.status in {400, 404}


async def test_pages_are_not_run(media_folder: Path, hass_client: ClientSessionGenerator) -> None:
    folder = media_folder / "openai_api"
    folder.mkdir()
    (folder / "page.html").write_text("<script>alert(1)</script>")
    client = await hass_client()
    response = await client.get("/api/openai_api/media/page.html")
    assert response.headers["Content-Disposition"] == "attachment"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_picture_is_returned_and_saved(call: Call, media_folder: Path) -> None:
    answer = await call("create_image", prompt="A house", model="gpt-image-1", size="64x64")

    assert answer["data"][0]["b64_json"]
    saved = answer["media"][0]
    assert saved["media_content_type"] == "image/png"
    assert Path(saved["path"]).read_bytes().startswith(b"\x89PNG")


async def test_streamed_picture(call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    answer = await call(
        "create_image", prompt="A house", size="64x64", stream=True, partial_images=1
    )
    kinds = [event.data["event_type"] for event in fired]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    assert len(answer["media"]) == 1


async def test_edit_takes_several_pictures(
    standin: StandIn, call: Call, media_folder: Path
) -> None:
    first = await call("create_image", prompt="A house", size="64x64")
    path = first["media"][0]["path"]
    answer = await call(
        "create_image_edit",
        image=[first["media"][0]["media_content_id"], path],
        mask=path,
        prompt="Snow",
        n="2",
    )
    names = [part.name for part in standin.requests[-1].body]
    assert names.count("image[]") == 2
    assert "mask" in names
    assert len(answer["media"]) == 2
    await call("create_image_edit", image=path, prompt="Snow")
    await call("create_image_variation", image=path, n=1)
    assert part(standin, "image").data.startswith(b"\x89PNG")


async def test_garbled_picture(standin: StandIn, call: Call) -> None:
    standin.fail(Fault(path="/images", status=200, body={"data": [{"b64_json": "x"}]}))
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_image", prompt="A house")
    assert caught.value.translation_key == "picture_garbled"


async def test_picture_as_an_address(call: Call) -> None:
    answer = await call("create_image", prompt="A house", response_format="url")
    assert answer["data"][0]["url"]
    assert answer["media"] == []


@pytest.mark.parametrize("kind", ["json", "text", "srt", "vtt", "verbose_json"])
async def test_transcription_formats(
    hass: HomeAssistant, standin: StandIn, call: Call, kind: str
) -> None:
    speech = await call("create_speech", **SPEAK)
    answer = await call(
        "create_transcription",
        model="whisper-1",
        file=speech["media_content_id"],
        response_format=kind,
        language="de",
    )
    assert answer["text"]
    assert part(standin, "file").content_type == "audio/wav"
    with wave.open(io.BytesIO(part(standin, "file").data)) as sound:
        assert sound.getnframes()


async def test_streamed_transcription(call: Call, events: Any) -> None:
    speech = await call("create_speech", **SPEAK)
    fired = events("openai_api_stream_event")
    answer = await call(
        "create_transcription", model="m", file=speech["media_content_id"], stream=True
    )
    assert fired[-1].data["event_type"] == "transcript.text.done"
    assert answer["text"] == fired[-1].data["event"]["text"]


async def test_translation(call: Call) -> None:
    speech = await call("create_speech", **SPEAK)
    assert (await call("create_translation", model="whisper-1", file=speech["path"]))["text"]


async def test_media_elsewhere_cannot_be_sent(call: Call, monkeypatch: Any) -> None:
    async def resolve(*_: object) -> media_source.PlayMedia:
        return media_source.PlayMedia("http://127.0.0.1/song.mp3", "audio/mpeg")

    monkeypatch.setattr(SavedFiles, "async_resolve_media", resolve)
    with pytest.raises(ServiceValidationError) as caught:
        await call("create_file", file="media-source://openai_api/song", purpose="user_data")
    assert caught.value.translation_key == "media_not_local"
