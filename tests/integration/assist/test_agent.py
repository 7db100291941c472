"""The conversation entity: its requests, answers and tool calls."""

import asyncio
from collections.abc import Callable
import json
import re
from typing import Any
from unittest.mock import patch

from homeassistant.core import Event, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir, llm
from homeassistant.setup import async_setup_component
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.openai_api.const import DOMAIN
from tests.integration.llm_api import add_api
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import NO_RESPONSES, SSE, call_event, calls, chat, chunk, completed, says, sse
from .conftest import AddSubentry, Ask, first_tool, is_error, speech


async def test_agent_uses_responses_api(standin: StandIn, agent: str, ask: Ask) -> None:
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


async def test_agent_falls_back_to_chat_completions(standin: StandIn, agent: str, ask: Ask) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"role": "assistant", "content": "Hi"}), chunk({}, "stop")))
    assert speech(await ask()) == "Hi"
    standin.fail(chat(chunk({"content": "Again"}), chunk({}, "stop")))
    assert speech(await ask()) == "Again"

    paths = [request.path for request in standin.requests if request.path != "/models"]
    assert paths == ["/responses", "/chat/completions", "/chat/completions"]


async def test_agent_calls_llm_tools(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall]
) -> None:
    name = await first_tool(standin, ask)
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


async def test_tool_calls_run_concurrently(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall]
) -> None:
    name = await first_tool(standin, ask)
    running, most = 0, 0

    async def slow(self: Any, hass: Any, tool_input: Any, llm_context: Any) -> llm.ToolResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return llm.ToolResult(data={"id": tool_input.id})

    standin.fail(calls(*[(name, '{"name": "Kitchen light"}')] * 3))
    standin.fail(says("Done."))
    with patch.object(llm.IntentTool, "async_call", slow):
        assert speech(await ask("All on")) == "Done."

    assert most == 3
    kinds = [item["type"] for item in standin.requests[-1].body["input"]]
    assert kinds[1:] == ["function_call"] * 3 + ["function_call_output"] * 3


@pytest.mark.parametrize(
    "raised",
    [ValueError("Oops"), TimeoutError(), HomeAssistantError("No"), asyncio.CancelledError()],
)
async def test_tool_error_sent_to_model(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], raised: BaseException
) -> None:
    standin.fail(calls((await first_tool(standin, ask), "{}")))
    standin.fail(says("It failed."))
    with patch.object(llm.IntentTool, "async_call", side_effect=raised):
        assert speech(await ask("On")) == "It failed."

    assert json.loads(standin.requests[-1].body["input"][-1]["output"])["error"] is True


@pytest.mark.parametrize("arguments", ["{", "[]", '"x"', "17"])
async def test_tool_arguments_not_an_object(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], arguments: str
) -> None:
    standin.fail(calls((await first_tool(standin, ask), arguments)))
    standin.fail(says("Sorry."))

    assert speech(await ask("On")) == "Sorry."
    assert not kitchen
    output = json.loads(standin.requests[-1].body["input"][-1]["output"])
    assert output["error"] is True
    assert "JSON object" in output["data"]["error_text"]


async def test_unknown_tool_and_duplicate_ids(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall]
) -> None:
    events = [call_event("nonsense", "{}", "same"), call_event("nonsense", "{}", "same")]
    standin.fail(Fault(path="/responses", body=sse([*events, completed()]), content_type=SSE))
    standin.fail(says("Sorry."))

    assert speech(await ask("On")) == "Sorry."
    outputs = [
        item["call_id"]
        for item in standin.requests[-1].body["input"]
        if item["type"] == "function_call_output"
    ]
    assert len(set(outputs)) == 2


