"""What the model is told of earlier turns: none that failed may be done later."""

import json
from typing import Any

from homeassistant.components import conversation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import chat_session, llm
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import NO_RESPONSES, SSE, call_event, chat, chunk, completed, says, sse
from .conftest import Ask, speech

type Json = dict[str, Any]
FAILED = "Sorry, an error occurred before I could finish that request."


async def add_turn(
    hass: HomeAssistant, conversation_id: str | None, *contents: conversation.Content
) -> None:
    """Write a turn into the log of a conversation, as Home Assistant does."""
    with (
        chat_session.async_get_chat_session(hass, conversation_id) as session,
        conversation.async_get_chat_log(hass, session) as log,
    ):
        log.content.extend(contents)


def question(text: str) -> conversation.UserContent:
    """Return what a person says."""
    return conversation.UserContent(text)


def answer(text: str | None, *calls: llm.ToolInput) -> conversation.AssistantContent:
    """Return what an agent says and calls."""
    return conversation.AssistantContent(agent_id="x", content=text, tool_calls=list(calls) or None)


CALL = llm.ToolInput(id="c9", tool_name="open_door", tool_args={})
RESULT = conversation.ToolResultContent(
    agent_id="x", tool_call_id="c9", tool_name="open_door", result=llm.ToolResult(data={"ok": 1})
)


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        ([question("Open the door"), answer("Error: no")], [FAILED]),
        ([question("Open the door"), answer("(no response)")], [FAILED]),
        ([question("Open the door")], [FAILED]),
        ([question("Open it"), answer("I will.", CALL), RESULT, answer("Error: no")], [FAILED]),
        ([question("Open it"), answer("I will.", CALL), RESULT], [FAILED]),
        ([question("Open it"), answer(None, CALL), RESULT, answer("")], ["Done."]),
        ([question("Open it"), answer(None, CALL), RESULT, answer("It is.")], ["It is."]),
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_every_earlier_question_has_an_answer(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    turn: list[Any],
    told: list[str],
    is_chat: bool,
) -> None:
    if is_chat:
        standin.fail(NO_RESPONSES)
        standin.fail(chat(chunk({"content": "Blue."}), chunk({}, "stop")))
    else:
        standin.fail(says("Blue."))
    result = await ask("Which color?")
    await add_turn(hass, result.conversation_id, *turn)
    standin.fail(chat(chunk({"content": "Red."}), chunk({}, "stop")) if is_chat else says("Red."))
    assert speech(await ask("And then?", conversation_id=result.conversation_id)) == "Red."

    sent = standin.requests[-1].body["messages" if is_chat else "input"]
    spoken = [
        (one["role"], one["content"])
        for one in sent
        if one.get("role") in {"user", "assistant"} and one.get("content") != "I will."
        if "tool_calls" not in one
    ]
    assert spoken == [
        ("user", "Which color?"),
        ("assistant", "Blue."),
        ("user", turn[0].content),
        *(("assistant", text) for text in told),
        ("user", "And then?"),
    ]


@pytest.mark.parametrize("service", ["web_search_call", "mcp_call"])
async def test_reasoning_before_call_of_service_is_not_sent(
    standin: StandIn, agent: str, ask: Ask, service: str
) -> None:
    def done(kind: str, **item: Any) -> Json:
        return {"type": "response.output_item.done", "item": {"type": kind, **item}}

    sealed = {"summary": [], "encrypted_content": "zzz"}
    events = [
        done("reasoning", id="rs_0", **sealed),
        done(service, id="ws_0", name="search", status="completed"),
        done("reasoning", id="rs_1", **sealed),
        call_event("nonsense", "{}"),
        completed(),
    ]
    standin.fail(Fault(path="/responses", body=sse(events), content_type=SSE))
    standin.fail(says("Done."))
    assert speech(await ask()) == "Done."

    items = standin.requests[-1].body["input"]
    assert [item.get("id", item["type"]) for item in items] == [
        "message",
        "rs_1",
        "function_call",
        "function_call_output",
    ]
    assert json.loads(items[-1]["output"])["error"] is True


