"""Handlers for server events: they fire notices and send follow-up client events."""

from collections.abc import Mapping
import json
from typing import Any, Final

from ..types import Json
from .connection import EventHandler, RealtimeConnection
from .notices import RealtimeNotice
from .response_output import TEXT_ENDS
from .session_config import audio_format
from .tool_calls import ToolCall, notify_limit

_MOST_RESPONSES = 16
"""Responses in progress whose format is kept, for servers that never end them."""
_OUTPUT_EVENTS = (
    *TEXT_ENDS,
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
)
_RETRIEVE = "conversation.item.retrieve"
_RETRIEVAL = "event_retrieval"
"""The id of the events that request items."""
_MCP_CALLS = frozenset({"mcp_call", "mcp_tool_call"})


def _session_created(session: RealtimeConnection, event: Json) -> None:
    """Store the session, and send the tracing configuration unless tracing is set already."""
    created: Json = event["session"]
    session.session = created
    if session.model is None and isinstance(model := created.get("model"), str):
        # The model of a phone call was chosen when it was accepted.
        session.model = model
    known, wanted = created.get("tracing"), session.tracing
    if isinstance(known, dict) and not isinstance(wanted, str):
        return
    session.post({"type": "session.update", "session": {"type": "realtime", "tracing": wanted}})


def _session_updated(session: RealtimeConnection, event: Json) -> None:
    """Store the session as the server has it."""
    session.session = event["session"]


def _response_created(session: RealtimeConnection, event: Json) -> None:
    """Fire `turn_started`."""
    session.sequencer.created()
    response = event.get("response") or {}
    session.outputs.begin(response.get("id"))
    output = (response.get("audio") or {}).get("output") or {}
    if response.get("id"):
        audio = output.get("format") or response.get("output_audio_format")
        session.playback.formats[str(response["id"])] = (
            audio_format(audio) if audio else session.output_format
        )
        while len(session.playback.formats) > _MOST_RESPONSES:
            del session.playback.formats[next(iter(session.playback.formats))]
    session.notify(RealtimeNotice.TURN_STARTED, response_id=response.get("id"), response=response)


def _response_done(session: RealtimeConnection, event: Json) -> None:
    """Fire `usage_update` and `turn_done`, save the audio, and count the usage."""
    session.sequencer.done()
    response = event.get("response") or {}
    usage = response.get("usage") or {}
    streamed = session.outputs.pop(response.get("id"))
    for call in streamed.finish(response):
        if isinstance(call, dict):
            _function_call(session, call, response.get("id"))
    session.playback.formats.pop(str(response.get("id")), None)
    used: Json = {
        "input_tokens": usage.get("input_tokens") or 0,
        "input_token_details": usage.get("input_token_details") or {},
        "output_tokens": usage.get("output_tokens") or 0,
        "output_token_details": usage.get("output_token_details") or {},
    }
    used["total_tokens"] = used["input_tokens"] + used["output_tokens"]
    session.notify(RealtimeNotice.USAGE_UPDATE, usage=used)
    session.notify(
        RealtimeNotice.TURN_DONE,
        response_id=response.get("id"),
        status=response.get("status"),
        output=streamed.output(response),
        usage=used,
    )
    session.audio_parts.finish_response(response.get("id"))
    session.count_usage(usage)


def _audio_delta(session: RealtimeConnection, event: Json) -> None:
    """Fire `audio`, and keep the audio."""
    piece = event["delta"]
    if not isinstance(piece, str):
        raise TypeError("audio is a text")
    event = session.audio_parts.place(event)
    session.playback.receive(event, _size(piece), session.output_format)
    session.audio_parts.add(event, piece)
    session.notify(
        RealtimeNotice.AUDIO,
        delta=piece,
        response_id=event.get("response_id"),
        item_id=event.get("item_id"),
        content_index=event.get("content_index"),
    )


def _size(piece: str) -> int:
    """Return the decoded size of base64 in bytes."""
    return len(piece) * 3 // 4 - piece[-2:].count("=")