async def test_tool_round_limit(
    standin: StandIn, agent: str, ask: Ask, add_subentry: AddSubentry
) -> None:
    await add_subentry(
        "conversation", name="Hall", llm_hass_api=["assist"], advanced={"max_tool_rounds": 2}
    )
    standin.fail(calls(("nonsense", "{}"), count=2))
    standin.fail(says("I give up."))

    assert speech(await ask("On", agent="conversation.hall")) == "I give up."
    asked = [request.body for request in standin.requests if request.path == "/responses"]
    assert [body.get("tool_choice") for body in asked] == [None, None, "none"]


class OddTool(llm.Tool):
    """A tool that OpenAI would refuse, and the whole request with it."""

    parameters = probatio.Schema({probatio.Optional("room"): str})
    integration = "test"

    def __init__(self, name: str, description: str, parameters: Any = None) -> None:
        self.name, self.description = name, description
        self.parameters = parameters or self.parameters
        self.calls: list[llm.ToolInput] = []

    async def async_call(self, hass: Any, tool_input: llm.ToolInput, llm_context: Any) -> Any:
        self.calls.append(tool_input)
        return llm.ToolResult(data={"done": True})


async def test_tools_beyond_limit_are_left_out(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, add_subentry: AddSubentry
) -> None:
    tools = [OddTool(f"tool_{number:03}", "Does it.") for number in range(200)]

    add_api(hass, "many", *tools)
    await add_subentry("conversation", name="Hall", llm_hass_api=["many"])
    standin.fail(says("ok"))
    await ask(agent="conversation.hall")
    assert len(standin.requests[-1].body["tools"]) == 128


async def test_odd_tools_are_made_acceptable(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    add_subentry: AddSubentry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    either = probatio.Schema(
        probatio.All(
            {probatio.Optional("hours"): int, probatio.Optional("minutes"): int},
            probatio.Any({"hours": int}, {"minutes": int}),
        )
    )
    tools = [
        OddTool("script__" + "ask_somebody_" * 7, "Asks. " * 300),
        OddTool("sensor.get state", "Gets it."),
        OddTool("any_at_least", "Waits.", either),
        OddTool("broken", "Fails.", object()),
        OddTool("plain", "Does it."),
    ]

    add_api(hass, "odd", *tools)
    await add_subentry("conversation", name="Hall", llm_hass_api=["odd"])
    standin.fail(says("ok"))
    await ask(agent="conversation.hall")
    sent = {tool["name"]: tool for tool in standin.requests[-1].body["tools"]}
    assert len(sent) == 4
    assert {"plain", "any_at_least"} < sent.keys()
    for name, tool in sent.items():
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)
        assert len(tool["description"]) <= 1024
        assert tool["parameters"]["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf"} & tool["parameters"].keys()
    long = next(name for name in sent if name.startswith("script__"))
    standin.fail(calls((long, '{"room": "hall"}')))
    standin.fail(says("Asked."))
    assert speech(await ask("Ask", agent="conversation.hall")) == "Asked."
    # Though the tools are made anew for each turn.
    assert caplog.text.count("The tool broken cannot be offered to the model") == 1
    (made,) = tools[0].calls
    assert (made.tool_name, made.tool_args) == (tools[0].name, {"room": "hall"})
    # What the model has called stands in the next request as it was offered.
    assert standin.requests[-1].body["input"][-2]["name"] == long


@pytest.fixture
async def plain_tool(hass: HomeAssistant, agent: str, add_subentry: AddSubentry) -> OddTool:
    """Return a tool that an agent named `hall` may call."""
    tool = OddTool("plain", "Does it.")

    add_api(hass, "plain", tool)
    await add_subentry("conversation", name="Hall", llm_hass_api=["plain"])
    return tool


def call_piece(arguments: str, name: str | None = None, **more: Any) -> Any:
    """Return a chunk with a piece of a tool call."""
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return chunk({"tool_calls": [{"function": function, **more}]})


