"""Images of AI tasks: requests, forms of the response, and errors."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest

from custom_components.openai_api.assist import images
from tests.integration.conftest import raises_key
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import AddSubentry
from .test_tasks import PNG, generate

pytestmark = pytest.mark.usefixtures("image_task")

IN_BASE64 = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}


@pytest.fixture
async def image_task(hass: HomeAssistant, add_subentry: AddSubentry) -> str:
    """Return the id of a subentry whose model for images is none of OpenAI's newest."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "ai_task", {})
    return await add_subentry(
        "ai_task_data", image_model="flux-1", advanced={"extra_body": {"seed": 7}}
    )


def asked(standin: StandIn) -> list[Any]:
    """Return the bodies of the requests for images."""
    return [one.body for one in standin.requests if one.path.startswith("/images/")]


async def test_image_of_other_model_as_base64(hass: HomeAssistant, standin: StandIn) -> None:
    standin.fail(Fault(path="/images/generations", body={**IN_BASE64, "size": "640x480"}))
    answer = await generate(hass, "generate_image", instructions="A cat")

    (body,) = asked(standin)
    assert body == {
        "model": "flux-1",
        "prompt": "A cat",
        "response_format": "b64_json",
        "seed": 7,
    }
    assert answer["mime_type"] == "image/png"
    assert (answer["width"], answer["height"]) == (640, 480)


@pytest.mark.parametrize("size", ["auto", "640", "0x", "1" * 19 + "x1", 640, None])
async def test_image_of_unknown_size(hass: HomeAssistant, standin: StandIn, size: Any) -> None:
    standin.fail(Fault(path="/images/generations", body={**IN_BASE64, "size": size}))
    answer = await generate(hass, "generate_image")

    assert answer["mime_type"] == "image/png"
    assert (answer["width"], answer["height"]) == (None, None)


async def test_image_format_rejected_is_remembered(hass: HomeAssistant, standin: StandIn) -> None:
    message = {"message": "Unknown parameter: 'response_format'.", "param": "response_format"}
    standin.fail(Fault(path="/images/generations", status=400, body={"error": message}))
    standin.fail(Fault(path="/images/generations", body=IN_BASE64, count=2))
    await generate(hass, "generate_image")
    await generate(hass, "generate_image")

    assert ["response_format" in body for body in asked(standin)] == [True, False, False]


async def test_image_rejected_raises(
    hass: HomeAssistant, standin: StandIn, events: Callable[[str], list[Event]]
) -> None:
    told = events("openai_api_turn_event")
    error = {"error": {"message": "That is not allowed", "code": "moderation_blocked"}}
    standin.fail(Fault(path="/images/generations", status=400, body=error))
    with pytest.raises(HomeAssistantError, match="That is not allowed"):
        await generate(hass, "generate_image")
    await hass.async_block_till_done()

    assert len(asked(standin)) == 1
    (event,) = told
    assert (event.data["ended"], event.data["transport"]) == ("failed", "images")


async def test_image_url_in_response_is_fetched(hass: HomeAssistant, standin: StandIn) -> None:
    url = f"{standin.url('none')}/pictures/1.png"
    body = {"data": [{"url": url, "revised_prompt": "A cat on a mat"}]}
    standin.fail(Fault(path="/images/generations", body=body))
    standin.fail(Fault(path="/pictures", body=PNG, content_type="image/png"))
    answer = await generate(hass, "generate_image")

    assert answer["mime_type"] == "image/png"
    assert answer["revised_prompt"] == "A cat on a mat"
    fetched = standin.requests[-1]
    assert (fetched.method, fetched.path) == ("GET", "/pictures/1.png")
    # Who reads the address gets the image; the key is for the service alone.
    assert "authorization" not in {name.lower() for name in fetched.headers}


