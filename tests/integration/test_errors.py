"""What a caller is told when things go wrong, and that nothing hangs or leaks."""

import asyncio
from collections.abc import Callable
import importlib
import sys
import threading
import time
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.openai_api.const import DOMAIN
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import CANARY, Call, add_entry, entry_data, raises_key

ASK = {"model": "m-1", "input": "Hello"}
HANDLERS = "custom_components.openai_api.handlers.jobs"
"""Of an action that sends nothing."""


def error_body(message: str = "Something is off", **details: Any) -> dict[str, Any]:
    """Return an error as the API words it."""
    return {"error": {"message": message, "type": "x", "param": None, "code": None, **details}}


@pytest.mark.parametrize(
    ("status", "body", "error", "key"),
    [
        (400, error_body(param="model", code="bad"), ServiceValidationError, "refused"),
        (404, error_body(), ServiceValidationError, "refused"),
        (409, error_body(), ServiceValidationError, "refused"),
        (413, "too large", ServiceValidationError, "refused"),
        (418, {"detail": "a teapot"}, ServiceValidationError, "refused"),
        (422, {"error": "plain words"}, ServiceValidationError, "refused"),
        (401, error_body(), HomeAssistantError, "auth_failed"),
        (403, error_body(), HomeAssistantError, "forbidden"),
        (408, error_body(), HomeAssistantError, "server_error"),
        (429, error_body(code="rate_limit_exceeded"), HomeAssistantError, "rate_limited"),
        (429, error_body(code="insufficient_quota"), HomeAssistantError, "quota_used_up"),
        (500, "<html><style>x{}</style><h1>Oops</h1></html>", HomeAssistantError, "server_error"),
        (503, "", HomeAssistantError, "server_error"),
        (302, "", HomeAssistantError, "redirected"),
    ],
)
async def test_error_by_status(
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    status: int,
    body: Any,
    error: type[HomeAssistantError],
    key: str,
) -> None:
    standin.fail(Fault(status=status, body=body, headers={"location": "http://127.0.0.1:9/"}))

    with pytest.raises(error) as caught:
        await call("create_model_response", **ASK)

    assert isinstance(caught.value, ServiceValidationError) is (error is ServiceValidationError)
    assert caught.value.translation_domain == DOMAIN
    assert caught.value.translation_key == key
    assert "<" not in str(caught.value)
    assert (await call("create_model_response", **ASK))["status"] == "completed"


async def test_error_quotes_server_message(
    standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    body = error_body("No such model", param="model", code="model_not_found")
    standin.fail(Fault(status=404, body=body, headers={"x-request-id": "req_42"}))

    with pytest.raises(ServiceValidationError) as caught:
        await call("create_model_response", **ASK)

    for part in ("404", "model_not_found", "param: model", "No such model", "req_42"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "ending"),
    [
        (
            401,
            error_body("Invalid API Key"),
            "asks for it. The service answered: Invalid API Key (HTTP 401, code: x)",
        ),
        (
            429,
            error_body("slow down"),
            "Wait a little. The service answered: slow down (HTTP 429, code: x)",
        ),
        (
            429,
            error_body("none left", code="insufficient_quota"),
            "period. The service answered: none left (HTTP 429, code: insufficient_quota)",
        ),
        (
            503,
            error_body("Loading model"),
            "later. The service answered: Loading model (HTTP 503, code: x)",
        ),
        (502, "", "Try again later. The service answered: HTTP 502"),
    ],
    ids=["key", "rate", "quota", "server", "nothing-said"],
)
async def test_error_message_without_full_stop(
    standin: StandIn,
    entry_without_retries: MockConfigEntry,
    call: Call,
    status: int,
    body: Any,
    ending: str,
) -> None:
    """Servers end their words without a full stop, as llama.cpp does."""
    standin.fail(Fault(status=status, body=body, headers={"x-request-id": ""}))
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", **ASK)
    assert str(caught.value).endswith(ending)


async def test_error_redacts_api_key(
    standin: StandIn, entry_without_retries: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(status=400, body=error_body(f"Key {CANARY} or sk-proj-abcdef123 is bad")))

    with pytest.raises(ServiceValidationError) as caught:
        await call("create_model_response", **ASK)

    assert "Key *** or *** is bad" in str(caught.value)


