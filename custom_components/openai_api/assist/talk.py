"""One realtime conversation of Assist: who listens puts in, who answers takes out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
import itertools
from typing import Any, Final

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
from .pcm import SESSION
from .stt_live import Hearing
from .stt_sound import Microphone
from .talk_turn import RealtimeResponse, Turn

TRANSPORT: Final = "assist.realtime.websocket"
_UNCLAIMED: Final = 10.0
"""Seconds that an answer may go on for which nobody has asked."""
_MAX_MEMORY_LINES: Final = 40
"""Lines that a new session is told of the conversation so far."""
# What we send that may come too late, and then does no harm.
_HARMLESS: Final = ("cancel", "truncate", "clear")
_HARMLESS_CODES: Final = frozenset({IDLE, BUSY})
_SOUND_FORMAT: Final = {"type": "audio/pcm", "rate": SESSION.rate}


@dataclass(frozen=True)
class Utterance:
    """What somebody has said, for a session that must be told what was said before."""

    role: str
    text: str

    @property
    def item(self) -> Json:
        """The item of the conversation."""
        part = "output_text" if self.role == "assistant" else "input_text"
        content = [{"type": part, "text": self.text}]
        return {"type": "message", "role": self.role, "content": content}


class Talk:
    """One conversation, whose session may be closed and opened again in between.

    There is one turn at a time: the next one ends it.
    """

    def __init__(self, data: OpenAIData, model: str, keep_open: Callable[[], float]) -> None:
        """Take the model; `keep_open` tells the seconds that an idle session stays open."""
        self.host = data.host
        self._data = data
        self.turn: Turn | None = None
        self.utterances: list[Utterance] = []
        self.session: Json | None = None
        """The configuration that the service has, or is to get."""
        self._model = model
        self._keep_open = keep_open
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()
        self._sequencer = ResponseSequencer(lambda event: self._post("create", event))
        self._playback = Playback()
        self._names = EventNames()
        self._responses: dict[str, RealtimeResponse | None] = {}
        self._hearing: Hearing | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._count = itertools.count(1)
        self._is_retired = False

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._channel is not None and self._channel.is_open

    async def async_open(self, session: Json) -> None:
        """Make sure that there is a session with this configuration.

        `session` is what `RealtimeVoice.session` returns. A new session gets what was said before.
        Raises what `Channel.async_connect` and `Channel.async_send` raise.
        """
        async with self._lock:
            self._stop_timer()
            if self._channel is not None and self._channel.is_open:
                if session != self.session:
                    self.session = session
                    await self._async_send("session", type="session.update", session=session)
                return
            channel = Channel(
                self._data,
                TRANSPORT,
                realtime(self.host, {"model": self._model}),
                on_event=self._on_event,
                on_end=self._on_end,
            )
            await channel.async_connect()
            self._channel, self.session = channel, session
            self._sequencer.clear()
            self._playback.reset()
            self._names.clear()
            self._responses.clear()
            await self._async_send("session", type="session.update", session=session)
            for utterance in self.utterances:
                await self._async_send("item", type="conversation.item.create", item=utterance.item)

    @callback
    def begin(self) -> Turn:
        """Begin a turn; the one before is interrupted where it still goes on."""
        self.interrupt()
        self._stop_timer()
        self.turn = Turn()
        return self.turn

    @callback
    def interrupt(self) -> None:
        """Stop the answer under way, and cut it where it was heard last."""
        if (turn := self.turn) is None:
            return
        if is_running := self._sequencer.begin_cancel():
            self._post("cancel", {"type": "response.cancel"})
        if (
            self._playback.is_tracking
            and (cut := self._playback.interrupt(is_running=is_running)) is not None
        ):
            self._post("truncate", cut)
        turn.is_claimed = False
        turn.end()

    async def async_hear(
        self, microphone: Microphone, end_of_speech: str, tail_ms: int, turn: Turn
    ) -> str:
        """Return what is said in the turn that begins; the service may answer meanwhile.

        `tail_ms` milliseconds of silence are sent after it. Raises what `Hearing.async_run` raises.
        """
        self._post("clear", {"type": "input_audio_buffer.clear"})
        hearing = self._hearing = Hearing(
            self.host, self._async_send_sound, end_of_speech, on_commit=self.ask, tail_ms=tail_ms
        )
        try:
            turn.heard = await hearing.async_run(microphone)
        finally:
            self._hearing = None
        if turn.heard:
            # Somebody else may answer: a sentence that the home itself understands.
            self._start_timer(_UNCLAIMED, self._abandon, turn)
        else:
            self.abandon(turn)
        return turn.heard

    @callback
    def claim(self, text: str) -> Turn | None:
        """Return the turn in which this was heard, if the agent is the first to ask for it."""
        turn = self.turn
        if turn is None or turn.heard is None or turn.is_claimed or turn.is_over:
            return None
        if turn.heard.strip() != text.strip() or not self.is_open:
            return None
        self._stop_timer()
        turn.is_claimed = True
        return turn

    async def async_write(self, text: str) -> Turn:
        """Begin a turn with a text instead of speech."""
        turn = self.begin()
        turn.is_claimed = True
        item = Utterance("user", text).item
        await self._async_send("item", type="conversation.item.create", item=item)
        return turn

    @callback
    def ask(self, response: Json | None = None) -> None:
        """Ask for a response, once the service is free for one."""
        event = {"type": "response.create", **({"response": response} if response else {})}
        self._sequencer.request(event)

    async def async_answer_call(self, call_id: str, output: str) -> None:
        """Tell what a function returned."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        await self._async_send("item", type="conversation.item.create", item=item)

    @callback
    def played(self, size: int, item_id: str, index: int, *, is_last: bool) -> None:
        """Take note of sound that was handed to a loudspeaker."""
        place = {"item_id": item_id, "content_index": index}
        if size:
            self._playback.receive(place, size, _SOUND_FORMAT)
        self._playback.is_complete = is_last

    @callback
    def finish(self, turn: Turn, *utterances: Utterance) -> None:
        """Take note that the agent has answered, and what was said."""
        self.utterances += [item for item in utterances if item.text.strip()]
        del self.utterances[:-_MAX_MEMORY_LINES]
        turn.end()
        if turn is self.turn:
            self._start_timer(self._keep_open(), self._close)

    @callback
    def abandon(self, turn: Turn) -> None:
        """Give up an answer for which nobody has asked."""
        if turn is self.turn and not turn.is_claimed:
            self.interrupt()
            self._start_timer(self._keep_open(), self._close)

    @callback
    def _abandon(self, turn: Turn) -> None:
        """Give up an answer after some time."""
        LOGGER.debug("Nobody has asked for the answer of a realtime conversation")
        self.abandon(turn)

    @callback
    def retire(self) -> None:
        """End the conversation for good."""
        self._is_retired = True
        self.interrupt()
        self.close()

    @callback
    def close(self) -> None:
        """End the session; what was said is remembered."""
        self._stop_timer()
        self._close()

    @callback
    def _close(self) -> None:
        """End the session."""
        channel, self._channel = self._channel, None
        if channel is not None:
            self._run(channel.async_end(), "end")

    # What is sent

    async def _async_send(self, name: str, **event: Any) -> None:
        """Send an event; raises a translated error unless there is a session."""
        if self._channel is None:
            raise SessionLost
        await self._channel.async_send({**event, "event_id": f"{name}_{next(self._count)}"})

    async def _async_send_sound(self, event: Json) -> None:
        """Send sound, which is too much of it to name each piece."""
        if self._channel is None:
            raise SessionLost
        await self._channel.async_send(event)

    @callback
    def _post(self, name: str, event: Json) -> None:
        """Send an event after those before it, without waiting for that."""
        if (channel := self._channel) is None or not channel.is_open:
            return
        named = {"event_id": f"{name}_{next(self._count)}", **event}
        self._run(self._async_post(channel, named), name)

    async def _async_post(self, channel: Channel, event: Json) -> None:
        """Send an event; that it cannot be sent is told by the end of the connection."""
        try:
            await channel.async_send(event)
        except HomeAssistantError as err:
            LOGGER.debug("An event was not sent: %s", err)

    def _run(self, work: Any, name: str) -> None:
        """Do something beside, for as long as the entry is loaded."""
        self.host.entry.async_create_background_task(
            self.host.hass, work, f"openai_api talk {name}"
        )

    @callback
    def _start_timer(self, seconds: float, what: Callable[..., None], *args: Any) -> None:
        """Do something later, unless something happens before."""
        self._stop_timer()
        if self._is_retired or self.host.closed:
            self._close()
            return
        self._timer = self.host.hass.loop.call_later(seconds, what, *args)

    @callback
    def _stop_timer(self) -> None:
        """Do nothing later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What is received

    @callback
    def _on_event(self, event: Json) -> None:
        """Take a server event."""
        kind = self._names.current(str(event.get("type"))) or ""
        if kind == "error":
            self._on_error(event)
        elif kind == "response.created":
            self._on_created(event)
        elif kind == "response.done":
            self._on_done(event)
        elif kind.startswith("response."):
            response = self._responses.get(self._id_of(event.get("response_id")))
            if response is not None and response.take(kind, event):
                response.changed.notify()
        elif self._hearing is not None:
            self._hearing.take(event)

    def _id_of(self, response_id: object) -> str:
        """Return the id of a response; some services leave it out, and mean the latest."""
        if response_id is None and self._responses:
            return next(reversed(self._responses))
        return str(response_id)

    @callback
    def _on_created(self, event: Json) -> None:
        """Take note of a response, and stop one that belongs to a turn before."""
        response: Any = event.get("response")
        response_id = str(response.get("id")) if isinstance(response, dict) else ""
        was_asked = self._sequencer.is_asking
        self._sequencer.created()
        turn, hearing = self.turn, self._hearing
        is_ours = turn is not None and not turn.is_over
        if is_ours and hearing is not None and not was_asked:
            # Nothing was understood yet that it could answer.
            is_ours = hearing.transcripts.has_items or hearing.transcripts.was_speaking
        if is_ours and turn is not None:
            self._responses[response_id] = turn.add(response_id)
            return
        self._responses[response_id] = None
        if self._sequencer.begin_cancel():
            self._post("cancel", {"type": "response.cancel"})

    @callback
    def _on_done(self, event: Json) -> None:
        """Take note that a response has ended."""
        self._sequencer.done()
        found: Any = event.get("response")
        if not isinstance(found, dict):
            return
        if (response := self._responses.pop(self._id_of(found.get("id")), None)) is not None:
            response.finish(found)
            response.changed.notify()

    @callback
    def _on_error(self, event: Json) -> None:
        """Let the turn fail, unless the error is about something that came too late."""
        error: Any = event.get("error")
        error = error if isinstance(error, dict) else {"message": error}
        self._sequencer.failed(error)
        about = str(error.get("event_id") or "")
        if error_code(error) in _HARMLESS_CODES or about.startswith(_HARMLESS):
            LOGGER.debug("A service could not do what was asked too late: %s", error.get("code"))
            return
        failed = ErrorInResponse(**parse_error_body(error, self.host.settings))
        self.host.record_error(str(failed))
        if about.startswith("session"):
            # Whatever is asked next, the service gets the configuration again.
            self.session = None
        if self._hearing is not None:
            self._hearing.fail(failed, error)
        elif self.turn is not None:
            self.turn.end(failed)

    @callback
    def _on_end(self, error: HomeAssistantError) -> None:
        """Let the turn fail: the session is gone, and what it remembered."""
        self._channel = None
        self.session = None
        self._sequencer.clear()
        self._responses.clear()
        if self._hearing is not None:
            self._hearing.fail(error)
        if self.turn is not None and not self.turn.is_over:
            self.turn.end(error)
        elif self.turn is not None and any(not one.is_done for one in self.turn.responses):
            # The agent has all the words, the loudspeaker not yet all the sound.
            self.turn.error = error
            self.turn.changed.notify()
