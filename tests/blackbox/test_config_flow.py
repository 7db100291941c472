"""Adding, changing and removing services, as a person does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.harness import CommandError, Service
from tests.harness.client import FLOW
from tests.harness.process import HOST, free_port

from .home_assistant import CANARY, KEY_VARIABLE, WRONG, RecordingHomeAssistant

pytestmark = pytest.mark.usefixtures("entry")

STYLES: dict[str, dict[str, Any]] = {
    "bearer": {"auth_method": "bearer", "api_key": CANARY},
    "header": {"auth_method": "header", "auth_name": "api-key", "api_key": CANARY},
    "query": {"auth_method": "query", "auth_name": "key", "api_key": CANARY},
    "none": {"auth_method": "none"},
}
ORGANIZATION = {"organization": "org-second"}
"""Makes an entry differ from the one that is always there."""
type Add = Callable[[dict[str, Any]], Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="session")
async def add(ha: RecordingHomeAssistant) -> AsyncIterator[Add]:
    """Add an entry that is gone after the test."""
    added: list[str] = []

    async def add_entry(user_input: dict[str, Any]) -> str:
        """Add an entry and return its id."""
        result = await ha.add_entry(user_input)
        assert result["type"] == "create_entry", result
        added.append(result["result"]["entry_id"])
        return added[-1]

    yield add_entry
    known = {item["entry_id"] for item in await ha.entries()}
    for entry_id in known.intersection(added):
        await ha.remove_entry(entry_id)


@pytest.mark.parametrize("style", STYLES)
async def test_auth_methods_http_and_websocket(
    ha: RecordingHomeAssistant, service: Service, add: Add, style: str
) -> None:
    """Each way to send a key works for HTTP and for WebSockets, and sends it nowhere else."""
    settings = {"base_url": service.url(style), **STYLES[style], **ORGANIZATION}
    entry_id = await add(settings)
    await service.reset()
    common = {"config_entry_id": entry_id}
    answer = await ha.call(
        "create_model_response", {**common, "model": "gpt-5-mini", "input": "Say hello"}
    )
    assert answer["output_text"]
    socket = {**common, "connection_id": f"style-{style}"}
    connected = await ha.call("manage_model_response_websocket", {**socket, "action": "connect"})
    assert connected["url"].startswith("ws://")
    assert CANARY not in connected["url"]
    await ha.call("manage_model_response_websocket", {**socket, "action": "close"})
    assert CANARY not in str(await ha.diagnostics(entry_id))
    requests = await service.requests()
    assert [request["upgrade"] for request in requests] == [False, True]
    for request in requests:
        headers = {name.lower(): value for name, value in request["headers"]}
        assert headers["openai-organization"] == "org-second"
        assert headers.get("authorization") == (f"Bearer {CANARY}" if style == "bearer" else None)
        assert headers.get("api-key") == (CANARY if style == "header" else None)
        assert dict(request["query"]).get("key") == (CANARY if style == "query" else None)


async def test_entry_title_is_host_name(ha: RecordingHomeAssistant, entry: str) -> None:
    """An entry is called after its host."""
    assert (await ha.entry(entry))["title"] == HOST


async def test_api_key_from_environment(
    ha: RecordingHomeAssistant, service: Service, add: Add
) -> None:
    """The key may stay in the environment of Home Assistant."""
    entry_id = await add(
        {"base_url": service.url(), "api_key_source": "environment", "api_key": KEY_VARIABLE}
    )
    await ha.entry_until(entry_id, "loaded")
    await service.reset()
    await ha.call("list_models", {"config_entry_id": entry_id})
    headers = dict((await service.requests())[0]["headers"])
    assert headers["Authorization"] == f"Bearer {CANARY}"


async def test_invalid_api_key_recovers(ha: RecordingHomeAssistant, service: Service) -> None:
    """A wrong key is named in the form, where the right one mends it."""
    settings = {"base_url": service.url(), **ORGANIZATION}
    form = await ha.begin_entry()
    result = await ha.submit(form, {**settings, "api_key": WRONG})
    assert (result["type"], result["errors"]) == ("form", {"base": "invalid_auth"})
    result = await ha.submit(result, {**settings, "api_key": CANARY})
    assert result["type"] == "create_entry"
    await ha.remove_entry(result["result"]["entry_id"])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"base_url": f"http://{HOST}:{free_port()}/v1"}, "cannot_connect"),
        ({"base_url": "http://nowhere.invalid/v1"}, "cannot_connect"),
        ({"base_url": "ftp://example.com"}, "invalid_url"),
        ({"base_url": "just words"}, "invalid_url"),
        ({"api_key_source": "environment", "api_key": "NO_SUCH_VARIABLE"}, "key_not_found"),
        ({"api_key": ""}, "key_not_found"),
    ],
    ids=["host-down", "no-such-host", "wrong-scheme", "no-address", "no-variable", "no-key"],
)
async def test_form_errors(
    ha: RecordingHomeAssistant, service: Service, changes: dict[str, Any], error: str
) -> None:
    """What cannot work is said in the form."""
    settings = {"base_url": service.url(), "api_key": CANARY, **ORGANIZATION, **changes}
    result = await ha.add_entry(settings)
    assert result["type"] == "form"
    assert list(result["errors"].values()) == [error]


async def test_skip_validation_with_server_down(ha: RecordingHomeAssistant, add: Add) -> None:
    """A host that is down can be added all the same; its actions then say so."""
    url = f"http://{HOST}:{free_port()}/v1"
    entry_id = await add({"base_url": url, "api_key": CANARY, "skip_validation": True})
    await ha.entry_until(entry_id, "loaded")
    with pytest.raises(CommandError) as refused:
        await ha.call("list_models", {"config_entry_id": entry_id})
    assert refused.value.code == "home_assistant_error"


async def test_duplicate_entry_aborts(ha: RecordingHomeAssistant, service: Service) -> None:
    """The same host with the same key is there only once."""
    result = await ha.add_entry({"base_url": service.url(), "api_key": CANARY})
    assert (result["type"], result["reason"]) == ("abort", "already_configured")


async def test_two_entries_require_config_entry_id(
    ha: RecordingHomeAssistant, service: Service, add: Add
) -> None:
    """With two hosts loaded, a call must say which one it means."""
    await add({"base_url": service.url("none"), **STYLES["none"]})
    with pytest.raises(CommandError) as refused:
        await ha.call("list_models")
    assert refused.value.code == "service_validation_error"


async def test_reconfigure_every_setting(
    ha: RecordingHomeAssistant, service: Service, add: Add
) -> None:
    """Every setting of the connection can be changed."""
    entry_id = await add({"base_url": service.url(), "api_key": CANARY, **ORGANIZATION})
    wrong = {"base_url": service.url("header"), **STYLES["header"], "api_key": WRONG}
    assert (await ha.reconfigure(entry_id, wrong))["errors"] == {"base": "invalid_auth"}
    result = await ha.reconfigure(entry_id, {**wrong, "api_key": CANARY})
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    await ha.entry_until(entry_id, "loaded")
    await service.reset()
    await ha.call("list_models", {"config_entry_id": entry_id})
    assert (await service.requests())[-1]["mount"] == "header"


async def test_reauthentication_replaces_api_key(
    ha: RecordingHomeAssistant, service: Service, add: Add
) -> None:
    """A key that is no longer accepted is asked for, and the new one is used."""
    entry_id = await add({"base_url": service.url(), "api_key": CANARY, **ORGANIZATION})
    renewed = f"{CANARY}-renewed"
    await service.change(key=renewed)
    try:
        with pytest.raises(CommandError) as refused:
            await ha.call("list_models", {"config_entry_id": entry_id})
        assert refused.value.code == "home_assistant_error"
        result = await ha.reauthenticate(entry_id, {"api_key": WRONG})
        assert result["errors"] == {"base": "invalid_auth"}
        result = await ha.reauthenticate(entry_id, {"api_key": renewed})
        assert (result["type"], result["reason"]) == ("abort", "reauth_successful")
        await ha.entry_until(entry_id, "loaded")
        assert (await ha.call("list_models", {"config_entry_id": entry_id}))["data"]
        assert await ha.reauthentications() == []
    finally:
        await service.change(key=CANARY)


async def test_setup_retries_until_server_responds(
    ha: RecordingHomeAssistant, service: Service, add: Add
) -> None:
    """An entry whose host is down waits and is loaded once it answers."""
    entry_id = await add({"base_url": service.url(), "api_key": CANARY, **ORGANIZATION})
    await service.fail(path="^/models", count=None, status=503)
    await ha.reload_entry(entry_id)
    await ha.entry_until(entry_id, "setup_retry")
    await service.reset()
    await ha.reload_entry(entry_id)
    await ha.entry_until(entry_id, "loaded")


async def test_options_are_saved(ha: RecordingHomeAssistant, service: Service, add: Add) -> None:
    """Options are saved, and shown again."""
    entry_id = await add({"base_url": service.url(), "api_key": CANARY, **ORGANIZATION})
    result = await ha.set_options(entry_id, {"record_events": True})
    assert result["type"] == "create_entry"
    await ha.entry_until(entry_id, "loaded")
    options = (await ha.diagnostics(entry_id))["data"]["options"]
    assert options == {"record_events": True, "webhook_id": "**REDACTED**"}


async def test_entry_removal(ha: RecordingHomeAssistant, service: Service, add: Add) -> None:
    """A removed entry leaves nothing behind, and its actions say what is missing."""
    entry_id = await add({"base_url": service.url(), "api_key": CANARY, **ORGANIZATION})
    connection = {"config_entry_id": entry_id, "connection_id": "removal"}
    await ha.call("manage_model_response_websocket", {**connection, "action": "connect"})
    await ha.remove_entry(entry_id)
    assert entry_id not in {item["entry_id"] for item in await ha.entries()}
    assert (await service.sockets())[-1]["closed"]
    with pytest.raises(CommandError):
        await ha.call("list_models", {"config_entry_id": entry_id})
    stored = (ha.folder / ".storage" / "core.config_entries").read_text()
    flows = await ha.command("config_entries/flow/progress")
    assert entry_id not in str(flows)
    assert stored.count(CANARY) <= 2


async def test_form_texts_complete(ha: RecordingHomeAssistant) -> None:
    """Every field of the form, and every error and abort, has its words."""
    form = await ha.begin_entry()
    await ha.rest("DELETE", f"{FLOW}/{form['flow_id']}")
    answer = await ha.command(
        "frontend/get_translations", language="en", category="config", integration="openai_api"
    )
    texts = answer["resources"]
    prefix = "component.openai_api.config"
    step = f"{prefix}.step.user"
    for field in form["data_schema"]:
        if field.get("type") == "expandable":
            place = f"{step}.sections.{field['name']}"
            assert texts.get(f"{place}.name"), field["name"]
            for inner in field["schema"]:
                assert texts.get(f"{place}.data.{inner['name']}"), inner["name"]
        else:
            assert texts.get(f"{step}.data.{field['name']}"), field["name"]
    for error in ("invalid_auth", "cannot_connect", "invalid_url", "key_not_found", "unknown"):
        assert texts.get(f"{prefix}.error.{error}"), error
    for reason in ("already_configured", "reauth_successful", "reconfigure_successful"):
        assert texts.get(f"{prefix}.abort.{reason}"), reason
