"""The Realtime API session of one conversation, which the three realtime entities share."""

import asyncio
from collections.abc import Callable, Iterable
import itertools
from typing import Any, Final

from homeassistant.components.conversation import Content
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..const import LOGGER
from ..data import OpenAIData
from ..error_translation import parse_error_body
from ..exceptions import ErrorInResponse
from ..realtime.event_names import EventNames
from ..realtime.playback_tracker import Playback
from ..realtime.response_sequencer import BUSY, IDLE, ResponseSequencer, error_code
from ..types import Json
from .channel import Channel, realtime
from .errors import SessionLost
from .microphone import Microphone
from .pcm import SESSION_FORMAT
from .realtime_history import RealtimeHistory, Utterance
from .realtime_turn import RealtimeResponse, RealtimeTurn
from .stt_live import TranscriptionRun

TRANSPORT: Final = "assist.realtime.websocket"
_UNCLAIMED_TIMEOUT: Final = 10.0
"""Seconds after which a response is cancelled that the conversation entity has not claimed."""
# What we send that may come too late, and then does no harm.
_IGNORED_EVENT_PREFIXES: Final = ("cancel", "truncate", "clear")
_IGNORED_ERROR_CODES: Final = frozenset({IDLE, BUSY})
_AUDIO_FORMAT: Final = {"type": "audio/pcm", "rate": SESSION_FORMAT.rate}


