"""Make one object of a stream's events, for each kind of stream that the API has."""

from base64 import b64decode, b64encode
from typing import Any

from ..model import Json


class ResponseEvents:
    """The last event of a model response carries the whole of it."""

    _FINAL = frozenset(
        {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
    )

    def __init__(self) -> None:
        self._response: Json | None = None

    def add(self, event: Json) -> None:
        """Take the next event."""
        if event.get("type") in self._FINAL and isinstance(event.get("response"), dict):
            self._response = event["response"]

    def result(self, *, ended: bool) -> Json | None:
        """Return the response, or None before its last event."""
        return self._response


class FinalEvents:
    """The events named `final` are the result; several of them make a list in `data`."""

    def __init__(self, *final: str) -> None:
        self._final = final
        self._found: list[Json] = []

    def add(self, event: Json) -> None:
        """Take the next event."""
        if event.get("type") in self._final:
            self._found.append(event)

    def result(self, *, ended: bool) -> Json | None:
        """Return the last event, with all of them in `data`; None before there is one."""
        return {**self._found[-1], "data": self._found} if self._found else None


class FinalEvent(FinalEvents):
    """The event named `final` is the result."""

    def result(self, *, ended: bool) -> Json | None:
        """Return the event, or None before it came."""
        return self._found[-1] if self._found else None


class SpeechEvents(FinalEvent):
    """The audio comes in pieces: each is base64 of its own."""

    def __init__(self) -> None:
        super().__init__("speech.audio.done")
        self._audio: list[str] = []

    def add(self, event: Json) -> None:
        """Take the next event."""
        super().add(event)
        if event.get("type") == "speech.audio.delta" and isinstance(event.get("audio"), str):
            self._audio.append(event["audio"])

    def result(self, *, ended: bool) -> Json | None:
        """Return the last event with the pieces in `audio`, or None before it came."""
        done = super().result(ended=ended)
        return None if done is None else {**done, "audio": self._audio}


class CompletionChunks:
    """Chunks of a chat completion add up to the completion that would have come at once."""

    def __init__(self) -> None:
        self._completion: Json = {}
        self._choices: dict[int, Json] = {}
        self._audio: dict[int, list[str]] = {}

    def add(self, event: Json) -> None:
        """Take the next chunk."""
        for key, value in event.items():
            if key != "choices" and value is not None:
                self._completion[key] = value
        for part in event.get("choices") or []:
            choice = self._choices.setdefault(
                part.get("index", 0), {"index": part.get("index", 0), "message": {}}
            )
            for key, value in part.items():
                if key == "delta":
                    _merge(choice["message"], self._take_audio(choice["index"], value or {}))
                elif key == "logprobs" and isinstance(value, dict):
                    _merge(choice.setdefault(key, {}), value)
                elif key != "index" and (value is not None or key not in choice):
                    choice[key] = value

    def result(self, *, ended: bool) -> Json | None:
        """Return the completion, or None while one of its choices has not come to an end."""
        choices = [self._choices[index] for index in sorted(self._choices)]
        unfinished = any(choice.get("finish_reason") is None for choice in choices)
        if not choices or (unfinished and not ended):
            return None
        for choice in choices:
            if pieces := self._audio.get(choice["index"]):
                choice["message"]["audio"]["data"] = _join_base64(pieces)
            choice["message"].setdefault("content", None)
            for call in choice["message"].get("tool_calls") or []:
                call.pop("index", None)
        return {**self._completion, "object": "chat.completion", "choices": choices}

    def _take_audio(self, index: int, delta: Json) -> Json:
        """Keep a piece of sound, and return the delta without it."""
        audio = delta.get("audio")
        if not isinstance(audio, dict) or not isinstance(data := audio.get("data"), str):
            return delta
        self._audio.setdefault(index, []).append(data)
        rest = {key: value for key, value in audio.items() if key != "data"}
        return {**delta, "audio": rest}


class TextChunks(CompletionChunks):
    """Chunks of a text completion add up like those of a chat, but hold bare text."""

    def add(self, event: Json) -> None:
        """Take the next chunk."""
        parts = [
            {
                **{key: value for key, value in part.items() if value is not None},
                "delta": {"content": part.get("text")},
            }
            for part in event.get("choices") or []
        ]
        super().add({**event, "choices": parts})

    def result(self, *, ended: bool) -> Json | None:
        """Return the completion, or None while one of its choices has not come to an end."""
        if (whole := super().result(ended=ended)) is None:
            return None
        choices = [
            {
                "finish_reason": None,
                "logprobs": None,
                **{key: value for key, value in choice.items() if key != "message"},
                "text": choice["message"]["content"] or "",
            }
            for choice in whole["choices"]
        ]
        return {**whole, "object": "text_completion", "choices": choices}


RUN_GOES_ON = frozenset({"queued", "in_progress", "cancelling"})
"""The statuses of an assistant's run that it will not stay in."""


class RunEvents:
    """The last `thread.run` object in an assistant's stream is the run as it ended."""

    def __init__(self) -> None:
        self._run: Json | None = None

    def add(self, event: Json) -> None:
        """Take the next event: a thread, a run, a step of it, a message, or a piece of one."""
        if event.get("object") == "thread.run":
            self._run = event

    def result(self, *, ended: bool) -> Json | None:
        """Return the run, or None while it goes on."""
        if self._run is None or (self._run.get("status") in RUN_GOES_ON and not ended):
            return None
        return self._run


class AgentEvents:
    """The events of an agent's session, up to where it stops: at rest, failed, or waiting."""

    _ENDED = frozenset(
        f"agent.session.turn.{status}" for status in ("completed", "failed", "cancelled")
    )
    _STOPPED = frozenset({"agent.session.failed", "agent.session.requires_action"})

    def __init__(self) -> None:
        self._session: Json | None = None
        self._turn: Json | None = None
        self._messages: dict[int, Json] = {}
        self._turn_ended = False

    def add(self, event: Json) -> bool:
        """Take the next event; return whether the session has stopped, for its stream goes on."""
        kind = event.get("type")
        if isinstance(session := event.get("session"), dict):
            self._session = session
        if isinstance(turn := event.get("turn"), dict) and turn.get("subagent_id") is None:
            if kind == "agent.session.turn.created":
                # What an earlier turn said is not the answer to this one.
                self._turn_ended, self._messages = False, {}
            self._turn, self._turn_ended = turn, self._turn_ended or kind in self._ENDED
        elif kind == "agent.session.turn.item.done":
            self._take(event)
        # A session that has just been made, or just been followed, is at rest as well.
        return kind in self._STOPPED or (kind == "agent.session.idle" and self._turn_ended)

    def _take(self, event: Json) -> None:
        """Keep a message that belongs to the answer."""
        item = event.get("item") or {}
        if (self._turn is None or event.get("turn_id") == self._turn.get("id")) and (
            item.get("type") == "message"
            and item.get("phase") != "commentary"
            and item.get("status") == "completed"
        ):
            self._messages[event.get("output_index", len(self._messages))] = item

    def result(self, *, ended: bool) -> Json | None:
        """Return the session with its last turn and what was said in it, or None in the midst."""
        if self._session is None or not ended:
            return None
        parts = [
            part.get("text") or ""
            for _, message in sorted(self._messages.items())
            for part in message.get("content") or []
            if part.get("type") == "output_text"
        ]
        return {**self._session, "turn": self._turn, "output_text": "".join(parts)}


def _join_base64(pieces: list[str]) -> str:
    """Return one base64 text for pieces that are each base64 of their own.

    Pieces of one text that was cut anywhere make that text again.
    """
    joined = "".join(pieces)
    if all(len(piece) % 4 == 0 and piece[-1:] != "=" for piece in pieces[:-1]):
        return joined
    try:
        return b64encode(b"".join(b64decode(piece, validate=True) for piece in pieces)).decode()
    except ValueError:
        return joined


_WHOLE = frozenset({"id", "type", "role", "index", "name"})


def _merge(target: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add a delta to what came before: texts grow, lists grow or merge by index."""
    for key, value in delta.items():
        before = target.get(key)
        if value is None:
            target.setdefault(key, None)
        elif before is None or (key in _WHOLE and value != ""):
            target[key] = (
                [] if isinstance(value, list) else {} if isinstance(value, dict) else value
            )
            if isinstance(value, list | dict):
                _grow(target, key, value)
        elif isinstance(value, str) and isinstance(before, str):
            target[key] = before + value
        else:
            _grow(target, key, value)


def _grow(target: dict[str, Any], key: str, value: Any) -> None:
    """Merge an object, extend a list, replace anything else."""
    before = target[key]
    if isinstance(value, dict) and isinstance(before, dict):
        _merge(before, value)
    elif isinstance(value, list) and isinstance(before, list):
        for item in value:
            known = (
                next((old for old in before if old.get("index") == item["index"]), None)
                if isinstance(item, dict) and "index" in item
                else None
            )
            if known is not None:
                _merge(known, item)
            elif isinstance(item, dict):
                before.append({})
                _merge(before[-1], item)
            else:
                before.append(item)
    else:
        target[key] = value
