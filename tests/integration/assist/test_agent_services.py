"""Deviations of compatible services and of model templates, as reported by users."""

import json
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import llm
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import NO_RESPONSES, SSE, calls, chat, chunk, says, sse
from .conftest import Ask, is_error, speech, tool_named
from .test_agent_answers import log_of
from .test_agent_history import CALL, RESULT, add_turn, answer, question, use_chat
from .voice import SILENCE, SPEECH
from .voice_home import AddHome, stream
from .voice_server import ScriptedBody, VoiceServer, as_asked

type Json = dict[str, Any]
DONE = chat(chunk({"content": "Done."}), chunk({}, "stop"))


def refusal(message: str, status: int = 400, path: str = "/chat/completions", **more: Any) -> Fault:
    """Return a refusal of a service."""
    return Fault(path=path, status=status, body={"error": {"message": message, **more}})


@pytest.mark.parametrize(
    "beat",
    [
        b"data: null\n\n",
        b"event: ping\ndata: keep-alive\n\n",
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b"event: heartbeat\ndata: \n\n",
        b'data: {"choices": null}\n\n',
        b'data: {"choices": [{"index": 0, "delta": null, "finish_reason": null}]}\n\n',
        b": OPENROUTER PROCESSING\n\n",
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_keep_alive_event_is_ignored(
    standin: StandIn, agent: str, ask: Ask, beat: bytes, is_chat: bool
) -> None:
    conversation_id = await use_chat(standin, ask) if is_chat else None
    whole = DONE if is_chat else says("Done.")
    events = whole.body.split(b"\n\n")
    body = beat + b"".join(event + b"\n\n" + beat for event in events if event)
    path = "/chat/completions" if is_chat else "/responses"
    standin.fail(Fault(path=path, body=body, content_type=SSE))

    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "System role not supported"),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        (500, "Jinja Exception: Only user, assistant and tool roles are supported, got system."),
        (
            400,
            "Conversation roles must alternate user/assistant/user/assistant/...",
        ),
    ],
)
async def test_chat_system_role_rejected_moves_prompt_to_user(
    standin: StandIn, agent: str, ask: Ask, status: int, message: str
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(refusal(message, status))
    standin.fail(DONE)
    first = await ask("Go")
    assert speech(first) == "Done."

    told, said = (one.body["messages"] for one in standin.requests[-2:])
    assert [one["role"] for one in told] == ["system", "user"]
    assert [one["role"] for one in said] == ["user"]
    assert said[0]["content"] == f"{told[0]['content']}\n\nGo"
    # It is remembered.
    before = len(standin.requests)
    standin.fail(DONE)
    await ask("Again", conversation_id=first.conversation_id)
    (request,) = standin.requests[before:]
    assert [one["role"] for one in request.body["messages"]] == ["user", "assistant", "user"]


async def test_chat_roles_rejected_for_other_reason_raises(
    standin: StandIn, agent: str, ask: Ask
) -> None:
    standin.fail(NO_RESPONSES)
    standin.fail(refusal("System role not supported"))
    standin.fail(refusal("Conversation roles must alternate user/assistant/user/assistant/..."))

    assert is_error(await ask("Go"))
    assert sum(one.path == "/chat/completions" for one in standin.requests) == 2


@pytest.mark.parametrize("status", [400, 500])
async def test_chat_short_call_ids_of_mistral(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, status: int
) -> None:
    conversation_id = await use_chat(standin, ask)
    other = llm.ToolInput(id="01KF6R592J7Y92HTGSYRPGQG24", tool_name="look", tool_args={})
    await add_turn(
        hass,
        conversation_id,
        question("Open it"),
        answer(None, CALL, other),
        RESULT,
        type(RESULT)(
            agent_id="x", tool_call_id=other.id, tool_name="look", result=llm.ToolResult(data={})
        ),
        answer("It is open."),
    )
    message = "Tool call id was c9 but must be a-z, A-Z, 0-9, with a length of 9."
    standin.fail(refusal(message, status, type="invalid_function_call", code="3280"))
    standin.fail(DONE)
    assert speech(await ask("And now?", conversation_id=conversation_id)) == "Done."

    sent = standin.requests[-1].body["messages"]
    (caller,) = [one for one in sent if one.get("tool_calls")]
    ids = [call["id"] for call in caller["tool_calls"]]
    assert [one["tool_call_id"] for one in sent if one["role"] == "tool"] == ids
    assert len(set(ids)) == 2
    assert all(len(one) == 9 and one.isalnum() and one.isascii() for one in ids)
    # It is remembered.
    before = len(standin.requests)
    standin.fail(DONE)
    await ask("And then?", conversation_id=conversation_id)
    assert len(standin.requests) == before + 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "messages: text content blocks must be non-empty"),
        (500, "messages: text content blocks must contain non-whitespace text"),
        (400, "The text field in the ContentBlock object at messages.1.content.0 is blank."),
        (422, "messages.2: all messages must have non-empty content"),
    ],
)
async def test_chat_call_without_text_is_sent_without_it(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, status: int, message: str
) -> None:
    conversation_id = await use_chat(standin, ask)
    await add_turn(
        hass, conversation_id, question("Open it"), answer(None, CALL), RESULT, answer("Done.")
    )
    before = len(standin.requests)
    standin.fail(refusal(message, status))
    standin.fail(DONE)
    assert speech(await ask("And now?", conversation_id=conversation_id)) == "Done."
    # It is remembered.
    standin.fail(DONE)
    await ask("And then?", conversation_id=conversation_id)

    sent = [one.body["messages"] for one in standin.requests[before:]]
    callers = [one for messages in sent for one in messages if one.get("tool_calls")]
    assert [one["content"] for one in callers] == ["", None, None]
    assert all(one["content"] for messages in sent for one in messages if one not in callers)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "This model's maximum context length is 8192 tokens. However, …"}),
        (400, {"message": "Too long", "code": "context_length_exceeded"}),
        (
            400,
            {
                "message": "request (9000 tokens) exceeds the available context size (8192 tokens)",
                "type": "exceed_context_size_error",
            },
        ),
        (400, {"message": "prompt is too long: 210266 tokens > 200000 maximum"}),
        (400, {"message": "The input token count (9000) exceeds the maximum number of tokens"}),
        (500, {"message": "input exceeds context length"}),
        (413, {"message": "Request too large for model"}),
        (429, {"message": "Request too large for gpt-4 on tokens per min (TPM): Limit 10000"}),
        # As xAI, Bedrock, Groq, GitHub, TGI, Qwen, Zhipu, Llamafile and vLLM say it.
        (
            400,
            {"message": "This model's maximum prompt length is 131072 but the request has more."},
        ),
        (400, {"message": "Input is too long for requested model."}),
        (400, {"message": "Please reduce the length of the messages or completion."}),
        (400, {"message": "prompt token count of 69889 exceeds the limit of 64000"}),
        (
            413,
            {"message": "Request body too large for gpt-4o model.", "code": "tokens_limit_reached"},
        ),
        (422, {"message": "`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 9000"}),
        (400, {"message": "InternalError.Algo: Range of input length should be [1, 129024]"}),
        (400, {"message": "Prompt exceeds max length", "code": "1261"}),
        (413, {"message": "Request Entity Too Large"}),
        (400, {"message": "The decoder prompt is longer than the maximum model length of 8192."}),
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_conversation_beyond_context_is_shortened(
    standin: StandIn, agent: str, ask: Ask, status: int, error: Json, is_chat: bool
) -> None:
    if is_chat:
        conversation_id = await use_chat(standin, ask)
    else:
        standin.fail(says("Hi."))
        conversation_id = (await ask("Hello")).conversation_id
    path = "/chat/completions" if is_chat else "/responses"
    whole = DONE if is_chat else says("Done.")
    count = 2 if status == 500 else 1
    standin.fail(Fault(path=path, status=status, body={"error": error}, count=count))
    standin.fail(whole)
    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."

    sent = standin.requests[-1].body["messages" if is_chat else "input"]
    assert [one["content"] for one in sent if one["role"] == "user"] == ["Go"]


