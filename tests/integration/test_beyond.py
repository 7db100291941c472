"""What goes past the older package: calls, sessions, safety, and answers in a form of one's own."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from openai import AsyncOpenAI
import pytest

from custom_components.openai_api.handlers.response_helpers import add_parsed_messages
from tests.standin.faults import Fault
from tests.standin.server import StandIn

from .conftest import Call

pytestmark = pytest.mark.usefixtures("entry")
CLIENT = AsyncOpenAI(api_key="unused")
newer = pytest.mark.skipif(not hasattr(CLIENT, "live"), reason="this SDK has no live sessions")
OFFER = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
TRANSPORT = {"type": "webrtc", "sdp": OFFER}
SESSION = {"type": "realtime", "model": "gpt-realtime"}
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "weather",
        "schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


async def test_realtime_call_created(standin: StandIn, call: Call) -> None:
    answer = await call("create_realtime_call", sdp=OFFER, session=SESSION)
    assert answer.keys() == {"sdp", "call_id"}
    assert answer["sdp"].startswith("v=0\r\n")
    assert answer["call_id"].startswith("rtc_")
    sent = standin.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/realtime/calls")
    assert {part.name: part.data for part in sent.body}["sdp"] == OFFER
    ended = await call("hangup_realtime_call", call_id=answer["call_id"])
    assert ended["status"] == "hung_up"


async def test_realtime_call_without_location(standin: StandIn, call: Call) -> None:
    standin.fail(Fault(path="/realtime/calls", status=200, body="v=0\r\n"))
    assert await call("create_realtime_call", sdp=OFFER) == {"sdp": "v=0\r\n", "call_id": None}
    assert standin.requests[-1].body == OFFER.encode()


@pytest.mark.parametrize(
    "body",
    [
        {"type": "answer", "sdp": "v=0\r\n"},
        {"sdp": "v=0\r\n", "call_id": "x"},
        ' {"sdp": "v=0\\r\\n"}',
    ],
)
async def test_realtime_call_answered_with_json(standin: StandIn, call: Call, body: Any) -> None:
    standin.fail(Fault(path="/realtime/calls", status=200, body=body))
    assert (await call("create_realtime_call", sdp=OFFER))["sdp"] == "v=0\r\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<p>Welcome</p>", "with SDP"),
        ("", "empty response"),
        ('{"type": "offer"}', "with SDP"),
        ('{"sdp": 5}', "with SDP"),
        ('{"sdp": ', "with SDP"),
    ],
)
async def test_realtime_call_invalid_answer(
    standin: StandIn, call: Call, body: str, words: str
) -> None:
    standin.fail(Fault(path="/realtime/calls", status=200, body=body, content_type="text/html"))
    with pytest.raises(HomeAssistantError, match=words):
        await call("create_realtime_call", sdp=OFFER)


async def test_realtime_call_offer_rejected(call: Call) -> None:
    with pytest.raises(ServiceValidationError, match="no SDP"):
        await call("create_realtime_call", sdp="hello")


async def test_legacy_realtime_sessions(standin: StandIn, call: Call) -> None:
    made = await call(
        "create_realtime_session",
        model="gpt-realtime",
        voice="alloy",
        speed=1.2,
        max_response_output_tokens="inf",
        tools=[{"type": "function", "name": "open_door"}],
        client_secret={"expires_after": {"anchor": "created_at", "seconds": 60}},
    )
    assert made["client_secret"]["value"].startswith("ek_")
    sent = standin.requests[-1]
    assert (sent.path, sent.body["speed"]) == ("/realtime/sessions", 1.2)
    assert sent.body["max_response_output_tokens"] == "inf"

    made = await call(
        "create_realtime_transcription_session", input_audio_transcription={"model": "whisper-1"}
    )
    assert made["client_secret"]["value"].startswith("ek_")
    assert standin.requests[-1].path == "/realtime/transcription_sessions"


async def test_legacy_realtime_session_with_own_voice(standin: StandIn, call: Call) -> None:
    await call("create_realtime_session", model="gpt-realtime", voice={"id": "voice_1"})
    assert standin.requests[-1].body["voice"] == {"id": "voice_1"}


@pytest.mark.parametrize(
    "action", ["create_realtime_session", "create_realtime_transcription_session"]
)
async def test_client_secret_returned_to_caller_only(hass: HomeAssistant, action: str) -> None:
    with pytest.raises(ServiceValidationError, match="requires responses"):
        await hass.services.async_call("openai_api", action, {}, blocking=True)


async def test_client_secret_in_no_event(
    hass: HomeAssistant, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []
    hass.bus.async_listen("*", lambda event: seen.append(str(event.data)))
    made = await call("create_realtime_session", model="gpt-realtime")
    await hass.async_block_till_done()
    secret = made["client_secret"]["value"]
    assert secret not in "".join(seen) + caplog.text


async def test_chat_completion_parsed(standin: StandIn, call: Call, events: Any) -> None:
    fired = events("openai_api_stream_event")
    ask = {"model": "m", "messages": [{"role": "user", "content": "Oslo"}], "response_format": FORM}
    answer = await call("parse_chat_completion", **ask, n=2)
    assert [choice["message"]["parsed"] for choice in answer["choices"]] == [{"city": "Oslo"}] * 2
    assert standin.requests[-1].body == {**ask, "n": 2}
    streamed = await call("parse_chat_completion", **ask, stream=True)
    assert streamed["choices"][0]["message"]["parsed"] == {"city": "Oslo"}
    assert fired


def test_chat_completion_unparsable_is_none() -> None:
    tool = {"function": {"name": "f", "arguments": '{"a": 1}'}}
    answer = add_parsed_messages(
        {"choices": [{"message": {"content": None, "tool_calls": [tool, {"custom": {}}]}}, {}]}
    )
    message = answer["choices"][0]["message"]
    assert message["parsed"] is None
    assert message["tool_calls"][0]["function"]["parsed_arguments"] == {"a": 1}
    assert add_parsed_messages({"choices": None}) == {"choices": None}


async def test_multi_agent_response(standin: StandIn, call: Call) -> None:
    answer = await call("create_multi_agent_response", model="m", input="Hello")
    assert answer["output_text"]
    sent = standin.requests[-1]
    assert (sent.path, sent.query) == ("/responses", [("beta", "true")])
    assert sent.headers["openai-beta"] == "responses_multi_agent=v1"
    assert sent.body["multi_agent"] == {"enabled": True}
    found = await call("get_model_response", response_id=answer["id"])
    assert found["output_text"] == answer["output_text"]

    wanted = {"enabled": True, "max_concurrent_subagents": 2}
    streamed = await call(
        "create_multi_agent_response", model="m", input="Hello", multi_agent=wanted, stream=True
    )
    assert streamed["output_text"]
    assert standin.requests[-1].body["multi_agent"] == wanted


async def test_safety_alert(standin: StandIn, call: Call) -> None:
    alert = await call("get_safety_alert", id="alert_1")
    assert (alert["id"], alert["object"]) == ("alert_1", "safety.alert")
    assert standin.requests[-1].path == "/safety/alerts/alert_1"
    with pytest.raises(ServiceValidationError, match="404"):
        await call("get_safety_alert", id="other_1")


@newer
async def test_safety_case(standin: StandIn, call: Call) -> None:
    assert (await call("get_safety_case", id="case_1"))["object"] == "safety.case"
    assert standin.requests[-1].path == "/safety/cases/case_1"


@newer
async def test_translation_client_secret(standin: StandIn, call: Call) -> None:
    data = {
        "session": {"model": "gpt-realtime-translate"},
        "expires_after": {"anchor": "created_at", "seconds": 60},
    }
    answer = await call("create_realtime_translation_client_secret", **data)
    assert answer["value"].startswith("ek_")
    assert answer["session"]["model"] == "gpt-realtime-translate"
    sent = standin.requests[-1]
    assert (sent.path, sent.body) == ("/realtime/translations/client_secrets", data)


@newer
async def test_live_session_lifecycle(standin: StandIn, call: Call) -> None:
    settings = {"model": "gpt-live-1", "store": True}
    made = await call("create_live_session", session=settings, transport=TRANSPORT)
    assert made["transport"]["sdp"].startswith("v=0")
    sent = standin.requests[-1]
    assert (sent.path, sent.body) == (
        "/live/sessions",
        {"session": settings, "transport": TRANSPORT},
    )
    session_id = made["session"]["id"]
    forked = await call("fork_live_session", session_id=session_id, transport=TRANSPORT)
    assert forked["session"]["id"] != session_id
    assert standin.requests[-1].body == {"transport": TRANSPORT}
    saved = await call("download_live_session", session_id=session_id, filename="call.wav")
    assert Path(saved["path"]).read_bytes().startswith(b"RIFF")
    assert standin.requests[-1].path == f"/live/sessions/{session_id}/content"


@newer
@pytest.mark.parametrize(
    ("action", "data", "path", "status"),
    [
        (
            "accept_live_session",
            {"session": {"type": "live", "model": "gpt-live-1"}},
            "accept",
            "accepted",
        ),
        ("hangup_live_session", {}, "hangup", "hung_up"),
        ("refer_live_session", {"target_uri": "tel:+49"}, "refer", "referred"),
        ("reject_live_session", {"status_code": 486}, "reject", "rejected"),
    ],
)
async def test_live_session_phone_call(
    standin: StandIn, call: Call, action: str, data: dict[str, Any], path: str, status: str
) -> None:
    answer = await call(action, session_id="live_1", **data)
    assert answer == {"session_id": "live_1", "status": status}
    sent = standin.requests[-1]
    assert (sent.path, sent.body or {}) == (f"/live/sessions/live_1/{path}", data)
