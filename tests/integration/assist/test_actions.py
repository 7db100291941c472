"""Actions with LLM tools and with a stored conversation."""

import json
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.openai_api.const import DOMAIN
from custom_components.openai_api.handlers import kept_conversations
from tests.integration.llm_api import add_api
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from ..conftest import Call

pytestmark = pytest.mark.usefixtures("home")


class Door(llm.Tool):
    """A tool of the home."""

    name = "door"
    description = "Tells whether the door is open"
    parameters = probatio.Schema({probatio.Optional("room"): str})
    integration = DOMAIN

    def __init__(self) -> None:
        """Remember the calls."""
        self.asked: list[tuple[dict[str, Any], str | None]] = []

    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> llm.ToolResult:
        context = llm_context.context
        self.asked.append((tool_input.tool_args, context.user_id if context else None))
        return llm.ToolResult(data={"open": True})


@pytest.fixture
async def home(hass: HomeAssistant, entry: MockConfigEntry) -> Door:
    """Return the tool that the model may use."""
    assert await async_setup_component(hass, "homeassistant", {})
    tool = Door()
    add_api(hass, "test", tool, prompt="You guard a door.")
    return tool


def response(*output: Any) -> Fault:
    """Return a response with these items."""
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": list(output)}
    return Fault(path="/responses", body=body)


def says(text: str) -> dict[str, Any]:
    """Return a message."""
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
    }


def calls(name: str, call_id: str = "c1") -> dict[str, Any]:
    """Return a function call."""
    return {
        "type": "function_call",
        "id": "fc",
        "call_id": call_id,
        "name": name,
        "arguments": '{"room": "hall"}',
        "status": "completed",
    }


async def test_response_llm_tools_use_caller_permissions(
    hass: HomeAssistant, standin: StandIn, home: Door, hass_admin_user: User
) -> None:
    standin.fail(response(calls("door"), calls("door", "c2")))
    standin.fail(response(says("It is open.")))
    answer = await hass.services.async_call(
        DOMAIN,
        "create_model_response",
        {"model": "m", "input": "Door?", "instructions": "Be brief.", "llm_hass_api": ["test"]},
        blocking=True,
        return_response=True,
        context=Context(user_id=hass_admin_user.id),
    )

    assert answer is not None
    assert answer["output_text"] == "It is open."
    assert "conversation_id" not in answer
    assert home.asked == [({"room": "hall"}, hass_admin_user.id)] * 2
    body = standin.requests[-1].body
    assert body["instructions"] == "Be brief.\nYou guard a door."
    assert body["tools"][0]["name"] == "door"
    assert [item.get("type", "message") for item in body["input"]] == [
        "message",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]


@pytest.mark.parametrize("arguments", ["", '{"room": "ha', '{"room": "hall"}'])
async def test_truncated_response_calls_no_tools(
    standin: StandIn, home: Door, call: Call, arguments: str
) -> None:
    cut = response({**calls("door"), "arguments": arguments, "status": "incomplete"})
    cut.body["status"] = "incomplete"
    standin.fail(cut)
    data = {"model": "m", "llm_hass_api": ["test"], "conversation_id": "a"}
    found = await call("create_model_response", input="Door?", **data)
    assert found["status"] == "incomplete"
    assert not home.asked

    # The next request would be refused for a call without a result.
    standin.fail(response(says("It is open.")))
    await call("create_model_response", input="And now?", **data)
    assert [item["role"] for item in standin.requests[-1].body["input"]] == ["user", "user"]


async def test_truncated_chat_completion_calls_no_tools(
    standin: StandIn, home: Door, call: Call
) -> None:
    made = {"id": "c1", "type": "function", "function": {"name": "door", "arguments": ""}}
    choice = {
        "message": {"role": "assistant", "content": "I will", "tool_calls": [made]},
        "finish_reason": "length",
    }
    body = {"id": "x", "object": "chat.completion", "choices": [choice]}
    standin.fail(Fault(path="/chat/completions", body=body))
    messages = [{"role": "user", "content": "Door?"}]
    await call("create_chat_completion", model="m", messages=messages, llm_hass_api=["test"])

    assert not home.asked