async def test_image_url_fetched_in_chunks(
    hass: HomeAssistant, standin: StandIn, media_folder: Path
) -> None:
    picture = PNG + bytes(2 * 1024**2)
    body = {"data": [{"url": f"{standin.url('none')}/pictures/1.png"}]}
    standin.fail(Fault(path="/images/generations", body=body))
    standin.fail(Fault(path="/pictures", body=picture, content_type="image/png"))
    answer = await generate(hass, "generate_image")

    saved = [one.read_bytes() for one in media_folder.rglob("*.png")]
    assert saved == [picture], answer


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ({"status": 404}, "assist_no_image"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/x.png"}}, "assist_no_image"),
        ({"drop": "before"}, "assist_no_image"),
        ({"body": PNG * 10, "drop": "body"}, "assist_no_image"),
        ({"body": PNG * 100, "content_type": "image/png"}, "answer_too_large"),
        ({"body": b"<html>", "content_type": "image/png"}, "picture_garbled"),
    ],
)
async def test_image_url_unusable_raises(
    hass: HomeAssistant,
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    key: str,
) -> None:
    monkeypatch.setattr(images, "_MAX_IMAGE_BYTES", 1000)
    body = {"data": [{"url": f"{standin.url('none')}/pictures/1.png"}]}
    standin.fail(Fault(path="/images/generations", body=body))
    standin.fail(Fault(path="/pictures", count=3, **fault))

    with raises_key(key):
        await generate(hass, "generate_image")


async def test_image_edit_invalid_file_sends_nothing(
    hass: HomeAssistant, standin: StandIn, media_folder: Path
) -> None:
    (media_folder / "b.txt").write_text("Hello")
    text = {"media_content_id": "media-source://media_source/local/b.txt"}
    text["media_content_type"] = "text/plain"

    with raises_key("assist_attachment_unsupported"):
        await generate(hass, "generate_image", attachments=[text])
    assert not asked(standin)


async def test_image_cancelled_fires_turn_event(
    hass: HomeAssistant, standin: StandIn, events: Callable[[str], list[Event]]
) -> None:
    told = events("openai_api_turn_event")
    standin.fail(Fault(path="/images/generations", hang=True))
    task = asyncio.create_task(generate(hass, "generate_image"))
    await standin.wait_for_request()
    while not asked(standin):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await hass.async_block_till_done()

    assert [event.data["ended"] for event in told] == ["cancelled"]


DATA_URL = f"data:image/png;base64,{IN_BASE64['data'][0]['b64_json']}"
NO_IMAGES = {"message": "Not Found"}
NO_TEXT = "No endpoints found that support the requested output modalities: image, text"


def painted(message: dict[str, Any], **fault: Any) -> Fault:
    """Return a chat completion with a message."""
    body = {"choices": [{"index": 0, "message": {"role": "assistant", **message}}]}
    return Fault(path="/chat/completions", body=body, **fault)


def chats(standin: StandIn) -> list[Any]:
    """Return the bodies of the requests for chat completions."""
    return [one.body for one in standin.requests if one.path == "/chat/completions"]


@pytest.mark.parametrize(
    "message",
    [
        {"content": "", "images": [{"type": "image_url", "image_url": {"url": DATA_URL}}]},
        {"content": "A cat.", "images": [{"imageUrl": {"url": DATA_URL}}]},
        {"content": None, "images": [{"type": "image_url", "image_url": DATA_URL}]},
        {
            "content": [
                {"type": "text", "text": "A cat."},
                {"type": "image_url", "image_url": {"url": DATA_URL}},
            ]
        },
        {"content": f"Here it is: ![a cat]({DATA_URL})\nDo you like it?"},
    ],
)
@pytest.mark.parametrize("status", [404, 405, 501])
async def test_image_by_chat(
    hass: HomeAssistant,
    standin: StandIn,
    events: Callable[[str], list[Event]],
    status: int,
    message: dict[str, Any],
) -> None:
    told = events("openai_api_turn_event")
    standin.fail(Fault(path="/images/generations", status=status, body={"error": NO_IMAGES}))
    standin.fail(painted(message, count=2))
    answer = await generate(hass, "generate_image", instructions="A cat")

    assert answer["mime_type"] == "image/png"
    (body,) = chats(standin)
    assert body == {
        "model": "flux-1",
        "messages": [{"role": "user", "content": "A cat"}],
        "modalities": ["image", "text"],
        "seed": 7,
    }
    # It is remembered.
    await generate(hass, "generate_image")
    assert len(asked(standin)) == 1
    assert len(chats(standin)) == 2
    await hass.async_block_till_done()
    assert [event.data["transport"] for event in told] == ["chat_completions"] * 2


@pytest.mark.parametrize(
    "message",
    [
        "models/flux-1 is not found for API version v1main, or is not supported for predict.",
        "The model `flux-1` does not exist",
    ],
)
async def test_image_of_model_only_for_chat(
    hass: HomeAssistant, standin: StandIn, message: str
) -> None:
    error = {"error": {"message": message}}
    standin.fail(Fault(path="/images/generations", status=404, body=error))
    standin.fail(painted({"images": [{"image_url": {"url": DATA_URL}}]}))

    assert (await generate(hass, "generate_image"))["mime_type"] == "image/png"