ONE, TWO = '{"room": "one"}', '{"room": "two"}'
PIECES = {
    "index 0 for all": [
        call_piece("", "plain", index=0, id="a"),
        call_piece(ONE, index=0),
        call_piece("", "plain", index=0, id="b"),
        call_piece(TWO[:5], index=0),
        call_piece(TWO[5:], index=0),
    ],
    "index 0 and no ids": [
        call_piece(ONE, "plain", index=0),
        call_piece(TWO, "plain", index=0),
    ],
    "pieces counted": [
        call_piece("", "plain", index=0, id="a"),
        call_piece(ONE, index=1),
        call_piece("", "plain", index=2, id="b"),
        call_piece(TWO, index=3),
    ],
    "new ids": [
        call_piece(ONE[:5], "plain", index=0, id="a"),
        call_piece(ONE[5:], index=0, id="b"),
        call_piece(TWO, "plain", index=1, id="c"),
    ],
}


@pytest.mark.parametrize("case", PIECES)
async def test_tool_calls_of_servers(
    standin: StandIn, plain_tool: OddTool, ask: Ask, case: str
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(*PIECES[case], chunk({}, "tool_calls")))
    standin.fail(chat(chunk({"content": "Done."}), chunk({}, "stop")))
    assert speech(await ask("On", agent="conversation.hall")) == "Done."
    assert [call.tool_args for call in plain_tool.calls] == [{"room": "one"}, {"room": "two"}]


async def test_truncated_tool_call_is_not_made(
    standin: StandIn, plain_tool: OddTool, ask: Ask
) -> None:
    for pieces in (
        [call_piece("", "plain", index=0, id="a")],
        [call_piece("", "plain", index=0, id="a"), call_piece(ONE[:9], index=0)],
    ):
        standin.fail(NO_RESPONSES)
        standin.fail(chat(*pieces, done=False, count=2))
        assert is_error(await ask("On", agent="conversation.hall"))
    assert not plain_tool.calls


async def test_tool_call_whose_arguments_were_streamed(
    standin: StandIn, plain_tool: OddTool, ask: Ask
) -> None:
    label = {"output_index": 0, "item_id": "fc_call_1"}
    delta = {"type": "response.function_call_arguments.delta", "delta": ONE, **label}
    done = {**call_event("plain", ""), "output_index": 0}
    for events in (
        [delta, done, completed()],
        [done | {"item": {**done["item"], "arguments": ONE}}],
        [
            {"type": "response.output_text.delta", "delta": "One moment."},
            completed(output=[{**done["item"], "arguments": ONE}]),
        ],
    ):
        standin.fail(Fault(path="/responses", body=sse(events), content_type=SSE))
        standin.fail(says("Done."))
        assert speech(await ask("On", agent="conversation.hall")).endswith("Done.")
    assert [call.tool_args for call in plain_tool.calls] == [{"room": "one"}] * 3


@pytest.mark.parametrize(
    ("satellite_id", "answer"),
    [(None, "**Yes** 😀"), ("assist_satellite.hall", "Yes")],
)
async def test_satellite_text_is_plain(
    standin: StandIn, agent: str, ask: Ask, satellite_id: str | None, answer: str
) -> None:
    standin.fail(says("**Ye", "s*", "* 😀"))

    assert speech(await ask(satellite_id=satellite_id)).strip() == answer


@pytest.mark.parametrize(
    ("choice", "text", "goes_on"),
    [
        ("when_asked", "Really?", True),
        ("when_asked", "Yes.", False),
        ("always", "Yes.", True),
        ("never", "Really?", False),
    ],
)
async def test_continue_conversation_option(
    standin: StandIn,
    agent: str,
    ask: Ask,
    add_subentry: AddSubentry,
    choice: str,
    text: str,
    goes_on: bool,
) -> None:
    await add_subentry("conversation", name="Hall", continue_conversation=choice)
    standin.fail(says(text))

    assert (await ask(agent="conversation.hall")).continue_conversation is goes_on


