"""Every action, called as an automation calls it."""

from pathlib import Path
from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
from openai import AsyncOpenAI
import pytest

from custom_components.openai_api.actions import ACTIONS
from tests.harness import CommandError, Service

from .home_assistant import CANARY, RecordingHomeAssistant, png
from .payloads import ANY, PAYLOADS, Case, resolving

pytestmark = pytest.mark.usefixtures("entry")

ASK = {"model": "gpt-5-mini", "input": "Say hello"}


async def resolve(home_assistant: RecordingHomeAssistant, value: Any) -> Any:
    """Return a payload with what other actions and files contribute to it."""
    return await resolving.resolve(value, home_assistant.call, home_assistant.folder / "files")


def read(path: str) -> bytes:
    """Return the content of a file."""
    return Path(path).read_bytes()


def assert_holds(answer: dict[str, Any], case: Case) -> None:
    """Compare an answer with what must be in it."""
    for key, value in case.answer.items():
        assert key in answer, answer
        if value is ANY:
            assert answer[key] not in (None, "", [], {}), (key, answer)
        else:
            assert answer[key] == value, (key, answer)


async def registered(home_assistant: RecordingHomeAssistant) -> dict[str, Any]:
    """Return the integration's actions as Home Assistant describes them."""
    domains = await home_assistant.rest("GET", "/api/services")
    return next(item["services"] for item in domains if item["domain"] == "openai_api")


@pytest.mark.parametrize("action", PAYLOADS)
async def test_action_response_by_kind(ha: RecordingHomeAssistant, action: str) -> None:
    """Every action in the table answers with what its kind promises."""
    case = PAYLOADS[action]
    # A list of something is only telling if there is something.
    for maker in ("create_file", "create_chat_completion"):
        if action.startswith("list_"):
            await ha.call(maker, await resolve(ha, PAYLOADS[maker].data))
    answer = await ha.call(action, await resolve(ha, dict(case.data)))
    assert_holds(answer, case)
    for cleaner, data in case.after.items():
        await ha.call(cleaner, dict(data))


async def test_table_covers_every_action(ha: RecordingHomeAssistant) -> None:
    """No action is registered without a test, and none is tested that is not registered."""
    client = AsyncOpenAI(api_key="unused")
    # Home Assistant's SDK lacks what only newer ones know; the contract tests have these rows.
    newer = {action.key for action in ACTIONS if not _is_in_sdk(action.method, client)}
    found = set(await registered(ha)) - newer
    assert found == set(PAYLOADS), "tests/blackbox/payloads has other actions than these"


def _is_in_sdk(method: str, client: AsyncOpenAI) -> bool:
    """Return whether the installed SDK has a method; what is done at home needs none."""
    target: Any = client
    try:
        for part in method.split(".") if method else ():
            target = getattr(target, part)
    except AttributeError:
        return method == "uploads.upload_file_chunked"
    return True


async def test_action_descriptions_complete(ha: RecordingHomeAssistant) -> None:
    """Every action and field has the words that the action editor shows."""
    answer = await ha.command(
        "frontend/get_translations", language="en", category="services", integration="openai_api"
    )
    texts = answer["resources"]
    for key, action in (await registered(ha)).items():
        prefix = f"component.openai_api.services.{key}"
        fields = dict(action["fields"])
        for name, section in action["fields"].items():
            if "fields" in section:
                assert texts.get(f"{prefix}.sections.{name}.name"), (key, name)
                del fields[name]
                fields.update(section["fields"])
        for path in ("", *(f".fields.{name}" for name in fields)):
            assert texts.get(f"{prefix}{path}.name"), f"{key}{path}"
            assert texts.get(f"{prefix}{path}.description"), f"{key}{path}"
        assert all(field.get("selector") for field in fields.values()), key


async def test_rest_api_response(ha: RecordingHomeAssistant) -> None:
    """The REST API answers like the WebSocket API."""
    answer = await ha.rest(
        "POST", "/api/services/openai_api/create_model_response?return_response", ASK
    )
    assert answer["service_response"]["output_text"]