def _audio_done(session: RealtimeConnection, event: Json) -> None:
    """Save the audio."""
    session.audio_parts.finish(event)


def _delta(notice: RealtimeNotice, name: str) -> EventHandler:
    """Return the handler that keeps a text delta, and fires a notice for it."""

    def handle(session: RealtimeConnection, event: Json) -> None:
        session.outputs.find(event.get("response_id")).take(name, event)
        session.notify(
            notice,
            delta=event.get("delta"),
            item_id=event.get("item_id"),
            response_id=event.get("response_id"),
        )

    return handle


def _output(name: str) -> EventHandler:
    """Return the handler that keeps what an event tells of the output."""

    def handle(session: RealtimeConnection, event: Json) -> None:
        session.outputs.find(event.get("response_id")).take(name, event)

    return handle


def _part_added(session: RealtimeConnection, event: Json) -> None:
    """Keep what a content part begins with."""
    session.audio_parts.announce(event)
    session.outputs.find(event.get("response_id")).take("response.content_part.added", event)


def _speech_started(session: RealtimeConnection, event: Json) -> None:
    """Interrupt the response when the user starts to speak; the server may cancel it itself."""
    session.note_speech()
    audio = session.session.get("audio") or {}
    detection = (
        (audio.get("input") or {}).get("turn_detection")
        or session.session.get("turn_detection")
        or {}
    )
    session.interrupt(cancel=not detection.get("interrupt_response"))


def _committed(session: RealtimeConnection, event: Json) -> None:
    """Reset the tool limits for speech that is complete."""
    session.note_speech()


def _transcribed(session: RealtimeConnection, event: Json) -> None:
    """Store the transcript of the input, and request the whole item."""
    session.count_usage(event.get("usage"))
    session.note_speech()
    session.history.transcribe(event["item_id"], event.get("transcript") or "")
    _retrieve(session, event)


def _retrieve(session: RealtimeConnection, event: Json) -> None:
    """Request an item that has changed, of a server that knows the request."""
    if (item_id := event.get("item_id")) and session.can_retrieve:
        session.has_retrieved = True
        session.post({"type": _RETRIEVE, "event_id": _RETRIEVAL, "item_id": item_id})


def _deleted(session: RealtimeConnection, event: Json) -> None:
    """Remove an item, and fire `item_deleted`."""
    session.history.remove(event["item_id"])
    session.notify(RealtimeNotice.ITEM_DELETED, item_id=event["item_id"])


def _item(session: RealtimeConnection, event: Json) -> None:
    """Store an item of the conversation, and fire the notices for its type."""
    item, is_done = event["item"], event["type"] == "conversation.item.done"
    if event["type"] == "conversation.item.created":
        # Servers with the older names have no event for the end of an item.
        is_done = item.get("status") == "completed"
    item_type = item.get("type")
    if item_type == "message":
        is_new = event["type"] in ("conversation.item.added", "conversation.item.created")
        status = "in_progress" if is_new else "completed"
        session.update_item(
            {"status": status, **_named(item)},
            event.get("previous_item_id"),
            is_placed="previous_item_id" in event,
        )
    elif item_type == "mcp_list_tools":
        if is_done:
            label, tools = item.get("server_label") or "", item.get("tools") or []
            session.notify(RealtimeNotice.MCP_TOOLS_LISTED, server_label=label, tools=tools)
    elif item_type == "mcp_approval_request":
        if is_done:
            request = {**item, "arguments": _arguments(item.get("arguments"))}
            session.update_item(request)
            session.notify(
                RealtimeNotice.MCP_APPROVAL_REQUEST,
                approval_request_id=item.get("id"),
                item=request,
            )
    elif item_type in _MCP_CALLS:
        call = {"output": None, **item, "status": "completed" if is_done else "in_progress"}
        session.update_item(call)
        if is_done:
            session.notify(RealtimeNotice.MCP_TOOL_CALL_COMPLETED, item=call)
            if session.responds_to_mcp_calls:
                _follow(session, call)


