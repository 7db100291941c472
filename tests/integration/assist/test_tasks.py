"""AI tasks: structured data, attachments, images and evaluations."""

import base64
import json
import mimetypes
from pathlib import Path
from typing import Any

from homeassistant.components import ai_task
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest

from custom_components.openai_api.assist import chat_log
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import NO_RESPONSES, chat, chunk, says
from .conftest import AddSubentry

pytestmark = pytest.mark.usefixtures("task")

STRUCTURE = {
    "count": {"selector": {"number": {}}, "required": True, "description": "How many"},
    "is_open": {"selector": {"boolean": {}}},
    "name": {"selector": {"text": {}}},
}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture
async def task(hass: HomeAssistant, add_subentry: AddSubentry) -> str:
    """Return the id of a subentry that does AI tasks."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "ai_task", {})
    return await add_subentry("ai_task_data", image_model="gpt-image-1")


JPEG = b"\xff\xd8\xff\xe0" + bytes(20)


async def generate(hass: HomeAssistant, action: str = "generate_data", **data: Any) -> Any:
    """Call an action of AI Task."""
    return await hass.services.async_call(
        "ai_task",
        action,
        {"task_name": "count", "entity_id": "ai_task.kitchen", "instructions": "Count", **data},
        blocking=True,
        return_response=True,
    )


async def test_data_without_structure_is_text(hass: HomeAssistant, standin: StandIn) -> None:
    standin.fail(says("Three ", "apples"))

    assert (await generate(hass))["data"] == "Three apples"


async def test_data_with_structure_over_responses(hass: HomeAssistant, standin: StandIn) -> None:
    standin.fail(says('{"count": 3, "is_open": null, ', '"name": "apples"}'))

    assert (await generate(hass, structure=STRUCTURE))["data"] == {"count": 3, "name": "apples"}
    wanted = standin.requests[-1].body["text"]["format"]
    assert wanted["strict"] is True
    assert wanted["schema"]["required"] == ["count", "is_open", "name"]
    assert wanted["schema"]["properties"]["name"]["type"] == ["string", "null"]
    assert wanted["schema"]["additionalProperties"] is False


async def test_data_over_chat_falls_back(hass: HomeAssistant, standin: StandIn) -> None:
    standin.fail(NO_RESPONSES)
    for kind in ("json_schema", "json_object"):
        message = f"response_format {kind} is not supported"
        standin.fail(
            Fault(path="/chat/completions", status=400, body={"error": {"message": message}})
        )
    answer = chat(chunk({"content": 'Sure:\n```json\n{"count": 2}\n```'}), chunk({}, "stop"))
    standin.fail(answer)

    assert (await generate(hass, structure=STRUCTURE))["data"] == {"count": 2}
    asked = [request.body for request in standin.requests if request.path == "/chat/completions"]
    kinds = [body.get("response_format", {}).get("type") for body in asked]
    assert kinds == ["json_schema", "json_object", None]
    assert '"count"' in asked[-1]["messages"][0]["content"]
    # It is remembered.
    standin.fail(answer)
    await generate(hass, structure=STRUCTURE)
    assert "response_format" not in standin.requests[-1].body


@pytest.mark.parametrize(
    "bad",
    ["I cannot", "[1]", '{"count": "many"}', '{"count": 1, "is_open": "false"}', '{"other": 1}'],
)
async def test_data_mismatch_is_retried(hass: HomeAssistant, standin: StandIn, bad: str) -> None:
    standin.fail(says(bad))
    standin.fail(says('{"count": 5}'))

    assert (await generate(hass, structure=STRUCTURE))["data"] == {"count": 5}
    told = standin.requests[-1].body["input"][-1]["content"]
    assert "does not match" in told
    # Whoever ignores the structure has not told the model of it.
    assert '"count"' in told


@pytest.mark.parametrize(
    ("status", "message"),
    [
        # As Gemini, Groq, Mistral, llama-cpp-python, Ollama and llama.cpp say it.
        (400, "JSON mode is not enabled"),
        (400, "Function calling with a response mime type: 'application/json' is unsupported"),
        (400, "json mode cannot be combined with tool/function calling"),
        (422, "Structured output is not supported for this model"),
        (422, "KeyError: 'json_schema'"),
        (500, "KeyError: 'json_schema'"),
        (500, "failed to load model vocabulary required for format"),
        (400, "Cannot use custom grammar constraints with tools."),
        (501, "KeyError: 'json_schema'"),
    ],
)
async def test_structure_falls_back_after_server_error(
    hass: HomeAssistant, standin: StandIn, status: int, message: str
) -> None:
    absent = {"error": {"message": "Not Found"}}
    standin.fail(Fault(path="/responses", status=404, body=absent, count=5))
    body = {"error": {"message": message, "type": "internal_server_error"}}
    # A server error is tried three times.
    count = 3 if status == 500 else 1
    standin.fail(Fault(path="/chat/completions", status=status, body=body, count=count))
    standin.fail(chat(chunk({"content": '{"count": 2}'}), chunk({}, "stop")))

    assert (await generate(hass, structure=STRUCTURE))["data"] == {"count": 2}
    assert standin.requests[-1].body["response_format"] == {"type": "json_object"}


async def test_data_mismatch_raises(hass: HomeAssistant, standin: StandIn) -> None:
    standin.fail(says("No", count=2))

    with pytest.raises(HomeAssistantError) as raised:
        await generate(hass, structure=STRUCTURE)
    assert raised.value.translation_key == "assist_not_the_structure"


async def test_attachment_is_sent(
    hass: HomeAssistant, standin: StandIn, media_folder: Path
) -> None:
    (media_folder / "a.png").write_bytes(PNG)
    (media_folder / "b.txt").write_text("Hello")
    standin.fail(says("A pixel"))
    picture = {"media_content_id": "media-source://media_source/local/a.png"}
    picture["media_content_type"] = "image/png"

    assert (await generate(hass, attachments=[picture]))["data"] == "A pixel"
    parts = standin.requests[-1].body["input"][-1]["content"]
    assert [part["type"] for part in parts] == ["input_text", "input_image"]
    assert parts[1]["image_url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"

    text = {"media_content_id": "media-source://media_source/local/b.txt"}
    text["media_content_type"] = "text/plain"
    count = len(standin.requests)
    with pytest.raises(HomeAssistantError) as raised:
        await generate(hass, attachments=[text])
    assert raised.value.translation_key == "assist_attachment_unsupported"
    assert len(standin.requests) == count


async def test_attachments_over_chat(
    hass: HomeAssistant, standin: StandIn, media_folder: Path
) -> None:
    files = {"a.jpg": ("image/jpg", JPEG), "b.pdf": ("application/pdf", b"%PDF")}
    for name, (_, content) in files.items():
        (media_folder / name).write_bytes(content)
    attachments = [
        {
            "media_content_id": f"media-source://media_source/local/{name}",
            "media_content_type": kind,
        }
        for name, (kind, _) in files.items()
    ]
    standin.fail(says("Both"))
    assert (await generate(hass, attachments=attachments))["data"] == "Both"
    pdf = f"data:application/pdf;base64,{base64.b64encode(b'%PDF').decode()}"
    assert standin.requests[-1].body["input"][-1]["content"][-1] == {
        "type": "input_file",
        "filename": "b.pdf",
        "file_data": pdf,
    }

    standin.fail(NO_RESPONSES)
    hass.config_entries.async_entries("openai_api")[0].runtime_data.host.known.pop("api")
    standin.fail(chat(chunk({"content": "Both"}), chunk({}, "stop")))
    assert (await generate(hass, attachments=attachments))["data"] == "Both"
    assert standin.requests[-1].body["messages"][-1]["content"] == [
        {"type": "text", "text": "Count"},
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"},
        },
        {"type": "file", "file": {"filename": "b.pdf", "file_data": pdf}},
    ]


@pytest.mark.parametrize(
    ("told", "content", "sent"),
    [
        # Some services refuse an image that is not what it is called.
        ("image/jpeg", PNG, "image/png"),
        # Cameras and some integrations do not know what their images are.
        ("application/octet-stream", PNG, "image/png"),
        ("image/*", b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg"),
        ("application/octet-stream", b"%PDF-1.7", "application/pdf"),
        ("image/png", b"unknown", "image/png"),
    ],
)
async def test_attachment_type_from_signature(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: str,
    content: bytes,
    sent: str,
) -> None:
    (media_folder / "a.bin").write_bytes(content)
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_, **__: (told, None))
    picture = {"media_content_id": "media-source://media_source/local/a.bin"}
    standin.fail(says("A pixel"))
    await generate(hass, attachments=[{**picture, "media_content_type": told}])

    part = standin.requests[-1].body["input"][-1]["content"][1]
    url = part.get("image_url") or part["file_data"]
    assert url == f"data:{sent};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize("fault", ["gone", "large"])
async def test_attachment_unreadable_sends_nothing(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    if fault == "large":
        (media_folder / "a.png").write_bytes(PNG)
        monkeypatch.setattr(chat_log, "_MAX_ATTACHMENT_BYTES", 5)
    picture = {"media_content_id": "media-source://media_source/local/a.png"}
    picture["media_content_type"] = "image/png"
    with pytest.raises(HomeAssistantError) as raised:
        await generate(hass, attachments=[picture])
    assert raised.value.translation_key == "assist_attachment_unsupported"
    assert not any(one.path == "/responses" for one in standin.requests)


async def test_image_is_generated_and_edited(
    hass: HomeAssistant, standin: StandIn, media_folder: Path
) -> None:
    answer = await generate(hass, "generate_image", instructions="A cat")

    assert standin.requests[-1].path == "/images/generations"
    assert standin.requests[-1].body["prompt"] == "A cat"
    assert answer["mime_type"].startswith("image/")
    assert answer["media_source_id"]

    (media_folder / "a.png").write_bytes(PNG)
    picture = {"media_content_id": "media-source://media_source/local/a.png"}
    picture["media_content_type"] = "image/png"
    await generate(hass, "generate_image", instructions="A dog", attachments=[picture])
    assert standin.requests[-1].path == "/images/edits"


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": "none"},
        {"data": [{"b64_json": "!"}]},
        {"data": [{"b64_json": "a"}]},
        {"data": [{"b64_json": base64.b64encode(b"<html>").decode()}]},
        {"data": [{"url": "http://example.com/x.png"}]},
        {"data": [{"url": 5}]},
        {"data": [{"url": "http://[1"}]},
    ],
)
async def test_image_invalid_raises(hass: HomeAssistant, standin: StandIn, body: Any) -> None:
    standin.fail(Fault(path="/images", body=body))

    with pytest.raises(HomeAssistantError) as raised:
        await generate(hass, "generate_image")
    assert raised.value.translation_key in {"assist_no_image", "picture_garbled"}


QUESTIONS: dict[str, Any] = {
    "alarm": {"type": "noul", "instructions": "Is there an alarm?"},
    "who": {
        "type": "choice",
        "instructions": "Who is it?",
        "criteria": {"cat": "A cat", "dog": "A dog"},
    },
    "how": {"type": "score", "instructions": "How bad?", "criteria": ["good", "bad", "worst"]},
}
needs_evaluate = pytest.mark.skipif(
    not hasattr(ai_task.AITaskEntityFeature, "EVALUATE"), reason="needs Home Assistant 2026.11"
)


@needs_evaluate
async def test_evaluate_by_structured_data(hass: HomeAssistant, standin: StandIn) -> None:
    standin.fail(Fault(path="/decisions", status=404, body={"error": {"message": "Not Found"}}))
    found = {
        "q0": 0.75,
        "q1": {"c0": 3, "c1": 0.25},
        "q2": {"level0": 0, "level1": 0.5, "level2": 0.5},
    }
    standin.fail(says(json.dumps(found)))
    response: Any = await hass.services.async_call(
        "ai_task",
        "evaluate",
        {
            "task_name": "x",
            "entity_id": "ai_task.kitchen",
            "state": "Meow",
            "questions": QUESTIONS,
        },
        blocking=True,
        return_response=True,
    )
    answers = response["answers"]

    assert answers["alarm"] == {"noul": 0.75, "type": "noul"}
    assert answers["who"]["choice"] == "cat"
    assert sum(answers["who"]["probabilities"].values()) == pytest.approx(1)
    assert answers["how"]["score"] == pytest.approx(1.5)
