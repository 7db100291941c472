"""What is learned of the SDK's requests, on the SDK that is installed."""

from typing import Any

import homeassistant  # noqa: F401  # It decides what `import voluptuous` means.
import httpx2
import orjson
import pytest

from custom_components.openai_api.action import ActionDescription, ResponseKind
from custom_components.openai_api.actions import ACTIONS
from custom_components.openai_api.api import route as routes
from custom_components.openai_api.api.client import resolve_method
from custom_components.openai_api.api.config import HostConfig
from custom_components.openai_api.api.route import Route, RouteTable

SETTINGS = HostConfig(base_url="https://host.test/v1", api_key="sk-test")
PLAIN = [
    action
    for action in ACTIONS
    if action.method
    and action.handler is None
    and action.response is not ResponseKind.FILE
    and not any(field.file for field in action.fields)
]
# The SDK works on what these are given, or wants more than the row, so it builds their requests.
BUILT_BY_SDK = {"add_agent_environment_file", "parse_chat_completion", "parse_model_response"}


@pytest.fixture
def table() -> RouteTable:
    """Return the routes of a service that does not exist."""
    return RouteTable(SETTINGS)


async def learn(
    table: RouteTable, action: ActionDescription, arguments: dict[str, Any]
) -> Route | None:
    """Return the route of an action; skips what the installed SDK does not have."""
    try:
        resolve_method(table._client, action.method, "raw")
    except AttributeError:
        pytest.skip("not in this SDK")
    return await table.async_get(action.method, arguments)


@pytest.mark.parametrize("action", PLAIN, ids=lambda action: action.key)
async def test_route_learned_for_plain_action(table: RouteTable, action: ActionDescription) -> None:
    try:
        known = resolve_method(table._client, action.method, "raw").parameters
    except AttributeError:
        pytest.skip("not in this SDK")
    arguments = {
        field.key: f"value-{number}"
        for number, field in enumerate(action.fields)
        if field.required and field.key in known
    }
    route = await learn(table, action, arguments)
    if action.key in BUILT_BY_SDK:
        return
    assert route is not None
    assert {*route.path, *route.query, *(route.body or ())} == arguments.keys()


async def test_route_request_matches_sdk(table: RouteTable) -> None:
    route = await table.async_get(
        "beta.threads.messages.update", {"thread_id": "t", "message_id": "m", "metadata": {}}
    )
    assert route is not None
    built = route.build(
        {"thread_id": "thread_1", "message_id": "msg_2", "metadata": {"a": [1, None, "ü"]}},
        timeout=3.0,
        extra_query={"q": True, "n": 3},
        extra_body={"brand_new": 1},
    )
    assert built is not None
    assert built.method == "POST"
    assert str(built.url) == "https://host.test/v1/threads/thread_1/messages/msg_2?q=true&n=3"
    assert orjson.loads(built.body or b"") == {"metadata": {"a": [1, None, "ü"]}, "brand_new": 1}
    assert built.headers["openai-beta"] == "assistants=v2"
    assert "authorization" not in built.headers


@pytest.mark.parametrize(
    "identifier", ["..", ".", "", "a/b", "a?b", "a#b", "a b", "ü", "%2e%2e", "a\nb"]
)
async def test_unusual_id_uses_sdk(table: RouteTable, identifier: str) -> None:
    route = await table.async_get("responses.retrieve", {"response_id": "resp_1"})
    assert route is not None
    assert route.build({"response_id": identifier}, timeout=1.0) is None


@pytest.mark.parametrize("value", [["a"], {"a": 1}, None, 1.5])
async def test_unusual_query_uses_sdk(table: RouteTable, value: Any) -> None:
    route = await table.async_get("models.list", {})
    assert route is not None
    assert route.build({}, timeout=1.0, extra_query={"q": value}) is None


async def test_empty_query_value_uses_sdk(table: RouteTable) -> None:
    # Whether it is sent must not depend on what was called before.
    route = await table.async_get("files.list", {"after": "file-1"})
    assert route is not None
    assert route.build({"after": "file-2"}, timeout=1.0) is not None
    assert route.build({"after": ""}, timeout=1.0) is None


@pytest.mark.parametrize(
    "change",
    ["raise", "other-exception", "nothing"],
)
async def test_changed_sdk_is_logged_once(
    table: RouteTable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    change: str,
) -> None:
    async def handle(*_: object) -> httpx2.Response:
        if change == "raise":
            raise httpx2.ConnectError("no")
        if change == "other-exception":
            raise RuntimeError("no")
        return httpx2.Response(200, json={"data": []})

    monkeypatch.setattr(routes._Recorder, "handle_async_request", handle)
    for arguments in ({"model": "m"}, {"model": "m", "input": "i"}):
        assert await table.async_get("responses.create", arguments) is None
    lines = [line for line in caplog.messages if "builds requests in a way" in line]
    assert len(lines) == 1