class RealtimeSession:
    """The session of one conversation; it may be closed and is then opened again.

    There is one turn at a time: the next one ends it.
    """

    def __init__(self, data: OpenAIData, model: str, keep_open: Callable[[], float]) -> None:
        """Take the model; `keep_open` tells the seconds that an idle session stays open."""
        self.host = data.host
        self._data = data
        self.turn: RealtimeTurn | None = None
        self._history = RealtimeHistory()
        self.config: Json | None = None
        """The configuration that the service has, or is to get."""
        self._model = model
        self._keep_open = keep_open
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()
        self._sequencer = ResponseSequencer(lambda event: self._send_soon("create", event))
        self._playback = Playback()
        self._event_names = EventNames()
        self._responses: dict[str, RealtimeResponse | None] = {}
        self._transcription: TranscriptionRun | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._event_ids = itertools.count(1)
        self._is_shut_down = False

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._channel is not None and self._channel.is_open

    async def async_open(self, config: Json, contents: Iterable[Content] = ()) -> None:
        """Make sure that there is a session with this configuration.

        `config` is what `RealtimeVoice.session_config` returns. A new session gets what was said before,
        an open one what others have said since: `contents` are those of the chat log.
        Raises what `Channel.async_connect` and `Channel.async_send` raise.
        """
        async with self._lock:
            self._stop_timer()
            added = self._history.add_others(contents)
            if self._channel is not None and self._channel.is_open:
                if config != self.config:
                    self.config = config
                    await self._async_send("session", type="session.update", session=config)
                await self._async_send_utterances(added)
                return
            channel = Channel(
                self._data,
                TRANSPORT,
                realtime(self.host, {"model": self._model}),
                on_event=self._on_event,
                on_end=self._on_end,
            )
            await channel.async_connect()
            self._channel, self.config = channel, config
            self._sequencer.clear()
            self._playback.reset()
            self._event_names.clear()
            self._responses.clear()
            await self._async_send("session", type="session.update", session=config)
            await self._async_send_utterances(self._history.utterances)

    async def _async_send_utterances(self, utterances: list[Utterance]) -> None:
        """Tell the model what was said."""
        for utterance in utterances:
            await self._async_send("item", type="conversation.item.create", item=utterance.item)

    @callback
    def begin_turn(self) -> RealtimeTurn:
        """Begin a turn; the one before is interrupted where it still goes on."""
        self.interrupt()
        self._stop_timer()
        self.turn = RealtimeTurn()
        return self.turn

    @callback
    def interrupt(self) -> None:
        """Stop the answer under way, and cut it where it was heard last."""
        if (turn := self.turn) is None:
            return
        if is_running := self._sequencer.begin_cancel():
            self._send_soon("cancel", {"type": "response.cancel"})
        if (
            self._playback.is_tracking
            and (cut := self._playback.interrupt(is_running=is_running)) is not None
        ):
            self._send_soon("truncate", cut)
        turn.is_claimed = False
        turn.end()

    async def async_listen(
        self,
        microphone: Microphone,
        end_of_speech: str,
        trailing_silence_ms: int,
        turn: RealtimeTurn,
    ) -> str:
        """Return what is said in the turn that begins; the service may answer meanwhile.

        `trailing_silence_ms` milliseconds of silence are sent after it. Raises what
        `TranscriptionRun.async_run` raises.
        """
        self._send_soon("clear", {"type": "input_audio_buffer.clear"})
        transcription = self._transcription = TranscriptionRun(
            self.host,
            self._async_send_audio,
            end_of_speech,
            on_commit=self.request_response,
            trailing_silence_ms=trailing_silence_ms,
        )
        try:
            turn.transcript = await transcription.async_run(microphone)
        finally:
            self._transcription = None
        if turn.transcript:
            # Another agent may answer, or the sentences of Home Assistant.
            self._start_timer(_UNCLAIMED_TIMEOUT, self.abandon_turn, turn)
        else:
            self.abandon_turn(turn)
        return turn.transcript

    @callback
    def claim_turn(self, text: str) -> RealtimeTurn | None:
        """Return the turn with this transcript, if the conversation entity is the first to ask."""
        turn = self.turn
        if turn is None or turn.transcript is None or turn.is_claimed or turn.is_over:
            return None
        if turn.transcript.strip() != text.strip() or not self.is_open:
            return None
        self._stop_timer()
        turn.is_claimed = True
        return turn

    async def async_send_text(self, text: str) -> RealtimeTurn:
        """Begin a turn with a text instead of speech."""
        turn = self.begin_turn()
        turn.is_claimed = True
        item = Utterance("user", text).item
        await self._async_send("item", type="conversation.item.create", item=item)
        return turn

    @callback
    def request_response(self, response: Json | None = None) -> None:
        """Ask for a response, once the service is free for one."""
        event = {"type": "response.create", **({"response": response} if response else {})}
        self._sequencer.request(event)

    async def async_send_tool_output(self, call_id: str, output: str) -> None:
        """Send the output of a tool call."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        await self._async_send("item", type="conversation.item.create", item=item)

    @callback
    def on_audio_played(self, size: int, item_id: str, content_index: int) -> None:
        """Record that audio of a content part was handed over to be played; `size` is in bytes."""
        if size:
            part = {"item_id": item_id, "content_index": content_index}
            self._playback.receive(part, size, _AUDIO_FORMAT)
        self._playback.is_complete = False

    @callback
    def on_audio_finished(self) -> None:
        """Record that all audio of a response was handed over."""
        self._playback.is_complete = True

    @callback
    def finish_turn(
        self, turn: RealtimeTurn, contents: Iterable[Content], *utterances: Utterance
    ) -> None:
        """End a turn and remember what was said in it; `contents` are those of the chat log."""
        self._history.add_turn(contents, *utterances)
        turn.end()
        if turn is self.turn:
            self._start_timer(self._keep_open(), self.close)

    @callback
    def abandon_turn(self, turn: RealtimeTurn) -> None:
        """Cancel a response that the conversation entity has not claimed."""
        if turn is self.turn and not turn.is_claimed:
            LOGGER.debug("Nobody has asked for the answer of a realtime conversation")
            self.interrupt()
            self._start_timer(self._keep_open(), self.close)

    @callback
    def shut_down(self) -> None:
        """End the conversation for good."""
        self._is_shut_down = True
        self.interrupt()
        self.close()

    @callback
    def close(self) -> None:
        """End the session; what was said is remembered."""
        self._stop_timer()
        channel, self._channel = self._channel, None
        if channel is not None:
            self._create_task(channel.async_end(), "end")

    async def _async_send(self, name: str, **event: Any) -> None:
        """Send an event; raises a translated error unless there is a session."""
        if self._channel is None:
            raise SessionLost
        await self._channel.async_send({**event, "event_id": f"{name}_{next(self._event_ids)}"})

    async def _async_send_audio(self, event: Json) -> None:
        """Send audio: too many events to give each an id."""
        if self._channel is None:
            raise SessionLost
        await self._channel.async_send(event)

    @callback
    def _send_soon(self, name: str, event: Json) -> None:
        """Send an event after those before it, without waiting for that."""
        if (channel := self._channel) is None or not channel.is_open:
            return
        named = {"event_id": f"{name}_{next(self._event_ids)}", **event}
        self._create_task(self._async_send_quietly(channel, named), name)

    async def _async_send_quietly(self, channel: Channel, event: Json) -> None:
        """Send an event; the end of the connection reports that it cannot be sent."""
        try:
            await channel.async_send(event)
        except HomeAssistantError as err:
            LOGGER.debug("An event was not sent: %s", err)

    def _create_task(self, work: Any, name: str) -> None:
        """Run a coroutine in the background, for as long as the entry is loaded."""
        self.host.entry.async_create_background_task(
            self.host.hass, work, f"openai_api realtime {name}"
        )

    @callback
    def _start_timer(self, seconds: float, action: Callable[..., None], *args: Any) -> None:
        """Call something later, in place of what the timer was for."""
        self._stop_timer()
        if self._is_shut_down or self.host.closed:
            self.close()
            return
        self._timer = self.host.hass.loop.call_later(seconds, action, *args)

    @callback
    def _stop_timer(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @callback
    def _on_event(self, event: Json) -> None:
        """Dispatch a server event."""
        event_type = self._event_names.current(str(event.get("type"))) or ""
        if event_type == "error":
            self._on_error(event)
        elif event_type == "response.created":
            self._on_created(event)
        elif event_type == "response.done":
            self._on_done(event)
        elif event_type.startswith("response."):
            response = self._responses.get(self._response_id(event.get("response_id")))
            if response is not None and response.handle_event(event_type, event):
                response.changed.notify()
        elif self._transcription is not None:
            self._transcription.handle_event(event)

    def _response_id(self, response_id: object) -> str:
        """Return the id of a response; some services leave it out, and mean the latest."""
        if response_id is None and self._responses:
            return next(reversed(self._responses))
        return str(response_id)

    @callback
    def _on_created(self, event: Json) -> None:
        """Assign a response to the turn, or cancel one of an earlier turn."""
        response: Any = event.get("response")
        response_id = str(response.get("id")) if isinstance(response, dict) else ""
        was_asked = self._sequencer.is_asking
        self._sequencer.created()
        turn, transcription = self.turn, self._transcription
        is_ours = turn is not None and not turn.is_over
        if is_ours and transcription is not None and not was_asked:
            # There is no speech yet to which it could respond.
            is_ours = transcription.transcript.has_items or transcription.transcript.has_spoken
        if is_ours and turn is not None:
            self._responses[response_id] = turn.add(response_id)
            return
        self._responses[response_id] = None
        if self._sequencer.begin_cancel():
            self._send_soon("cancel", {"type": "response.cancel"})

    @callback
    def _on_done(self, event: Json) -> None:
        """Hand over the end of a response."""
        self._sequencer.done()
        done: Any = event.get("response")
        if not isinstance(done, dict):
            return
        if (response := self._responses.pop(self._response_id(done.get("id")), None)) is not None:
            response.on_done(done)
            response.changed.notify()

    @callback
    def _on_error(self, event: Json) -> None:
        """End the turn with an error, unless that is about an event that came too late."""
        error: Any = event.get("error")
        error = error if isinstance(error, dict) else {"message": error}
        self._sequencer.failed(error)
        event_id = str(error.get("event_id") or "")
        if error_code(error) in _IGNORED_ERROR_CODES or event_id.startswith(
            _IGNORED_EVENT_PREFIXES
        ):
            LOGGER.debug("A service could not do what was asked too late: %s", error.get("code"))
            return
        failed = ErrorInResponse(**parse_error_body(error, self.host.settings))
        self.host.record_error(str(failed))
        if event_id.startswith("session"):
            # Whatever is asked next, the service gets the configuration again.
            self.config = None
        if self._transcription is not None:
            self._transcription.on_error(failed, error)
        elif self.turn is not None:
            self.turn.end(failed)

    @callback
    def _on_end(self, error: HomeAssistantError) -> None:
        """End the turn with an error: the session is lost, and its conversation."""
        self._channel = None
        self.config = None
        self._sequencer.clear()
        self._responses.clear()
        if self._transcription is not None:
            self._transcription.on_error(error)
        if self.turn is not None and not self.turn.is_over:
            self.turn.end(error)
        elif self.turn is not None and any(
            not response.is_done for response in self.turn.responses
        ):
            # The conversation entity has all of the text, the TTS entity not yet all of the audio.
            self.turn.error = error
            self.turn.changed.notify()
