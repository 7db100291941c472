"""Unusual responses of services, and what the conversation entity says and stores."""

from collections.abc import Callable
import json
from typing import Any
from unittest.mock import patch

from homeassistant.components import conversation
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.helpers import chat_session
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.openai_api.assist import llm_entity
from tests.integration.llm_api import BrokenApi, add_api
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
    item_done,
    says,
    sse,
    streamed,
)
from .conftest import Ask, is_error, speech

pytestmark = pytest.mark.usefixtures("agent")

type Json = dict[str, Any]


def delta(text: Any) -> Json:
    """Return the event of a piece of the text."""
    return {"type": "response.output_text.delta", "delta": text}


def log_of(hass: HomeAssistant, conversation_id: str | None) -> list[Any]:
    """Return what a conversation remembers."""
    assert conversation_id is not None
    logs: Any = hass.data["conversation_chat_logs"]
    return list(logs[conversation_id].content)


MESSAGE: Json = {
    "type": "message",
    "content": [{"type": "output_text", "text": "Hi"}, "x", {"type": "refusal", "refusal": "!"}],
}
REFUSED: Json = {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}


@pytest.mark.parametrize(
    ("output", "said"),
    [([MESSAGE], "Hi!"), ([REFUSED], "I cannot."), ([17, {"type": "new"}, MESSAGE], "Hi!")],
)
@pytest.mark.parametrize("is_streamed", [True, False])
async def test_response_without_stream(
    standin: StandIn, ask: Ask, output: list[Any], said: str, is_streamed: bool
) -> None:
    whole = {"id": "r", "status": "completed", "output": output, "usage": USAGE}
    standin.fail(
        streamed(completed(output=output)) if is_streamed else Fault(path="/responses", body=whole)
    )
    assert speech(await ask()) == said


async def test_response_failed_without_stream(standin: StandIn, ask: Ask) -> None:
    error = {"code": "server_error", "message": "Overloaded"}
    body = {"id": "r", "status": "failed", "error": error}
    standin.fail(Fault(path="/responses", body=body, count=3))
    result = await ask()
    assert is_error(result)
    assert speech(result).startswith("The AI service has a problem")


@pytest.mark.parametrize("output", [None, "text", [{"type": "message", "content": "Hi"}], [None]])
async def test_response_of_unknown_shape_is_empty(standin: StandIn, ask: Ask, output: Any) -> None:
    standin.fail(Fault(path="/responses", body={"status": "completed", "output": output}))
    result = await ask()
    assert is_error(result)
    assert speech(result).startswith("The AI service gave no answer")


async def test_refusal_is_spoken(standin: StandIn, ask: Ask) -> None:
    pieces = [{"type": "response.refusal.delta", "delta": text} for text in ("I can", "not.", None)]
    standin.fail(streamed(*pieces, completed()))
    assert speech(await ask()) == "I cannot."


@pytest.mark.parametrize(
    "odd",
    [delta(None), delta(5), item_done("new"), {"type": "response.output_item.done", "item": 5}, {}],
)
async def test_malformed_event_is_ignored(standin: StandIn, ask: Ask, odd: Json) -> None:
    standin.fail(streamed(delta("Hel"), odd, delta("lo"), completed()))
    assert speech(await ask()) == "Hello"


@pytest.mark.parametrize("end", [None, "done"])
async def test_final_event_without_response(standin: StandIn, ask: Ask, end: Any) -> None:
    standin.fail(streamed(delta("Hello"), {"type": "response.completed", "response": end}))
    assert speech(await ask()) == "Hello"


