"""The conversation agent: what it sends, what it says, and the tools it calls."""

import json

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from tests.standin.server import StandIn

from .answers import NO_RESPONSES, calls, chat, chunk, says
from .conftest import Ask, speech


async def test_agent_answers_over_responses(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    standin.fail(says("Hello ", "there."))
    result = await ask("Who are you?")

    assert speech(result) == "Hello there."
    asked = standin.requests[-1]
    assert asked.path == "/responses"
    body = asked.body
    assert body["input"] == [{"type": "message", "role": "user", "content": "Who are you?"}]
    assert body["store"] is False
    assert body["stream"] is True
    assert "voice assistant" in body["instructions"]
    assert {tool["name"] for tool in body["tools"]}


async def test_agent_answers_over_chat_where_there_is_nothing_else(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"role": "assistant", "content": "Hi"}), chunk({}, "stop")))
    assert speech(await ask()) == "Hi"
    standin.fail(chat(chunk({"content": "Again"}), chunk({}, "stop")))
    assert speech(await ask()) == "Again"

    paths = [request.path for request in standin.requests if request.path != "/models"]
    assert paths == ["/responses", "/chat/completions", "/chat/completions"]


@pytest.fixture
async def kitchen(hass: HomeAssistant) -> list[ServiceCall]:
    """Return the calls of a light that Assist may switch."""
    hass.states.async_set("light.kitchen", "off", {"friendly_name": "Kitchen light"})
    async_expose_entity(hass, "conversation", "light.kitchen", should_expose=True)
    assert await async_setup_component(hass, "light", {})
    return async_mock_service(hass, "light", "turn_on")


def tool_named(standin: StandIn, end: str) -> str:
    """Return the name of a tool that the agent has offered, by how it ends."""
    tools = standin.requests[-1].body["tools"]
    return next(tool["name"] for tool in tools if tool["name"].endswith(end))


async def test_agent_calls_tools_of_the_home(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall]
) -> None:
    standin.fail(says("ok"))
    await ask()
    name = tool_named(standin, "HassTurnOn")
    standin.fail(calls((name, '{"name": "Kitchen light"}'), before="Wait."))
    standin.fail(says("The light is on."))
    result = await ask("Turn on the light")

    assert speech(result) == "The light is on."
    assert [call.data["entity_id"] for call in kitchen] == [["light.kitchen"]]
    items = standin.requests[-1].body["input"]
    assert [item["type"] for item in items] == [
        "message",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert items[2]["name"] == name
    assert json.loads(items[3]["output"])["error"] is False
