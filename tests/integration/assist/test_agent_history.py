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
    turn: list[conversation.Content],
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
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, service: str
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
