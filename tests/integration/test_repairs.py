"""Repair issues: when they are created, and when they are deleted."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from homeassistant.components.repairs import DOMAIN as REPAIRS_DOMAIN
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import CANARY, Call, add_entry, entry_data
from .waiting import wait_for

ASK = {"model": "m-1", "input": "Hello"}
CHAT = {"model": "m-2", "messages": [{"role": "user", "content": "Hello"}]}
MANAGE = "manage_model_response_websocket"
NO_QUOTA = {"code": "insufficient_quota", "message": f"No money on {CANARY}", "param": None}


@pytest.fixture
async def fix(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Callable[..., Any]:
    """Return a function that opens the flow for an issue, or goes on with it."""
    assert await async_setup_component(hass, REPAIRS_DOMAIN, {})
    client = await hass_client()

    async def async_fix(issue_id: str | None = None, *, flow_id: str = "") -> Any:
        path = "/api/repairs/issues/fix"
        if issue_id is not None:
            answer = await client.post(path, json={"handler": DOMAIN, "issue_id": issue_id})
        else:
            answer = await client.post(f"{path}/{flow_id}", json={})
        assert answer.status == HTTPStatus.OK
        return await answer.json()

    return async_fix


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return the integration's issues by their ids."""
    found = ir.async_get(hass).issues.items()
    return {issue_id: issue for (domain, issue_id), issue in found if domain == DOMAIN}


async def fail(call: Call, action: str = "create_model_response", **data: Any) -> str:
    """Call an action that comes to nothing, and return why."""
    with pytest.raises(HomeAssistantError) as caught:
        await call(action, **(data or ASK))
    return str(caught.value)


def refuse(standin: StandIn, path: str = "/responses", count: int | None = 1) -> None:
    """Let the host refuse for want of quota."""
    standin.fail(Fault(path=path, status=429, body={"error": NO_QUOTA}, count=count))


async def test_quota_issue_created_and_deleted(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    changes = async_capture_events(hass, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    refuse(standin, count=3)
    for _ in range(3):
        await fail(call)
    ((issue_id, issue),) = issues(hass).items()
    assert issue_id == f"quota_used_up_{entry_without_retries.entry_id}"
    assert issue.is_fixable
    assert issue.translation_placeholders == {"name": "127.0.0.1"}
    assert CANARY not in str(issue)

    # What takes nothing of the quota says nothing about it.
    await call("list_models")
    await call("create_conversation")
    assert issues(hass)
    await call("create_model_response", **ASK)
    assert not issues(hass)
    assert [change.data["action"] for change in changes] == ["create", "remove"]


@pytest.mark.parametrize("event_type", ["response.failed", "error"])
async def test_quota_issue_from_stream(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    event_type: str,
) -> None:
    error = '{"code": "insufficient_quota", "message": "None left"}'
    event = {
        "error": f'{{"type": "error", "error": {error}}}',
        "response.failed": '{"type": "response.failed", "response": '
        f'{{"id": "resp_1", "status": "failed", "error": {error}}}}}',
    }[event_type]
    body = f"data: {event}\n\n"
    standin.fail(Fault(path="/responses", status=200, body=body, content_type="text/event-stream"))
    try:
        await call("create_model_response", stream=True, **ASK)
    except HomeAssistantError:
        assert event_type == "error"
    assert list(issues(hass)) == [f"quota_used_up_{entry_without_retries.entry_id}"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "status": 429, "error": NO_QUOTA},
        {"type": "response.failed", "response": {"status": "failed", "error": NO_QUOTA}},
        {
            "type": "response.done",
            "response": {"status": "failed", "status_details": {"error": NO_QUOTA}},
        },
        {"type": "error", "error": {"type": "insufficient_quota", "code": None}},
    ],
)
async def test_quota_issue_from_websocket(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    event: dict[str, Any],
) -> None:
    await call(MANAGE, action="connect", connection_id="c")
    await standin.sockets[0].send(event)
    await wait_for(lambda: issues(hass))
    ask = {"type": "response.create", **ASK}
    await call(MANAGE, action="send", connection_id="c", event=ask)
    await wait_for(lambda: not issues(hass))