@pytest.mark.parametrize(
    ("pieces", "said", "thought"),
    [
        (["Hm</think>Yes"], "Yes", "Hm"),
        (["Hm</thi", "nk>", " Yes"], "Yes", None),
        (["Hm", " so</think>Yes"], "Yes", None),
        (["</think>Yes"], "Yes", None),
        (["<think>Hm</think>", "Yes"], "Yes", "Hm"),
        (["Well <think>Hm", "m</think> yes"], "Well yes", "Hmm"),
        (["1 ", "<", " 2"], "1 < 2", None),
        (["It is [", "1]"], "It is [1]", None),
        (["Use `</think>` for it"], "Use `</think>` for it", None),
        (["Use `", "</think>", "` or", " `</thought>`"], "Use `</think>` or `</thought>`", None),
        (["Is `x` on?</think>Yes"], "Yes", "Is `x` on?"),
        (["Five <"], "Five <", None),
        (["Yes<think>Hm, is 1 <"], "Yes", "Hm, is 1 <"),
    ],
)
async def test_reasoning_tags_are_not_spoken(
    hass: HomeAssistant,
    standin: StandIn,
    ask: Ask,
    pieces: list[str],
    said: str,
    thought: str | None,
) -> None:
    standin.fail(says(*pieces))
    result = await ask()
    assert speech(result) == said
    last = log_of(hass, result.conversation_id)[-1]
    assert last.thinking_content == thought


async def test_encrypted_reasoning_kept_within_turn(standin: StandIn, ask: Ask) -> None:
    sealed = [
        item_done("reasoning", id=f"rs_{number}", summary=[{"text": "Hm"}], encrypted_content="zzz")
        for number in range(2)
    ]
    shown = {"type": "response.reasoning_summary_text.delta", "delta": "I see"}
    standin.fail(
        streamed(
            shown,
            {**shown, "delta": 5},
            *sealed,
            item_done("reasoning", id="rs_9"),
            call_event("nonsense", "{}"),
            completed(),
        )
    )
    standin.fail(says("Done."))
    result = await ask()
    assert speech(result) == "Done."
    items = standin.requests[-1].body["input"]
    assert [item["type"] for item in items] == [
        "message",
        "reasoning",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert items[1] == {
        "type": "reasoning",
        "id": "rs_0",
        "summary": [],
        "encrypted_content": "zzz",
    }
    standin.fail(says("Again."))
    await ask("Again", conversation_id=result.conversation_id)
    kinds = [item["type"] for item in standin.requests[-1].body["input"]]
    assert "reasoning" not in kinds
    assert kinds.count("function_call") == 1


@pytest.mark.parametrize(
    ("item", "name", "arguments", "is_error"),
    [
        (
            {"type": "web_search_call", "id": "ws_1", "action": {"query": "x"}},
            "web_search",
            {"action": {"query": "x"}},
            False,
        ),
        (
            {"type": "mcp_call", "name": "roll", "status": "failed", "server_label": "dice"},
            "roll",
            {"server_label": "dice"},
            True,
        ),
    ],
)
async def test_server_tool_call_is_not_sent_back(
    hass: HomeAssistant,
    standin: StandIn,
    ask: Ask,
    item: Json,
    name: str,
    arguments: Json,
    is_error: bool,
) -> None:
    event = {"type": "response.output_item.done", "item": item}
    standin.fail(streamed(event, delta("42"), completed()))
    result = await ask()
    assert speech(result) == "42"
    log = log_of(hass, result.conversation_id)
    (call,) = [call for one in log for call in getattr(one, "tool_calls", None) or ()]
    assert (call.tool_name, call.tool_args, call.external) == (name, arguments, True)
    (shown,) = [one for one in log if one.role == "tool_result"]
    assert shown.result.error is is_error
    standin.fail(says("Again."))
    await ask("Again", conversation_id=result.conversation_id)
    assert [one["type"] for one in standin.requests[-1].body["input"]] == ["message"] * 3


@pytest.mark.parametrize("name", ["", None, 5])
async def test_tool_call_without_name_is_ignored(standin: StandIn, ask: Ask, name: Any) -> None:
    standin.fail(streamed(delta("Fine."), call_event(name, "{}"), completed()))
    assert speech(await ask()) == "Fine."
    assert len([one for one in standin.requests if one.path == "/responses"]) == 1


CHAT_ODD: dict[str, list[Any]] = {
    "no_choice": [{"choices": [5]}, chunk({"content": "Hi"})],
    "no_delta": [chunk("x"), chunk({"content": "Hi"})],
    "thoughts_in_parts": [
        chunk({"content": [{"type": "thinking", "thinking": [{"text": "Hm"}, 5]}]}),
        chunk({"content": [{"type": "thinking", "thinking": "Hm"}, 5, {"text": "Hi"}]}),
    ],
    "calls_of_no_shape": [chunk({"content": "Hi", "tool_calls": [5]})],
    "no_calls": [chunk({"content": "Hi", "tool_calls": 5})],
    "calls_without_a_function": [
        chunk({"content": "Hi", "tool_calls": [{"index": 0, "function": 5}]})
    ],
}


@pytest.mark.parametrize("name", CHAT_ODD)
async def test_chat_malformed_chunk_is_ignored(standin: StandIn, ask: Ask, name: str) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(*CHAT_ODD[name], chunk({}, "stop")))
    assert speech(await ask()) == "Hi"


