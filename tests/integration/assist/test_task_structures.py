"""Structured output of AI tasks: schemas in requests, and validation of answers."""

import asyncio
from collections.abc import Callable
import json
from typing import Any

from homeassistant.components import ai_task
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import says
from .conftest import AddSubentry
from .test_tasks import (
    generate,
    task as task,  # noqa: PLC0414
)

type Json = dict[str, Any]
NULL = {"type": "null"}
EITHER = {"anyOf": [{"type": "string"}, {"type": "integer"}]}

ENFORCED: dict[str, tuple[Any, Any, Json]] = {
    "several_values": (
        {"select": {"options": ["x", "y"], "multiple": True}},
        ["x"],
        {"type": ["array", "null"], "items": {"type": "string", "enum": ["x", "y"]}},
    ),
    "one_of_some": (
        {"select": {"options": ["x", "y"]}},
        "y",
        {"anyOf": [{"type": "string", "enum": ["x", "y"]}, NULL]},
    ),
    "known_format": (
        {"date": {}},
        "2026-11-28",
        {"type": ["string", "null"], "format": "date"},
    ),
    "unknown_format": (
        {"color_rgb": {}},
        [1, 2, 3],
        {
            "type": ["array", "null"],
            "items": {"type": "number"},
            "minItems": 3,
            "maxItems": 3,
        },
    ),
    "objects_in_a_list": (
        {
            "object": {
                "multiple": True,
                "fields": {
                    "a": {"selector": {"text": {}}, "required": True},
                    "b": {"selector": {"boolean": {}}},
                },
            }
        },
        [{"a": "z"}, {"a": "w", "b": True}],
        {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": ["boolean", "null"]}},
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        },
    ),
}


@pytest.mark.parametrize("name", ENFORCED)
async def test_structure_sent_as_strict_subset(
    hass: HomeAssistant, standin: StandIn, task: str, name: str
) -> None:
    selector, value, wanted = ENFORCED[name]
    answer = value
    if name == "objects_in_a_list":
        # What may be left out comes as null, also within a list.
        answer = [{"b": None, **item} for item in value]
    standin.fail(says(json.dumps({"v": answer})))
    found = await generate(hass, structure={"v": {"selector": selector}})

    assert found["data"] == {"v": value}
    form = standin.requests[-1].body["text"]["format"]
    assert (form["type"], form["strict"]) == ("json_schema", True)
    assert form["schema"]["properties"]["v"] == wanted
    assert form["schema"]["required"] == ["v"]


@pytest.mark.parametrize(
    ("selector", "answer", "value"),
    [
        ({"time": {}}, "14:30:00Z", "14:30:00"),
        ({"time": {}}, "14:30:00.000Z", "14:30:00"),
        ({"time": {}}, "14:30:00+01:00", "14:30:00"),
        ({"time": {}}, "14:30", "14:30"),
        ({"select": {"options": ["x", "y"], "multiple": True}}, "x", ["x"]),
        ({"text": {"multiple": True}}, "milk", ["milk"]),
        ({"entity": {"multiple": True}}, "light.a", ["light.a"]),
        ({"number": {}}, "21.5", 21.5),
        ({"number": {"min": 0, "max": 9}}, " 3 ", 3),
        ({"number": {"min": 0, "max": 9}}, "007", 7),
    ],
)
@pytest.mark.parametrize("is_required", [True, False])
async def test_structure_value_is_coerced(
    hass: HomeAssistant,
    standin: StandIn,
    task: str,
    selector: Json,
    answer: Any,
    value: Any,
    is_required: bool,
) -> None:
    standin.fail(says(json.dumps({"v": answer})))
    structure = {"v": {"selector": selector, "required": is_required, "description": "What"}}

    assert (await generate(hass, structure=structure))["data"] == {"v": value}


@pytest.mark.parametrize("bad", ["", " ", '["milk", "eggs"]'])
async def test_structure_invalid_item_is_retried(
    hass: HomeAssistant, standin: StandIn, task: str, bad: str
) -> None:
    standin.fail(says(json.dumps({"v": bad})))
    standin.fail(says('{"v": ["milk", "eggs"]}'))
    structure = {"v": {"selector": {"text": {"multiple": True}}, "required": True}}

    assert (await generate(hass, structure=structure))["data"] == {"v": ["milk", "eggs"]}


async def test_structure_time_has_no_zone(hass: HomeAssistant, standin: StandIn, task: str) -> None:
    # The format of JSON Schema has a time zone, which the selector refuses.
    standin.fail(says('{"v": "14:30:00", "w": null}'))
    structure = {
        "v": {"selector": {"time": {}}, "required": True, "description": "When"},
        "w": {"selector": {"time": {}}},
    }

    assert (await generate(hass, structure=structure))["data"] == {"v": "14:30:00"}
    asked = standin.requests[-1].body["text"]["format"]["schema"]["properties"]
    assert asked["v"] == {"type": "string", "description": "When (HH:MM:SS)"}
    assert asked["w"] == {"type": ["string", "null"], "description": "(HH:MM:SS)"}


@pytest.mark.parametrize("mode", ["json_schema", "json_object"])
@pytest.mark.parametrize("is_multiple", [True, False])
async def test_structure_empty_enum_is_left_out(
    hass: HomeAssistant, standin: StandIn, add_subentry: AddSubentry, mode: str, is_multiple: bool
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "ai_task", {})
    await add_subentry("ai_task_data", advanced={"structured_output": mode})
    standin.fail(says('{"name": "Lights"}'))
    choice = {"select": {"options": [], "multiple": is_multiple}}
    found = await generate(
        hass,
        structure={
            "name": {"selector": {"text": {}}, "required": True},
            "category": {"selector": choice},
        },
    )

    assert found["data"] == {"name": "Lights"}
    asked = json.dumps(standin.requests[-1].body)
    assert "enum" not in asked
    assert "category" not in asked


