"""Limits of the tool calls in one turn."""

from collections.abc import Iterator
import json
from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import area_registry as ar, entity_registry as er
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


@pytest.fixture
async def switched(hass: HomeAssistant, kitchen: list[ServiceCall]) -> list[ServiceCall]:
    """Return the calls of two lights: that of the kitchen has an area and an alias."""
    area = ar.async_get(hass).async_create("Kitchen")
    registry = er.async_get(hass)
    hass.states.async_remove("light.kitchen")
    for name in ("kitchen", "hall"):
        registry.async_get_or_create(
            "light", "test", name, suggested_object_id=name, original_name=f"{name.title()} light"
        )
        state = {"friendly_name": f"{name.title()} light", "supported_color_modes": ["brightness"]}
        hass.states.async_set(f"light.{name}", "off", state)
        async_expose_entity(hass, "conversation", f"light.{name}", should_expose=True)
    registry.async_update_entity(
        "light.kitchen", area_id=area.id, aliases=["Cooker lamp", er.COMPUTED_NAME]
    )
    found: list[ServiceCall] = []

    @callback
    def take(call: ServiceCall) -> None:
        found.append(call)

    for name in ("turn_on", "turn_off"):
        hass.services.async_register("light", name, take)
    return found


def burst(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield calls that all switch the light of the kitchen: the end of a tool and arguments."""
    ends = ("HassTurnOn", "HassTurnOff", "HassLightSet")
    names: list[dict[str, Any]] = [
        {"name": "Kitchen light"},
        {"name": " kitchen LIGHT ", "area": "", "floor": None},
        {"name": "Kitchen light", "domain": ["light"]},
        {"name": "Cooker lamp", "area": "kitchen"},
        {"name": "light.kitchen"},
        {"area": "Kitchen", "domain": ["light"]},
    ]
    for number in range(1000):
        match kind:
            case "values":
                yield "HassLightSet", {**names[0], "brightness": number % 100}
            case "tools":
                yield ends[number % 3], {**names[0], "brightness": number % 7}
            case "names":
                yield ends[number % 2], names[number % len(names)]


@pytest.mark.parametrize("kind", ["values", "tools", "names"])
async def test_burst_about_one_thing(
    standin: StandIn, agent: str, ask: Ask, switched: list[ServiceCall], kind: str
) -> None:
    standin.fail(says("ok"))
    await ask()
    calls_made = [(tool_named(standin, end), json.dumps(data)) for end, data in burst(kind)]
    hall = (tool_named(standin, "HassTurnOn"), '{"name": "Hall light"}')
    standin.fail(calls(*calls_made, hall))
    standin.fail(calls(*calls_made))
    standin.fail(says("Enough."))
    assert speech(await ask("Flicker")) == "Enough."
    lights = " ".join(str(call.data["entity_id"]) for call in switched)
    assert lights.count("light.kitchen") == 10
    # Other things go on.
    assert lights.count("light.hall") == 1
