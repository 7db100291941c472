"""Each tool call of a model is made once, however a service tells it; and none that is not due."""

from homeassistant.core import HomeAssistant, ServiceCall
import pytest

from tests.standin.server import StandIn

from .answers import call_event, completed, says
from .conftest import Ask, speech
from .test_agent import kitchen as kitchen  # noqa: PLC0414
from .test_agent_ends import LIGHT, first_tool, streamed


@pytest.mark.parametrize(
    ("streamed_calls", "told_at_end"),
    [
        # As vLLM does.
        ([("a", LIGHT)], [("b", LIGHT)]),
        ([("a", LIGHT)], [("b", LIGHT.replace(" ", "", 1))]),
        ([("a", LIGHT)], [("b", "")]),
        ([("a", LIGHT)], [("", LIGHT)]),
        ([("", LIGHT)], [("b", LIGHT)]),
        ([("", LIGHT)], [("", LIGHT)]),
        ([("a", LIGHT), ("b", LIGHT)], [("c", LIGHT), ("d", LIGHT)]),
        ([("a", LIGHT), ("b", LIGHT)], [("b", LIGHT), ("c", LIGHT)]),
        ([("a", LIGHT)], [("b", LIGHT), ("c", LIGHT)]),
    ],
)
async def test_call_with_another_id_at_the_end_is_made_once(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    kitchen: list[ServiceCall],
    streamed_calls: list[tuple[str, str]],
    told_at_end: list[tuple[str, str]],
) -> None:
    name = await first_tool(standin, ask)
    events = [call_event(name, arguments, call_id) for call_id, arguments in streamed_calls]
    output = [call_event(name, arguments, call_id)["item"] for call_id, arguments in told_at_end]
    standin.fail(streamed(*events, completed(status="completed", output=output)))
    standin.fail(says("Done."))
    assert speech(await ask("Turn on the light")) == "Done."
    assert len(kitchen) == max(len(streamed_calls), len(told_at_end))
    results = [
        one["output"]
        for one in standin.requests[-1].body["input"]
        if one["type"] == "function_call_output"
    ]
    assert all('"error":false' in one for one in results)
