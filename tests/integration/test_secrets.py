"""The key shows up nowhere: not in logs, events, states, answers, errors or diagnostics."""

from collections.abc import Callable
from contextlib import suppress
import json
import logging
from typing import Any

from homeassistant.const import MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import JSONEncoder
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import CANARY, Call, add_entry, entry_data
from .waiting import wait_for

pytestmark = pytest.mark.usefixtures("media_folder")

GATEWAY = "gateway-secret-5f1e"
ASK = {"model": "m", "input": "Hello"}


@pytest.mark.parametrize("style", ["bearer", "header", "query"])
async def test_api_key_not_exposed(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    caplog: pytest.LogCaptureFixture,
    hass_client: ClientSessionGenerator,
    style: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    for library in ("httpx2", "httpcore2", "openai", "websockets", "websockets.client", "aiohttp"):
        caplog.set_level(logging.DEBUG, library)
    seen: list[Any] = []

    @callback
    def take(event: Event) -> None:
        seen.append(event.as_dict())

    hass.bus.async_listen(MATCH_ALL, take)
    assert await async_setup_component(hass, "diagnostics", {})
    entry = await add_entry(
        hass,
        entry_data(
            standin,
            style,
            max_retries=1,
            timeout=1.0,
            extra_headers={"x-gateway": GATEWAY},
            extra_query={"gateway": GATEWAY},
        ),
    )

    async def attempt(action: str, /, **data: Any) -> None:
        try:
            seen.append(await call(action, **data))
        except HomeAssistantError as err:
            seen.append([str(err), repr(err), err.translation_placeholders])

    socket = {"connection_id": "c"}
    await attempt("create_model_response", **ASK)
    await attempt("create_model_response", stream=True, **ASK)
    await attempt("manage_model_response_websocket", action="connect", **socket)
    await attempt(
        "manage_model_response_websocket",
        action="send",
        event={"type": "response.create", **ASK},
        **socket,
    )
    await attempt("manage_model_response_websocket", action="close", **socket)
    echo = {"error": {"message": f"Bad key {CANARY} via {GATEWAY}", "code": CANARY}}
    for fault in (
        Fault(path="/responses", count=2, status=500, body=echo),
        Fault(path="/responses", status=400, body=echo),
        Fault(path="/responses", status=401, body=echo),
        Fault(path="/responses", status=200, body=f"<p>{CANARY}</p>", content_type="text/html"),
        Fault(path="/responses", status=302, headers={"location": f"/?key={CANARY}"}),
        Fault(path="/responses", count=4, drop="before"),
        Fault(path="/responses", count=2, hang=True),
        Fault(
            path="/responses",
            status=200,
            body=f"data: {json.dumps(echo)}\n\n",
            content_type="text/event-stream",
        ),
    ):
        standin.fail(fault)
        await attempt("create_model_response", stream="stream" in str(fault.content_type), **ASK)
    for fault in (
        Fault(path="/responses", status=401, body=echo),
        Fault(path="/responses", status=403, body=echo),
        Fault(path="/responses", drop="before"),
    ):
        standin.fail(fault)
        await attempt("manage_model_response_websocket", action="connect", **socket)
    await hass.async_block_till_done()

    seen.append(await get_diagnostics_for_config_entry(hass, hass_client, entry))
    seen.extend(state.as_dict() for state in hass.states.async_all())
    seen.append([entry.title, entry.reason])
    text = json.dumps(seen, cls=JSONEncoder, default=str) + caplog.text
    for secret in (CANARY, GATEWAY):
        assert secret not in text


async def test_api_key_sent_to_configured_host_only(
    hass: HomeAssistant, standin: StandIn, call: Call
) -> None:
    await add_entry(hass, entry_data(standin, "header", max_retries=0))
    elsewhere = StandIn(key="another")
    await elsewhere.start()
    try:
        for status in (301, 302, 303, 307, 308):
            location = {"location": elsewhere.url() + "/responses"}
            standin.fail(Fault(path="/responses", status=status, headers=location))
            with pytest.raises(HomeAssistantError, match="has moved"):
                await call("create_model_response", **ASK)
            standin.fail(Fault(path="/responses", status=status, headers=location))
            with pytest.raises(HomeAssistantError):
                await call("manage_model_response_websocket", action="connect", connection_id="c")
        assert not elsewhere.requests
    finally:
        await elsewhere.stop()


async def test_diagnostics_redacted(
    hass: HomeAssistant, standin: StandIn, hass_client: Any, call: Call
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    entry = await add_entry(hass, entry_data(standin, base_url=standin.url() + "?token=abcdefgh"))
    await call("manage_model_response_websocket", action="connect", connection_id="c")

    found: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    assert found["entry"]["base_url"] == standin.url()
    assert found["entry"]["api_key"] == "**REDACTED**"
    assert found["connections"] == [{"transport": "responses.websocket", "state": "connected"}]
    assert found["openai_version"]


async def test_request_headers_reveal_no_platform(
    standin: StandIn, entry: MockConfigEntry, call: Call
) -> None:
    await call("create_model_response", **ASK)
    (asked,) = [found for found in standin.requests if found.path == "/responses"]
    told = {name.lower() for name in asked.headers}
    assert not told & {f"x-stainless-{what}" for what in ("os", "arch", "runtime", "lang")}


FAILED = {"error": {"message": f"Bad key {CANARY}", "code": [CANARY], "param": {CANARY: 1}}}


@pytest.mark.parametrize(
    "told",
    [
        {"type": "error", **FAILED},
        {"type": "error", "message": f"Bad key {CANARY}", "code": CANARY, "param": None},
        FAILED,
        {"type": "response.failed", "response": {"id": "r", "status": "failed", **FAILED}},
        {
            "type": "response.done",
            "response": {"id": "r", "status": "failed", "status_details": FAILED},
        },
    ],
    ids=["error", "flat", "untyped", "failed", "done"],
)
async def test_api_key_in_error_event_redacted(
    hass: HomeAssistant,
    standin: StandIn,
    call: Call,
    events: Callable[[str], list[Event]],
    told: dict[str, Any],
) -> None:
    await add_entry(hass, entry_data(standin, max_retries=0))
    streamed, sent = events("openai_api_stream_event"), events("openai_api_server_event")
    body = f"data: {json.dumps(told)}\n\n"
    standin.fail(Fault(path="/responses", status=200, body=body, content_type="text/event-stream"))
    with suppress(HomeAssistantError):
        await call("create_model_response", stream=True, **ASK)
    assert len(streamed) == 1
    seen = [event.as_dict() for event in streamed]
    if told.get("type"):
        socket = {"connection_id": "c"}
        await call("manage_model_response_websocket", action="connect", **socket)
        session = await standin.wait_for_socket()
        await session.send(told)
        await wait_for(lambda: sent)
        seen.append(sent[0].as_dict())
        await call("manage_model_response_websocket", action="close", **socket)
    text = json.dumps(seen, cls=JSONEncoder, default=str)
    assert CANARY not in text
    assert "Bad key ***" in text


async def test_api_key_in_failed_job_redacted(
    hass: HomeAssistant, standin: StandIn, call: Call
) -> None:
    await add_entry(hass, entry_data(standin))
    body = {"id": "r", "object": "response", "status": "failed", "output": [], **FAILED}
    standin.fail(Fault(path="/responses", body=body))
    answer = await call("create_model_response", **ASK)
    assert answer["error"] == {"message": "Bad key ***", "code": ["***"], "param": {"***": 1}}
    # Errors of nothing but nulls stay as they are.
    standin.fail(Fault(path="/responses", body={**body, "status": "completed", "error": None}))
    assert (await call("create_model_response", **ASK))["error"] is None
