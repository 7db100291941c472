"""What the actions of realtime conversations are called with, each in one of its own."""

from typing import Any

from .case import ANY, Case, From, Sample

_SENT = {"object": "realtime.websocket.client_event", "action": "send", "connection_id": ANY}


def _case(name: str, answer: dict[str, Any], *, closes: bool = False, **data: Any) -> Case:
    """Return a call in a conversation that is opened before and closed afterwards."""
    talk = {"connection_id": name}
    return Case(
        data={"connection_id": From("connect_realtime_websocket", "connection_id", talk), **data},
        answer=answer,
        after={} if closes else {"close_realtime_websocket": talk},
    )


PAYLOADS: dict[str, Case] = {
    "connect_realtime_websocket": Case(
        data={"connection_id": "table", "model": "gpt-realtime"},
        answer={
            "object": "realtime.websocket.connection",
            "action": "connect",
            "connection_id": "table",
            "model": "gpt-realtime",
            "url": ANY,
        },
        after={"close_realtime_websocket": {"connection_id": "table"}},
    ),
    "close_realtime_websocket": _case(
        "closing",
        {"object": "realtime.websocket.connection", "action": "close", "code": 1000},
        closes=True,
    ),
    "get_realtime_status": _case(
        "status", {"status": "connected", "muted": None, "model": "gpt-realtime", "session": ANY}
    ),
    "send_realtime_event": _case(
        "event",
        {**_SENT, "event_type": "input_audio_buffer.clear"},
        event={"type": "input_audio_buffer.clear"},
    ),
    "send_realtime_message": _case(
        "message", {**_SENT, "event_type": "conversation.item.create"}, message="Say hello"
    ),
    "add_realtime_image": _case(
        "image",
        {**_SENT, "event_type": "conversation.item.create"},
        image=Sample("picture.png"),
        trigger_response=False,
    ),
    "send_realtime_audio": _case(
        "audio",
        {**_SENT, "event_type": "input_audio_buffer.append", "size": ANY},
        audio=Sample("sound.wav"),
        commit=True,
    ),
    "interrupt_realtime_response": _case(
        "interruption", {**_SENT, "event_type": "response.cancel"}
    ),
    "send_realtime_function_call_output": _case(
        "output",
        {**_SENT, "call_id": "call_table"},
        call_id="call_table",
        output={"open": True},
        trigger_response=False,
    ),
    "send_realtime_mcp_response": _case(
        "approval",
        {**_SENT, "approval_request_id": "mcpr_table"},
        approval_request_id="mcpr_table",
        approve=True,
    ),
    "update_realtime_session_config": _case(
        "session", {**_SENT, "event_type": "session.update", "session": ANY}, session={}
    ),
    "reset_realtime_history": _case(
        "history",
        {**_SENT, "skipped": []},
        history=[
            {
                "item_id": "item_table",
                "role": "user",
                "content": [{"type": "input_text", "text": "Say hello"}],
            }
        ],
    ),
}
