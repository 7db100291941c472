"""Errors as events of a stream with the status 200."""

import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest

from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .answers import SSE, chat, chunk, completed, says, sse, text_events
from .conftest import AddSubentry, Ask, is_error, speech
from .test_agent_history import use_chat

type Json = dict[str, Any]
DONE = chat(chunk({"content": "Done."}), chunk({}, "stop"))
TOO_LONG = (
    "The number of tokens to keep from the initial prompt is greater than the context length. "
    "Try to load the model with a larger context length, or provide a shorter input"
)
ROLES = "Conversation roles must alternate user/assistant/user/assistant/..."
TROUBLE = "The AI service has a problem. Try again later."
BUSY = "The AI service gets too many requests. Try again in a moment."
QUOTA = "Your quota at the AI service is used up."


def named(event: Json, name: str = "error") -> bytes:
    """Return an event with a name that its data does not have."""
    return f"event: {name}\n".encode() + sse([event])


def stream(body: bytes, path: str) -> Fault:
    """Return a stream that is only an event."""
    return Fault(path=path, body=body, content_type=SSE)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"type": "about:blank", "title": "Unavailable", "status": 503, "detail": "Down"}, TROUBLE),
        ({"type": "https://x.y/z", "title": "Slow down", "status": 429}, BUSY),
        ({"detail": "Internal Server Error"}, TROUBLE),
        ({"object": "error", "message": "Oops", "type": "Oops", "code": 500}, TROUBLE),
        ({"error": {"message": "Busy", "code": 429}}, BUSY),
        ({"error": {"message": "No credit", "code": "insufficient_quota"}}, QUOTA),
        ({"message": "Bad top_k", "code": 400}, "The AI service refused the request: Bad top_k."),
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_error_event_is_spoken(
    hass: HomeAssistant,
    standin: StandIn,
    agent: str,
    ask: Ask,
    event: Json,
    sentence: str,
    is_chat: bool,
) -> None:
    conversation_id = await use_chat(standin, ask) if is_chat else None
    path = "/chat/completions" if is_chat else "/responses"
    for _ in range(3):
        standin.fail(stream(sse([event]), path))
    result = await ask("Go", conversation_id=conversation_id)

    assert is_error(result)
    assert speech(result).rstrip(".") == sentence.rstrip(".")


@pytest.mark.parametrize(
    "body",
    [
        named({"error": {"message": TOO_LONG}, "message": TOO_LONG}),
        sse([{"error": TOO_LONG}]),
        sse([{"error": {"code": 400, "message": TOO_LONG}}]),
        sse([{"type": "error", "message": "Too long", "code": "context_length_exceeded"}]),
        sse(
            [
                {
                    "type": "response.failed",
                    "response": {"error": {"code": "context_length_exceeded", "message": "No"}},
                }
            ]
        ),
    ],
)
async def test_conversation_too_long_is_shortened(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, body: bytes
) -> None:
    is_chat = b"response.failed" not in body
    if is_chat:
        conversation_id = await use_chat(standin, ask)
    else:
        standin.fail(says("Hi."))
        conversation_id = (await ask("Hello")).conversation_id
    standin.fail(stream(body, "/chat/completions" if is_chat else "/responses"))
    standin.fail(DONE if is_chat else says("Done."))
    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."

    sent = standin.requests[-1].body["messages" if is_chat else "input"]
    assert [one["content"] for one in sent if one["role"] == "user"] == ["Go"]


