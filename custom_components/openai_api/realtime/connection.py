"""A realtime connection: it sends client events, and reacts to server events."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, override

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError
from websockets.frames import CloseCode

from ..api.host import ServiceHost
from ..const import EVENT_REALTIME, LOGGER
from ..exceptions import api_error, validation_error
from ..types import Json
from ..websocket.connection import Connection, Connections
from ..websocket.messages import encode
from ..websocket.sdk_connection import ConnectFactory
from ..websocket.state import State, Transport
from .audio_parts import AudioParts
from .event_names import EventNames
from .history import History, diff, normalize
from .limits import ToolLimits, UsageLimit
from .notices import RealtimeNotice
from .playback_tracker import Playback
from .response_sequencer import ResponseSequencer
from .responses_in_progress import ResponseOutputs
from .session_config import audio_format, build_session
from .tool_calls import ToolCall, ToolRunner
from .tools import HomeTools

_REMEMBERED_CALLS = 200
_LONGEST_OUTBOX = 1000
"""Limit of the send queue: so many events of actions, and as many in reaction to server events."""


type EventHandler = Callable[[RealtimeConnection, Json], None]
"""Handles one server event of a connection."""


class RealtimeConnection(Connection):
    """A conversation over a WebSocket, with what the API leaves to the client."""

    transport = Transport.REALTIME.value

    def __init__(
        self,
        host: ServiceHost,
        connections: Connections,
        connection_id: str,
        connect: ConnectFactory,
        event_types: Collection[str] | None,
        *,
        event_handlers: Mapping[str, EventHandler],
        model: str | None,
        session: Json,
        tools: HomeTools | None,
        opener: Context,
        is_phone_call: bool = False,
        tool_limits: ToolLimits | None = None,
        require_approval: Sequence[str] = (),
        usage_limit: UsageLimit | None = None,
        responds_to_mcp_calls: bool = False,
    ) -> None:
        """Initialize the connection.

        Raises ServiceValidationError "session_invalid", "mcp_tool_invalid" or "model_fixed" for a
        malformed session, and "tool_unknown" for names in `require_approval` that no tool has.
        """
        super().__init__(
            host,
            connections,
            connection_id,
            connect,
            event_types,
            opener=opener,
            is_admin_only=tools is not None and tools.is_admin_only,
        )
        self._event_handlers = event_handlers
        self.model = model
        self.history = History()
        self.tools = tools
        self.tool_limits = tool_limits or ToolLimits()
        self.tool_runner = (
            ToolRunner(self, tools, self.tool_limits, require_approval) if tools else None
        )
        self._usage_limit = usage_limit or UsageLimit()
        self.responds_to_mcp_calls = responds_to_mcp_calls
        self._is_phone_call = is_phone_call
        self._has_sent_audio = False
        """Whether audio was sent since speech was last detected."""
        self.can_retrieve = True
        """Whether the server may know `conversation.item.retrieve`."""
        self.has_retrieved = False
        """Whether items were requested that nobody has asked for."""
        self._names = EventNames()
        self.opened = 0
        """How often the connection was opened."""
        self.calls: dict[str, Json] = {}
        self.session: Json = {}
        """As the server last confirmed it."""
        self.sequencer = ResponseSequencer(self._put)
        self.playback = Playback()
        self.outputs = ResponseOutputs()
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._unsent = 0
        """Events that were queued but are not sent yet."""
        self._sender: asyncio.Task[None] | None = None
        self.audio_parts = AudioParts(self)
        self._wanted: Json = {}
        self.configure(session)

    @property
    def wanted_session(self) -> Json:
        """The session configuration that is sent, now and after a reconnect."""
        return self._wanted

    @callback
    def configure(self, session: Json) -> None:
        """Set the session configuration: the object in `session.update`.

        Raises ServiceValidationError "model_fixed" for another model than that of the connection,
        and "session_invalid", "mcp_tool_invalid" or "invalid_arguments" for a malformed one.
        """
        if self.model and session.get("model") not in (None, self.model):
            raise validation_error("model_fixed", model=self.model)
        wanted = build_session(session, self.model)
        if self.tools is not None:
            own = wanted.get("tools", [])
            offered = self.tools.offer([tool["name"] for tool in own if "name" in tool])
            texts = [wanted.get("instructions"), self.tools.instructions]
            wanted["instructions"] = "\n\n".join(text for text in texts if text)
            wanted["tools"] = [*own, *offered]
        elif "tools" not in wanted and (
            session.get("tools") == [] or self._wanted.get("tools") or self.session.get("tools")
        ):
            # The server keeps a setting that is left out.
            wanted["tools"] = []
        for one in (session, wanted):
            encode(one)
        self._wanted = wanted
        self.tracing: Any = session.get("tracing", "auto")
        """The tracing configuration of the conversation."""

    @callback
    def require_open(self) -> None:
        """Raise ServiceValidationError unless events can be sent.

        Raises "connection_not_open", and "connection_busy" if too many wait to be sent.
        """
        if self.state is not State.CONNECTED:
            raise validation_error("connection_not_open", connection_id=self.id, state=self.state)
        if self._outbox.qsize() >= _LONGEST_OUTBOX:
            raise validation_error("connection_busy", connection_id=self.id)

    @callback
    def post(self, *events: Json) -> None:
        """Send events after all that were posted before, unless too many wait.

        Raises ServiceValidationError, before any of them is sent, for what cannot be sent.
        """
        if self._outbox.qsize() >= 2 * _LONGEST_OUTBOX:
            # Only reactions to a flood of server events reach this limit.
            self.notify(RealtimeNotice.EVENTS_DROPPED, count=len(events))
            return
        self._put(*events)

    @callback
    def _put(self, *events: Json) -> None:
        """Enqueue events regardless of the limit of the queue."""
        if self.state is not State.CONNECTED:
            raise validation_error("connection_not_open", connection_id=self.id, state=self.state)
        for frame in [encode(event) for event in events]:
            self._unsent += 1
            self._outbox.put_nowait(frame)

    @callback
    def send_event(self, event: Json) -> None:
        """Send a client event as it is; a `response.create` waits for its turn."""
        self.require_open()
        item = event.get("item")
        if event["type"] == "response.create" or (
            event["type"] == "conversation.item.create"
            and isinstance(item, dict)
            and item.get("role") == "user"
        ):
            self.tool_limits.reset()
        elif event["type"] == "input_audio_buffer.append":
            self.note_audio_sent()
        if event["type"] == "response.create":
            # An event that cannot be sent is refused now, not when its turn comes.
            encode(event)
            self.sequencer.request(event)
            return
        if event["type"] == "response.cancel":
            self.sequencer.begin_cancel()
        self.post(event)

    async def async_flush(self) -> None:
        """Wait until everything posted has been sent.

        Raises HomeAssistantError "connection_closed" if it was not.
        """
        await self.async_drain()
        if self.state is not State.CONNECTED:
            raise api_error("connection_closed", connection_id=self.id)

    @override
    async def async_drain(self) -> None:
        await self._outbox.join()

    @callback
    def interrupt(self, *, cancel: bool) -> None:
        """Cancel the response in progress, and truncate its audio where playback was."""
        is_running = self.sequencer.in_flight
        if cancel and self.sequencer.begin_cancel():
            self.post({"type": "response.cancel"})
        if self.playback.is_tracking:
            self.notify(RealtimeNotice.AUDIO_INTERRUPTED, item_id=self.playback.item_id)
            if (cut := self.playback.interrupt(is_running=is_running)) is not None:
                self.post(cut)

    @callback
    def reset_history(self, wanted: list[Json]) -> list[str]:
        """Replace the conversation; returns the ids of function calls that are left out.

        Raises ServiceValidationError "history_invalid" or "history_unsupported" before anything is sent.
        """
        self.require_open()
        events, skipped = diff(self.history.items, normalize(wanted), self.history.leaving)
        self.post(*events)
        self.history.note_sent(events)
        for item_id in skipped:
            LOGGER.warning("Function call %s cannot be put into a conversation", item_id)
        return skipped

    @callback
    def answer_call(self, call_id: str, output: str, *, respond: bool) -> None:
        """Send the output of a function call; with `respond`, request a response, too."""
        self.post(
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": call_id, "output": output},
            }
        )
        known = self.calls.get(call_id, {"type": "function_call", "call_id": call_id})
        self.update_item({**known, "status": "completed", "output": output})
        if respond:
            self.sequencer.request()

    @callback
    def notify(self, notice: RealtimeNotice, **data: Any) -> None:
        """Fire a notice as an `openai_api_realtime_event`."""
        self.fire(EVENT_REALTIME, {"type": notice.value, **data})

    @callback
    def update_item(
        self, item: Mapping[str, Any], previous: str | None = None, *, is_placed: bool = False
    ) -> None:
        """Store an item, and fire `item_update`."""
        kept = self.history.update(item, previous, is_placed=is_placed)
        self.notify(RealtimeNotice.ITEM_UPDATE, item=kept)

    @callback
    def remember_call(self, item: Json) -> bool:
        """Store a function call, and return whether it is new; the oldest are dropped."""
        call_id = str(item.get("call_id") or item.get("id"))
        if call_id in self.calls:
            return False
        self.calls[call_id] = item
        while len(self.calls) > _REMEMBERED_CALLS:
            del self.calls[next(iter(self.calls))]
        return True

    @callback
    def use_tool(self, call: ToolCall) -> None:
        """Run a tool call of the model, if it is for a tool of Home Assistant."""
        if self.tool_runner is not None and self._requested_close is None:
            self.tool_runner.start(call)

    @callback
    def note_audio_sent(self) -> None:
        """Record that input audio was sent."""
        self._has_sent_audio = True

    @callback
    def note_speech(self) -> None:
        """Reset the tool limits for speech that the server detected in audio that was sent."""
        if self._is_phone_call or self._has_sent_audio:
            self._has_sent_audio = False
            self.tool_limits.reset()

    @callback
    def count_usage(self, usage: Any) -> None:
        """Add up the usage; closes the connection once its limit is reached."""
        if not self._usage_limit.add(usage) or self._requested_close is not None:
            return
        tokens, cost = self._usage_limit.tokens, self._usage_limit.cost
        self.notify(RealtimeNotice.USAGE_LIMIT_REACHED, total_tokens=tokens, cost=cost)
        closing = self.async_close(CloseCode.NORMAL_CLOSURE, "The usage limit is reached")
        self.run(closing, "usage limit")

    @property
    def output_format(self) -> Json:
        """The audio format of the output."""
        for session in (self.session, self._wanted):
            audio = session.get("audio")
            output = audio.get("output") if isinstance(audio, dict) else None
            if isinstance(output, dict) and output.get("format"):
                return audio_format(output["format"])
            if "output_audio_format" in session:
                return audio_format(session["output_audio_format"])
        return audio_format(None)

    @property
    def input_format(self) -> Json:
        """The audio format of the input."""
        audio = self._wanted.get("audio")
        heard = audio.get("input") if isinstance(audio, dict) else None
        return audio_format(heard.get("format") if isinstance(heard, dict) else None)

    @override
    @callback
    def on_event(self, event: Json) -> None:
        name = self._names.current(str(event.get("type")))
        handle = self._event_handlers.get(name) if name is not None else None
        if handle is None:
            return
        try:
            handle(self, event)
        except Exception:  # noqa: BLE001
            # It was fired as it is; an unexpected shape must not end the connection.
            LOGGER.debug("A server event has an unexpected shape", exc_info=True)

    @override
    @callback
    def _set_state(self, state: State, **details: Any) -> None:
        is_opening = self.state is State.CONNECTING and self._requested_close is None
        if is_opening and details.get("error"):
            # As an error of the server, so that automations look for both at one place.
            error = {"type": "connection_error", "message": details["error"]}
            self.notify(RealtimeNotice.ERROR, error={"type": "error", "error": error})
        super()._set_state(state, **details)

    @override
    @callback
    def on_state(self, state: State) -> None:
        if state is State.CONNECTED:
            self._outbox = asyncio.Queue()
            self._unsent = 0
            self.opened += 1
            self._sender = self.run(self._async_send_posted(self._outbox), "sender")
            self._put({"type": "session.update", "session": self._wanted})
        elif state in {State.RECONNECTING, State.DISCONNECTED}:
            self._let_go()
        self.notify(RealtimeNotice.CONNECTION_CHANGE, status=state.value)

    @callback
    def _let_go(self) -> None:
        """Reset the state that ends with the connection."""
        self.session = {}
        self._names.clear()
        self.outputs.clear()
        self.sequencer.clear()
        self.playback.reset()
        self.playback.formats.clear()
        self.calls.clear()
        if self.tool_runner is not None:
            self.tool_runner.clear()
        self.history.clear()
        self.audio_parts.clear()
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None
        if self._unsent:
            self.notify(RealtimeNotice.EVENTS_DROPPED, count=self._unsent)
            self._unsent = 0
        # `async_flush` must not wait for these any longer.
        while not self._outbox.empty():
            self._outbox.get_nowait()
            self._outbox.task_done()

    async def _async_send_posted(self, outbox: asyncio.Queue[str]) -> None:
        """Send the queued events in order, until the connection is gone."""
        while True:
            frame = await outbox.get()
            try:
                await self.async_send_message(frame)
                self._unsent -= 1
            except HomeAssistantError as err:
                LOGGER.debug("An event of connection %s was not sent: %s", self.id, err)
            finally:
                outbox.task_done()

    def run(self, work: Any, name: str) -> asyncio.Task[Any]:
        """Run a background task that ends with the entry at the latest."""
        return self.host.entry.async_create_background_task(
            self.host.hass, work, f"openai_api {self.transport} {self.id} {name}"
        )