COUNTS = {"prompt_tokens": 3, "completion_tokens": 2}
CHAT_USAGES: dict[str, list[Json]] = {
    "in a chunk of its own": [chunk({}, "stop"), {"choices": [], "usage": COUNTS}],
    "zeros on every other chunk": [
        chunk({}, "stop", usage=COUNTS),
        {"choices": [], "usage": dict.fromkeys(COUNTS, 0)},
    ],
    "within the choice": [
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": COUNTS}]}
    ],
    "in x_groq": [chunk({}, "stop", x_groq={"id": "req_1", "usage": COUNTS})],
}


@pytest.mark.parametrize("case", CHAT_USAGES)
async def test_chat_usage_of_servers(
    standin: StandIn, ask: Ask, turns: list[Event], case: str
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"content": "Hi"}, usage=None), *CHAT_USAGES[case]))
    assert speech(await ask()) == "Hi"

    (turn,) = turns
    assert (turn.data["input_tokens"], turn.data["output_tokens"]) == (3, 2)


async def test_chat_content_filter_is_an_error(standin: StandIn, ask: Ask) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({}, "content_filter")))
    result = await ask()
    assert is_error(result)
    assert speech(result).startswith("The AI service refused to answer that")


async def test_chat_history_without_failed_turns(
    hass: HomeAssistant, standin: StandIn, ask: Ask
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"content": "Blue."}), chunk({}, "stop")))
    result = await ask("Which color?")
    # What Home Assistant notes of a turn that came to nothing.
    with (
        chat_session.async_get_chat_session(hass, result.conversation_id) as session,
        conversation.async_get_chat_log(hass, session) as log,
    ):
        log.async_add_user_content(conversation.UserContent("And now?"))
        log.async_add_assistant_content_without_tools(
            conversation.AssistantContent(agent_id="x", content="Error: no")
        )
    standin.fail(chat(chunk({"content": "Red."}), chunk({}, "stop")))
    await ask("And then?", conversation_id=result.conversation_id)
    said = [(one["role"], one["content"]) for one in standin.requests[-1].body["messages"][1:]]
    assert said == [
        ("user", "Which color?"),
        ("assistant", "Blue."),
        ("user", "And now?"),
        ("assistant", "Sorry, an error occurred before I could finish that request."),
        ("user", "And then?"),
    ]


async def test_history_limit(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, agent: str, ask: Ask
) -> None:
    subentry = entry.subentries[agent]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "history_turns": 2}
    )
    await hass.async_block_till_done()
    conversation_id, lengths = None, []
    for number in range(5):
        standin.fail(says(f"A{number}"))
        result = await ask(f"Q{number}", conversation_id=conversation_id)
        conversation_id = result.conversation_id
        asked = standin.requests[-1].body["input"]
        lengths.append([one["content"] for one in asked if one["role"] == "user"])
    assert lengths == [
        ["Q0"],
        ["Q0", "Q1"],
        ["Q0", "Q1", "Q2"],
        ["Q1", "Q2", "Q3"],
        ["Q2", "Q3", "Q4"],
    ]


