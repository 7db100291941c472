"""Tools of other integrations and MCP servers: an invalid one does not affect the others."""

import json
import re
from typing import Any, override

from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
import probatio
import pytest

from custom_components.openai_api.const import DOMAIN
from tests.integration.llm_api import add_api
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import NO_RESPONSES, SSE, calls, chat, chunk, completed, says, streamed
from .conftest import AddSubentry, Ask, speech

type Json = dict[str, Any]


class AnyTool(llm.Tool):
    """A tool that remembers what it was asked."""

    integration = DOMAIN

    def __init__(self, name: str, parameters: Any = None, description: str = "Does it.") -> None:
        self.name = name
        self.description = description
        self.parameters = parameters or probatio.Schema({probatio.Optional("x"): str})
        self.asked: list[Any] = []
        self.result: Any = {"done": True}

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> llm.ToolResult:
        self.asked.append(tool_input.tool_args)
        return llm.ToolResult(data=self.result)


@pytest.fixture
async def offer(hass: HomeAssistant, add_subentry: AddSubentry, assist: None) -> Any:
    """Return a function that adds an agent with tools."""

    async def add(*tools: llm.Tool, **options: Any) -> None:
        add_api(hass, "any", *tools, prompt=f"Use {tools[0].name} well.")
        await add_subentry("conversation", llm_hass_api=["any"], **options)

    return add


@pytest.mark.parametrize(
    ("result", "is_silent"),
    [
        ({"success": True}, True),
        ({"result": {}}, True),
        # As the calendar tells that there is nothing, which nobody has said then.
        ({"events": []}, False),
        ({"success": True, "result": []}, False),
    ],
)
async def test_empty_answer_after_tool(
    standin: StandIn, offer: Any, ask: Ask, result: Json, is_silent: bool
) -> None:
    tool = AnyTool("look")
    tool.result = result
    await offer(tool)
    standin.fail(calls(("look", "{}")))
    standin.fail(streamed(completed()))

    said = speech(await ask("What is on today?"))
    assert said == ("" if is_silent else "The AI service gave no answer.")


LONG = "script_that_says_good_night_and_switches_everything_off_in_the_whole_house"