async def test_action_without_return_response(ha: RecordingHomeAssistant, service: Service) -> None:
    """An action whose answer nobody wants is carried out all the same."""
    assert await ha.call("create_model_response", ASK, return_response=False) == {}
    assert [request["path"] for request in await service.requests()] == ["/responses"]


async def test_previous_response_id_continues_conversation(ha: RecordingHomeAssistant) -> None:
    """A response continues the one it names."""
    first = await ha.call("create_model_response", ASK)
    second = await ha.call("create_model_response", {**ASK, "previous_response_id": first["id"]})
    assert second["previous_response_id"] == first["id"]
    assert "2" in second["output_text"]


async def test_list_all_pages(ha: RecordingHomeAssistant) -> None:
    """A list follows every page if asked to."""
    made = [
        (await ha.call("create_file", await resolve(ha, PAYLOADS["create_file"].data)))["id"]
        for _ in range(5)
    ]
    page = await ha.call("list_files", {"limit": 2})
    assert len(page["data"]) == 2
    assert page["has_more"] is True
    whole = await ha.call("list_files", {"limit": 2, "all_pages": True})
    assert {item["id"] for item in whole["data"]} == set(made)
    assert len(whole["data"]) == 5
    assert whole["has_more"] is False


async def test_file_upload_and_download_round_trip(ha: RecordingHomeAssistant) -> None:
    """A file survives the way there and back, and can be downloaded from Home Assistant."""
    sample = png(64, 64)
    path = str(ha.folder / "files" / "picture.png")
    made = await ha.call("create_file", {"file": path, "purpose": "vision"})
    saved = await ha.call("download_file", {"file_id": made["id"], "filename": "back.png"})
    assert saved["size"] == len(sample)
    assert read(saved["path"]) == sample
    assert Path(saved["path"]).is_relative_to(ha.folder / "media")
    assert await ha.download(saved["url"]) == ("image/png", sample)
    media = await ha.command(
        "media_source/resolve_media", media_content_id=saved["media_content_id"]
    )
    assert (await ha.download(media["url"]))[1] == sample


async def test_file_upload_from_media_source(ha: RecordingHomeAssistant, service: Service) -> None:
    """A file may be named by its media source."""
    sound = {
        "media_content_id": "media-source://media_source/local/sound.wav",
        "media_content_type": "audio/wav",
    }
    data = {"model": "whisper-1", "file": sound}
    assert (await ha.call("create_transcription", data))["text"]
    parts = {part["name"]: part for part in (await service.requests())[-1]["body"]}
    assert parts["file"]["filename"] == "sound.wav"
    assert parts["file"]["data"]["size"] == (ha.folder / "media" / "sound.wav").stat().st_size