async def test_auth_failed_starts_reauthentication(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(count=2, status=401, body=error_body()))
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", **ASK)
    await hass.async_block_till_done()

    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        pytest.param(
            Fault(status=200, body="<html>Sign in</html>", content_type="text/html"),
            "bad_answer",
            id="web page",
        ),
        pytest.param(
            Fault(status=200, body='{"id": "resp', content_type="application/json"),
            "bad_answer",
            id="half a JSON",
        ),
        pytest.param(
            Fault(status=200, body="17", content_type="application/json"), "bad_answer", id="number"
        ),
        pytest.param(Fault(status=200, body=""), "empty_answer", id="empty"),
        pytest.param(Fault(status=204, body=""), "empty_answer", id="no content"),
        pytest.param(Fault(drop="before"), "connection_dropped", id="dropped"),
        pytest.param(Fault(drop="headers"), "cannot_connect", id="dropped after headers"),
        pytest.param(Fault(drop="body"), "cannot_connect", id="dropped in the body"),
        pytest.param(Fault(hang=True), "timed_out", id="no answer"),
        pytest.param(Fault(trickle=0.05), "timed_out", id="trickled"),
    ],
)
async def test_non_json_responses(
    hass: HomeAssistant, standin: StandIn, media_folder: object, call: Call, fault: Fault, key: str
) -> None:
    await add_entry(hass, entry_data(standin, max_retries=0, timeout=1.0))
    standin.fail(fault)
    start = time.monotonic()

    with raises_key(key):
        await call("create_model_response", **ASK)
    assert time.monotonic() - start < 3
    assert (await call("create_model_response", **ASK))["status"] == "completed"


async def test_rate_limited_request_is_retried(
    standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    standin.fail(
        Fault(path="/responses", status=429, headers={"retry-after": "0.2"}, body=error_body())
    )
    standin.fail(Fault(path="/responses", status=503, headers={"retry-after-ms": "10"}))
    before = len(standin.requests)

    answer = await call("create_model_response", **ASK)

    assert answer["status"] == "completed"
    assert len(standin.requests) - before == 3


@pytest.mark.parametrize("headers", [{"retry-after": "60"}, {"retry-after": "{date}"}])
async def test_retry_stops_at_deadline(
    standin: StandIn, entry: MockConfigEntry, call: Call, headers: dict[str, str]
) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    filled = {key: value.format(date=date) for key, value in headers.items()}
    standin.fail(Fault(path="/responses", status=429, headers=filled, body=error_body()))
    start = time.monotonic()

    with raises_key("rate_limited"):
        await call("create_model_response", timeout=2, **ASK)
    assert time.monotonic() - start < 1


async def test_quota_exceeded_is_not_retried(
    standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    standin.fail(
        Fault(path="/responses", count=None, status=429, body=error_body(code="insufficient_quota"))
    )
    before = len(standin.requests)
    with pytest.raises(HomeAssistantError):
        await call("create_model_response", **ASK)
    assert len(standin.requests) - before == 1


async def test_timeout_field(standin: StandIn, entry: MockConfigEntry, call: Call) -> None:
    standin.fail(Fault(path="/responses", hang=True, count=None))
    start = time.monotonic()
    with pytest.raises(HomeAssistantError, match=r"within 1 s"):
        await call("create_model_response", timeout="1", **ASK)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({**ASK, "timeout": -1}, ["must be at least 0", "timeout"]),
        ({**ASK, "max_wait_seconds": -1}, ["must be at least 0", "max_wait_seconds"]),
        ({"input": "Hi", "temprature": 1}, ["temprature"]),
        ({"model": "m", "temperature": "warm"}, ["expected a number", "temperature"]),
        ({"model": "m", "store": "maybe"}, ["expected true or false", "store"]),
        ({"model": "m", "tools": [1]}, ["expected an object", "tools"]),
        ({"model": "m", "metadata": "x"}, ["expected an object", "metadata"]),
        ({"model": ""}, ["must not be empty", "model"]),
        ({"model": "m", "timeout": "soon"}, ["expected a number", "timeout"]),
    ],
)
async def test_invalid_fields_send_no_request(
    standin: StandIn, entry: MockConfigEntry, call: Call, data: dict[str, Any], words: list[str]
) -> None:
    before = len(standin.requests)
    with pytest.raises(vol.Invalid) as caught:
        await call("create_model_response", **data)
    for word in words:
        assert word in str(caught.value)
    assert len(standin.requests) == before


async def test_missing_field_is_named(entry: MockConfigEntry, call: Call) -> None:
    with pytest.raises(vol.Invalid, match="messages"):
        await call("create_chat_completion", model="m")


async def test_config_entry_id_required_with_two_entries(
    hass: HomeAssistant, standin: StandIn, call: Call
) -> None:
    assert hass
    with pytest.raises(HomeAssistantError):
        await call("list_models")