async def test_question_beyond_context_raises(standin: StandIn, agent: str, ask: Ask) -> None:
    message = "This model's maximum context length is 8192 tokens."
    standin.fail(refusal(message, path="/responses"))

    assert is_error(await ask("Go"))
    assert sum(one.path == "/responses" for one in standin.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Unknown parameter: 'tools[0].strict'.", "param": "tools[0].strict"},
        {"message": "body.tools.0.function.strict: Extra inputs are not permitted"},
    ],
)
async def test_rejected_strict_is_left_out(
    standin: StandIn, agent: str, ask: Ask, error: Json
) -> None:
    standin.fail(Fault(path="/responses", status=400, body={"error": error}))
    standin.fail(says("Done."))
    assert speech(await ask("Go")) == "Done."

    first, last = (one.body["tools"] for one in standin.requests if one.path == "/responses")
    assert len(first) == len(last)
    assert not any("strict" in one for one in last)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Soll ich? 🙂", True),
        ("„Soll ich das Licht einschalten?“", True),
        ("Shall I (now?)", True),
        ("**Shall I?**", True),
        ("هل أشغل الضوء؟", True),
        ("Միացնե՞մ լույսը՞", True),
        ("要打开灯吗？」", True),
        ('"Shall I?"', True),
        ('**"Shall I?"**', True),
        ("'What's up?'", True),
        ("Do you want 'on' or 'off'?", True),
        ("It is dark. “Shall I?”", True),
        ('**Done!** "Anything else?"', True),
        ("它很暗。「要开灯吗？」", True),
        ("Do you mean “Who Are You?”?", True),
        ("The song is “Who Are You?” 🙂", False),
        ('He asked:\n"Are you there?"', False),
        ("He asked: 'Are you there?'", False),
        ("Er fragte: „Bist du da?“", False),
        ("Il a dit : « Tu es là ? »", False),
        ("她问：「你在吗？」", False),
        ("彼は「元気?」", False),
        ("她问“你在吗？”", False),
        ('The song is called "Why?".', False),
        ("Really?! No.", False),
        ("Yes. 🙂", False),
        ("🙂", False),
    ],
)
async def test_question_in_any_script_continues_conversation(
    standin: StandIn, agent: str, ask: Ask, text: str, asks: bool
) -> None:
    standin.fail(says(text))

    assert (await ask()).continue_conversation is asks