async def test_image_by_chat_of_model_without_text(hass: HomeAssistant, standin: StandIn) -> None:
    standin.fail(Fault(path="/images/generations", status=404, body={"error": NO_IMAGES}))
    error = {"error": {"message": NO_TEXT, "code": 404}}
    standin.fail(Fault(path="/chat/completions", status=404, body=error))
    standin.fail(painted({"images": [{"image_url": {"url": DATA_URL}}]}, count=2))
    await generate(hass, "generate_image")
    await generate(hass, "generate_image")

    assert [body["modalities"] for body in chats(standin)] == [
        ["image", "text"],
        ["image"],
        ["image"],
    ]


async def test_image_by_chat_with_attachment(
    hass: HomeAssistant, standin: StandIn, media_folder: Path
) -> None:
    (media_folder / "a.png").write_bytes(PNG)
    picture = {"media_content_id": "media-source://media_source/local/a.png"}
    picture["media_content_type"] = "image/png"
    standin.fail(Fault(path="/images/edits", status=404, body={"error": NO_IMAGES}))
    standin.fail(painted({"images": [{"image_url": {"url": DATA_URL}}]}))
    await generate(hass, "generate_image", instructions="In blue", attachments=[picture])

    (body,) = chats(standin)
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "In blue"},
                {"type": "image_url", "image_url": {"url": DATA_URL}},
            ],
        }
    ]
    # Whether it generates without a template is not known yet.
    standin.fail(Fault(path="/images/generations", body=IN_BASE64))
    await generate(hass, "generate_image")
    assert len(chats(standin)) == 1


@pytest.mark.parametrize(
    "message",
    [
        {"content": "I cannot draw."},
        {"content": "", "images": [None, {}, {"image_url": {"url": None}}]},
        {"content": None, "images": None},
        {"content": [None, {"type": "text", "text": "No"}]},
    ],
)
async def test_image_by_chat_without_image_raises(
    hass: HomeAssistant, standin: StandIn, message: dict[str, Any]
) -> None:
    standin.fail(Fault(path="/images/generations", status=404, body={"error": NO_IMAGES}))
    standin.fail(painted(message))

    with raises_key("assist_no_image"):
        await generate(hass, "generate_image")
    # It may draw the next time, but not by chat for certain.
    standin.fail(Fault(path="/images/generations", body=IN_BASE64))
    await generate(hass, "generate_image")
    assert len(chats(standin)) == 1


@pytest.mark.parametrize(
    "url", ["data:image/png;base64,!", "data:image/png,abc", "data:", "data:image/png;base64"]
)
async def test_image_by_chat_garbled_raises(
    hass: HomeAssistant, standin: StandIn, url: str
) -> None:
    standin.fail(Fault(path="/images/generations", status=404, body={"error": NO_IMAGES}))
    standin.fail(painted({"images": [{"image_url": {"url": url}}]}))

    with raises_key("picture_garbled"):
        await generate(hass, "generate_image")


@pytest.mark.parametrize(
    ("images", "chat", "message"),
    [
        ((404, "Nothing here"), (404, "Nothing there"), "Nothing here"),
        (
            (404, "The model `flux-1` does not exist"),
            (404, "The model `flux-1` does not exist, says chat"),
            r"does not exist \(HTTP 404",
        ),
        ((404, "Nothing here"), (400, "That is not allowed"), "That is not allowed"),
        ((404, "The model `flux-1` does not exist"), (400, "Invalid modalities"), "does not exist"),
        ((400, "That is not allowed"), None, "That is not allowed"),
    ],
)
async def test_image_unsupported_raises_useful_error(
    hass: HomeAssistant,
    standin: StandIn,
    images: tuple[int, str],
    chat: tuple[int, str] | None,
    message: str,
) -> None:
    for path, refusal in (("/images/generations", images), ("/chat/completions", chat)):
        if refusal is not None:
            body = {"error": {"message": refusal[1]}}
            standin.fail(Fault(path=path, status=refusal[0], body=body, count=2))

    with pytest.raises(HomeAssistantError, match=message):
        await generate(hass, "generate_image")
    assert bool(chats(standin)) == (chat is not None)