async def test_fallback_agent_when_unreachable(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    add_subentry: AddSubentry,
    events: Callable[[str], list[Event]],
) -> None:
    told = events("openai_api_turn_event")
    await add_subentry(
        "conversation", name="Hall", advanced={"fallback_agent": "conversation.kitchen"}
    )
    standin.fail(Fault(path="/responses", status=503, count=3))
    standin.fail(says("I am the other one."))

    assert speech(await ask("Hi", agent="conversation.hall")) == "I am the other one."
    await hass.async_block_till_done()
    assert [event.data["ended"] for event in told] == ["fallback", "done"]


async def test_fallback_agent_loop_ends(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    agent: str,
    ask: Ask,
    add_subentry: AddSubentry,
) -> None:
    await add_subentry(
        "conversation", name="Hall", advanced={"fallback_agent": "conversation.kitchen"}
    )
    subentry = entry.subentries[agent]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "fallback_agent": "conversation.hall"}
    )
    standin.fail(Fault(path="/responses", status=503, count=None))
    result = await ask("Hi", agent="conversation.hall")

    assert is_error(result)
    assert speech(result).startswith("The AI service has a problem")


async def test_follow_up_sends_history(standin: StandIn, agent: str, ask: Ask) -> None:
    standin.fail(says("Blue."))
    first = await ask("Which color?")
    standin.fail(says("Sky."))
    await ask("Why?", conversation_id=first.conversation_id)

    said = [(item["role"], item["content"]) for item in standin.requests[-1].body["input"]]
    assert said == [("user", "Which color?"), ("assistant", "Blue."), ("user", "Why?")]


async def test_model_missing_creates_issue(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, agent: str, ask: Ask
) -> None:
    body = {"error": {"message": "The model does not exist", "code": "model_not_found"}}
    standin.fail(Fault(path="/responses", status=404, body=body))
    await ask()

    issues = ir.async_get(hass)
    assert issues.async_get_issue(DOMAIN, f"model_gone_{agent}") is not None
    subentry = entry.subentries[agent]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "model": "other"}
    )
    assert issues.async_get_issue(DOMAIN, f"model_gone_{agent}") is None


