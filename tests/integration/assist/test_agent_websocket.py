"""The conversation entity over the Responses WebSocket, and its fallback to HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.components.conversation import async_prepare_agent
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)

from custom_components.openai_api.assist import http
from custom_components.openai_api.assist.responses_websocket import connection_pool
from tests.integration.waiting import wait_for

from .conftest import Ask, is_error, open_form, speech, submit
from .websocket_service import Service

type AddAgent = Callable[..., Awaitable[str]]


@pytest.fixture
async def add_agent(hass: HomeAssistant, loaded: MockConfigEntry, assist: None) -> AddAgent:
    """Return a function that adds an agent and returns the id of its subentry."""

    async def add(name: str = "Kitchen", **advanced: Any) -> str:
        before = set(loaded.subentries)
        form = await open_form(hass, loaded, "conversation")
        data = {"name": name, "model": "m-1", "llm_hass_api": ["assist"]}
        advanced.setdefault("api", "responses_socket")
        await submit(hass, form, {**data, "advanced": advanced})
        (added,) = set(loaded.subentries) - before
        return added

    return add


async def test_follow_up_sends_new_items_only(
    hass: HomeAssistant, remote: Service, add_agent: AddAgent, ask: Ask, turns: list[Event]
) -> None:
    await add_agent()
    first = await ask("A")
    assert speech(first) == "Hello there"
    assert speech(await ask("B", conversation_id=first.conversation_id)) == "Hello there"

    (_, one), (_, two) = remote.requests
    assert [item["role"] for item in one["input"]] == ["developer", "user"]
    assert "previous_response_id" not in one
    assert [item["content"] for item in two["input"]] == ["B"]
    assert two["previous_response_id"] == "resp_1"
    assert remote.lines == 1
    assert not remote.posts
    await hass.async_block_till_done()
    assert [turn.data["transport"] for turn in turns] == ["responses_socket"] * 2
    assert [turn.data["input_tokens"] for turn in turns] == [1, 1]
    assert [turn.data["reused"] for turn in turns] == [False, True]


async def test_tool_round_sends_result_only(
    hass: HomeAssistant, remote: Service, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent()
    async_mock_service(hass, "light", "turn_on")
    remote.calls.append(("NoSuchTool", "{}"))
    assert speech(await ask("A")) == "Hello there"

    (_, one), (_, two) = remote.requests
    assert [item["type"] for item in two["input"]] == ["function_call_output"]
    assert two["previous_response_id"] == "resp_1"
    assert two["tools"] == one["tools"]


@pytest.mark.parametrize("status", [400, 404, 405, 426, 501])
async def test_websocket_unsupported_falls_back_to_http(
    remote: Service, add_agent: AddAgent, ask: Ask, status: int
) -> None:
    remote.status = status
    await add_agent()
    assert speech(await ask("A")) == "Hello by HTTP"
    remote.status = None
    if status != 400:
        assert speech(await ask("B")) == "Hello by HTTP"
        assert remote.lines == 0


async def test_websocket_error_is_retried_over_http(
    remote: Service, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent()
    remote.errors.append({"code": "server_error", "message": "no"})
    assert speech(await ask("A")) == "Hello by HTTP"
    assert len(remote.posts) == 1
    assert speech(await ask("B")) == "Hello there"


async def test_connection_lost_during_response_is_not_retried(
    remote: Service, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent()
    remote.drops_at = 1
    result = await ask("A")
    assert is_error(result)
    assert speech(result) == "The answer of the AI service broke off."
    assert not remote.posts
    remote.drops_at = None
    assert speech(await ask("B")) == "Hello there"


async def test_websocket_timeout_is_not_retried(
    remote: Service, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent(patience=1)
    remote.is_silent = True
    async with asyncio.timeout(4):
        result = await ask("A")
    assert speech(result) == "The AI service does not answer in time."
    assert not remote.posts


async def test_concurrent_conversations(remote: Service, add_agent: AddAgent, ask: Ask) -> None:
    await add_agent()
    remote.pause = 0.05
    one, two = await asyncio.gather(ask("A"), ask("B"))
    assert remote.lines == 2
    await asyncio.gather(
        ask("A2", conversation_id=one.conversation_id),
        ask("B2", conversation_id=two.conversation_id),
    )
    sent = {
        request["input"][-1]["content"]: (line, request.get("previous_response_id"))
        for line, request in remote.requests
    }
    assert sent["A2"][0] == sent["A"][0]
    assert sent["B2"][0] == sent["B"][0]
    assert sent["A2"][1]
    assert sent["B2"][1]


async def test_nested_agents_of_same_service(
    hass: HomeAssistant, remote: Service, add_agent: AddAgent, ask: Ask, turns: list[Event]
) -> None:
    # Each of four turns holds a connection while its tool asks for one more.
    assert await async_setup_component(
        hass,
        "script",
        {
            "script": {
                "ask_expert": {
                    "sequence": [
                        {
                            "action": "conversation.process",
                            "data": {"text": "Help", "agent_id": "conversation.expert"},
                            "response_variable": "found",
                        },
                        {
                            "stop": "",
                            "response_variable": "found",
                        },
                    ],
                    "mode": "parallel",
                }
            }
        },
    )
    async_expose_entity(hass, "conversation", "script.ask_expert", True)
    await add_agent(patience=30)
    await add_agent("Expert", patience=30)
    remote.calls += [("script__ask_expert", "{}")] * 4
    remote.together = 4
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(ask(str(number)) for number in range(4)))

    # Whoever finds no connection free is asked over HTTP.
    assert {speech(answer) for answer in answers} <= {"Hello there", "Hello by HTTP"}
    assert remote.posts
    await hass.async_block_till_done()
    experts = [turn.data for turn in turns if turn.data["entity_id"] == "conversation.expert"]
    assert [turn["ended"] for turn in experts] == ["done"] * 4
    assert remote.lines == 4


async def test_changed_agent_sends_everything(
    hass: HomeAssistant, remote: Service, loaded: MockConfigEntry, add_agent: AddAgent, ask: Ask
) -> None:
    subentry_id = await add_agent()
    first = await ask("A")
    form = await open_form(hass, loaded, "conversation", subentry_id)
    data = {"name": "Kitchen", "model": "m-2", "advanced": {"api": "responses_socket"}}
    await submit(hass, form, data)
    await ask("B", conversation_id=first.conversation_id)

    last = remote.requests[-1][1]
    assert last["model"] == "m-2"
    assert "previous_response_id" not in last
    assert [item.get("content") for item in last["input"]][1:] == ["A", "Hello there", "B"]


async def test_prepare_opens_connection(
    hass: HomeAssistant, remote: Service, loaded: MockConfigEntry, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent()
    await async_prepare_agent(hass, "conversation.kitchen", "en")
    await wait_for(lambda: connection_pool(loaded.runtime_data).free)
    assert not remote.requests
    await ask("A")
    assert remote.lines == 1


async def _async_prepared(hass: HomeAssistant) -> None:
    """Prepare the agent, and wait until that is done."""
    await async_prepare_agent(hass, "conversation.kitchen", "en")
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_prepare_http_connection_when_idle(
    hass: HomeAssistant, remote: Service, loaded: MockConfigEntry, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent(api="responses")
    remote.lists = 0
    await _async_prepared(hass)
    assert remote.lists == 0, "it has just answered"
    loaded.runtime_data.host.usage.last_response_at = 0.0
    await _async_prepared(hass)
    assert remote.lists == 1
    await _async_prepared(hass)
    assert remote.lists == 1
    assert remote.lines == 0


@pytest.mark.parametrize(("status", "times"), [(404, 1), (503, 2)])
async def test_prepare_error_is_not_logged(
    hass: HomeAssistant,
    remote: Service,
    loaded: MockConfigEntry,
    add_agent: AddAgent,
    ask: Ask,
    status: int,
    times: int,
) -> None:
    await add_agent(api="responses")
    remote.lists, remote.list_status = 0, status
    for _ in range(2):
        loaded.runtime_data.host.usage.last_response_at = 0.0
        await _async_prepared(hass)
    assert remote.lists == times
    assert loaded.runtime_data.host.last_error is None
    assert not hass.states.is_state("conversation.kitchen", "unavailable")
    assert speech(await ask("A")) == "Hello by HTTP"


async def test_prepare_of_unloaded_service(
    hass: HomeAssistant, remote: Service, loaded: MockConfigEntry, add_agent: AddAgent
) -> None:
    await add_agent(api="responses")
    host = loaded.runtime_data.host
    host.usage.last_response_at = 0.0
    remote.lists = 0
    assert await hass.config_entries.async_unload(loaded.entry_id)
    await http.async_warm_up(host)
    assert remote.lists == 0


async def test_answer_after_second_end_of_the_one_before(
    hass: HomeAssistant, remote: Service, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent()
    remote.ends = ["response.completed", "response.done"]
    first = await ask("A")
    await asyncio.sleep(0.1)
    # Longer than the counts at the end of an answer are waited for.
    remote.pause = 0.7
    result = await ask("B", conversation_id=first.conversation_id)

    assert speech(result) == "Hello there"
    assert not remote.posts