@pytest.mark.parametrize(
    "text", ["\U0001f44d", "```\nprint(1)\n```", "---\n", "https://example.org"]
)
async def test_answer_without_words_is_silent_on_satellite(
    standin: StandIn, agent: str, ask: Ask, text: str
) -> None:
    standin.fail(says(text))
    result = await ask("Well done", satellite_id="assist_satellite.hall")

    assert not is_error(result)
    assert speech(result).strip() == ""
    standin.fail(says("Yes."))
    await ask("Really?", conversation_id=result.conversation_id)


@pytest.mark.parametrize("is_chat", [True, False])
@pytest.mark.parametrize(
    ("pieces", "thoughts", "said"),
    [
        (["Hm", ", well", "</think>", "Yes."], "Hm, well", "Yes."),
        (["Hm</thi", "nk>\n\nYes."], "Hm", "Yes."),
        # It may think less, or its server may say more, the next time.
        (["Yes", "."], None, "Yes."),
        (["<think>", "Hm</think>Yes."], "Hm", "Yes."),
        (["\n<think>Hm", "</think>Yes."], "Hm", "Yes."),
        (["Well. <think>Hm", "</think>Yes."], "Hm", "Well. Yes."),
        (["1 <", " 2"], None, "1 < 2"),
    ],
)
async def test_unopened_reasoning_is_remembered(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    pieces: list[str],
    thoughts: str | None,
    said: str,
    is_chat: bool,
) -> None:
    def answers(*texts: str) -> Fault:
        if is_chat:
            return chat(*(chunk({"content": text}) for text in texts), chunk({}, "stop"))
        return says(*texts)

    if is_chat:
        standin.fail(NO_RESPONSES)
    standin.fail(answers("The user asks", " me.", "</think>", "Hello", "."))
    assert speech(await ask("Hello")) == "Hello."
    standin.fail(answers(*pieces))
    result = await ask("Is it warm?")

    assert speech(result) == said
    (last,) = [one for one in log_of(hass, result.conversation_id) if one.role == "assistant"]
    assert last.thinking_content == thoughts
    assert last.content == said


