"""Accumulators of streams whose last event holds the result, and of transcripts and runs."""

from typing import Any

from ..object_types import RUN
from ..types import Json
from .answer_forms import adapt, transcript_in
from .base import StreamAccumulator
from .chat import ChatCompletionAccumulator, CompletionAccumulator
from .responses import ResponseAccumulator

_SPEECH_ENDS = ("speech.audio.done", "response.output_audio.done", "response.audio.done")
_SPEECH_DELTAS = frozenset(
    {"speech.audio.delta", "response.output_audio.delta", "response.audio.delta", None}
)
"""The types of events with audio, those of other APIs included."""
_TRANSCRIPT_ENDS = frozenset(
    {"transcript.text.done", "conversation.item.input_audio_transcription.completed"}
)

__all__ = [
    "AgentTurnAccumulator",
    "ChatCompletionAccumulator",
    "CompletionAccumulator",
    "FinalEventAccumulator",
    "FinalEventsAccumulator",
    "ResponseAccumulator",
    "RunAccumulator",
    "SpeechAccumulator",
    "TranscriptAccumulator",
]


class FinalEventsAccumulator(StreamAccumulator):
    """The events of the types `final` are the result; several of them are a list in `data`."""

    def __init__(self, *final: str) -> None:
        """Take the types of the final events."""
        self._final = final
        self._events: list[Json] = []
        self._whole: Json | None = None

    def add(self, event: Json) -> None:
        """Add the next event."""
        event_type = event.get("type")
        if event_type in self._final:
            self._events.append(event)
            self.is_complete = True
        elif event_type is None or str(event_type).endswith(".completed"):
            self._add_odd(event)

    def _add_odd(self, event: Json) -> None:
        """Add an event without a type of this API: the whole object, or a picture."""
        whole = adapt("images.generate", event)
        if isinstance(whole.get("data"), list):
            self._whole, self.is_complete = whole, True
        elif event.get("b64_json"):
            self._events.append(event)
            self.is_complete = True

    def result(self, *, ended: bool) -> Json | None:
        """Return the last final event with all of them, or None before there is one.

        Returns `{…, "data": [event, …]}`; a single event that has `data` itself as it is.
        """
        return {**self._events[-1], "data": self._events} if self._events else self._whole


class FinalEventAccumulator(FinalEventsAccumulator):
    """The event of the type `final` is the result."""

    def result(self, *, ended: bool) -> Json | None:
        """Return the final event, `{"type": …, …}`, or None before it came."""
        return self._events[-1] if self._events else None


