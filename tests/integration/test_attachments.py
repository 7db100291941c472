"""Questions about local pictures and files, and about what a camera sees."""

import base64
from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

from homeassistant.components import image
from homeassistant.components.image.const import DATA_COMPONENT
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.openai_api.media import attachments
from tests.standin import media
from tests.standin.server import StandIn

from .cameras import add_camera
from .conftest import Call, raises_key

pytestmark = pytest.mark.usefixtures("entry")
PICTURE = media.png(8, 8, "door")
MANUAL = b"%PDF-1.4 Turn it off and on again."


def url(kind: str, content: bytes) -> str:
    """Return an address that holds the content."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


SEEN = {"type": "input_image", "image_url": url("image/png", PICTURE), "detail": "auto"}
READ = {
    "type": "input_file",
    "filename": "oven.pdf",
    "file_data": url("application/pdf", MANUAL),
}
ASKED = {"type": "input_text", "text": "What is this?"}


@pytest.fixture
def picture(media_folder: Path) -> str:
    """Return the path of a picture."""
    (media_folder / "door.png").write_bytes(PICTURE)
    return str(media_folder / "door.png")


@pytest.fixture
def manual(media_folder: Path) -> str:
    """Return the path of a document."""
    (media_folder / "oven.pdf").write_bytes(MANUAL)
    return str(media_folder / "oven.pdf")


@pytest.fixture
async def drawing(hass: HomeAssistant) -> str:
    """Return an image entity."""

    class Drawing(image.ImageEntity):
        entity_id = "image.drawing"
        _attr_content_type = "image/png"
        _attr_image_last_updated = dt_util.utcnow()

        async def async_image(self) -> bytes:
            return PICTURE

    assert await async_setup_component(hass, "image", {})
    await hass.data[DATA_COMPONENT].async_add_entities([Drawing(hass)])
    return "image.drawing"


@pytest.fixture
async def camera(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a camera."""
    await add_camera(hass, monkeypatch, "camera.door", PICTURE)
    return "camera.door"


def message(*content: Any) -> list[Any]:
    """Return a message of the user."""
    return [{"role": "user", "content": list(content)}]


EARLIER = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is this?", message(ASKED, SEEN)),
        (
            [*EARLIER, {"role": "user", "content": "What is this?"}],
            [*EARLIER, *message(ASKED, SEEN)],
        ),
        ([*EARLIER, *message(ASKED)], [*EARLIER, *message(ASKED, SEEN)]),
        (
            [*message(ASKED), {"type": "reasoning", "id": "rs_1"}],
            [*message(ASKED, SEEN), {"type": "reasoning", "id": "rs_1"}],
        ),
        (
            [{"role": "developer", "content": "Be brief"}],
            [{"role": "developer", "content": "Be brief"}, *message(SEEN)],
        ),
        (None, message(SEEN)),
    ],
    ids=["text", "last message", "message of parts", "not last", "nobody asked", "nothing"],
)
async def test_image_attachment(
    standin: StandIn, call: Call, picture: str, question: Any, expected: Any
) -> None:
    data = {} if question is None else {"input": question}
    before = json.dumps(question)

    answer = await call("create_model_response", model="m", attachments=picture, **data)

    sent = standin.requests[-1].body
    assert sent["input"] == expected
    assert "attachments" not in sent
    assert "image" in answer["output_text"]
    assert json.dumps(question) == before


@pytest.mark.parametrize(
    "action", ["create_model_response", "parse_model_response", "stream_model_response"]
)
async def test_attachments_of_several_types(
    standin: StandIn, call: Call, picture: str, manual: str, action: str
) -> None:
    item = {"media_content_id": picture, "media_content_type": "image/png"}
    await call(action, model="m", input="What is this?", attachments=[item, manual])
    assert standin.requests[-1].body["input"] == message(ASKED, SEEN, READ)