async def test_separate_reasoning_withholds_no_text(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome
) -> None:
    satellite = await add_home()
    service.heads = [stream("Hm.", "</think>", "It is warm.")]
    await satellite.say(SPEECH, SILENCE)
    service.speeches.clear()
    # Its server has learned to tell thoughts apart: the answer is spoken while it is written.
    thought = sse([{"type": "response.reasoning_text.delta", "delta": "Hm."}])
    text = "It is warm outside, with eighteen degrees and a light wind from the west. "
    spoken: list[int] = []
    whole = stream(text, "Enjoy", 0.5, " it.")
    service.heads = [ScriptedBody([thought, *whole.body], whole.content_type)]

    def speak(body: Json) -> ScriptedBody:
        spoken.append(len(service.heads) + service.running)
        return as_asked(body)

    service.sounds = [speak] * 3
    await satellite.say(SPEECH, SILENCE)
    # The first sentence was asked for while the answer went on.
    assert [one["input"] for one in service.speeches] == [text.strip(), "Enjoy it."]
    assert spoken[0] > spoken[1]


async def test_pipeline_unopened_reasoning_is_not_repeated(
    hass: HomeAssistant, service: VoiceServer, add_home: AddHome
) -> None:
    satellite = await add_home()
    thought = "The user asks me whether it is warm outside, so I say that. "
    for heard in (f"{thought}It is warm.", "It is warm."):
        service.speeches.clear()
        service.heads = [stream(thought, "</think>", "It is warm.")]
        await satellite.say(SPEECH, SILENCE)
        assert " ".join(one["input"] for one in service.speeches) == heard


@pytest.mark.parametrize("arguments", ["null", "", None, " ", "{}", {}])
async def test_chat_call_without_arguments(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], arguments: Any
) -> None:
    conversation_id = await use_chat(standin, ask)
    name = next(
        tool["function"]["name"]
        for tool in standin.requests[-1].body["tools"]
        if tool["function"]["name"].endswith("GetLiveContext")
    )
    call = {"index": 0, "id": "c1", "function": {"name": name, "arguments": arguments}}
    standin.fail(chat(chunk({"tool_calls": [call]}), chunk({}, "tool_calls")))
    standin.fail(DONE)
    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."

    result = json.loads(standin.requests[-1].body["messages"][-1]["content"])
    assert result["error"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        '{"name": "Kitchen light", "domain": "[\\"light\\"]"}',
        '{"name": ["Kitchen light"]}',
        '{"name": "Kitchen light", "area": null, "domain": null}',
        '"{\\"name\\": \\"Kitchen light\\"}"',
        '[{"name": "Kitchen light"}]',
    ],
)
async def test_arguments_are_coerced_to_parameter_types(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], arguments: str
) -> None:
    standin.fail(says("ok"))
    await ask()
    standin.fail(calls((tool_named(standin, "HassTurnOn"), arguments)))
    standin.fail(says("It is on."))

    assert speech(await ask("On")) == "It is on."
    assert [call.data["entity_id"] for call in kitchen] == [["light.kitchen"]]


@pytest.mark.parametrize(
    "name",
    [
        "HassTurnOn",
        "functions.{}",
        "functions.HassTurnOn",
        "{}<|channel|>commentary",
        "{}<|channel|>json",
        " {}",
    ],
)
async def test_tool_name_variants_are_resolved(
    standin: StandIn, agent: str, ask: Ask, kitchen: list[ServiceCall], name: str
) -> None:
    standin.fail(says("ok"))
    await ask()
    known = tool_named(standin, "HassTurnOn")
    standin.fail(calls((name.format(known), '{"name": "Kitchen light"}')))
    standin.fail(says("It is on."))

    assert speech(await ask("On")) == "It is on."
    assert len(kitchen) == 1
    sent = [one for one in standin.requests[-1].body["input"] if one["type"] == "function_call"]
    assert [one["name"] for one in sent] == [known]
