"""Each tool call of a model is made once, in whatever events it arrives."""

import json

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from tests.standin.server import StandIn

from .answers import call_event, calls, completed, says, streamed
from .conftest import AddSubentry, Ask, first_tool, is_error, speech, tool_named
from .test_agent_ends import LIGHT


def results(standin: StandIn) -> list[str]:
    """Return the outputs of the tool calls in the last request."""
    items = standin.requests[-1].body["input"]
    return [one["output"] for one in items if one["type"] == "function_call_output"]


@pytest.mark.parametrize(
    ("streamed_calls", "told_at_end"),
    [
        # As vLLM does.
        ([("a", LIGHT)], [("b", LIGHT)]),
        ([("a", LIGHT)], [("b", LIGHT.replace(" ", "", 1))]),
        ([("a", LIGHT)], [("b", "")]),
        ([("a", LIGHT)], [("b", "{}")]),
        ([("a", LIGHT)], [("", LIGHT)]),
        ([("", LIGHT)], [("b", LIGHT)]),
        ([("", LIGHT)], [("", LIGHT)]),
        ([("a", LIGHT), ("b", LIGHT)], [("c", LIGHT), ("d", LIGHT)]),
        ([("a", LIGHT), ("b", LIGHT)], [("b", LIGHT), ("c", LIGHT)]),
        ([("a", LIGHT)], [("b", LIGHT), ("c", LIGHT)]),
    ],
)
@pytest.mark.parametrize("status", ["completed", None])
async def test_call_with_changed_id_is_made_once(
    standin: StandIn,
    agent: str,
    ask: Ask,
    kitchen: list[ServiceCall],
    streamed_calls: list[tuple[str, str]],
    told_at_end: list[tuple[str, str]],
    status: str | None,
) -> None:
    name = await first_tool(standin, ask)
    events = [call_event(name, arguments, call_id) for call_id, arguments in streamed_calls]
    output = [call_event(name, arguments, call_id)["item"] for call_id, arguments in told_at_end]
    standin.fail(streamed(*events, completed(status=status, output=output)))
    standin.fail(says("Done."))
    assert speech(await ask("Turn on the light")) == "Done."
    assert len(kitchen) == max(len(streamed_calls), len(told_at_end))
    assert all('"error":false' in one for one in results(standin))


@pytest.fixture
def lamps(hass: HomeAssistant, agent: str, kitchen: list[ServiceCall]) -> None:
    """Add two lamps that Assist may switch."""
    for number in (1, 2):
        entity_id = f"light.lamp_{number}"
        hass.states.async_set(entity_id, "off", {"friendly_name": f"Lamp {number}"})
        async_expose_entity(hass, "conversation", entity_id, should_expose=True)


@pytest.mark.usefixtures("lamps")
async def test_lookup_after_each_action_is_allowed(
    hass: HomeAssistant, standin: StandIn, ask: Ask
) -> None:
    on = await first_tool(standin, ask)
    off, look = (tool_named(standin, end) for end in ("HassTurnOff", "GetLiveContext"))
    async_mock_service(hass, "light", "turn_off")
    for name in (on, off):
        for number in (1, 2):
            standin.fail(calls((name, json.dumps({"name": f"Lamp {number}"}))))
            standin.fail(calls((look, "{}")))
    standin.fail(says("Both work."))
    assert speech(await ask("Try each lamp")) == "Both work."
    assert all('"error":false' in one for one in results(standin))


@pytest.mark.usefixtures("lamps")
async def test_empty_answer_after_partial_action_is_an_error(
    hass: HomeAssistant, standin: StandIn, ask: Ask
) -> None:
    name = await first_tool(standin, ask)

    async def turn_on(call: ServiceCall) -> None:
        if "light.lamp_2" in call.data["entity_id"]:
            raise HomeAssistantError("It is broken")

    hass.services.async_register("light", "turn_on", turn_on)
    standin.fail(calls((name, '{"domain": ["light"]}')))
    standin.fail(streamed(completed()))
    result = await ask("Turn on all lights")
    assert "action_done" in results(standin)[0]
    assert is_error(result)


async def test_empty_answer_with_one_more_call_is_an_error(
    hass: HomeAssistant, standin: StandIn, add_subentry: AddSubentry, ask: Ask, assist: None
) -> None:
    assert await async_setup_component(hass, "light", {})
    made = async_mock_service(hass, "light", "turn_on")
    hass.states.async_set("light.kitchen", "off", {"friendly_name": "Kitchen light"})
    async_expose_entity(hass, "conversation", "light.kitchen", should_expose=True)
    await add_subentry("conversation", llm_hass_api=["assist"], advanced={"max_tool_rounds": 1})
    name = await first_tool(standin, ask)
    for _ in range(2):
        standin.fail(calls((name, LIGHT)))
    assert is_error(await ask("Turn on the lights"))
    assert len(made) == 1


@pytest.mark.parametrize("told", ["", None, LIGHT, {"name": "Kitchen light"}])
@pytest.mark.parametrize("at_the_end", ["", "{}", " {} "])
async def test_call_has_streamed_arguments(
    standin: StandIn,
    agent: str,
    ask: Ask,
    kitchen: list[ServiceCall],
    told: object,
    at_the_end: str,
) -> None:
    name = await first_tool(standin, ask)
    kind = "response.function_call_arguments"
    standin.fail(
        streamed(
            {"type": f"{kind}.delta", "output_index": 0, "delta": LIGHT},
            {"type": f"{kind}.done", "output_index": 0, "arguments": told},
            # LM Studio has an empty object there.
            {**call_event(name, at_the_end), "output_index": 0},
            completed(),
        )
    )
    standin.fail(says("Done."))
    assert speech(await ask("Turn on the light")) == "Done."
    assert len(kitchen) == 1