@pytest.mark.parametrize("content_type", ["audio/wav", "audio/x-wav", "audio/vnd.wave"])
async def test_audio_attachment_content_types(
    standin: StandIn, call: Call, media_folder: Path, content_type: str
) -> None:
    """Which of them a file has depends on the system."""
    (media_folder / "bell.wav").write_bytes(b"RIFF")
    sound = {
        "media_content_id": "media-source://media_source/local/bell.wav",
        "media_content_type": content_type,
    }
    await call(
        "create_chat_completion",
        model="m",
        messages=[{"role": "user", "content": "What is this?"}],
        attachments=[sound],
    )
    (message,) = standin.requests[-1].body["messages"]
    assert message["content"][-1] == {
        "type": "input_audio",
        "input_audio": {"data": "UklGRg==", "format": "wav"},
    }


@pytest.mark.parametrize("action", ["create_chat_completion", "parse_chat_completion"])
async def test_chat_completion_attachment(
    standin: StandIn, call: Call, media_folder: Path, picture: str, manual: str, action: str
) -> None:
    sound = media.wav(media.tone(0.1))
    (media_folder / "bell.wav").write_bytes(sound)
    await call(
        action,
        model="m",
        messages=[{"role": "user", "content": "What is this?"}],
        attachments=[picture, manual, "media-source://media_source/local/bell.wav"],
    )
    assert standin.requests[-1].body["messages"] == message(
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": SEEN["image_url"]}},
        {"type": "file", "file": {"filename": "oven.pdf", "file_data": READ["file_data"]}},
        {
            "type": "input_audio",
            "input_audio": {"data": base64.b64encode(sound).decode(), "format": "wav"},
        },
    )


async def test_attachment_with_stream(
    standin: StandIn, call: Call, events: Callable[[str], list[Event]], picture: str
) -> None:
    fired = events("openai_api_stream_event")
    await call(
        "create_chat_completion",
        model="m",
        messages=[{"role": "user", "content": "What is this?"}],
        attachments=picture,
        stream=True,
    )
    assert len(standin.requests[-1].body["messages"][0]["content"]) == 2
    assert fired


async def test_attachment_count_tokens(standin: StandIn, call: Call, picture: str) -> None:
    await call("count_input_tokens", model="m", input="What is this?", attachments=picture)
    assert standin.requests[-1].body["input"] == message(ASKED, SEEN)


@pytest.mark.parametrize("form", ["media-source://image/{}", "{}"])
async def test_attachment_from_image_entity(
    standin: StandIn, call: Call, drawing: str, form: str
) -> None:
    await call(
        "create_model_response", model="m", input="What is this?", attachments=form.format(drawing)
    )
    assert standin.requests[-1].body["input"] == message(ASKED, SEEN)


@pytest.mark.parametrize("form", ["media-source://camera/{}", "{}"])
async def test_attachment_from_camera(standin: StandIn, call: Call, camera: str, form: str) -> None:
    item = {
        "media_content_id": form.format(camera),
        "media_content_type": "application/vnd.apple.mpegurl",
    }
    await call("create_model_response", model="m", input="What is this?", attachments=[item])
    (_, seen) = standin.requests[-1].body["input"][0]["content"]
    assert seen["image_url"] == url("image/png", PICTURE)


async def test_attachment_camera_unavailable_raises(
    hass: HomeAssistant, call: Call, camera: str
) -> None:
    hass.data["camera"].get_entity(camera)._attr_is_on = False
    with pytest.raises(HomeAssistantError, match="off"):
        await call("create_model_response", model="m", input="?", attachments=camera)


async def test_attachment_camera_requires_permission(
    hass: HomeAssistant, standin: StandIn, drawing: str
) -> None:
    """A user without the right to see it learns nothing of it by asking a model."""
    user = MockUser().add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {"light.hall": True}}})
    before = len(standin.requests)
    data = {"model": "m", "input": "?", "attachments": drawing}
    for user_id, allowed in ((user.id, False), (None, True)):
        try:
            await hass.services.async_call(
                "openai_api",
                "create_model_response",
                data,
                blocking=True,
                context=Context(user_id=user_id),
            )
        except Unauthorized:
            assert not allowed
        assert len(standin.requests) == before + allowed


