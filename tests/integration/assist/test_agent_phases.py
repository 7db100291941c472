"""The phases of messages: `commentary` and `final_answer`."""

import json
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.openai_api.assist.responses_websocket import connection_pool
from tests.integration.waiting import wait_for
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import (
    NO_RESPONSES,
    SSE,
    USAGE,
    call_event,
    chat,
    chunk,
    completed,
    says,
    sse,
    streamed,
)
from .conftest import Ask, speech
from .test_agent_ends import message
from .test_agent_history import add_turn, answer, question
from .test_agent_websocket import AddAgent, add_agent
from .voice import SILENCE, SPEECH
from .voice_home import AddHome
from .voice_server import ScriptedBody, VoiceServer
from .websocket_service import Service

__all__ = ["add_agent"]

type Json = dict[str, Any]
LOOK = "Let me look."
WARM = "It is warm."
BOTH = [*message(LOOK, 1, "commentary"), *message(WARM, 2, "final_answer"), completed()]


def said(items: list[Json]) -> list[tuple[str | None, str | None]]:
    """Return phase and text of the messages of the assistant in an input."""
    return [
        (item.get("phase"), item["content"]) for item in items if item.get("role") == "assistant"
    ]


def thought(number: int) -> Json:
    """Return the event of a sealed thought."""
    item = {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "zzz"}
    return {"type": "response.output_item.done", "item": item}


async def test_phases_are_sent_back(standin: StandIn, agent: str, ask: Ask) -> None:
    standin.fail(
        streamed(
            thought(0),
            *message(LOOK, 1, "commentary"),
            call_event("nonsense", "{}"),
            completed(),
        )
    )
    standin.fail(streamed(thought(1), *BOTH))
    result = await ask("Is it warm?")
    assert speech(result) == WARM

    items = standin.requests[-1].body["input"]
    assert [item.get("id", item["type"]) for item in items] == [
        "message",
        "rs_0",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert said(items) == [("commentary", LOOK)]
    standin.fail(says("Yes."))
    await ask("Really?", conversation_id=result.conversation_id)
    assert said(standin.requests[-1].body["input"]) == [
        ("commentary", LOOK),
        ("commentary", LOOK),
        ("final_answer", WARM),
    ]


async def test_message_without_phase_is_sent_back_without(
    standin: StandIn, agent: str, ask: Ask
) -> None:
    events = [*message(LOOK, 1, "commentary"), *message(WARM, 2), completed()]
    standin.fail(streamed(*events))
    result = await ask("Is it warm?")
    assert speech(result) == WARM

    standin.fail(says("Yes."))
    await ask("Really?", conversation_id=result.conversation_id)
    items = standin.requests[-1].body["input"]
    assert said(items) == [("commentary", LOOK), (None, WARM)]
    assert "phase" not in items[2]


async def test_phases_without_stream(standin: StandIn, agent: str, ask: Ask) -> None:
    output = [
        {"type": "message", "phase": phase, "content": [{"type": "output_text", "text": text}]}
        for phase, text in (("commentary", LOOK), ("final_answer", WARM))
    ]
    body = {"id": "r", "status": "completed", "output": output, "usage": USAGE}
    standin.fail(Fault(path="/responses", body=body))
    result = await ask("Is it warm?")
    assert speech(result) == WARM

    standin.fail(says("Yes."))
    await ask("Really?", conversation_id=result.conversation_id)
    assert said(standin.requests[-1].body["input"]) == [
        ("commentary", LOOK),
        ("final_answer", WARM),
    ]


async def test_commentary_alone_is_the_answer(standin: StandIn, agent: str, ask: Ask) -> None:
    silent = message("", 2, "final_answer")
    standin.fail(streamed(*message(LOOK, 1, "commentary"), *silent, completed()))

    assert speech(await ask()) == LOOK


@pytest.mark.parametrize(
    ("commentary", "heard"),
    [
        # Home Assistant speaks an answer of this length as a whole.
        (LOOK, WARM),
        (f"{LOOK} This takes some time, for there are many rooms.", None),
    ],
)
async def test_pipeline_commentary_is_spoken_once(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome, commentary: str, heard: str | None
) -> None:
    satellite = await add_home()
    told = async_capture_events(hass, "openai_api_turn_event")
    events = [*message(commentary, 1, "commentary"), *message(WARM, 2, "final_answer")]
    service.heads = [ScriptedBody(sse([*events, completed()]), SSE)]
    await satellite.say(SPEECH, SILENCE)

    expected = heard or f"{commentary} {WARM}"
    # Two that are requested at once may arrive in either order.
    spoken = sorted((one["input"] for one in service.speeches), key=expected.index)
    assert " ".join(spoken) == expected
    assert satellite.speech == WARM
    await hass.async_block_till_done()
    assert [turn.data["ended"] for turn in told] == ["done"] * 3


async def test_phases_over_websocket(
    remote: Service, loaded: MockConfigEntry, add_agent: AddAgent, ask: Ask
) -> None:
    await add_agent()
    remote.raw = [json.dumps(event) for event in message(LOOK, 1, "commentary")]
    remote.phase = "final_answer"
    first = await ask("A")
    assert speech(first) == "Hello there"
    second = await ask("B", conversation_id=first.conversation_id)
    assert [item["content"] for item in remote.requests[-1][1]["input"]] == ["B"]

    # On another connection, everything is sent again.
    for line in remote.open:
        await line.close()
    await wait_for(lambda: not connection_pool(loaded.runtime_data).free)
    await ask("C", conversation_id=second.conversation_id)
    assert said(remote.requests[-1][1]["input"]) == [
        ("commentary", LOOK),
        ("final_answer", "Hello there"),
        ("final_answer", "Hello there"),
    ]


async def test_chat_messages_of_one_turn_are_joined(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"content": "Hi."}), chunk({}, "stop")))
    result = await ask("Hello")
    await add_turn(
        hass, result.conversation_id, question("Is it warm?"), answer(LOOK), answer(WARM)
    )
    standin.fail(chat(chunk({"content": "Yes."}), chunk({}, "stop")))
    await ask("Really?", conversation_id=result.conversation_id)

    # Many templates of models refuse two in a row.
    told = [(one["role"], one["content"]) for one in standin.requests[-1].body["messages"][1:]]
    assert told == [
        ("user", "Hello"),
        ("assistant", "Hi."),
        ("user", "Is it warm?"),
        ("assistant", f"{LOOK}\n\n{WARM}"),
        ("user", "Really?"),
    ]