CHAT_ANSWERS: dict[str, tuple[Fault, str]] = {
    "content_list": (
        chat(chunk({"content": [{"type": "text", "text": "Hi"}]}), chunk({}, "stop")),
        "Hi",
    ),
    "no_done": (chat(chunk({"content": "Hi"}), chunk({}, "stop"), done=False), "Hi"),
    "reasoning_content": (
        chat(chunk({"reasoning_content": "Hm"}), chunk({"content": "Hi"}, "stop")),
        "Hi",
    ),
    "think_tags": (
        chat(
            chunk({"content": "<thi"}),
            chunk({"content": "nk>Hm</th"}),
            chunk({"content": "ink>\n\nHi"}),
            chunk({}, "stop"),
        ),
        "Hi",
    ),
    "usage_last": (
        chat(chunk({"content": "Hi"}, "stop"), {"choices": [], "usage": {"prompt_tokens": 5}}),
        "Hi",
    ),
    "whole": (
        Fault(
            path="/chat/completions",
            body={"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]},
        ),
        "Hi",
    ),
    "refusal": (chat(chunk({"refusal": "I cannot"}), chunk({}, "stop")), "I cannot"),
    "half_emoji": (
        Fault(
            path="/chat/completions",
            body=b'data: {"choices":[{"delta":{"content":"Hi \\ud83d"}}]}\n\n'
            b'data: {"choices":[{"delta":{"content":"\\ude00"},"finish_reason":"stop"}]}\n\n',
            content_type=SSE,
        ),
        "Hi 😀",
    ),
}


@pytest.mark.parametrize("name", CHAT_ANSWERS)
async def test_chat_response_formats(standin: StandIn, agent: str, ask: Ask, name: str) -> None:
    fault, text = CHAT_ANSWERS[name]
    standin.fail(NO_RESPONSES)
    standin.fail(fault)

    assert speech(await ask()) == text


def piece(**call: Any) -> dict[str, Any]:
    """Return a chunk with a piece of a tool call."""
    return chunk({"tool_calls": [call]})


CHAT_CALLS: dict[str, list[dict[str, Any]]] = {
    "by_index": [
        piece(index=0, id="a", function={"name": "nonsense", "arguments": ""}),
        piece(index=0, function={"arguments": '{"x"'}),
        piece(index=0, function={"arguments": ": 1}"}),
        piece(index=1, id="b", function={"name": "nonsense", "arguments": '{"x": 2}'}),
    ],
    "by_id": [
        piece(id="a", function={"name": "nonsense", "arguments": '{"x": 1}'}),
        piece(id="b", function={"name": "nonsense", "arguments": '{"x": 2}'}),
    ],
    "index_always_0": [
        piece(index=0, id="a", function={"name": "nonsense", "arguments": '{"x": 1}'}),
        piece(index=0, id="b", function={"name": "nonsense", "arguments": '{"x": 2}'}),
    ],
    "objects": [
        piece(index=0, function={"name": "nonsense", "arguments": {"x": 1}}),
        piece(index=1, function={"name": "nonsense", "arguments": {"x": 2}}),
    ],
}


@pytest.mark.parametrize("name", CHAT_CALLS)
async def test_chat_tool_call_formats(standin: StandIn, agent: str, ask: Ask, name: str) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(*CHAT_CALLS[name], chunk({}, "tool_calls")))
    standin.fail(chat(chunk({"content": "Done"}), chunk({}, "stop")))

    assert speech(await ask()) == "Done"
    messages = standin.requests[-1].body["messages"]
    made = [call["function"]["arguments"] for call in messages[2]["tool_calls"]]
    assert [json.loads(arguments) for arguments in made] == [{"x": 1}, {"x": 2}]
    assert [message["role"] for message in messages[3:]] == ["tool", "tool"]


async def test_chat_unsupported_parameters_are_dropped(
    standin: StandIn, agent: str, ask: Ask, add_subentry: AddSubentry
) -> None:
    await add_subentry("conversation", name="Hall", advanced={"max_output_tokens": 9})
    standin.fail(NO_RESPONSES)
    for name in ("stream_options", "max_completion_tokens"):
        message = {"message": f"Unknown parameter {name}", "param": name}
        standin.fail(Fault(path="/chat/completions", status=400, body={"error": message}))
    standin.fail(chat(chunk({"content": "Hi"}), chunk({}, "stop")))

    assert speech(await ask(agent="conversation.hall")) == "Hi"
    body = standin.requests[-1].body
    assert "stream_options" not in body
    assert body["max_tokens"] == 9


async def test_changed_tools_are_described_again(
    hass: HomeAssistant, standin: StandIn, add_subentry: AddSubentry, ask: Ask
) -> None:
    class Changing(llm.Tool):
        name, description = "changing", "Changes."

        async def async_call(self, *_: Any) -> llm.ToolResult:
            raise NotImplementedError

    tool = Changing()
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    add_api(hass, "changing", tool)
    await add_subentry("conversation", llm_hass_api=["changing"])
    fields: list[dict[Any, Any]] = [
        {vol.Optional("a"): str},
        {vol.Required("a"): str},
        {vol.Required("a", description="A letter"): str},
        {vol.Required("a"): int},
        {vol.Required("a"): int, vol.Optional("b"): str},
        {},
    ]
    sent = []
    # Twice, for they are remembered.
    for schema in [*fields, *fields]:
        tool.parameters = vol.Schema(schema)
        standin.fail(says("ok"))
        await ask()
        sent.append(json.dumps(standin.requests[-1].body["tools"][0]["parameters"]))
    assert len(set(sent)) == len(fields)
    assert sent[: len(fields)] == sent[len(fields) :]