async def test_reasoning_before_server_tool_call_is_not_sent(standin: StandIn, call: Call) -> None:
    thoughts = [{"type": "reasoning", "id": f"rs_{number}", "summary": []} for number in range(2)]
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    standin.fail(response(thoughts[0], search, thoughts[1], calls("door")))
    standin.fail(response(says("It is open.")))
    await call("create_model_response", model="m", input="Door?", llm_hass_api=["test"])

    sent = standin.requests[-1].body["input"]
    assert [item.get("id") for item in sent if item.get("type") == "reasoning"] == ["rs_1"]


async def test_chat_completion_llm_tools(standin: StandIn, call: Call) -> None:
    made = {"id": "c1", "type": "function", "function": {"name": "door", "arguments": "{}"}}
    for message in ({"role": "assistant", "tool_calls": [made]}, {"content": "Open."}):
        body = {"id": "x", "object": "chat.completion", "choices": [{"message": message}]}
        standin.fail(Fault(path="/chat/completions", body=body))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Door?"}]
    answer = await call(
        "create_chat_completion", model="m", messages=messages, llm_hass_api=["test"]
    )

    assert answer["choices"][0]["message"]["content"] == "Open."
    sent = standin.requests[-1].body["messages"]
    assert sent[0]["content"] == "Be brief.\nYou guard a door."
    assert [item["role"] for item in sent] == ["system", "user", "assistant", "tool"]
    assert json.loads(sent[3]["content"]) == {"open": True}


async def test_chat_completion_sends_reasoning_back(standin: StandIn, call: Call) -> None:
    extra = {"google": {"thought_signature": "x"}}
    function = {"name": "door", "arguments": "{}"}
    made = {"id": "c1", "type": "function", "function": function, "extra_content": extra}
    details = [{"type": "reasoning.encrypted", "data": "y"}]
    first = {
        "role": "assistant",
        "reasoning_content": "Let me look.",
        "reasoning_details": details,
        "tool_calls": [made],
    }
    missed = "The `reasoning_content` in the thinking mode must be passed back to the API."
    standin.fail(Fault(path="/chat/completions", body={"choices": [{"message": first}]}))
    standin.fail(Fault(path="/chat/completions", status=400, body={"error": {"message": missed}}))
    last = {"choices": [{"message": {"role": "assistant", "content": "Open."}}]}
    standin.fail(Fault(path="/chat/completions", body=last))
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Door?"},
    ]
    answer = await call(
        "create_chat_completion", model="m", messages=messages, llm_hass_api=["test"]
    )

    assert answer["choices"][0]["message"]["content"] == "Open."
    refused, sent = (one.body["messages"] for one in standin.requests[-2:])
    assert [one.get("reasoning_content") for one in refused] == [None] * len(refused)
    told = [one["reasoning_content"] for one in sent if one["role"] == "assistant"]
    assert told == [" ", "Let me look."]
    (called,) = [one for one in sent if one.get("tool_calls")]
    assert called["reasoning_details"] == details
    assert called["tool_calls"][0]["extra_content"] == extra


async def test_chat_completion_arguments_as_object(
    standin: StandIn, home: Door, call: Call
) -> None:
    made = {
        "id": "c1",
        "type": "function",
        "function": {"name": "door", "arguments": {"room": "a"}},
    }
    odd = {"tool_calls": [made, 5, {"id": "c2", "function": 5}]}
    for message in ({"role": "assistant", **odd}, {"content": "Open."}):
        body = {"id": "x", "object": "chat.completion", "choices": [{"message": message}]}
        standin.fail(Fault(path="/chat/completions", body=body))
    messages = [{"role": "user", "content": "Door?"}]
    await call("create_chat_completion", model="m", messages=messages, llm_hass_api=["test"])

    assert home.asked == [({"room": "a"}, None)]
    # There was no message that could say what the model should know of the home.
    assert standin.requests[-1].body["messages"][0] == {
        "role": "system",
        "content": "You guard a door.",
    }


async def test_reasoning_kept_within_call_and_images_sent_once(
    standin: StandIn, call: Call
) -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "z"}
    standin.fail(response(thought, calls("door")))
    standin.fail(response(says("It is open.")))
    data = {"model": "m", "conversation_id": "breakfast", "llm_hass_api": ["test"]}
    text = {"type": "input_text", "text": "Door?"}
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    await call(
        "create_model_response", input=[{"role": "user", "content": [text, picture]}], **data
    )
    kinds = [item.get("type", "message") for item in standin.requests[-1].body["input"]]
    assert kinds == ["message", "reasoning", "function_call", "function_call_output"]

    await call("create_model_response", input="And now?", **data)
    sent = standin.requests[-1].body["input"]
    kinds = [item.get("type", "message") for item in sent]
    assert kinds == ["message", "function_call", "function_call_output", "message", "message"]
    assert sent[0]["content"] == [text]


