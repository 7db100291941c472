"""Pictures and sounds in answers are saved, in whatever way a host writes them."""

import base64
import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.openai_api.const import DOMAIN
from tests.integration.conftest import Call, raises_key
from tests.standin import media
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .helpers import GIF, encode, names, shown

pytestmark = pytest.mark.usefixtures("entry")

PNG = media.png(8, 8, "garden")
WAV = media.wav(media.tone(0.1))
PCM = media.tone(0.1)
ASK = {"model": "m", "messages": [{"role": "user", "content": "Draw"}]}


def lines(content: bytes) -> str:
    """Return base64 as mail writes it."""
    return base64.encodebytes(content).decode().replace("\n", "\r\n")


FORMS = {
    "prefix": "data:image/png;base64," + encode(PNG),
    "upper": "DATA:image/PNG;BASE64," + encode(PNG),
    "parameters": "data:image/png;name=a.png;base64," + encode(PNG),
    "lines": lines(PNG),
    "prefix and lines": "data:image/png;base64,\n" + lines(PNG),
    "unpadded": encode(PNG + b"\0" * ((1 - len(PNG)) % 3)).rstrip("="),
    "url-safe": base64.urlsafe_b64encode(PNG).decode(),
}


@pytest.mark.parametrize("form", FORMS)
async def test_image_base64_variants(standin: StandIn, call: Call, form: str) -> None:
    body = {"data": [{"b64_json": encode(PNG)}, {"b64_json": FORMS[form]}]}
    standin.fail(Fault(path="/images", status=200, body=body))
    answer = await call("create_image", prompt="A house", n=2)
    assert answer["data"] == body["data"]
    first, second = answer["media"]
    assert Path(first["path"]).read_bytes() == PNG
    assert Path(second["path"]).read_bytes().rstrip(b"\0") == PNG.rstrip(b"\0")
    assert Path(second["path"]).suffix == ".png"


@pytest.mark.parametrize(
    "bad",
    ["x", "?", "", encode(b"<html>Sign in</html>"), encode(b'{"error": "no"}'), "data:image/png"],
)
@pytest.mark.parametrize("position", [0, 1, 2])
async def test_invalid_image_keeps_others(
    hass: HomeAssistant, standin: StandIn, call: Call, bad: str, position: int, folder: Path
) -> None:
    data: list[dict[str, Any]] = [{"b64_json": encode(GIF)}, {"b64_json": encode(PNG)}]
    data.insert(position, {"b64_json": bad})
    standin.fail(Fault(path="/images", status=200, body={"created": 1, "data": data}))
    answer = await call("create_image", prompt="A house", n=3)
    assert answer["data"] == data
    assert [Path(item["path"]).read_bytes() for item in answer["media"]] == [GIF, PNG]
    if bad:
        assert shown(hass, "sensor.127_0_0_1_last_error").state != "unknown"


async def test_invalid_images_only_raise(standin: StandIn, call: Call, folder: Path) -> None:
    data = [{"b64_json": "x"}, {"b64_json": encode(b"Sign in")}]
    standin.fail(Fault(path="/images", status=200, body={"data": data}))
    with raises_key("picture_garbled"):
        await call("create_image", prompt="A house", n=2)
    assert names(folder) == set()


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/json"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_image_itself_as_response(
    standin: StandIn, call: Call, kind: str, is_stream: bool
) -> None:
    # As vLLM-Omni answers with `response_format: file`, whether a stream was asked for or not.
    standin.fail(Fault(path="/images", status=200, body=GIF, content_type=kind))
    answer = await call("create_image", prompt="A house", response_format="file", stream=is_stream)
    assert answer["data"] == [{"b64_json": encode(GIF)}]
    (saved,) = answer["media"]
    assert Path(saved["path"]).read_bytes() == GIF
    assert saved["media_content_type"] == "image/gif"