@pytest.mark.parametrize(
    "selector",
    [
        {"object": {}},
        {"object": {"multiple": True}},
        {"condition": {}},
        {"media": {}},
    ],
)
async def test_structure_beyond_subset_sent_in_prompt(
    hass: HomeAssistant, standin: StandIn, task: str, selector: Json
) -> None:
    standin.fail(says('{"n": 1}'))
    structure = {"n": {"selector": {"number": {}}}, "v": {"selector": selector}}

    assert (await generate(hass, structure=structure))["data"] == {"n": 1}
    body = standin.requests[-1].body
    assert body["text"]["format"] == {"type": "json_object"}
    assert '"v"' in body["instructions"]


class House(llm.API):
    """Offers nothing, but has a word for what Home Assistant has none for."""

    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        return llm.APIInstance(self, "", llm_context, tools=[], custom_serializer=self.serialize)

    def serialize(self, value: Any) -> Any:
        """Return the schema of a validator of this API."""
        if value is str.upper:
            return {"allOf": [{"allOf": [{"type": "string"}], "description": "loud"}]}
        return llm.selector_serializer(value)


@pytest.mark.parametrize(
    ("validator", "wanted"),
    [
        (probatio.Any(str, int), {"anyOf": [EITHER, NULL]}),
        ({probatio.Required("x"): str}, {"type": ["object", "null"]}),
        (str.upper, {"type": ["string", "null"], "description": "loud"}),
        # Of these the subset knows nothing.
        (probatio.Any(str, dict), None),
        ([probatio.Any(str, dict)], None),
        (list, None),
        ({str: int}, None),
        (probatio.All(probatio.Any(int, str), probatio.Any(str, bool)), None),
    ],
)
async def test_structure_of_other_integration(
    hass: HomeAssistant, standin: StandIn, task: str, validator: Any, wanted: Any
) -> None:
    standin.fail(says("{}"))
    found = await ai_task.async_generate_data(
        hass,
        task_name="count",
        entity_id="ai_task.kitchen",
        instructions="Count",
        structure=probatio.Schema({probatio.Optional("v"): validator}),
        llm_api=House(hass=hass, id="house", name="House"),
    )

    assert found.data == {}
    form = standin.requests[-1].body["text"]["format"]
    if wanted is None:
        assert form == {"type": "json_object"}
    else:
        assert wanted.items() <= form["schema"]["properties"]["v"].items()


@pytest.mark.parametrize("bad", ['{"n": }', "} {", '{"n": 1'])
async def test_structure_response_not_json_is_retried(
    hass: HomeAssistant, standin: StandIn, task: str, bad: str
) -> None:
    standin.fail(says(bad))
    standin.fail(says('{"n": 2}'))
    structure = {"n": {"selector": {"number": {}}, "required": True}}

    assert (await generate(hass, structure=structure))["data"] == {"n": 2}
    said = standin.requests[-1].body["input"][-1]["content"]
    assert "JSON" in said


async def test_structure_rejected_for_other_reason_raises(
    hass: HomeAssistant, standin: StandIn, task: str
) -> None:
    message = {"error": {"message": "The context is too long"}}
    standin.fail(Fault(path="/responses", status=400, body=message))
    with pytest.raises(HomeAssistantError, match="The context is too long"):
        await generate(hass, structure={"n": {"selector": {"number": {}}}})
    asked = [one for one in standin.requests if one.path == "/responses"]
    assert len(asked) == 1


async def test_structure_mode_option_without_fallback(
    hass: HomeAssistant, standin: StandIn, task: str, add_subentry: AddSubentry
) -> None:
    await add_subentry("ai_task_data", name="Hall", advanced={"structured_output": "json_object"})
    message = {"error": {"message": "json_object is not supported", "param": "text.format"}}
    standin.fail(Fault(path="/responses", status=400, body=message))
    with pytest.raises(HomeAssistantError, match="json_object is not supported"):
        await generate(
            hass, entity_id="ai_task.hall", structure={"n": {"selector": {"number": {}}}}
        )
    assert standin.requests[-1].body["text"]["format"] == {"type": "json_object"}


async def test_task_cancelled_fires_turn_event(
    hass: HomeAssistant, standin: StandIn, task: str, events: Callable[[str], list[Event]]
) -> None:
    told = events("openai_api_turn_event")
    standin.fail(Fault(path="/responses", hang=True))
    running = asyncio.create_task(generate(hass))
    while not any(one.path == "/responses" for one in standin.requests):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    await hass.async_block_till_done()

    assert [event.data["ended"] for event in told] == ["cancelled"]


async def test_task_evaluation_option_off(
    hass: HomeAssistant, entry: MockConfigEntry, task: str
) -> None:
    subentry = entry.subentries[task]
    # Home Assistant 2026.10 does not offer the choice, an entry may know it from a later one.
    hass.config_entries.async_update_subentry(
        entry, subentry, data={"model": "m-1", "evaluate": "off"}
    )
    await hass.async_block_till_done()
    state = hass.states.get("ai_task.kitchen")
    assert state is not None
    wanted = ai_task.AITaskEntityFeature.GENERATE_DATA
    assert state.attributes["supported_features"] == (
        wanted | ai_task.AITaskEntityFeature.SUPPORT_ATTACHMENTS
    )