async def test_chat_tool_choice_rejected_sends_no_tools(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, agent: str, ask: Ask
) -> None:
    subentry = entry.subentries[agent]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "max_tool_rounds": 1}
    )
    await hass.async_block_till_done()
    message = {"message": "Unknown parameter", "param": "tool_choice"}
    standin.fail(streamed(call_event("nonsense", "{}"), completed()))
    standin.fail(Fault(path="/responses", status=400, body={"error": message}))
    standin.fail(says("I give up."))

    assert speech(await ask()) == "I give up."
    bodies = [one.body for one in standin.requests if one.path == "/responses"]
    assert [body.get("tool_choice") for body in bodies] == [None, "none", None]
    assert ["tools" in body for body in bodies] == [True, True, False]
    assert json.loads(bodies[-1]["input"][-1]["output"])["error"] is True


@pytest.mark.parametrize("api_id", ["gone", "broken"])
async def test_missing_llm_api_is_an_error(
    hass: HomeAssistant,
    standin: StandIn,
    entry: MockConfigEntry,
    agent: str,
    ask: Ask,
    events: Callable[[str], list[Event]],
    api_id: str,
) -> None:
    told = events("openai_api_turn_event")
    add_api(hass, "broken", kind=BrokenApi)
    subentry = entry.subentries[agent]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "llm_hass_api": [api_id]}
    )
    await hass.async_block_till_done()
    result = await ask()
    await hass.async_block_till_done()
    assert is_error(result)
    assert not any(one.path == "/responses" for one in standin.requests)
    assert [event.data["ended"] for event in told] == ["failed"]


async def test_unexpected_exception_is_logged(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    with patch.object(llm_entity, "system_prompt", side_effect=ZeroDivisionError):
        result = await ask()
    assert is_error(result)
    assert "ZeroDivisionError" not in speech(result)
    assert "failed unexpectedly" in caplog.text
    caplog.clear()


async def test_fallback_agent_missing_keeps_error(
    hass: HomeAssistant, standin: StandIn, entry: MockConfigEntry, agent: str, ask: Ask
) -> None:
    subentry = entry.subentries[agent]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "fallback_agent": "conversation.gone"}
    )
    standin.fail(Fault(path="/responses", status=503, count=3))
    result = await ask()
    assert is_error(result)
    assert speech(result).startswith("The AI service has a problem")


@pytest.mark.parametrize("begun", ["Hello there", "Hello there, this is a long answer " * 2])
async def test_stream_broken_while_spoken_is_reported(
    hass: HomeAssistant, standin: StandIn, begun: str
) -> None:
    whole = sse([delta(begun)])
    standin.fail(Fault(path="/responses", body=whole, content_type=SSE))
    heard: list[str] = []
    with (
        chat_session.async_get_chat_session(hass, None) as session,
        conversation.async_get_chat_log(
            hass,
            session,
            chat_log_delta_listener=lambda _, one: heard.append(one.get("content") or ""),
        ),
    ):
        result = await conversation.async_converse(
            hass,
            "Hi",
            session.conversation_id,
            Context(),
            language="en",
            agent_id="conversation.kitchen",
        )
    assert is_error(result)
    # Home Assistant speaks nothing of a short one before the turn has ended, but then the error.
    assert "".join(heard) == (f"{begun} {speech(result)}" if len(begun) > 60 else begun)


async def test_chat_stream_without_end_is_complete(
    standin: StandIn, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm_entity, "_TRAILING_EVENTS_SECONDS", 0.05)
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({"content": "Hi"}, "stop"), done=False, stall=True))
    assert speech(await ask()) == "Hi"