async def test_conversation_history_limit(
    standin: StandIn, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_conversations, "_MAX_ITEMS", 3)
    for text in ("One", "Two", "Three"):
        await call("create_model_response", input=text, model="m", conversation_id="breakfast")

    sent = standin.requests[-1].body["input"]
    assert [item["role"] for item in sent] == ["user", "assistant", "user"]
    assert sent[0]["content"] == "Two"


async def test_caller_function_is_returned(standin: StandIn, home: Door, call: Call) -> None:
    standin.fail(response(calls("mine")))
    answer = await call("create_model_response", model="m", input="x", llm_hass_api=["test"])

    assert answer["output"][0]["name"] == "mine"
    assert not home.asked


async def test_tool_round_limit(standin: StandIn, home: Door, call: Call) -> None:
    fault = response(calls("door"))
    for _ in range(10):
        standin.fail(fault)
    standin.fail(response(says("Enough.")))
    answer = await call("create_model_response", model="m", input="x", llm_hass_api=["test"])

    assert answer["output_text"] == "Enough."
    assert standin.requests[-1].body["tool_choice"] == "none"
    assert len(home.asked) == 10


@pytest.mark.parametrize("streams", [False, True])
async def test_conversation_id_keeps_history(standin: StandIn, call: Call, streams: bool) -> None:
    data = {"model": "m", "conversation_id": "breakfast", "stream": streams}
    first = await call("create_model_response", input="My name is Ada.", **data)
    assert first["conversation_id"] == "breakfast"
    await call("create_model_response", input="Who am I?", **data)

    sent = standin.requests[-1].body["input"]
    assert [item["role"] for item in sent] == ["user", "assistant", "user"]
    assert sent[0]["content"] == "My name is Ada."
    assert sent[1]["content"] == first["output_text"]


async def test_conversation_id_keeps_chat_history(standin: StandIn, call: Call) -> None:
    data = {"model": "m", "conversation_id": "breakfast"}
    for text in ("My name is Ada.", "Who am I?"):
        messages = [{"role": "user", "content": text}]
        await call("create_chat_completion", messages=messages, **data)

    sent = standin.requests[-1].body["messages"]
    assert [item["role"] for item in sent] == ["user", "assistant", "user"]


async def test_conversation_failed_call_is_not_kept(standin: StandIn, call: Call) -> None:
    data = {"model": "m", "conversation_id": "breakfast"}
    standin.fail(Fault(path="/responses", status=400))
    with pytest.raises(ServiceValidationError):
        await call("create_model_response", input="Bad", **data)
    await call("create_model_response", input="Good", **data)

    assert len(standin.requests[-1].body["input"]) == 1


async def test_conversation_of_other_user_raises(hass: HomeAssistant) -> None:
    users = [MockUser(name=name, is_owner=True).add_to_hass(hass) for name in ("a", "b")]

    async def ask(user: MockUser) -> Any:
        return await hass.services.async_call(
            DOMAIN,
            "create_model_response",
            {"model": "m", "input": "Hi", "conversation_id": "x"},
            blocking=True,
            return_response=True,
            context=Context(user_id=user.id),
        )

    await ask(users[0])
    with pytest.raises(ServiceValidationError) as raised:
        await ask(users[1])
    assert raised.value.translation_key == "conversation_of_another"


@pytest.mark.parametrize("key", ["conversation", "previous_response_id"])
async def test_conversation_kept_twice_raises(standin: StandIn, call: Call, key: str) -> None:
    count = len(standin.requests)
    data = {"model": "m", "input": "Hi", "conversation_id": "x", key: "abc"}
    with pytest.raises(ServiceValidationError) as raised:
        await call("create_model_response", **data)

    assert raised.value.translation_key == "conversation_kept_twice"
    assert len(standin.requests) == count


async def test_unknown_llm_api_raises(call: Call) -> None:
    with pytest.raises(ServiceValidationError) as raised:
        await call("create_model_response", model="m", input="Hi", llm_hass_api=["nope"])
    assert raised.value.translation_key == "llm_api_unknown"
