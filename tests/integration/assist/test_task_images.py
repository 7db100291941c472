"""Images of AI tasks: how they are asked for, in which ways they come, and what is refused."""

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

IN_BASE64 = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}


@pytest.fixture
async def painter(hass: HomeAssistant, add_subentry: AddSubentry) -> str:
    """Return the id of a subentry whose model for images is none of OpenAI's newest."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "ai_task", {})
    return await add_subentry(
        "ai_task_data", image_model="flux-1", advanced={"extra_body": {"seed": 7}}
    )


def asked(standin: StandIn) -> list[Any]:
    """Return the bodies of the requests for images."""
    return [one.body for one in standin.requests if one.path.startswith("/images/")]


async def test_image_of_other_model_as_base64(
    hass: HomeAssistant, standin: StandIn, painter: str
) -> None:
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
async def test_image_of_unknown_size(
    hass: HomeAssistant, standin: StandIn, painter: str, size: Any
) -> None:
    standin.fail(Fault(path="/images/generations", body={**IN_BASE64, "size": size}))
    answer = await generate(hass, "generate_image")

    assert answer["mime_type"] == "image/png"
    assert (answer["width"], answer["height"]) == (None, None)


async def test_image_format_rejected_is_remembered(
    hass: HomeAssistant, standin: StandIn, painter: str
) -> None:
    message = {"message": "Unknown parameter: 'response_format'.", "param": "response_format"}
    standin.fail(Fault(path="/images/generations", status=400, body={"error": message}))
    standin.fail(Fault(path="/images/generations", body=IN_BASE64, count=2))
    await generate(hass, "generate_image")
    await generate(hass, "generate_image")

    assert ["response_format" in body for body in asked(standin)] == [True, False, False]


async def test_image_rejected_raises(
    hass: HomeAssistant, standin: StandIn, painter: str, events: Callable[[str], list[Event]]
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


async def test_image_url_in_response_is_fetched(
    hass: HomeAssistant, standin: StandIn, painter: str
) -> None:
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
    hass: HomeAssistant, standin: StandIn, painter: str, media_folder: Path
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
    painter: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    key: str,
) -> None:
    monkeypatch.setattr(images, "_LARGEST", 1000)
    body = {"data": [{"url": f"{standin.url('none')}/pictures/1.png"}]}
    standin.fail(Fault(path="/images/generations", body=body))
    standin.fail(Fault(path="/pictures", count=3, **fault))

    with raises_key(key):
        await generate(hass, "generate_image")


async def test_image_edit_invalid_file_sends_nothing(
    hass: HomeAssistant, standin: StandIn, painter: str, media_folder: Path
) -> None:
    (media_folder / "b.txt").write_text("Hello")
    text = {"media_content_id": "media-source://media_source/local/b.txt"}
    text["media_content_type"] = "text/plain"

    with raises_key("assist_attachment_unsupported"):
        await generate(hass, "generate_image", attachments=[text])
    assert not asked(standin)


async def test_image_cancelled_fires_turn_event(
    hass: HomeAssistant, standin: StandIn, painter: str, events: Callable[[str], list[Event]]
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