@pytest.mark.parametrize(
    ("attachment", "key"),
    [
        ("{folder}/none.png", "file_missing"),
        ("/etc/passwd", "path_not_allowed"),
        ("image.png", "path_not_allowed"),
        ("media-source://camera/camera.none", "media_not_found"),
        ("media-source://image/image.none", "media_not_found"),
        ("media-source://camera/light.hall", "media_not_found"),
        ("{folder}/large.bin", "file_too_large"),
    ],
)
async def test_attachment_rejected(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    media_folder: Path,
    attachment: str,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attachments, "MAX_INLINE_BYTES", 1024**2)
    (media_folder / "large.bin").write_bytes(bytes(1024**2 + 1))
    hass.states.async_set("light.hall", "on")
    before = len(standin.requests)
    with raises_key(key, ServiceValidationError):
        await call(
            "create_model_response",
            model="m",
            input="?",
            attachments=attachment.format(folder=media_folder),
        )
    assert len(standin.requests) == before


async def test_attachment_size_limit(
    standin: StandIn, call: Call, media_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MAX_INLINE_BYTES", 1024**2)
    for name in ("one.bin", "two.bin"):
        (media_folder / name).write_bytes(bytes(600 * 1024))
    before = len(standin.requests)
    with raises_key("attachments_too_large", ServiceValidationError):
        await call(
            "create_model_response",
            model="m",
            input="?",
            attachments=[str(media_folder / "one.bin"), str(media_folder / "two.bin")],
        )
    assert len(standin.requests) == before


WEB = "https://example.com/snapshot.jpg?token=abc"


@pytest.mark.parametrize(
    ("address", "part"),
    [
        (WEB, {"type": "input_image", "image_url": WEB, "detail": "auto"}),
        (
            "HTTP://cam.local/snapshot.cgi",
            {"type": "input_image", "image_url": "HTTP://cam.local/snapshot.cgi", "detail": "auto"},
        ),
        (
            "https://example.com/My%20oven.pdf",
            {"type": "input_file", "file_url": "https://example.com/My%20oven.pdf"},
        ),
    ],
)
async def test_attachment_http_url_is_passed_on(
    standin: StandIn, call: Call, address: str, part: Any
) -> None:
    await call("create_model_response", model="m", input="What is this?", attachments=address)
    assert standin.requests[-1].body["input"] == message(ASKED, part)


async def test_attachment_unknown_user_raises(
    hass: HomeAssistant, standin: StandIn, drawing: str
) -> None:
    before = len(standin.requests)
    with pytest.raises(UnknownUser):
        await hass.services.async_call(
            "openai_api",
            "create_model_response",
            {"model": "m", "input": "?", "attachments": drawing},
            blocking=True,
            context=Context(user_id="nobody"),
        )
    assert len(standin.requests) == before


async def test_attachment_http_url_in_chat_completion(standin: StandIn, call: Call) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "What is this?"}]}
    await call("create_chat_completion", **asked, attachments=[WEB])
    assert standin.requests[-1].body["messages"] == message(
        {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": WEB}}
    )
    before = len(standin.requests)
    for address in ("https://example.com/oven.pdf", "https://example.com/bell.mp3"):
        with raises_key("attachment_not_for_chat", ServiceValidationError):
            await call("create_chat_completion", **asked, attachments=address)
    assert len(standin.requests) == before


@pytest.mark.parametrize(
    ("address", "part"),
    [
        (url("image/png", PICTURE), SEEN),
        (url("image/jpg", PICTURE), SEEN),
        (url("application/octet-stream", PICTURE).replace("base64,", "base64,\n"), SEEN),
        (
            url("application/pdf", MANUAL),
            {**READ, "filename": "attachment.pdf"},
        ),
    ],
)
async def test_attachment_data_url(standin: StandIn, call: Call, address: str, part: Any) -> None:
    await call("create_model_response", model="m", input="What is this?", attachments=address)
    assert standin.requests[-1].body["input"] == message(ASKED, part)


@pytest.mark.parametrize("address", ["data:image/png;base64,?", "data:image/png", "data:,"])
async def test_attachment_invalid_data_url_raises(
    standin: StandIn, call: Call, address: str
) -> None:
    before = len(standin.requests)
    with raises_key("address_garbled", ServiceValidationError):
        await call("create_model_response", model="m", input="?", attachments=address)
    assert len(standin.requests) == before


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("camera.fornt_door", "entity_missing"),
        ("image.newst_picture", "entity_missing"),
        ("light.hall", "entity_without_picture"),
        ("sensor.127_0_0_1_last_error", "entity_without_picture"),
        ("image.127_0_0_1_newest_picture", "entity_shows_nothing"),
        ("/api/image_proxy/image.door", "address_is_no_file"),
        ("http://[1/door.png", "address_is_no_file"),
    ],
)
async def test_attachment_error_names_entity_or_file(
    hass: HomeAssistant, standin: StandIn, call: Call, name: str, key: str
) -> None:
    hass.states.async_set("light.hall", "on")
    before = len(standin.requests)
    with raises_key(key, ServiceValidationError) as caught:
        await call("create_model_response", model="m", input="?", attachments=name)
    assert name in str(caught.value)
    assert len(standin.requests) == before