@pytest.mark.parametrize(
    "item",
    [
        {"url": "data:image/png;base64," + encode(PNG)},
        {"b64_json": None, "url": "data:image/png;base64," + encode(PNG)},
        {"image_url": {"url": "data:image/png;base64," + encode(PNG)}},
        {"url": "data:image/octet-stream;base64," + encode(PNG)},
    ],
)
async def test_image_data_url(standin: StandIn, call: Call, item: Any) -> None:
    standin.fail(Fault(path="/images", status=200, body={"data": [item]}))
    (saved,) = (await call("create_image", prompt="A house"))["media"]
    assert Path(saved["path"]).read_bytes() == PNG
    assert saved["media_content_type"] == "image/png"


async def test_image_http_urls_are_logged(
    standin: StandIn, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"data": [{"url": "http://127.0.0.1:9/a.png"}]}
    standin.fail(Fault(path="/images", status=200, body=body))
    assert (await call("create_image", prompt="A house"))["media"] == []
    assert "addresses of pictures, which are not saved" in caplog.text


def completion(**message: Any) -> dict[str, Any]:
    """Return a chat completion."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]}


ADDRESS = "data:image/png;base64," + encode(PNG)
IN_CHAT: dict[str, tuple[dict[str, Any], bytes, str]] = {
    "images": (
        {"content": "", "images": [{"type": "image_url", "image_url": {"url": ADDRESS}}]},
        PNG,
        ".png",
    ),
    "images as texts": ({"content": None, "images": [{"image_url": ADDRESS}]}, PNG, ".png"),
    "part": (
        {
            "content": [
                {"type": "text", "text": "Here"},
                {"type": "image_url", "image_url": {"url": ADDRESS}},
            ]
        },
        PNG,
        ".png",
    ),
    "output part": ({"content": [{"type": "output_image", "image_url": ADDRESS}]}, PNG, ".png"),
    "bare part": ({"content": [{"type": "image", "b64_json": encode(GIF)}]}, GIF, ".gif"),
    "inline data": (
        {"content": [{"inline_data": {"mime_type": "image/png", "data": encode(PNG)}}]},
        PNG,
        ".png",
    ),
    "markdown": ({"content": f"Here: ![a house]({ADDRESS})"}, PNG, ".png"),
    "audio": (
        {"content": None, "audio": {"id": "audio_1", "data": encode(WAV), "transcript": "Hi"}},
        WAV,
        ".wav",
    ),
    "audio as data": (
        {"content": None, "audio": {"data": "data:audio/wav;base64," + encode(WAV)}},
        WAV,
        ".wav",
    ),
    "audio part": (
        {"content": [{"type": "audio", "audio": {"data": encode(WAV), "format": "wav"}}]},
        WAV,
        ".wav",
    ),
    "pcm": ({"content": None, "audio": {"data": encode(PCM)}}, PCM, ".pcm"),
}


@pytest.mark.parametrize("form", IN_CHAT)
async def test_chat_completion_media_is_saved(standin: StandIn, call: Call, form: str) -> None:
    message, content, suffix = IN_CHAT[form]
    body = completion(**message)
    standin.fail(Fault(path="/chat", status=200, body=body))
    answer = await call("create_chat_completion", **ASK)
    assert {key: answer[key] for key in body} == body
    (saved,) = answer["media"]
    assert Path(saved["path"]).read_bytes() == content
    assert Path(saved["path"]).suffix == suffix


async def test_chat_completion_without_media(standin: StandIn, call: Call) -> None:
    for message in (
        {"content": "Hello"},
        {"content": None, "audio": None, "images": None},
        {"content": None, "audio": {"id": "audio_1"}, "images": ["x", 1]},
        {"content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}}]},
        {"content": 1, "audio": "x", "images": {}},
    ):
        standin.fail(Fault(path="/chat", status=200, body=completion(**message)))
        assert "media" not in await call("create_chat_completion", **ASK)


@pytest.mark.parametrize("trouble", ["no folder", "garbled"])
async def test_chat_completion_media_save_error(
    hass: HomeAssistant, standin: StandIn, call: Call, media_folder: Path, trouble: str
) -> None:
    if trouble == "no folder":
        (media_folder / DOMAIN).write_text("a file where the folder should be")
    data = "?" if trouble == "garbled" else encode(WAV)
    body = completion(content="Hi", audio={"id": "audio_1", "data": data})
    standin.fail(Fault(path="/chat", status=200, body=body))
    answer = await call("create_chat_completion", **ASK)
    assert answer["choices"] == body["choices"]
    assert answer["media"] == []
    assert shown(hass, "sensor.127_0_0_1_last_error").state != "unknown"


async def test_audio_with_id_is_saved_once(standin: StandIn, call: Call, folder: Path) -> None:
    body = completion(content=None, audio={"id": "audio_1", "data": encode(WAV)})
    standin.fail(Fault(path="/chat", status=200, body=body, count=2))
    first = await call("create_chat_completion", **ASK)
    again = await call("get_chat_completion", completion_id="chatcmpl-1")
    assert first["media"][0]["path"] == again["media"][0]["path"]
    assert names(folder) == {"audio_1.wav"}


def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    """Return an event of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}
    return f"data: {json.dumps(data)}\n\n"