async def test_satellite_text_without_markup(
    hass: HomeAssistant, standin: StandIn, ask: Ask
) -> None:
    standin.fail(
        streamed(
            delta("<think>Let me"),
            delta(" see</think>"),
            delta("Wait for [it"),
            call_event("nonsense", "{}"),
            completed(),
        )
    )
    standin.fail(says("**Done", "**, [see](https://x.y"))
    result = await ask(satellite_id="assist_satellite.hall")
    log = [one for one in log_of(hass, result.conversation_id) if one.role == "assistant"]
    assert log[0].thinking_content == "Let me see"
    assert (log[0].content or "").strip() == "Wait for [it"
    assert speech(result).startswith("Done, ")


HELLO = [chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"}, "stop")]
SAID: Json = {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}
OTHER_FORMS: dict[str, Fault] = {
    "a stream with another content type": Fault(
        path="/responses", body=sse([delta("Hello"), completed()]), content_type="text/plain"
    ),
    "a stream of lines": Fault(
        path="/responses",
        body="\n".join(json.dumps(event) for event in (delta("Hello"), completed())).encode(),
        content_type="application/x-ndjson",
    ),
    "a chat completion": Fault(
        path="/responses",
        body=json.dumps(
            {"id": "1", "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
        ).encode(),
        content_type="application/json",
        status=200,
    ),
    "the chunks of a chat completion": Fault(
        path="/responses", body=sse(HELLO, done=True), content_type="application/json"
    ),
    "a response": Fault(
        path="/responses",
        body=json.dumps({"id": "r", "object": "response", "output": [SAID]}).encode(),
        content_type="application/json",
        status=200,
    ),
}


@pytest.mark.parametrize("case", OTHER_FORMS)
async def test_answer_in_other_form(standin: StandIn, ask: Ask, case: str) -> None:
    standin.fail(OTHER_FORMS[case])
    assert speech(await ask()) == "Hello"


async def test_chat_answer_in_other_form(standin: StandIn, ask: Ask) -> None:
    standin.fail(NO_RESPONSES)
    bodies = [
        sse(HELLO, done=True),
        "\n".join(json.dumps(event) for event in HELLO).encode(),
        json.dumps({"id": "r", "object": "response", "output": [SAID]}).encode(),
    ]
    for body in bodies:
        standin.fail(
            Fault(path="/chat/completions", body=body, content_type="application/json", status=200)
        )
        assert speech(await ask()) == "Hello"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            400,
            {
                "message": "Your organization must be verified to stream this model.",
                "param": "stream",
            },
        ),
        (400, {"message": "Unsupported value", "param": "stream", "code": "unsupported_value"}),
        (500, {"message": "Cannot use tools with stream"}),
        (400, {"message": "This model does not support streaming"}),
        (422, {"message": "streaming is not available"}),
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_model_that_cannot_be_streamed(
    standin: StandIn, ask: Ask, status: int, error: Json, is_chat: bool
) -> None:
    path = "/chat/completions" if is_chat else "/responses"
    if is_chat:
        absent = {"error": {"message": "Not Found"}}
        standin.fail(Fault(path="/responses", status=404, body=absent, count=2))
    standin.fail(Fault(path=path, status=status, body={"error": error}))
    message = {"role": "assistant", "content": "Hi"}
    body = (
        {"choices": [{"message": message, "finish_reason": "stop"}]}
        if is_chat
        else {"id": "r", "status": "completed", "output": [MESSAGE]}
    )
    standin.fail(Fault(path=path, body=body, count=2))

    assert speech(await ask()).startswith("Hi")
    assert speech(await ask()).startswith("Hi")
    streams = [one.body["stream"] for one in standin.requests if one.path == path]
    assert streams == [True, False, False]
    assert "stream_options" not in standin.requests[-1].body


async def test_chat_malformed_call_is_retried(standin: StandIn, ask: Ask) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(chat(chunk({}, "function_call_filter: MALFORMED_FUNCTION_CALL"), count=1))
    standin.fail(chat(chunk({"content": "It is on."}), chunk({}, "stop")))
    assert speech(await ask()) == "It is on."

    standin.fail(chat(chunk({}, "function_call_filter: MALFORMED_FUNCTION_CALL"), count=2))
    result = await ask()
    assert speech(result) == "The AI service gave no answer."


@pytest.mark.parametrize("more", [{}, {"error": {"code": 502, "message": "Upstream"}}])
async def test_chat_ended_by_error_is_no_answer(standin: StandIn, ask: Ask, more: Json) -> None:
    standin.fail(NO_RESPONSES)
    last = chunk({}, "error")
    last["choices"][0] |= more
    standin.fail(chat(chunk({"content": "It is"}), last))
    result = await ask()

    assert is_error(result)
    assert speech(result) == "The answer of the AI service broke off."


@pytest.mark.parametrize("delta_of_last", [{}, None, {"content": ""}, {"content": None}])
async def test_chat_final_message_is_not_repeated(
    standin: StandIn, ask: Ask, delta_of_last: Any
) -> None:
    standin.fail(NO_RESPONSES)
    last = chunk(delta_of_last, "stop")
    last["choices"][0]["message"] = {"role": "assistant", "content": "Hello there."}
    standin.fail(chat(chunk({"content": "Hello "}), chunk({"content": "there."}), last))

    assert speech(await ask()) == "Hello there."


@pytest.mark.parametrize("pieces", [[" Hello ", "there."], ["\n\nHello", " there.", "\n"]])
async def test_chat_final_message_without_spaces_is_not_repeated(
    standin: StandIn, ask: Ask, pieces: list[str]
) -> None:
    standin.fail(NO_RESPONSES)
    last = chunk({}, "stop")
    last["choices"][0]["message"] = {"role": "assistant", "content": "Hello there."}
    standin.fail(chat(*(chunk({"content": piece}) for piece in pieces), last))

    assert speech(await ask()).strip() == "Hello there."


async def test_chat_final_message_without_deltas_is_spoken(standin: StandIn, ask: Ask) -> None:
    standin.fail(NO_RESPONSES)
    last = chunk({}, "stop")
    last["choices"][0]["message"] = {"role": "assistant", "content": "Hello there."}
    standin.fail(chat(last))

    assert speech(await ask()) == "Hello there."


async def test_chat_cumulative_message_is_spoken_once(standin: StandIn, ask: Ask) -> None:
    standin.fail(NO_RESPONSES)
    so_far = [
        {"choices": [{"message": {"content": text}}]} for text in ("Hel", "Hello ", "Hello !")
    ]
    standin.fail(chat(*so_far, chunk({}, "stop")))

    assert speech(await ask()) == "Hello !"


async def test_chat_final_message_calls_no_tool_again(standin: StandIn, ask: Ask) -> None:
    standin.fail(NO_RESPONSES)
    call = {"index": 0, "id": "c1", "function": {"name": "nonsense", "arguments": "{}"}}
    last = chunk({}, "tool_calls")
    last["choices"][0]["message"] = {"content": None, "tool_calls": [call]}
    standin.fail(chat(chunk({"tool_calls": [call]}), last))
    standin.fail(chat(chunk({"content": "Done."}), chunk({}, "stop")))
    assert speech(await ask()) == "Done."

    results = [one for one in standin.requests[-1].body["messages"] if one["role"] == "tool"]
    assert len(results) == 1


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_call_in_final_event_alone_is_made_once(
    standin: StandIn, ask: Ask, is_streamed: bool
) -> None:
    call = call_event("nonsense", "{}")
    events = [call] if is_streamed else []
    whole = completed(output=[MESSAGE, call["item"]])
    standin.fail(streamed(delta("One moment."), *events, whole))
    standin.fail(says("Done."))
    assert speech(await ask()) == "Done."

    kinds = [one["type"] for one in standin.requests[-1].body["input"]]
    assert kinds == ["message", "message", "function_call", "function_call_output"]