def _follow(session: RealtimeConnection, call: Json) -> None:
    """Request the response to the output of an MCP tool: servers do not begin it themselves."""
    if session.tool_limits.start_round(None):
        session.sequencer.request()
    else:
        notify_limit(session, session.tool_limits, call.get("id"), call.get("name"))


def _output_item(session: RealtimeConnection, event: Json) -> None:
    """Store an output item, and run the function call in it."""
    item, is_done = event["item"], event["type"] == "response.output_item.done"
    status = "completed" if is_done else "in_progress"
    item_type = item.get("type")
    if item_type == "message":
        session.update_item({"status": status, **_named(item)})
    elif item_type in _MCP_CALLS:
        session.update_item({"output": None, **item, "status": status})
    response_id = event.get("response_id")
    for call in session.outputs.find(response_id).take(event["type"], event):
        if isinstance(call, dict):
            _function_call(session, call, response_id)


def _function_call(session: RealtimeConnection, item: Json, response_id: Any) -> None:
    """Store a function call that is whole, and run it."""
    # For automations it is in progress until its output has been sent.
    call = {**item, "status": "in_progress", "output": None}
    if not session.remember_call(call):
        return
    session.update_item(call)
    call_id, name = item.get("call_id") or "", item.get("name") or ""
    arguments: str = item["arguments"]
    session.notify(
        RealtimeNotice.FUNCTION_CALL,
        id=item.get("id"),
        call_id=call_id,
        name=name,
        arguments=arguments,
        response_id=response_id,
    )
    session.use_tool(ToolCall(call_id, name, arguments, response_id))


def _named(item: Mapping[str, Any]) -> Json:
    """Return a message with the present names of its parts, and with a status if it has one."""
    message = {key: value for key, value in item.items() if key != "status" or value}
    if item.get("role") == "assistant":
        message["content"] = [
            {**part, "type": "output_audio"} if part.get("type") == "audio" else part
            for part in item.get("content") or []
        ]
    return message


def _arguments(text: object) -> Any:
    """Return the arguments in a text; the text itself if it is not JSON."""
    try:
        return json.loads(text) if isinstance(text, str) and text else {}
    except RecursionError, ValueError:
        return text


def _error(session: RealtimeConnection, event: Json) -> None:
    """Fire `error`; the response that was requested may not come."""
    error = event.get("error")
    details = error if isinstance(error, dict) else {}
    named = details.get("event_id")
    is_unknown = not named and session.has_retrieved and _RETRIEVE in str(details.get("message"))
    if named == _RETRIEVAL or is_unknown:
        # Nobody has asked for it, and it is not needed.
        session.can_retrieve, session.has_retrieved = not is_unknown, False
        return
    session.sequencer.failed(details)
    session.notify(RealtimeNotice.ERROR, error=event)


EVENT_HANDLERS: Final[Mapping[str, EventHandler]] = {
    "error": _error,
    "session.created": _session_created,
    "session.updated": _session_updated,
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_audio.delta": _audio_delta,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _delta(
        RealtimeNotice.AUDIO_TRANSCRIPT_DELTA, "response.output_audio_transcript.delta"
    ),
    "response.output_text.delta": _delta(
        RealtimeNotice.OUTPUT_TEXT_DELTA, "response.output_text.delta"
    ),
    **{name: _output(name) for name in _OUTPUT_EVENTS},
    "response.content_part.added": _part_added,
    "response.output_item.added": _output_item,
    "response.output_item.done": _output_item,
    "response.mcp_call.in_progress": _retrieve,
    "mcp_list_tools.in_progress": _retrieve,
    "conversation.item.added": _item,
    "conversation.item.done": _item,
    "conversation.item.retrieved": _item,
    "conversation.item.deleted": _deleted,
    "conversation.item.truncated": _retrieve,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.committed": _committed,
}
