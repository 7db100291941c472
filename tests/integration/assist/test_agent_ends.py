"""How answers end: truncated, empty, in several messages, and with markers of the model."""

from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import (
    NO_RESPONSES,
    USAGE,
    call_event,
    calls,
    chat,
    chunk,
    completed,
    says,
    streamed,
    text_events,
)
from .conftest import Ask, first_tool, is_error, speech, tool_named
from .test_tasks import (
    STRUCTURE,
    generate,
    task as task,  # noqa: PLC0414
)

type Json = dict[str, Any]
LIGHT = '{"name": "Kitchen light"}'
CUT: Json = {
    "type": "response.incomplete",
    "response": {
        "id": "resp_1",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": USAGE,
    },
}


def call_item(name: str, arguments: str, **more: Any) -> Json:
    """Return the event of a function call, with what else is in its item."""
    event = call_event(name, arguments)
    return {**event, "item": {**event["item"], **more}}


def message(text: str, number: int, phase: str | None = None) -> list[Json]:
    """Return the events of one of several messages."""
    item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "phase": phase}
    return [
        {"type": "response.output_item.added", "item": item},
        {"type": "response.output_text.delta", "delta": text, "item_id": item["id"]},
        {"type": "response.output_item.done", "item": item},
    ]


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
@pytest.mark.parametrize("arguments", ["", '{"name": "Kit'])
async def test_truncated_tool_call_is_not_made(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], status: str, arguments: str
) -> None:
    name = await first_tool(standin, ask)
    before = len(standin.requests)
    standin.fail(streamed(call_item(name, arguments, status=status), CUT))
    result = await ask("Turn on the light")

    assert is_error(result)
    assert "cut off" in speech(result)
    assert not kitchen
    # It would be cut off again.
    assert len(standin.requests) == before + 1


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("length", "cut off"),
        ("MAX_TOKENS", "cut off"),
        # As DeepSeek says it.
        ("insufficient_system_resource", "broke off"),
    ],
)
@pytest.mark.parametrize("arguments", ["", '{"name": "Kit'])
async def test_chat_truncated_tool_call_is_not_made(
    standin: StandIn,
    agent: str,
    ask: Ask,
    kitchen: list[ServiceCall],
    arguments: str,
    reason: str,
    told: str,
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"content": "ok"}), chunk({}, "stop")))
    await ask()
    offered = [str(tool["function"]["name"]) for tool in standin.requests[-1].body["tools"]]
    name = next(name for name in offered if name.endswith("HassTurnOn"))
    call = {"index": 0, "id": "c1", "function": {"name": name, "arguments": arguments}}
    standin.fail(chat(chunk({"tool_calls": [call]}), chunk({}, reason)))
    result = await ask("Turn on the light")

    assert is_error(result)
    assert told in speech(result)
    assert not kitchen


async def test_complete_tool_call_of_truncated_answer_is_made(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall]
) -> None:
    name = await first_tool(standin, ask)
    standin.fail(streamed(call_item(name, LIGHT, status="completed"), CUT))
    standin.fail(says("It is on."))

    assert speech(await ask("Turn on the light")) == "It is on."
    assert len(kitchen) == 1


async def test_reasoning_up_to_output_limit_is_an_error(
    standin: StandIn, agent: str, ask: Ask
) -> None:
    thought = {"type": "response.reasoning_summary_text.delta", "delta": "Hm"}
    standin.fail(streamed(thought, CUT))
    result = await ask()

    assert is_error(result)
    assert "limit of its length" in speech(result)


async def test_truncated_text_is_spoken(standin: StandIn, agent: str, ask: Ask) -> None:
    standin.fail(streamed(*text_events("Once upon a"), CUT))

    assert speech(await ask()) == "Once upon a"


@pytest.mark.parametrize("structure", [None, STRUCTURE])
@pytest.mark.parametrize("details", [{"reason": "max_output_tokens"}, {"reason": "length"}, None])
async def test_truncated_task_data_raises(
    hass: HomeAssistant, standin: StandIn, task: str, structure: Json | None, details: Json | None
) -> None:
    cut = {**CUT, "response": {**CUT["response"], "incomplete_details": details}}
    standin.fail(streamed(*text_events('{"count": 3'), cut))
    with pytest.raises(HomeAssistantError, match="cut off"):
        await (generate(hass, structure=structure) if structure else generate(hass))

    assert len([one for one in standin.requests if one.path == "/responses"]) == 1


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("length", "cut off"),
        ("MAX_TOKENS", "cut off"),
        # As Zhipu, DeepSeek, vLLM and Zhipu again say it.
        ("model_context_window_exceeded", "cut off"),
        ("insufficient_system_resource", "broke off"),
        ("abort", "broke off"),
        ("network_error", "broke off"),
    ],
)
async def test_chat_truncated_task_data_raises(
    hass: HomeAssistant, standin: StandIn, task: str, reason: str, told: str
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"content": "Three app"}), chunk({}, reason)))
    with pytest.raises(HomeAssistantError, match=told):
        await generate(hass)


@pytest.mark.parametrize("thought", [None, "The light is on, no need to talk."])
async def test_empty_answer_after_tool_call_is_no_error(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], thought: str | None
) -> None:
    name = await first_tool(standin, ask)
    shown = {"type": "response.reasoning_summary_text.delta", "delta": thought}
    standin.fail(calls((name, LIGHT)))
    standin.fail(streamed(*([shown] if thought else []), completed()))
    result = await ask("Turn on the light")

    assert not is_error(result)
    assert speech(result) == ""
    assert len(kitchen) == 1
    standin.fail(says("Yes."))
    await ask("Really?", conversation_id=result.conversation_id)
    said = [item.get("content") for item in standin.requests[-1].body["input"]]
    assert said == ["Turn on the light", None, None, "Done.", "Really?"]


