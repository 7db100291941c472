"""Accumulates the chunks of completions."""

import itertools

from ..error_bodies import answer_error, error_of_message
from ..types import Json
from .answer_forms import adapt
from .answer_objects import objects_in
from .base import AnswerError, StreamAccumulator
from .deltas import Pieces, accumulate_delta, join_delta
from .tool_calls import is_object

NO_REASONS = frozenset({"", "null", "none", "false"})
"""Values of `finish_reason` that mean none, in lower case."""


class _Choice:
    """One choice of a completion."""

    __slots__ = ("delta", "fields", "logprobs", "message", "messages")

    def __init__(self) -> None:
        """Start empty."""
        self.fields: Json = {}
        self.delta: Pieces = {}
        self.logprobs: Pieces = {}
        self.message: Json | None = None
        """The message so far, which some servers send beside the deltas or instead of them."""
        self.messages: Pieces = {}
        """The values of such messages that came without deltas."""

    def add_message(self, message: Json, *, has_delta: bool) -> None:
        """Add a message so far."""
        if not has_delta:
            accumulate_delta(self.messages, message)
        self.message = message

    def joined(self) -> Json:
        """Return the message."""
        joined = join_delta(self.delta)
        if (last := self.message) is None:
            return joined
        if not any(joined.values()):
            texts = self.messages.get("content") or []
            are_so_far = all(
                isinstance(text, str) and later.startswith(text)
                for text, later in itertools.pairwise(texts)
                if isinstance(later, str)
            )
            return dict(last) if are_so_far else join_delta(self.messages)
        whole = {**joined, **{key: value for key, value in last.items() if value}}
        if len(str(joined.get("content") or "")) > len(str(last.get("content") or "")):
            # The last message was a delta.
            whole["content"] = joined["content"]
        return whole


class ChatCompletionAccumulator(StreamAccumulator):
    """The chunks of a chat completion add up to the completion without streaming."""

    event_type = "chat.completion.chunk"

    def __init__(self) -> None:
        """Start empty."""
        self._completion: Json = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, event: Json) -> None:
        """Add the next chunk, `{"choices": [{"index": …, "delta": {…}}], …}`."""
        completion = self._completion
        for key, value in event.items():
            if key == "choices":
                for part in (value,) if isinstance(value, dict) else value or ():
                    if part is not None:
                        self._add_choice(part)
            elif value:
                if key != "usage" or key not in completion or _has_counts(value):
                    completion[key] = value
            elif value is not None and key not in completion:
                # Empty values, as in the content filter chunks of Azure, replace nothing.
                completion[key] = value

    def _add_choice(self, part: Json) -> None:
        """Add a delta of a choice."""
        index = part.get("index") or 0
        if index.__class__ is not int:
            # Some servers write "0" or 0.0.
            index = int(index)
        if (choice := self._choices.get(index)) is None:
            choice = self._choices[index] = _Choice()
            self.is_complete = False
        fields = choice.fields
        for key, value in part.items():
            if key == "delta":
                if value:
                    delta = {"content": value} if isinstance(value, str) else value
                    accumulate_delta(choice.delta, delta)
            elif key == "message" and value:
                choice.add_message(value, has_delta=bool(part.get("delta")))
            elif value is None or key == "index":
                fields.setdefault(key, None)
            elif key == "finish_reason":
                if str(value).lower() not in NO_REASONS:
                    fields[key] = value
                    self.is_complete = all(
                        item.fields.get(key) is not None for item in self._choices.values()
                    )
                else:
                    fields.setdefault(key, None)
            elif key == "logprobs" and isinstance(value, dict):
                accumulate_delta(choice.logprobs, value)
            elif key == "text":
                accumulate_delta(choice.delta, _text_of(part))
            elif key == "error" and value:
                raise AnswerError(part)
            elif value or key not in fields:
                fields[key] = value

    def result(self, *, ended: bool) -> Json | None:
        """Return the completion, or None while one of its choices is not complete.

        Returns the API's `chat.completion`. Raises AnswerError for an error in the first chunk, and
        for the finish reason `error`.
        """
        if (error := answer_error({"base_resp": self._completion.get("base_resp")})) is not None:
            raise AnswerError(self._completion | {"error": error})
        choices = [self._whole(index, ended=ended) for index in sorted(self._choices)]
        if not choices and isinstance(response := self._completion.get("response"), dict):
            # The last event of a model response, which some gateways send instead.
            adapted = adapt("chat.completions.create", response)
            return adapted if "choices" in adapted else None
        if not choices or None in choices:
            return None
        whole = {**self._completion, "object": "chat.completion", "choices": choices}
        if not _has_counts(whole.get("usage")) and (usage := self._usage()) is not None:
            whole["usage"] = usage
        elif isinstance(usage := whole.get("usage"), dict) and not _has_counts(usage):
            # Zeros in every chunk: the tokens were not counted.
            whole["usage"] = None
        return whole

    def _whole(self, index: int, *, ended: bool) -> Json | None:
        """Return a choice, or None while it is not complete."""
        choice = self._choices[index]
        reason = choice.fields.get("finish_reason")
        message = choice.joined()
        if message.get("error"):
            raise AnswerError(message)
        if reason == "error":
            raise AnswerError(error_of_message(message))
        if reason is None and not (ended and not _is_cut(message)):
            return None
        message.setdefault("content", None)
        known = {"index": index, "message": message}
        # Beside a delta, an empty message says nothing.
        whole = {**known, **choice.fields, **known}
        if choice.logprobs:
            whole["logprobs"] = join_delta(choice.logprobs)
        return whole

    def _usage(self) -> Json | None:
        """Return the usage where some servers put it instead."""
        choices = [choice.fields for choice in self._choices.values()]
        return usage_in({"choices": choices, "x_groq": self._completion.get("x_groq")})


def _text_of(part: Json) -> Json:
    """Return the delta for the `text` of a choice; beside a delta it is the same piece again."""
    delta = part.get("delta")
    is_repeated = isinstance(delta, dict) and "content" in delta
    return {} if is_repeated else {"content": part["text"]}


def usage_in(chunk: Json) -> Json | None:
    """Return the usage in a chunk, None if it has no counts: some servers put it elsewhere.

    Returns the API's `{"prompt_tokens": …, "completion_tokens": …, …}`.
    """
    places = [chunk, *objects_in(chunk.get("choices")), chunk.get("x_groq")]
    candidates = [place.get("usage") for place in places if isinstance(place, dict)]
    return next((usage for usage in candidates if _has_counts(usage)), None)


def _has_counts(usage: object) -> bool:
    """Return whether a usage has counts; some servers send zeros with every chunk."""
    return isinstance(usage, dict) and any(
        isinstance(count, int) and count for count in usage.values()
    )


def _is_cut(message: Json) -> bool:
    """Return whether a message ends within a tool call."""
    calls = message.get("tool_calls") or []
    functions = [call.get("function") for call in calls] + [message.get("function_call")]
    return any(
        isinstance(function, dict)
        and isinstance(arguments := function.get("arguments"), str)
        and arguments.strip()
        and not is_object(arguments)
        for function in functions
    )


class CompletionAccumulator(ChatCompletionAccumulator):
    """The chunks of a text completion add up like those of a chat, but have `text`."""

    event_type = "text_completion"

    def result(self, *, ended: bool) -> Json | None:
        """Return the completion, or None while one of its choices is not complete.

        Returns the API's `text_completion`. Raises AnswerError as for a chat completion.
        """
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