@pytest.mark.parametrize(
    ("action", "data", "code"),
    [
        ("create_model_response", {"input": 1, "nonsense": 2}, "invalid_format"),
        ("retrieve_model", {}, "invalid_format"),
        ("create_file", {"file": "/etc/passwd", "purpose": "batch"}, "service_validation_error"),
        ("create_file", {"file": "secret.txt", "purpose": "batch"}, "service_validation_error"),
        ("create_file", {"file": "files/none", "purpose": "batch"}, "service_validation_error"),
    ],
    ids=["unknown-field", "missing-field", "forbidden-path", "config-file", "missing-file"],
)
async def test_invalid_fields_send_no_request(
    ha: RecordingHomeAssistant, service: Service, action: str, data: dict[str, Any], code: str
) -> None:
    """What cannot work is refused without asking the host."""
    with pytest.raises(CommandError) as refused:
        await ha.call(action, data)
    assert refused.value.code == code
    assert await service.requests() == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "service_validation_error"),
        (404, "service_validation_error"),
        (409, "service_validation_error"),
        (413, "service_validation_error"),
        (422, "service_validation_error"),
        (403, "home_assistant_error"),
        (429, "home_assistant_error"),
        (500, "home_assistant_error"),
        (503, "home_assistant_error"),
    ],
)
async def test_error_response_quotes_server(
    ha: RecordingHomeAssistant, service: Service, status: int, code: str
) -> None:
    """The host's refusal is quoted."""
    error = {"message": "No, thank you", "type": "nope", "code": "declined", "param": "input"}
    await service.fail(
        path="^/responses$",
        count=None,
        status=status,
        body={"error": error},
        headers={"x-request-id": "req_blackbox", "retry-after-ms": "1"},
    )
    with pytest.raises(CommandError) as refused:
        await ha.call("create_model_response", ASK)
    assert refused.value.code == code
    for said in (str(status), "No, thank you", "declined", "input", "req_blackbox"):
        assert said in refused.value.message


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": f"Wrong key {CANARY}", "param": CANARY, "code": CANARY}}),
        (400, f"<html><body>The key {CANARY} is wrong</body></html>"),
        (200, f"The key {CANARY} is fine, but this is no JSON"),
    ],
    ids=["error", "page", "nonsense"],
)
async def test_api_key_in_error_response_is_redacted(
    ha: RecordingHomeAssistant, service: Service, status: int, body: Any
) -> None:
    """A host that shows the key in its answer does not give it away."""
    await service.fail(path="^/responses$", status=status, body=body)
    with pytest.raises(CommandError) as refused:
        await ha.call("create_model_response", ASK)
    assert CANARY not in str(vars(refused.value))


async def test_rate_limited_request_is_retried(
    ha: RecordingHomeAssistant, service: Service
) -> None:
    """A rate limit that passes is not an error."""
    await service.fail(path="^/responses$", count=2, status=429, headers={"retry-after-ms": "1"})
    assert (await ha.call("create_model_response", ASK))["output_text"]
    assert len(await service.requests()) == 3


@pytest.mark.parametrize("drop", ["before", "headers", "body"])
async def test_dropped_connection_raises(
    ha: RecordingHomeAssistant, service: Service, drop: str
) -> None:
    """A connection that breaks is an error that says so."""
    await service.fail(path="^/responses$", count=None, drop=drop)
    with pytest.raises(CommandError) as refused:
        await ha.call("create_model_response", ASK)
    assert refused.value.code == "home_assistant_error"


async def test_request_timeout_raises(ha: RecordingHomeAssistant, service: Service) -> None:
    """An answer that does not come in time is an error."""
    await service.fail(path="^/responses$", count=None, hang=True)
    with pytest.raises(CommandError) as refused:
        await ha.call("create_model_response", {**ASK, "timeout": 1})
    assert refused.value.code == "home_assistant_error"
    assert refused.value.translation_key == "timed_out"


async def test_extra_body_and_query_are_sent(ha: RecordingHomeAssistant, service: Service) -> None:
    """Parameters that no field knows yet reach the host."""
    await ha.call(
        "create_model_response",
        {**ASK, "extra_body": {"brand_new": {"deep": 1}}, "extra_query": {"trial": "yes"}},
    )
    request = (await service.requests())[-1]
    assert request["body"]["brand_new"] == {"deep": 1}
    assert ["trial", "yes"] in request["query"]


async def test_templated_config_entry_id(ha: RecordingHomeAssistant, entry: str) -> None:
    """A script may choose the host and the question with templates."""
    result = await ha.command(
        "execute_script",
        variables={"host": entry, "topic": "rain"},
        sequence=[
            {
                "action": "openai_api.create_model_response",
                "data": {
                    "config_entry_id": "{{ host }}",
                    "model": "gpt-5-mini",
                    "input": "{{ topic | upper }}",
                },
                "response_variable": "answer",
            },
            {"stop": "done", "response_variable": "answer"},
        ],
    )
    assert "RAIN" in result["response"]["output_text"]