@pytest.mark.parametrize(
    ("sequence", "is_silent"),
    [
        ([{"set_conversation_response": ""}], True),
        ([{"event": "someone_called"}], True),
        (
            [{"variables": {"found": {"degrees": 21}}}, {"stop": "", "response_variable": "found"}],
            False,
        ),
        ([{"action": "nothing.known"}], False),
    ],
)
async def test_empty_answer_after_script(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    sequence: list[Json],
    is_silent: bool,
) -> None:
    script = {"quiet": {"alias": "Stay quiet", "sequence": sequence}}
    assert await async_setup_component(hass, "script", {"script": script})
    async_expose_entity(hass, "conversation", "script.quiet", should_expose=True)
    standin.fail(says("ok"))
    await ask()
    standin.fail(calls((tool_named(standin, "quiet"), "{}")))
    standin.fail(streamed(completed()))
    result = await ask("Hush")

    assert is_error(result) is not is_silent
    assert speech(result) == ("" if is_silent else "The AI service gave no answer.")


@pytest.mark.parametrize("fails", [True, False])
async def test_empty_answer_without_tool_call_is_an_error(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], fails: bool
) -> None:
    name = await first_tool(standin, ask)
    standin.fail(
        calls((name, '{"name": "Nobody knows it"}'))
        if fails
        else calls((tool_named(standin, "GetLiveContext"), "{}"))
    )
    standin.fail(streamed(completed()))
    result = await ask("Turn on the light")

    assert is_error(result)
    assert speech(result) == "The AI service gave no answer."


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("Let me see.", "Let me see.\n\nIt is warm."),
        ("Let me see. ", "Let me see. It is warm."),
        ("Let me see.\n", "Let me see.\nIt is warm."),
    ],
)
async def test_messages_of_one_response_are_separated(
    standin: StandIn, agent: str, ask: Ask, first: str, said: str
) -> None:
    standin.fail(streamed(*message(first, 1), *message("It is warm.", 2), completed()))

    assert speech(await ask()) == said


async def test_messages_without_stream_are_separated(
    standin: StandIn, agent: str, ask: Ask
) -> None:
    output = [
        {"type": "message", "content": [{"type": "output_text", "text": text}]}
        for text in ("Let me see.", "It is warm.")
    ]
    body = {"id": "r", "status": "completed", "output": output, "usage": USAGE}
    standin.fail(Fault(path="/responses", body=body))

    assert speech(await ask()) == "Let me see.\n\nIt is warm."


async def test_commentary_is_not_task_data(
    hass: HomeAssistant, standin: StandIn, task: str
) -> None:
    answer = [
        *message("I look at {both} pictures.", 1, "commentary"),
        *message('{"count": 2}', 2, "final_answer"),
        completed(),
    ]
    standin.fail(streamed(*answer))
    assert (await generate(hass, structure=STRUCTURE))["data"] == {"count": 2}

    standin.fail(streamed(*answer))
    assert (await generate(hass))["data"] == '{"count": 2}'

    # Better than nothing.
    standin.fail(streamed(*message("Two.", 1, "commentary"), completed()))
    assert (await generate(hass))["data"] == "Two."


HARMONY = (
    "<|channel|>analysis<|message|>Hm, <b>.<|end|><|start|>assistant<|channel|>final<|message|>"
    "It is on.<|return|>"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HARMONY, "It is on."),
        ("<|channel>thought\nThe user asks.<channel|>It is on.<turn|>", "It is on."),
        ("<|channel>The user asks.<channel|>\nIt is on.", "It is on."),
        ("It is on.<|im_end|>", "It is on."),
        ("It is on.<end_of_turn>", "It is on."),
        ("<|start|> is no mark, nor is <|channel|> or <tool", None),
        ("[TO be or not]", None),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_model_markers_are_not_spoken(
    standin: StandIn, agent: str, ask: Ask, text: str, said: str | None, size: int
) -> None:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    standin.fail(says(*pieces))

    assert speech(await ask()) == (text if said is None else said)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "HassTurnOn", "arguments": {}}\n</tool_call>',
        '[TOOL_CALLS][{"name": "HassTurnOn", "arguments": {}}]',
        '<|python_tag|>{"name": "HassTurnOn", "parameters": {}}<|eom_id|>',
        "<function=HassTurnOn>{}</function>",
        "<|channel|>commentary to=functions.HassTurnOn <|constrain|>json<|message|>{}<|call|>",
        "<|channel|>analysis to=functions.HassTurnOn code<|message|>{}<|call|>",
        '<|tool_call>call:HassTurnOn{name:<|"|>x<|"|>}<tool_call|>',
        'I turn it on. <tool_call>{"name": "HassTurnOn"}</tool_call> Done!',
    ],
)
@pytest.mark.parametrize("size", [3, 1000])
async def test_tool_call_as_text_is_an_error(
    standin: StandIn, agent: str, ask: Ask, text: str, size: int
) -> None:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    standin.fail(says(*pieces))
    result = await ask("Turn on the light")

    assert is_error(result)
    assert speech(result).startswith("A tool was not used")


async def test_tool_call_as_text_within_reasoning(standin: StandIn, agent: str, ask: Ask) -> None:
    standin.fail(says("<think>Maybe <tool_call>{}</tool_call>? No.</think>", "It is on."))

    assert speech(await ask()) == "It is on."


async def test_tool_call_as_text_without_tools_is_left_out(
    standin: StandIn, impatient_agent: str, ask: Ask
) -> None:
    standin.fail(says('Hi. <tool_call>{"name": "x"}</tool_call>'))

    assert speech(await ask()).strip() == "Hi."