class SpeechAccumulator(FinalEventAccumulator):
    """The audio comes in pieces, each of which is base64 of its own."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__(*_SPEECH_ENDS)
        self._audio: list[str] = []

    def add(self, event: Json) -> None:
        """Add the next event."""
        event_type = event.get("type")
        if event_type in _SPEECH_ENDS:
            super().add(event)
            if not self._audio and (piece := _audio_in(event)):
                # The whole of it at the end.
                self._audio.append(piece)
        elif event_type in _SPEECH_DELTAS and (piece := _audio_in(event)):
            self._audio.append(piece)

    def result(self, *, ended: bool) -> Json | None:
        """Return the final event with the audio, or None before it came.

        Returns `{"type": "speech.audio.done", …, "audio": [base64, …]}`.
        """
        done = super().result(ended=ended)
        if done is None and ended and self._audio:
            done = {"type": "speech.audio.done"}
        return None if done is None else {**done, "audio": self._audio}


def _audio_in(event: Json) -> str:
    """Return the base64 in an event, however a server calls it; nothing if there is none."""
    if isinstance(audio := event.get("audio"), str):
        return audio
    choices = event.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        delta = choices[0].get("delta")
        return _audio_in(delta) if isinstance(delta, dict) else ""
    data = audio or event.get("delta") or event.get("data")
    if isinstance(data, dict):
        data = data.get("data")
    return data if isinstance(data, str) else ""


class TranscriptAccumulator(StreamAccumulator):
    """A transcript, in the forms in which servers stream it.

    OpenAI and others end with `transcript.text.done`; vLLM sends chunks like those of a chat;
    speaches sends an object with `text`, or plain text, for each segment, and just ends.
    """

    takes_text = True
    may_be_empty = True

    def __init__(self) -> None:
        """Start empty."""
        self._done: Json | None = None
        self._chunks: ChatCompletionAccumulator | None = None
        self._segments: list[Json] = []
        self._spoken: list[Json] = []
        """The segments of speakers."""
        self._is_understood = False
        """Whether any event belongs to a transcript."""
        self._texts: list[str] = []
        self._is_strange = False
        """Whether any event does not belong to a transcript."""

    def add(self, event: Json) -> None:
        """Add the next event."""
        event_type = event.get("type")
        is_understood = True
        if event_type in _TRANSCRIPT_ENDS:
            self._done, self.is_complete = event, True
        elif event_type is not None and "delta" in event:
            self._texts.append(event["delta"] or "")
        elif event_type == "transcript.text.delta":
            self._texts.append(event.get("text") or "")
        elif event_type == "transcript.text.segment" and isinstance(event.get("text"), str):
            self._spoken.append(event)
        elif isinstance(event.get("choices"), list):
            self._chunks = self._chunks or ChatCompletionAccumulator()
            self._chunks.add(event)
        elif event_type is None and (text := transcript_in(event)) is not None:
            self._segments.append({**event, "text": text})
        else:
            is_understood = False
        self._is_understood = self._is_understood or is_understood
        self._is_strange = self._is_strange or not is_understood

    def result(self, *, ended: bool) -> Json | None:
        """Return the transcript, or None if it is not complete.

        Returns `{"text": …, …}` with the other keys of the final event, or with `segments`, the
        events of speakers.
        """
        if (done := self._done) is not None:
            # Some servers leave the text out at the end.
            return {**done, "text": transcript_in(done) or self._text()}
        if self._chunks is not None:
            return self._from_chunks(self._chunks, ended=ended)
        if self._segments:
            return self._from_segments()
        if self._is_strange and not self._is_understood:
            # No event of a transcript, and an empty one must not be assumed.
            return None
        if (self._texts or self._spoken) and not ended and not self.has_text:
            return None
        return {"text": self._text(), **({"segments": self._spoken} if self._spoken else {})}

    def _text(self) -> str:
        """Return the joined text."""
        if not any(self._texts):
            return " ".join(segment["text"].strip() for segment in self._spoken)
        is_subtitle = any("-->" in text for text in self._texts)
        return ("\n\n" if is_subtitle else "").join(self._texts)

    @staticmethod
    def _from_chunks(chunks: ChatCompletionAccumulator, *, ended: bool) -> Json | None:
        """Return the transcript in chunks like those of a chat."""
        if (whole := chunks.result(ended=ended)) is None:
            return None
        text = "".join(choice["message"]["content"] or "" for choice in whole["choices"])
        transcript: Json = {key: whole[key] for key in ("id", "model", "usage") if key in whole}
        return {"text": text, **transcript}

    def _from_segments(self) -> Json:
        """Return the transcript in segments: their texts, times and words."""
        whole: Json = {}
        for segment in self._segments:
            for key, value in segment.items():
                before: Any = whole.get(key)
                is_text = key == "text" and before is not None
                if is_text or (isinstance(before, list) and isinstance(value, list)):
                    whole[key] = before + value
                elif value is not None or key not in whole:
                    whole[key] = value
        return whole


class RunAccumulator(StreamAccumulator):
    """The last `thread.run` object in an assistant's stream is the run as it ended."""

    def __init__(self) -> None:
        """Start empty."""
        self._run: Json | None = None

    def add(self, event: Json) -> None:
        """Add the next event: a thread, a run, a step, a message, or a delta of one."""
        if event.get("object") == "thread.run":
            self._run = event
            self.is_complete = RUN.is_ended(event.get("status"))

    def result(self, *, ended: bool) -> Json | None:
        """Return the API's `thread.run`, or None while it is in progress."""
        if self._run is None or not (self.is_complete or ended):
            return None
        return self._run


class AgentTurnAccumulator(StreamAccumulator):
    """The events of an agent session, until it is idle, failed, or requires an action."""

    _ENDED = frozenset(
        f"agent.session.turn.{status}" for status in ("completed", "failed", "cancelled")
    )
    _STOPPED = frozenset({"agent.session.failed", "agent.session.requires_action"})

    def __init__(self) -> None:
        """Start empty."""
        self._session: Json | None = None
        self._turn: Json | None = None
        self._messages: dict[int, Json] = {}
        self._turn_ended = False

    def add(self, event: Json) -> bool:
        """Add the next event; return whether the turn has ended, because the stream does not end."""
        event_type = event.get("type")
        if isinstance(session := event.get("session"), dict):
            self._session = session
        if isinstance(turn := event.get("turn"), dict) and turn.get("subagent_id") is None:
            if event_type == "agent.session.turn.created":
                # The messages of an earlier turn are not part of this one.
                self._turn_ended, self._messages = False, {}
            self._turn, self._turn_ended = turn, self._turn_ended or event_type in self._ENDED
        elif event_type == "agent.session.turn.item.done":
            self._add_item(event)
        # A new session, and one whose stream has just begun, is idle, too.
        return event_type in self._STOPPED or (
            event_type == "agent.session.idle" and self._turn_ended
        )

    def _add_item(self, event: Json) -> None:
        """Add a message of the current turn."""
        item = event.get("item") or {}
        if (self._turn is None or event.get("turn_id") == self._turn.get("id")) and (
            item.get("type") == "message"
            and item.get("phase") != "commentary"
            and item.get("status") == "completed"
        ):
            self._messages[event.get("output_index", len(self._messages))] = item

    def result(self, *, ended: bool) -> Json | None:
        """Return the session with its last turn, or None if the turn has not ended.

        Returns the API's `agent.session` with `{"turn": {…}, "output_text": …}`, the joined text of
        the messages of the turn.
        """
        if self._session is None or not ended:
            return None
        parts = [
            part.get("text") or ""
            for _, message in sorted(self._messages.items())
            for part in message.get("content") or []
            if part.get("type") == "output_text"
        ]
        return {**self._session, "turn": self._turn, "output_text": "".join(parts)}