@pytest.mark.parametrize("name", [LONG, "weather.today", "Wetter für morgen", "天気"])
@pytest.mark.parametrize("is_chat", [True, False])
async def test_tool_with_invalid_name(
    standin: StandIn, offer: Any, ask: Ask, name: str, is_chat: bool
) -> None:
    tool = AnyTool(name)
    await offer(tool, AnyTool("other"))
    if is_chat:
        standin.fail(NO_RESPONSES)
        standin.fail(chat(chunk({"content": "Hi."}), chunk({}, "stop")))
    else:
        standin.fail(says("Hi."))
    result = await ask()
    body = standin.requests[-1].body
    offered = [one["function"] if is_chat else one for one in body["tools"]]
    (sent,) = [one["name"] for one in offered if one["name"] != "other"]
    assert re.fullmatch("[A-Za-z0-9_-]{1,64}", sent)
    told = body["messages"][0]["content"] if is_chat else body["instructions"]
    assert f"Use {sent} well." in told

    call: Json = {"index": 0, "id": "c1", "function": {"name": sent, "arguments": '{"x": "1"}'}}
    if is_chat:
        standin.fail(chat(chunk({"tool_calls": [call]}), chunk({}, "tool_calls")))
        standin.fail(chat(chunk({"content": "Done."}), chunk({}, "stop")))
    else:
        standin.fail(calls((sent, '{"x": "1"}')))
        standin.fail(says("Done."))
    assert speech(await ask("Go", conversation_id=result.conversation_id)) == "Done."
    assert tool.asked == [{"x": "1"}]
    body = standin.requests[-1].body
    made = (
        body["messages"][-2]["tool_calls"][0]["function"]["name"]
        if is_chat
        else body["input"][-2]["name"]
    )
    assert made == sent


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"x": {"type": "array"}}},
        {"type": "object", "properties": {"x": {}}},
        {"type": "object", "properties": {"x": {"type": "string", "enum": []}}},
        {"type": "object", "anyOf": [{"required": ["x"]}, {"required": ["y"]}]},
        {"properties": {"x": {"allOf": [{"type": "string"}, {"minLength": 1}]}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {}}}},
    ],
)
async def test_tool_with_invalid_parameters(
    standin: StandIn, offer: Any, ask: Ask, schema: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probatio.to_openapi", lambda *_, **__: schema)
    await offer(AnyTool("odd"))
    standin.fail(says("Hi."))
    await ask()

    (sent,) = standin.requests[-1].body["tools"]
    parameters = sent["parameters"]
    assert parameters["type"] == "object"
    assert not {"anyOf", "oneOf", "allOf", "enum", "not", "$ref"} & parameters.keys()
    for value in parameters["properties"].values():
        assert "type" in value
        assert "enum" not in value
        assert value["type"] != "array" or "items" in value


async def test_tool_that_cannot_be_described_is_left_out(
    standin: StandIn, offer: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        """A schema that cannot be read."""

        @property
        def schema(self) -> Any:
            """Raise, as what is wrong with it does."""
            raise KeyError("gone")

    await offer(AnyTool("good"), AnyTool("bad", Broken()))
    for _ in range(2):
        standin.fail(says("Hi."))
        assert speech(await ask()) == "Hi."

    assert [tool["name"] for tool in standin.requests[-1].body["tools"]] == ["good"]
    assert caplog.text.count("The tool bad cannot be offered") == 1


async def test_tool_count_limit(standin: StandIn, offer: Any, ask: Ask) -> None:
    tools = [AnyTool(f"tool_{number:03}", description="x" * 2000) for number in range(140)]
    await offer(*tools, advanced={"host_tools": [{"type": "web_search"}]})
    standin.fail(says("Hi."))
    await ask()

    sent = standin.requests[-1].body["tools"]
    assert len(sent) == 128
    assert sent[-1] == {"type": "web_search"}
    assert max(len(tool.get("description", "")) for tool in sent) <= 1024


@pytest.mark.parametrize("code", ["tool_use_failed", "json_validate_failed"])
@pytest.mark.parametrize("in_stream", [True, False])
async def test_unparsable_tool_call_is_retried(
    standin: StandIn, offer: Any, ask: Ask, in_stream: bool, code: str
) -> None:
    await offer(AnyTool("good"))
    error: Json = {"error": {"message": "Failed to generate", "code": code}}
    if in_stream:
        body = f"data: {json.dumps(error)}\n\n".encode()
        standin.fail(Fault(path="/responses", body=body, content_type=SSE))
    else:
        standin.fail(Fault(path="/responses", status=400, body=error))
    standin.fail(says("It is on."))

    assert speech(await ask()) == "It is on."


async def test_same_tool_call_in_every_round_is_rejected(
    standin: StandIn, offer: Any, ask: Ask
) -> None:
    tool = AnyTool("add_milk")
    await offer(tool)
    for _ in range(5):
        # Twice in one round is what somebody may have asked for.
        standin.fail(calls(*[("add_milk", '{"x": "1"}')] * 2, ("add_milk", '{"x": "2"}')))
    standin.fail(says("It is on the list."))
    result = await ask("Two milk")

    assert speech(result) == "It is on the list."
    assert tool.asked.count({"x": "1"}) == 6
    assert tool.asked.count({"x": "2"}) == 3
    last = standin.requests[-1].body["input"][-1]
    assert "3 times already" in last["output"]

    standin.fail(calls(("add_milk", '{"x": "1"}')))
    standin.fail(says("Again."))
    assert speech(await ask("More", conversation_id=result.conversation_id)) == "Again."
    assert tool.asked.count({"x": "1"}) == 7


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("Invalid schema for function 'odd': schema must have type 'object'", None),
        ("Invalid schema for function 'odd': True is not of type 'number'", "tools[1].parameters"),
        ("Invalid schema", "tools[1].parameters"),
        ("tools.1.custom.input_schema: input_schema does not support anyOf at the top level", None),
        (
            "* GenerateContentRequest.tools[0].function_declarations[1].parameters.x: no field",
            None,
        ),
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_rejected_tool_is_left_out(
    standin: StandIn,
    offer: Any,
    ask: Ask,
    caplog: pytest.LogCaptureFixture,
    message: str,
    param: str | None,
    is_chat: bool,
) -> None:
    await offer(AnyTool("even"), AnyTool("odd"), AnyTool("other"))
    path = "/chat/completions" if is_chat else "/responses"
    if is_chat:
        standin.fail(NO_RESPONSES)
    error = {"message": message, "param": param}
    standin.fail(Fault(path=path, status=400, body={"error": error}))
    for _ in range(2):
        standin.fail(chat(chunk({"content": "Hi."}), chunk({}, "stop")) if is_chat else says("Hi."))
        assert speech(await ask()) == "Hi."

    bodies = [one.body for one in standin.requests if one.path == path]
    names = [[tool.get("function", tool)["name"] for tool in body["tools"]] for body in bodies]
    assert names == [["even", "odd", "other"], ["even", "other"], ["even", "other"]]
    assert caplog.text.count("does not take the tool odd") == 1