async def use_chat(standin: StandIn, ask: Ask) -> str | None:
    """Let the service have chat completions alone; return the conversation."""
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"content": "Hi."}), chunk({}, "stop")))
    return (await ask("Hello")).conversation_id


def chat_call(index: int, **more: Any) -> Json:
    """Return a whole tool call of a chat completion."""
    function = {"name": "nonsense", "arguments": "{}"}
    return {"index": index, "id": f"c{index}", "function": function, **more}


async def test_chat_signature_of_call_is_sent_back(standin: StandIn, agent: str, ask: Ask) -> None:
    conversation_id = await use_chat(standin, ask)
    extra = {"google": {"thought_signature": "c2lnbmVk"}}
    standin.fail(
        chat(
            chunk({"tool_calls": [chat_call(0, extra_content=extra)]}),
            chunk({"tool_calls": [chat_call(1)]}),
            chunk({}, "tool_calls"),
        )
    )
    standin.fail(chat(chunk({"content": "Done."}), chunk({}, "stop")))
    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."

    standin.fail(chat(chunk({"content": "Yes."}), chunk({}, "stop")))
    await ask("Sure?", conversation_id=conversation_id)
    for request in standin.requests[-2:]:
        (message,) = [one for one in request.body["messages"] if one.get("tool_calls")]
        assert [call.get("extra_content") for call in message["tool_calls"]] == [extra, None]


async def test_chat_reasoning_details_are_sent_back(standin: StandIn, agent: str, ask: Ask) -> None:
    conversation_id = await use_chat(standin, ask)
    standin.fail(
        chat(
            *(
                chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": text}]})
                for text in ("I ", "think")
            ),
            chunk(
                {"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "s"}]}
            ),
            chunk(
                {"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "x"}]}
            ),
            chunk({"tool_calls": [chat_call(0)]}),
            chunk({}, "tool_calls"),
        )
    )
    standin.fail(chat(chunk({"content": "Done."}), chunk({}, "stop")))
    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."

    (message,) = [one for one in standin.requests[-1].body["messages"] if one.get("tool_calls")]
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "I think", "signature": "s"},
        {"type": "reasoning.encrypted", "index": 1, "data": "x"},
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        "thinking is enabled but reasoning_content is missing in assistant tool call message",
    ],
)
async def test_chat_reasoning_is_sent_back_where_it_is_missed(
    standin: StandIn, agent: str, ask: Ask, refusal: str
) -> None:
    conversation_id = await use_chat(standin, ask)
    thought = chunk({"reasoning_content": "I should call it."})
    called = chat(thought, chunk({"tool_calls": [chat_call(0)]}), chunk({}, "tool_calls"))
    standin.fail(called)
    error = {"error": {"message": refusal, "type": "invalid_request_error"}}
    standin.fail(Fault(path="/chat/completions", status=400, body=error))
    standin.fail(chat(chunk({"content": "Done."}), chunk({}, "stop")))
    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."

    told = [
        one.get("reasoning_content")
        for one in standin.requests[-1].body["messages"]
        if one["role"] == "assistant"
    ]
    assert told == [" ", "I should call it."]
    # It is remembered.
    asked = len(standin.requests)
    standin.fail(called)
    standin.fail(chat(chunk({"content": "Yes."}), chunk({}, "stop")))
    assert speech(await ask("Again", conversation_id=conversation_id)) == "Yes."
    assert len(standin.requests) == asked + 2


async def test_message_of_another_agent_is_told(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    standin.fail(says("Hello."))
    first = await ask()
    said = conversation.AssistantContent(agent_id="x", content="Bye.", native={"type": "message"})
    await add_turn(hass, first.conversation_id, question("Bye"), said)
    standin.fail(says("Yes."))

    assert speech(await ask("Really?", conversation_id=first.conversation_id)) == "Yes."
    told = [item["content"] for item in standin.requests[-1].body["input"]]
    assert "Bye." in told
