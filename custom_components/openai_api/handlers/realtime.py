"""Realtime connections: open, send, receive the state, close."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..action import ActionCall
from ..api.host import ServiceHost
from ..api.response import parse_body
from ..data import runtime_data_of
from ..exceptions import api_error, validation_error
from ..media.source import async_data_url, async_read_file
from ..realtime.audio import content_of, convert, decode, is_file_name, pieces
from ..realtime.connection import RealtimeConnection
from ..realtime.event_handlers import EVENT_HANDLERS
from ..realtime.limits import MAX_CALLS, ToolLimits, UsageLimit
from ..realtime.tools import HomeTools
from ..types import Json
from ..websocket.access import async_check_access
from ..websocket.connect_options import display_url
from ..websocket.sdk_connection import SdkConnection, async_open
from . import websockets
from .websockets import async_find


def _client_event_response(connection: RealtimeConnection, event_type: str, **details: Any) -> Json:
    """Return the response of an action that has sent a client event.

    `{"object": "realtime.websocket.client_event", "action": "send", "connection_id": …,
    "event_type": …}`, with the details.
    """
    return {
        "object": "realtime.websocket.client_event",
        "action": "send",
        "connection_id": connection.id,
        "event_type": event_type,
        **details,
    }


async def async_connect(request: ActionCall) -> Json:
    """Open a realtime connection, and send the session configuration.

    Returns `{"object": "realtime.websocket.connection", "action": "connect", "connection_id": …,
    "model": …, "url": …}`. Raises ServiceValidationError "field_missing" or "prices_missing", and
    what `HomeTools.async_load`, `RealtimeConnection` and `Connection.async_connect` raise. SDK
    method: `realtime.connect`.
    """
    host, data = request.host, request.data
    session = dict(data.get("session") or {})
    call_id = data.get("call_id")
    model = data.get("model") or session.get("model")
    if not model and not call_id:
        raise validation_error("field_missing", field="model")
    tools = None
    if api_ids := data.get("llm_hass_api"):
        tools = await HomeTools.async_load(request.hass, api_ids, request.context)
    for key in ("require_approval", "max_tool_calls"):
        if key in data and tools is None:
            raise validation_error("field_missing", field="llm_hass_api")
    target = {"call_id": call_id} if call_id else {"model": model}
    opening = partial(_async_open, request, target, use_secret=bool(data.get("use_client_secret")))
    connection = RealtimeConnection(
        host,
        runtime_data_of(request).connections,
        data["connection_id"],
        opening,
        data.get("event_types"),
        event_handlers=EVENT_HANDLERS,
        model=model,
        session=session,
        tools=tools,
        opener=request.context,
        is_phone_call=bool(call_id),
        tool_limits=ToolLimits(data.get("max_tool_calls", MAX_CALLS)),
        require_approval=data.get("require_approval", ()),
        usage_limit=_usage_limit(host, data),
        responds_to_mcp_calls=bool(data.get("respond_to_mcp_calls")),
    )
    await connection.async_connect()
    return {
        "object": "realtime.websocket.connection",
        "action": "connect",
        "connection_id": connection.id,
        "model": model,
        "url": display_url(host, "realtime"),
    }


def _usage_limit(host: ServiceHost, data: Mapping[str, Any]) -> UsageLimit:
    """Return the limit of a connection; raises ServiceValidationError "prices_missing"."""
    max_cost = data.get("max_cost")
    if max_cost is not None and not host.usage.prices.is_set:
        raise validation_error("prices_missing")
    return UsageLimit(
        max_tokens=data.get("max_total_tokens"), max_cost=max_cost, prices=host.usage.prices
    )


async def _async_open(
    request: ActionCall, target: Mapping[str, Any], options: dict[str, Any], *, use_secret: bool
) -> SdkConnection:
    """Open a WebSocket with the SDK, which knows the path."""
    host = request.host
    if use_secret:
        secret = await _async_create_client_secret(host, target)
        # It replaces the key, and is a bearer token however the key is sent.
        hidden = {name.lower() for name in host.settings.auth_headers}
        options["extra_query"] = dict(host.settings.query)
        options["extra_headers"] = {
            key: value
            for key, value in options["extra_headers"].items()
            if key.lower() not in hidden
        } | {"Authorization": f"Bearer {secret}"}
    return await async_open(host, "realtime", {**target, **options})


async def _async_create_client_secret(host: ServiceHost, target: Mapping[str, Any]) -> str:
    """Return a new client secret, which is used by this module alone."""
    mint, _ = await host.method("realtime.client_secrets.create", "raw")
    session = {"session": {"type": "realtime", **target}} if "model" in target else {}
    response = (await mint(**session)).http_response
    answer = parse_body(host.settings, response.content, response.headers.get("content-type", ""))
    # As in the sessions of the beta, which some servers still answer with.
    held = answer.get("client_secret", answer)
    secret = held.get("value") if isinstance(held, dict) else held
    if not isinstance(secret, str) or not secret:
        raise api_error("no_client_secret")
    return secret


async def async_close(request: ActionCall) -> Json:
    """Close a realtime connection; its id is free afterwards.

    Returns what `websockets.async_close` returns, and raises what that raises.
    """
    return await websockets.async_close(
        request, RealtimeConnection, "realtime.websocket.connection"
    )


async def async_status(request: ActionCall) -> Json:
    """Return the state of a realtime connection.

    Returns `{"connection_id": …, "status": …, "muted": null, "model": …, "response_in_progress": …,
    "session": …, "history": [item, …]}`; only the first three, with the status `disconnected`,
    where no connection has this id. Raises ServiceValidationError "connection_access_denied".
    """
    connection_id = request.data["connection_id"]
    connection = runtime_data_of(request).connections.get(connection_id)
    if not isinstance(connection, RealtimeConnection):
        return {"connection_id": connection_id, "status": "disconnected", "muted": None}
    await async_check_access(request.hass, connection, request.context)
    return {
        "connection_id": connection_id,
        "status": connection.state.value,
        # There is no mute here: a client mutes itself by sending no audio.
        "muted": None,
        "model": connection.model,
        "response_in_progress": connection.sequencer.in_flight,
        "session": connection.session or connection.wanted_session,
        "history": list(connection.history.items),
    }


async def async_send_event(request: ActionCall) -> Json:
    """Send a client event as the caller gives it.

    Returns what `_client_event_response` returns for the `type` of the event. Raises
    ServiceValidationError "event_without_type", "mute_unsupported" or "model_fixed", and what
    `async_find` and `RealtimeConnection.send_event` raise.
    """
    connection, event = await async_find(request, RealtimeConnection), request.data["event"]
    if not isinstance(kind := event.get("type"), str) or not kind.strip():
        raise validation_error("event_without_type")
    if kind == "mute":
        raise validation_error("mute_unsupported")
    session = event.get("session")
    named = session.get("model") if isinstance(session, dict) else None
    if kind == "session.update" and connection.model and named not in (None, connection.model):
        raise validation_error("model_fixed", model=connection.model)
    connection.send_event(event)
    return _client_event_response(connection, kind)


async def async_send_message(request: ActionCall) -> Json:
    """Add a user message of text and images to the conversation.

    A response is requested unless `trigger_response` is false. Returns what
    `_client_event_response` returns for `conversation.item.create`. Raises what `async_find` and
    `RealtimeConnection.require_open` raise, and "message_invalid" as `content_of` does.
    """
    connection = await async_find(request, RealtimeConnection)
    return _send_message(
        request, connection, content_of(request.data["message"]), request.data.get("event_data")
    )


async def async_add_image(request: ActionCall) -> Json:
    """Add an image to the conversation: a URL, or a file of this system.

    A response is requested unless `trigger_response` is false. Returns what
    `_client_event_response` returns for `conversation.item.create`. Raises what `async_find` and
    `RealtimeConnection.require_open` raise, and what `async_data_url` raises.
    """
    connection = await async_find(request, RealtimeConnection)
    connection.require_open()
    image = request.data["image"]
    if not image["id"].startswith(("data:", "http://", "https://")):
        image = {"id": await async_data_url(request, image)}
    return _send_message(
        request, connection, [{"type": "input_image", "image_url": image["id"]}], None
    )


def _send_message(
    request: ActionCall, connection: RealtimeConnection, content: list[Json], extra: Json | None
) -> Json:
    """Add a user message, and request a response unless `trigger_response` is false."""
    connection.require_open()
    item = {"type": "message", "role": "user", "content": content}
    connection.tool_limits.reset()
    connection.post({"type": "conversation.item.create", "item": item, **(extra or {})})
    if request.data.get("trigger_response", True):
        connection.sequencer.request()
    return _client_event_response(connection, "conversation.item.create")


async def async_send_audio(request: ActionCall) -> Json:
    """Append audio to the input buffer.

    Base64 is sent as it is; a file is converted to the input format of the session, by default mono
    PCM16 at 24 kHz. Returns what `_client_event_response` returns for `input_audio_buffer.append`,
    with `size` in bytes. Raises what `async_find` and `RealtimeConnection.require_open` raise, what
    `async_read_file`, `convert` and `decode` raise, and HomeAssistantError "connection_closed".
    """
    connection, audio = await async_find(request, RealtimeConnection), request.data["audio"]
    connection.require_open()
    name = audio["id"]
    if "content_type" in audio or is_file_name(name):
        file_name, content, _ = await async_read_file(request, audio)
        sound = await request.hass.async_add_executor_job(
            convert, file_name, content, connection.input_format
        )
    else:
        sound = decode(name)
    connection.note_audio_sent()
    for piece in pieces(sound):
        connection.post({"type": "input_audio_buffer.append", "audio": piece})
        # A long recording must not fill the memory while the connection is slow.
        await connection.async_flush()
    if request.data.get("commit"):
        connection.post({"type": "input_audio_buffer.commit"})
    return _client_event_response(connection, "input_audio_buffer.append", size=len(sound))


async def async_interrupt(request: ActionCall) -> Json:
    """Cancel the response in progress, and truncate its audio where playback was.

    Returns what `_client_event_response` returns for `response.cancel`. Raises what `async_find`
    and `RealtimeConnection.require_open` raise.
    """
    connection = await async_find(request, RealtimeConnection)
    connection.require_open()
    connection.interrupt(cancel=request.data.get("cancel_response", True))
    return _client_event_response(connection, "response.cancel")


async def async_answer_call(request: ActionCall) -> Json:
    """Send the output of a function call to the model.

    Returns what `_client_event_response` returns for `conversation.item.create`, with `call_id`.
    Raises what `async_find` and `RealtimeConnection.require_open` raise.
    """
    connection, data = await async_find(request, RealtimeConnection), request.data
    connection.require_open()
    connection.answer_call(
        data["call_id"], data["output"], respond=data.get("trigger_response", True)
    )
    return _client_event_response(connection, "conversation.item.create", call_id=data["call_id"])


async def async_answer_mcp(request: ActionCall) -> Json:
    """Approve or reject a call of an MCP tool, or of a tool that waits for approval here.

    Returns what `_client_event_response` returns for `conversation.item.create`, with
    `approval_request_id`. Raises what `async_find` and `RealtimeConnection.require_open` raise.
    """
    connection, data = await async_find(request, RealtimeConnection), request.data
    connection.require_open()
    approval_id = data["approval_request_id"]
    runner = connection.tool_runner
    if runner is not None and runner.answer_approval(
        approval_id, approve=data["approve"], reason=data.get("reason")
    ):
        return _client_event_response(
            connection, "conversation.item.create", approval_request_id=approval_id
        )
    item = {
        "type": "mcp_approval_response",
        "approval_request_id": approval_id,
        "approve": data["approve"],
        **({"reason": data["reason"]} if "reason" in data else {}),
    }
    connection.post(
        {"type": "conversation.item.create", "previous_item_id": approval_id, "item": item}
    )
    return _client_event_response(
        connection, "conversation.item.create", approval_request_id=approval_id
    )


async def async_update_session(request: ActionCall) -> Json:
    """Replace the session configuration by the defaults, overridden by the given values.

    Returns what `_client_event_response` returns for `session.update`, with `session`. Raises what
    `async_find` and `RealtimeConnection.require_open` raise, and what
    `RealtimeConnection.configure` raises.
    """
    connection = await async_find(request, RealtimeConnection)
    connection.require_open()
    connection.configure(request.data["session"])
    connection.post({"type": "session.update", "session": connection.wanted_session})
    return _client_event_response(connection, "session.update", session=connection.wanted_session)


async def async_reset_history(request: ActionCall) -> Json:
    """Replace the conversation by another one.

    Returns what `_client_event_response` returns for `conversation.item.create`, with `skipped`,
    the ids of function calls that are left out. Raises what `async_find` and
    `RealtimeConnection.reset_history` raise.
    """
    connection = await async_find(request, RealtimeConnection)
    skipped = connection.reset_history(request.data["history"])
    return _client_event_response(connection, "conversation.item.create", skipped=skipped)