async def test_attachment_local_url(
    hass: HomeAssistant, standin: StandIn, call: Call, tmp_path: Path
) -> None:
    hass.config.config_dir = str(tmp_path)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "door.png").write_bytes(PICTURE)
    hass.config.allowlist_external_dirs = {str(tmp_path / "www")}
    await call(
        "create_model_response", model="m", input="What is this?", attachments="/local/door.png"
    )
    assert standin.requests[-1].body["input"] == message(ASKED, SEEN)


JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(40)


@pytest.mark.parametrize(
    ("content", "label", "kind", "sent"),
    [
        (JPEG, "image/jpg", "image/jpeg", JPEG),
        (JPEG, "application/octet-stream", "image/jpeg", JPEG),
        (PICTURE, "image/jpeg; charset=utf-8", "image/png", PICTURE),
        (JPEG, "multipart/x-mixed-replace; boundary=--x", "image/jpeg", JPEG),
        (
            b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG,
            "multipart/x-mixed-replace; boundary=x",
            "image/jpeg",
            JPEG,
        ),
        (JPEG, "", "image/jpeg", JPEG),
        (b"RIFF\0\0\0\0WEBPVP8 ", "text/plain", "image/webp", b"RIFF\0\0\0\0WEBPVP8 "),
    ],
)
@pytest.mark.parametrize("action", ["create_model_response", "create_chat_completion"])
async def test_camera_image_type_from_signature(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    camera: str,
    content: bytes,
    label: str,
    kind: str,
    sent: bytes,
    action: str,
) -> None:
    entity = hass.data["camera"].get_entity(camera)
    entity.content_type = label

    async def snapshot(**_: Any) -> bytes:
        return content

    entity.async_camera_image = snapshot
    if action == "create_model_response":
        await call(action, model="m", input="?", attachments=camera)
        found = standin.requests[-1].body["input"][0]["content"][1]["image_url"]
    else:
        asked = [{"role": "user", "content": "?"}]
        await call(action, model="m", messages=asked, attachments=camera)
        found = standin.requests[-1].body["messages"][0]["content"][1]["image_url"]["url"]
    assert found == url(kind, sent)


async def test_camera_html_response_raises(
    hass: HomeAssistant, standin: StandIn, call: Call, camera: str
) -> None:
    entity = hass.data["camera"].get_entity(camera)
    entity.content_type = "text/html"

    async def snapshot(**_: Any) -> bytes:
        return b"<html>Sign in</html>"

    entity.async_camera_image = snapshot
    before = len(standin.requests)
    with raises_key("entity_without_picture", ServiceValidationError):
        await call("create_model_response", model="m", input="?", attachments=camera)
    assert len(standin.requests) == before


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("door.png", JPEG, "image/jpeg"),
        ("door.jpg", PICTURE, "image/png"),
        ("door.bin", PICTURE, "image/png"),
        ("door", PICTURE, "image/png"),
    ],
)
async def test_attachment_image_type_from_signature(
    standin: StandIn, call: Call, media_folder: Path, name: str, content: bytes, kind: str
) -> None:
    (media_folder / name).write_bytes(content)
    await call("create_model_response", model="m", input="?", attachments=str(media_folder / name))
    (_, seen) = standin.requests[-1].body["input"][0]["content"]
    assert seen["image_url"] == url(kind, content)