async def test_quota_issue_deleted_by_image(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    refuse(standin, "/images")
    await fail(call, "create_image", prompt="A house")
    assert issues(hass)
    body = {"data": [{"url": "http://127.0.0.1/picture.png"}]}
    standin.fail(Fault(path="/images", status=200, body=body))
    await call("create_image", prompt="A house")
    assert not issues(hass)


@pytest.mark.parametrize(
    ("action", "data", "path", "model"),
    [
        ("create_model_response", ASK, "/responses", "m-1"),
        ("create_chat_completion", CHAT, "/chat/completions", "m-2"),
        ("create_embedding", {"model": "m-3", "input": "Hello"}, "/embeddings", "m-3"),
        ("create_image", {"model": "m-4", "prompt": "A house"}, "/images", None),
    ],
)
async def test_quota_repair_flow(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    fix: Callable[..., Any],
    action: str,
    data: dict[str, Any],
    path: str,
    model: str | None,
) -> None:
    refuse(standin, path)
    await fail(call, action, **data)
    form = await fix(f"quota_used_up_{entry_without_retries.entry_id}")
    assert form["type"] == "form"
    assert form["description_placeholders"] == {"name": "127.0.0.1"}

    if model:
        refuse(standin, path)
        form = await fix(flow_id=form["flow_id"])
        assert form["errors"] == {"base": "still_used_up"}
        assert issues(hass)
    standin.fail(Fault(status=500))
    form = await fix(flow_id=form["flow_id"])
    assert form["errors"] == {"base": "still_fails"}
    assert form["description_placeholders"]["details"].startswith("Fault 500 (HTTP 500, ")
    assert issues(hass)
    done = await fix(flow_id=form["flow_id"])
    assert done["type"] == "create_entry"
    assert not issues(hass)
    asked = standin.requests[-1]
    assert asked.path == (path if model else "/models")
    assert (asked.body or {}).get("model") == model


async def test_quota_repair_flow_entry_not_loaded(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    fix: Any,
) -> None:
    refuse(standin)
    await fail(call)
    form = await fix(f"quota_used_up_{entry_without_retries.entry_id}")
    await hass.config_entries.async_unload(entry_without_retries.entry_id)
    assert not issues(hass)
    ended = await fix(flow_id=form["flow_id"])
    assert (ended["type"], ended["reason"]) == ("abort", "not_loaded")


async def test_quota_repair_flow_other_error_finishes(
    standin: StandIn, entry_without_retries: MockConfigEntry, call: Call, fix: Any
) -> None:
    refuse(standin)
    await fail(call)
    form = await fix(f"quota_used_up_{entry_without_retries.entry_id}")
    standin.fail(Fault(path="/responses", status=400, body={"error": {"message": "Too short"}}))
    assert (await fix(flow_id=form["flow_id"]))["type"] == "create_entry"
    assert standin.requests[-1].path == "/responses"


async def test_quota_issue_per_entry(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    other = await add_entry(hass, entry_data(standin, "none", max_retries=0))
    refuse(standin, count=2)
    for entry in (entry_without_retries, other):
        await fail(call, config_entry_id=entry.entry_id, **ASK)
    assert len(issues(hass)) == 2
    await hass.config_entries.async_remove(other.entry_id)
    assert list(issues(hass)) == [f"quota_used_up_{entry_without_retries.entry_id}"]


async def test_auth_failed_creates_no_issue(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(status=401, count=2))
    await fail(call)
    await hass.async_block_till_done()
    assert list(ir.async_get(hass).issues) == [
        ("homeassistant", f"config_entry_reauth_{DOMAIN}_{entry_without_retries.entry_id}")
    ]


async def test_method_missing_issue(
    hass: HomeAssistant,
    entry_without_retries: MockConfigEntry,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("moderations", "embeddings"):
        monkeypatch.setitem(vars(entry_without_retries.runtime_data.host.client), name, object())
    changes = async_capture_events(hass, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    for _ in range(3):
        await fail(call, "create_moderation", input="Hello")
    await fail(call, "create_embedding", model="m", input="Hello")
    ((issue_id, issue),) = issues(hass).items()
    assert issue_id == "method_missing"
    assert not issue.is_fixable
    assert issue.translation_placeholders == {"methods": "embeddings.create, moderations.create"}
    assert [change.data["action"] for change in changes] == ["create", "update"]
    await hass.config_entries.async_unload(entry_without_retries.entry_id)
    assert not issues(hass)


async def test_media_directory_issue(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    media_folder: Path,
    fix: Any,
) -> None:
    say = {"model": "m", "voice": "alloy", "input": "Hello"}
    # Something else stands where the folder should be.
    blocker = media_folder / DOMAIN
    blocker.write_text("In the way")
    other = await add_entry(hass, entry_data(standin, "none"))
    for entry in (entry_without_retries, entry_without_retries, other):
        await fail(call, "create_speech", config_entry_id=entry.entry_id, **say)
    ((issue_id, issue),) = issues(hass).items()
    assert issue_id == "folder_not_writable"
    assert issue.translation_placeholders == {"path": str(blocker), "message": "File exists"}
    # One host less is no reason to take it back.
    await hass.config_entries.async_remove(other.entry_id)

    form = await fix(issue_id)
    form = await fix(flow_id=form["flow_id"])
    assert form["errors"] == {"base": "still_fails"}
    assert form["description_placeholders"]["message"] == "File exists"
    blocker.unlink()
    done = await fix(flow_id=form["flow_id"])
    assert done["type"] == "create_entry"
    assert not issues(hass)
    assert not list(blocker.iterdir()), "nothing is left of the trial"


async def test_media_directory_issue_deleted_after_save(
    hass: HomeAssistant, entry_without_retries: MockConfigEntry, call: Call, media_folder: Path
) -> None:
    say = {"model": "m", "voice": "alloy", "input": "Hello"}
    blocker = media_folder / DOMAIN
    blocker.write_text("In the way")
    await fail(call, "create_speech", **say)
    assert issues(hass)
    blocker.unlink()
    await call("create_speech", **say)
    assert not issues(hass)


@pytest.mark.parametrize("status", [301, 308])
async def test_host_moved_issue(
    hass: HomeAssistant,
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    fix: Any,
    status: int,
) -> None:
    moved = Fault(path="/responses", status=status, headers={"location": f"/?key={CANARY}"})
    standin.fail(moved)
    await fail(call)
    issue_id = f"host_moved_{entry_without_retries.entry_id}"
    assert CANARY not in str(issues(hass)[issue_id])
    form = await fix(issue_id)
    done = await fix(flow_id=form["flow_id"])
    assert done["type"] == "create_entry"
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_RECONFIGURE
    assert done["next_flow"] == ["config_flow", flow["flow_id"]]

    standin.fail(moved)
    await fail(call)
    assert issues(hass)
    await call("list_models")
    assert not issues(hass)


async def test_host_moved_issue_during_setup(
    hass: HomeAssistant, standin: StandIn, media_folder: object
) -> None:
    standin.fail(Fault(path="/models", status=301, headers={"location": "/"}, count=2))
    entry = await add_entry(hass, entry_data(standin))
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert list(issues(hass)) == [f"host_moved_{entry.entry_id}"]
    another = await add_entry(hass, entry_data(standin, "none"))
    assert len(issues(hass)) == 2
    await hass.config_entries.async_remove(another.entry_id)
    await hass.config_entries.async_reload(entry.entry_id)
    assert not issues(hass)


async def test_temporary_redirect_creates_no_issue(
    hass: HomeAssistant, standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(path="/responses", status=302, headers={"location": "/"}))
    await fail(call)
    assert not issues(hass)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_issues_have_texts(
    hass: HomeAssistant, entry_without_retries: MockConfigEntry, language: str
) -> None:
    texts = await async_get_translations(hass, language, "issues", {DOMAIN})
    for key in ("folder_not_writable", "host_moved", "quota_used_up"):
        prefix = f"component.{DOMAIN}.issues.{key}"
        for part in ("title", "fix_flow.step.confirm.title", "fix_flow.step.confirm.description"):
            assert texts[f"{prefix}.{part}"]
    assert "{methods}" in texts[f"component.{DOMAIN}.issues.method_missing.description"]
    german = texts[f"component.{DOMAIN}.issues.host_moved.title"]
    assert ("umgezogen" in german) is (language == "de")


async def test_issues_in_diagnostics(
    hass: HomeAssistant,
    standin: StandIn,
    media_folder: object,
    call: Call,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    options = {"input_price": 1.0, "webhook_secret": f"whsec_{CANARY}"}
    entry = await add_entry(hass, entry_data(standin, max_retries=0), options)
    await call("create_model_response", **ASK)
    refuse(standin)
    await fail(call)
    standin.fail(Fault(path="/responses", drop="before"))
    await fail(call)

    found: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert found["state"] == "loaded"
    assert found["is_reachable"] is False
    assert "closed the connection" in found["last_error"]
    assert found["issues"] == ["quota_used_up"]
    assert found["usage"]["requests"] == 3
    assert found["usage"]["costs"] > 0
    assert found["options"]["input_price"] == 1.0
    assert CANARY not in str(found)

    await hass.config_entries.async_unload(entry.entry_id)
    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert found["state"] == "not_loaded"
    assert CANARY not in str(found)
