"""Pictures are drawn, edited and saved, also those in a response of a model."""

import base64
import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.openai_api.const import DOMAIN
from tests.integration.conftest import Call, raises_key
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import GIF, ROOT, names, part, shown

pytestmark = pytest.mark.usefixtures("entry")


async def test_image_is_returned_and_saved(call: Call) -> None:
    answer = await call("create_image", prompt="A house", model="gpt-image-1", size="64x64")

    assert answer["data"][0]["b64_json"]
    saved = answer["media"][0]
    assert saved["media_content_type"] == "image/png"
    assert Path(saved["path"]).read_bytes().startswith(b"\x89PNG")


async def test_streamed_image(call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    answer = await call(
        "create_image", prompt="A house", size="64x64", stream=True, partial_images=1
    )
    kinds = [event.data["event_type"] for event in fired]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    assert len(answer["media"]) == 1


async def test_image_edit_with_several_files(standin: StandIn, call: Call) -> None:
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
    await call("create_image_variation", image=path, n=1)
    assert part(standin, "image").data.startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["path", "media item", "JSON"])
async def test_image_edit_with_one_file(standin: StandIn, call: Call, form: str) -> None:
    # Some servers know no `image[]`, and the SDK sends that for a list only.
    saved = (await call("create_image", prompt="A house", size="64x64"))["media"][0]
    item = {key: saved[key] for key in ("media_content_id", "media_content_type")}
    image = {"path": saved["path"], "media item": item, "JSON": json.dumps([saved["path"]])}[form]
    await call("create_image_edit", image=image, prompt="Snow")
    assert part(standin, "image").data.startswith(b"\x89PNG")
    await call("create_image_edit", image=[item], prompt="Snow")
    assert part(standin, "image[]").data.startswith(b"\x89PNG")


async def test_image_with_invalid_base64(standin: StandIn, call: Call) -> None:
    standin.fail(Fault(path="/images", status=200, body={"data": [{"b64_json": "x"}]}))
    with raises_key("picture_garbled"):
        await call("create_image", prompt="A house")


async def test_image_as_url(call: Call) -> None:
    answer = await call("create_image", prompt="A house", response_format="url")
    assert answer["data"][0]["url"]
    assert answer["media"] == []


def drawn(standin: StandIn, *results: str, ids: bool = True) -> dict[str, Any]:
    """Return a response in the course of which the model has drawn."""
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "output": [
            *(
                {"type": "image_generation_call", "status": "completed", "result": result}
                | ({"id": f"ig_{number}"} if ids else {})
                for number, result in enumerate(results)
            ),
            {"type": "image_generation_call", "id": "ig_none", "result": None},
            {"type": "message", "content": [{"type": "output_text", "text": "There"}]},
        ],
    }


async def test_response_images_are_saved(
    hass: HomeAssistant, standin: StandIn, call: Call, folder: Path
) -> None:
    pictures = [base64.b64encode(GIF + bytes([number])).decode() for number in range(2)]
    body = drawn(standin, *pictures)
    standin.fail(Fault(path="/responses", status=200, body=body, count=3))
    answer = await call("create_model_response", model="m", input="Draw")
    assert {key: answer[key] for key in body} == body
    assert [Path(saved["path"]).name for saved in answer["media"]] == ["ig_0.gif", "ig_1.gif"]
    assert (folder / "ig_1.gif").read_bytes() == GIF + b"\x01"
    assert shown(hass).attributes["media_content_id"] == f"{ROOT}/ig_1.gif"
    before = shown(hass).state

    again = await call("get_model_response", response_id="resp_1")
    assert [saved["path"] for saved in again["media"]] == [
        saved["path"] for saved in answer["media"]
    ]
    assert names(folder) == {"ig_0.gif", "ig_1.gif"}
    assert shown(hass).state == before

    (folder / "ig_0.gif").write_bytes(b"something else")
    again = await call("get_model_response", response_id="resp_1")
    assert names(folder) == {"ig_0.gif", "ig_1.gif", "ig_0 (2).gif"}

    standin.fail(Fault(path="/responses", status=200, body=drawn(standin, pictures[0], ids=False)))
    answer = await call("create_model_response", model="m", input="Draw")
    assert Path(answer["media"][0]["path"]).name.startswith("create_model_response_")

    plain = await call("create_model_response", model="m", input="Hello")
    assert "media" not in plain


async def test_response_image_in_format_of_item(standin: StandIn, call: Call) -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
    body = drawn(standin, base64.b64encode(drawing).decode())
    body["output"][0]["output_format"] = "svg"
    standin.fail(Fault(path="/responses", status=200, body=body))
    (saved,) = (await call("create_model_response", model="m", input="Draw"))["media"]
    assert saved["media_content_type"] == "image/svg+xml"
    assert Path(saved["path"]).name == "ig_0.svg"
    assert Path(saved["path"]).read_bytes() == drawing


async def test_streamed_response_image_is_saved(
    hass: HomeAssistant, standin: StandIn, call: Call
) -> None:
    body = drawn(standin, base64.b64encode(GIF).decode())
    events = [
        {
            "type": "response.image_generation_call.partial_image",
            "partial_image_b64": base64.b64encode(GIF + b"partial").decode(),
        },
        {"type": "response.completed", "response": body},
    ]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    standin.fail(Fault(path="/responses", status=200, body=text, content_type="text/event-stream"))
    answer = await call("stream_model_response", model="m", input="Draw")
    assert [saved["size"] for saved in answer["media"]] == [len(GIF)]
    assert shown(hass).attributes["media_content_id"] == f"{ROOT}/ig_0.gif"


@pytest.mark.parametrize("trouble", ["no folder", "garbled"])
async def test_response_returned_when_image_save_fails(
    hass: HomeAssistant, standin: StandIn, call: Call, media_folder: Path, trouble: str
) -> None:
    if trouble == "no folder":
        (media_folder / DOMAIN).write_text("a file where the folder should be")
    result = "?" if trouble == "garbled" else base64.b64encode(GIF).decode()
    standin.fail(Fault(path="/responses", status=200, body=drawn(standin, result)))
    answer = await call("create_model_response", model="m", input="Draw")
    assert answer["output_text"] == "There"
    assert answer["media"] == []
    assert shown(hass, "sensor.127_0_0_1_last_error").state != "unknown"