async def test_config_entry_id_selects_entry(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    other = await add_entry(hass, entry_data(standin, "none"))
    with raises_key("which_host", ServiceValidationError):
        await call("list_models")
    await call("list_models", config_entry_id=other.entry_id)
    assert standin.requests[-1].mount == "none"
    with pytest.raises(HomeAssistantError):
        await call("list_models", config_entry_id="no such entry")
    await hass.config_entries.async_unload(other.entry_id)
    with pytest.raises(HomeAssistantError):
        await call("list_models", config_entry_id=other.entry_id)


async def test_method_missing_in_old_sdk(
    entry: MockConfigEntry, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(entry.runtime_data.host.client), "moderations", object())
    with raises_key("method_missing"):
        await call("create_moderation", input="x")


@pytest.mark.parametrize("is_module", [True, False], ids=["module", "function"])
async def test_handler_missing_after_update(
    entry: MockConfigEntry, call: Call, monkeypatch: pytest.MonkeyPatch, is_module: bool
) -> None:
    # The files of a newer version are there, and what was imported is still that of the older one.
    if is_module:
        monkeypatch.setitem(sys.modules, HANDLERS, None)
    else:
        monkeypatch.delattr(importlib.import_module(HANDLERS), "async_list")
    with raises_key("part_missing"):
        await call("list_watched_jobs")


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
async def test_call_cancelled_during_import_leaves_others_alone(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    is_first: bool,
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    class SlowDisk:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == HANDLERS:
                begun.set()
                may_go_on.wait(10)

    monkeypatch.delitem(sys.modules, HANDLERS, raising=False)
    monkeypatch.setattr(sys, "meta_path", [SlowDisk, *sys.meta_path])
    tasks = [hass.async_create_task(call("list_watched_jobs"))]
    await hass.async_add_executor_job(begun.wait, 10)
    tasks.append(hass.async_create_task(call("list_watched_jobs")))
    await asyncio.sleep(0.01)

    tasks.pop(0 if is_first else 1).cancel()
    await asyncio.sleep(0.01)
    may_go_on.set()

    assert (await tasks[0])["data"] == []


async def test_unload_cancels_pending_calls(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    standin.fail(Fault(path="/responses", hang=True))
    task = hass.async_create_task(call("create_model_response", **ASK))
    count = len(standin.requests)
    await standin.wait_for_request(count + 1)

    await hass.config_entries.async_unload(entry.entry_id)

    with raises_key("unloaded"):
        await asyncio.wait_for(task, 2)


async def test_script_cancelled_closes_request(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    call: Call,
    events: Callable[[str], list[Any]],
) -> None:
    standin.fail(Fault(path="/responses", hang=True))
    task = hass.async_create_task(call("create_model_response", **ASK))
    await standin.wait_for_request(len(standin.requests) + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not entry.runtime_data.host.active_timeouts
    assert (await call("create_model_response", **ASK))["status"] == "completed"


async def test_gateway_error_formats(standin: StandIn, entry: MockConfigEntry, call: Call) -> None:
    """As LiteLLM words it."""
    error = '{"error": {"message": "Out of models", "param": "None", "code": "500"}}'
    standin.fail(
        Fault(
            path="/responses",
            status=500,
            body=f"data: {error}\n\ndata: [DONE]\n\n",
            content_type="text/event-stream",
            count=3,
        )
    )
    with pytest.raises(HomeAssistantError) as caught:
        await call("create_model_response", model="m", input="Hello", stream=True)
    found = caught.value.translation_placeholders
    assert found is not None
    assert found["details"].startswith("Out of models (HTTP 500, code: 500, request_id: ")


async def test_session_closed_while_stopping_is_connection_error(
    hass: HomeAssistant, entry: MockConfigEntry, standin: StandIn, call: Call
) -> None:
    hass.bus.async_fire(EVENT_HOMEASSISTANT_CLOSE)
    await hass.async_block_till_done()
    count = len(standin.requests)

    with raises_key("cannot_connect"):
        await call("list_models")
    assert len(standin.requests) == count


async def test_key_check_while_stopping_logs_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    hass.bus.async_fire(EVENT_HOMEASSISTANT_CLOSE)
    await hass.async_block_till_done()

    entry.runtime_data.host.key_check.on_refused("Incorrect API key provided")
    await hass.async_block_till_done()

    assert "Session is closed" not in caplog.text
    assert not hass.config_entries.flow.async_progress()