async def test_rejected_role_is_replaced(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    conversation_id = await use_chat(standin, ask)
    standin.fail(stream(named({"error": {"message": ROLES}}), "/chat/completions"))
    standin.fail(DONE)

    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."
    assert standin.requests[-1].body["messages"][0]["role"] == "user"


@pytest.mark.parametrize("code", [502, "503", 429])
async def test_transient_error_is_retried(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, code: object
) -> None:
    conversation_id = await use_chat(standin, ask)
    event = {"error": {"message": "Upstream is busy", "code": code}}
    standin.fail(stream(sse([event]), "/chat/completions"))
    standin.fail(DONE)

    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."


@pytest.mark.parametrize(
    "error",
    [
        {"code": "server_error", "message": "The server had an error"},
        {"code": "rate_limit_exceeded", "message": "Rate limit reached. Try again in 20ms."},
        {"type": "overloaded_error", "message": "Overloaded"},
    ],
)
@pytest.mark.parametrize("kind", ["response.failed", "error", "whole"])
async def test_failed_response_is_retried(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, error: Json, kind: str
) -> None:
    failed = {"id": "r", "status": "failed", "error": error}
    if kind == "whole":
        standin.fail(Fault(path="/responses", body=failed))
    elif kind == "error":
        standin.fail(stream(sse([{"type": "error", "error": error}]), "/responses"))
    else:
        standin.fail(stream(sse([{"type": kind, "response": failed}]), "/responses"))
    standin.fail(says("Done."))

    assert speech(await ask("Go")) == "Done."


async def test_answer_with_error_words_is_an_answer(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    conversation_id = await use_chat(standin, ask)
    odd = chunk({"content": "Done."}, type="a:b", message="Hm", detail="x", error=None, title="y")
    standin.fail(chat(odd, chunk({}, "stop")))

    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."


async def test_rejected_option_is_left_out(
    hass: HomeAssistant, standin: StandIn, add_subentry: AddSubentry, agent: str, ask: Ask
) -> None:
    await add_subentry("conversation", name="Hall", advanced={"temperature": 0.5})
    event = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    standin.fail(stream(sse([event]), "/responses"))
    standin.fail(says("Done."))

    assert speech(await ask("Go", agent="conversation.hall")) == "Done."
    assert "temperature" not in standin.requests[-1].body


async def test_other_error_about_model_is_not_model_missing(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    event = {"error": {"message": "The model of the provider sent an invalid token"}}
    standin.fail(stream(sse([event]), "/responses"))

    assert speech(await ask("Go")).rstrip(".") == TROUBLE.rstrip(".")
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize(
    "body",
    [
        b"event: error\ndata: upstream connect error\n\n",
        b"data: [ERROR] upstream connect error\n\n",
        b"error: upstream connect error\n\n",
        b'{"error": {"message": "upstream connect error"}}\n\n',
        b'{"error": {"message": "upstream connect error"}}',
        b': hi\n\n{"error": {"message": "upstream connect error"}}',
    ],
)
@pytest.mark.parametrize("is_chat", [True, False])
async def test_error_in_words_is_told(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, body: bytes, is_chat: bool
) -> None:
    """Proxies write what is no JSON, or no field of an event stream."""
    conversation_id = await use_chat(standin, ask) if is_chat else None
    for _ in range(2):
        standin.fail(stream(body, "/chat/completions" if is_chat else "/responses"))
    result = await ask("Go", conversation_id=conversation_id)

    assert is_error(result)
    assert speech(result) == TROUBLE


async def test_types_may_be_the_names_of_events(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask
) -> None:
    """Some services repeat the type of an event in its data, some do not."""
    events = [*text_events("Done."), completed()]
    body = b"".join(
        named({key: value for key, value in event.items() if key != "type"}, event["type"])
        for event in events
    )
    standin.fail(stream(body, "/responses"))

    assert speech(await ask("Go")) == "Done."


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("is_chat", [True, False])
async def test_whole_answer_may_be_called_a_stream(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, is_chat: bool, indent: int | None
) -> None:
    conversation_id = await use_chat(standin, ask) if is_chat else None
    message = {"role": "assistant", "content": "Done."}
    part = {"type": "output_text", "text": "Done."}
    output = [{"type": "message", "role": "assistant", "content": [part]}]
    answer: Json = {"id": "resp_1", "object": "response", "status": "completed", "output": output}
    if is_chat:
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    body = json.dumps(answer, indent=indent).encode()
    standin.fail(stream(body, "/chat/completions" if is_chat else "/responses"))

    assert speech(await ask("Go", conversation_id=conversation_id)) == "Done."


@pytest.mark.parametrize("is_framed", [True, False])
async def test_frames_of_events_may_be_missing(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, is_framed: bool
) -> None:
    """The last blank line, or all that is not the data."""
    events = [*text_events("Done."), completed()]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    standin.fail(stream(sse(events).rstrip() if is_framed else lines, "/responses"))

    assert speech(await ask("Go")) == "Done."


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", "HTTP 400"), ({"error": {}}, "HTTP 400"), ({"error": {"code": "no_luck"}}, "no_luck")],
)
async def test_refusal_without_words_names_no_request(
    hass: HomeAssistant, standin: StandIn, agent: str, ask: Ask, body: Any, reason: str
) -> None:
    """What is spoken is short, though the error has more."""
    standin.fail(Fault(path="/responses", status=400, body=body, count=9))

    assert speech(await ask("Go")) == f"The AI service refused the request: {reason}"