@pytest.mark.parametrize("sizes", [(2, 4), (3, 3), (1, 1, 1, 1), (1000,), (0, 5)], ids=str)
@pytest.mark.parametrize("way", ["each", "cut"])
async def test_chat_stream_audio_is_joined(
    standin: StandIn, call: Call, sizes: tuple[int, ...], way: str
) -> None:
    if way == "each":
        pieces, start = [], 0
        for size in (*sizes, len(PCM)):
            pieces.append(encode(PCM[start : start + size]))
            start += size
    else:
        whole = encode(PCM)
        cuts = [0, *sizes, len(whole)]
        pieces = [whole[a:b] for a, b in zip(sorted(cuts), sorted(cuts)[1:], strict=False)]
    text = chunk({"role": "assistant", "audio": {"id": "audio_1", "transcript": "Hel"}})
    text += "".join(chunk({"audio": {"id": "audio_1", "data": piece}}) for piece in pieces)
    text += chunk({"audio": {"transcript": "lo"}}) + chunk({"audio": {"expires_at": 5}})
    text += chunk({}, "stop") + "data: [DONE]\n\n"
    standin.fail(Fault(path="/chat", status=200, body=text, content_type="text/event-stream"))
    answer = await call(
        "create_chat_completion",
        **ASK,
        stream=True,
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "pcm16"},
    )
    audio = answer["choices"][0]["message"]["audio"]
    assert base64.b64decode(audio["data"], validate=True) == PCM
    assert (audio["id"], audio["transcript"], audio["expires_at"]) == ("audio_1", "Hello", 5)
    (saved,) = answer["media"]
    assert Path(saved["path"]).read_bytes() == PCM
    assert Path(saved["path"]).name == "audio_1.pcm"


@pytest.mark.parametrize("sound", [b"abcdef", b"{}", b"  \n", b"HTTP/1.1 500", b"\xff\xd8\xff"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_pcm_resembling_text_is_saved(
    standin: StandIn, call: Call, sound: bytes, is_stream: bool
) -> None:
    """PCM may hold any bytes, and who asked for it gets it."""
    audio = {"id": "audio_1", "data": encode(sound), "transcript": "Hi"}
    if is_stream:
        text = chunk({"role": "assistant", "audio": audio}) + chunk({}, "stop")
        fault = Fault(path="/chat", status=200, body=text, content_type="text/event-stream")
    else:
        choice = {"index": 0, "finish_reason": "stop", "message": {"audio": audio}}
        fault = Fault(path="/chat", status=200, body={"id": "c", "choices": [choice]})
    standin.fail(fault)
    answer = await call(
        "create_chat_completion",
        **ASK,
        stream=is_stream,
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "pcm16"},
    )
    (saved,) = answer["media"]
    assert Path(saved["path"]).read_bytes() == sound


@pytest.mark.parametrize("form", ["prefix", "lines", "unpadded"])
async def test_response_image_base64_variants(standin: StandIn, call: Call, form: str) -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "result": FORMS[form]}
    bad = {"type": "image_generation_call", "id": "ig_2", "result": "?"}
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": [bad, item]}
    standin.fail(Fault(path="/responses", status=200, body=body))
    answer = await call("create_model_response", model="m", input="Draw")
    assert [Path(saved["path"]).name for saved in answer["media"]] == ["ig_1.png"]
