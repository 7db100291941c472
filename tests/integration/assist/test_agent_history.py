"""The contents of earlier turns in a request; those of failed turns are closed."""

import json
from typing import Any

from homeassistant.components import conversation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import chat_session, llm
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import NO_RESPONSES, SSE, call_event, calls, chat, chunk, completed, says, sse
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
async def test_reasoning_before_server_tool_call_is_not_sent(
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
async def test_chat_reasoning_is_sent_back_if_required(
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


async def test_message_of_other_agent_is_sent(
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


SHALL = "Shall I close the shutters?"
ALTERNATE = "Conversation roles must alternate user/assistant/user/assistant/..."


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, ALTERNATE),
        (500, f"Jinja Exception: After the optional system message, {ALTERNATE.lower()}"),
        (400, "A conversation must start with a user message. Try again with a conversation …"),
        (400, 'messages: first message must use the "user" role'),
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_conversation_started_by_satellite(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    status: int,
    message: str,
    is_chat: bool,
) -> None:
    path = "/chat/completions" if is_chat else "/responses"
    done = chat(chunk({"content": "Ok."}), chunk({}, "stop")) if is_chat else says("Ok.")
    if is_chat:
        await use_chat(standin, ask)
    with chat_session.async_get_chat_session(hass, None) as session:
        conversation_id = session.conversation_id
    await add_turn(hass, conversation_id, answer(SHALL))
    standin.fail(Fault(path=path, status=status, body={"error": {"message": message}}))
    standin.fail(done)
    assert speech(await ask("Yes", conversation_id=conversation_id)) == "Ok."

    first, last = (one.body["messages" if is_chat else "input"] for one in standin.requests[-2:])
    begin = ["system"] if is_chat else []
    assert [one["role"] for one in first] == [*begin, "assistant", "user"]
    assert [one["role"] for one in last] == [*begin, "user"]
    assert SHALL in last[-1]["content"]
    assert last[-1]["content"].endswith("Yes")
    # It is remembered, and changes nothing where a person begins.
    before = len(standin.requests)
    standin.fail(done)
    await ask("Thanks", conversation_id=conversation_id)
    standin.fail(done)
    await ask("Hello")
    told, other = (
        one.body["messages" if is_chat else "input"] for one in standin.requests[before:]
    )
    assert [one["role"] for one in told] == [*begin, "user", "assistant", "user"]
    assert [one["role"] for one in other] == [*begin, "user"]
    assert other[-1]["content"] == "Hello"


async def test_conversation_started_by_satellite_without_system_role(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    await use_chat(standin, ask)
    with chat_session.async_get_chat_session(hass, None) as session:
        conversation_id = session.conversation_id
    await add_turn(hass, conversation_id, answer(SHALL))
    for _ in range(2):
        standin.fail(
            Fault(path="/chat/completions", status=400, body={"error": {"message": ALTERNATE}})
        )
    standin.fail(chat(chunk({"content": "Ok."}), chunk({}, "stop")))
    assert speech(await ask("Yes", conversation_id=conversation_id)) == "Ok."

    (told,) = standin.requests[-1].body["messages"]
    assert told["role"] == "user"
    assert SHALL in told["content"]
    assert told["content"].endswith("Yes")


@pytest.mark.parametrize("is_chat", [True, False])
async def test_long_conversation_keeps_last_turns(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, is_chat: bool
) -> None:
    path = "/chat/completions" if is_chat else "/responses"
    done = chat(chunk({"content": "Ok."}), chunk({}, "stop")) if is_chat else says("Ok.")
    if is_chat:
        conversation_id = await use_chat(standin, ask)
    else:
        standin.fail(done)
        conversation_id = (await ask("Hello")).conversation_id
    for number in range(8):
        await add_turn(hass, conversation_id, question(f"Q{number}"), answer(f"A{number}"))
    too_long = Fault(
        path=path, status=400, body={"error": {"message": "x", "code": "context_length_exceeded"}}
    )
    call = {"name": "homeassistant__GetLiveContext", "arguments": "{}"}
    called = (
        chat(chunk({"tool_calls": [chat_call(0, function=call)]}), chunk({}, "tool_calls"))
        if is_chat
        else calls((call["name"], call["arguments"]))
    )
    before = len(standin.requests)
    for fault in (too_long, too_long, called, done):
        standin.fail(fault)
    assert speech(await ask("Go", conversation_id=conversation_id)) == "Ok."

    sent = [one.body["messages" if is_chat else "input"] for one in standin.requests[before:]]
    asked = [[one["content"] for one in items if one.get("role") == "user"] for items in sent]
    assert [len(one) for one in asked] == [10, 5, 2, 2]
    assert asked[-1] == ["Q7", "Go"]
