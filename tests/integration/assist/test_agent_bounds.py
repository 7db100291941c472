"""What a model may do in one turn of a conversation."""

from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
import pytest

from tests.standin.server import StandIn

from .answers import calls, chat, chunk, says
from .conftest import Ask, speech, tool_named


def chat_calls(count: int, *functions: tuple[str, str]) -> Any:
    """Return a chat completion that calls these functions over and over."""
    many = [
        {
            "index": number,
            "id": f"c{number}",
            "function": {"name": name, "arguments": arguments},
        }
        for number, (name, arguments) in enumerate((functions * count)[:count])
    ]
    return chat(chunk({"tool_calls": many}), chunk({}, "tool_calls"))


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_burst_of_tool_calls(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    kitchen: list[ServiceCall],
    api: str,
) -> None:
    standin.fail(says("ok"))
    await ask()
    names = [tool_named(standin, end) for end in ("HassTurnOn", "HassTurnOff")]
    light = '{"name": "Kitchen light"}'
    count = 1000
    if api == "chat":
        entry = hass.config_entries.async_entries("openai_api")[0]
        entry.runtime_data.host.known["api"] = "chat_completions"
        standin.fail(chat_calls(count, *((name, light) for name in names)))
        standin.fail(chat(chunk({"content": "Enough."}), chunk({}, "stop")))
    else:
        standin.fail(calls(*[(name, light) for name in names] * (count // 2)))
        standin.fail(says("Enough."))
    assert speech(await ask("Flicker")) == "Enough."
    assert len(kitchen) == 5
    # The next turn begins anew.
    if api == "chat":
        standin.fail(chat_calls(1, (names[0], light)))
        standin.fail(chat(chunk({"content": "Done."}), chunk({}, "stop")))
    else:
        standin.fail(calls((names[0], light)))
        standin.fail(says("Done."))
    assert speech(await ask("Turn on the light")) == "Done."
    assert len(kitchen) == 6
