"""Requests and answers of chat completions, with what compatible services do otherwise."""

from collections.abc import Iterator
from typing import Any, Final, override

from ..streaming.accumulators import ChatCompletionAccumulator
from ..streaming.answer_forms import adapt
from ..streaming.chat import NO_REASONS
from ..streaming.tool_calls import ToolCalls
from ..types import Json
from .deltas import Decoder, Delta
from .errors import CONTENT_REFUSED, AssistError

METHOD: Final = "chat.completions.create"


class ChatDecoder(Decoder):
    """Turns the chunks of a chat completion, or a whole one, into deltas."""

    accumulator = ChatCompletionAccumulator

    def __init__(self, *, allows_tools: bool = True) -> None:
        super().__init__(allows_tools=allows_tools)
        self._tool_calls = ToolCalls()

    @override
    def feed(self, event: Json) -> Iterator[Delta]:
        if isinstance(usage := event.get("usage"), dict):
            self.usage = usage
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        delta = choice.get("delta") or choice.get("message")
        yield from self._delta({"content": choice.get("text")} if delta is None else delta)
        reason = choice.get("finish_reason")
        if reason is not None and str(reason).lower() not in NO_REASONS:
            self.is_done = True
            yield from self._close_calls()
            if reason == "content_filter" and not self.text_length:
                raise AssistError(CONTENT_REFUSED)

    def whole(self, completion: Json) -> Iterator[Delta]:
        """Yield the deltas of a completion that was not streamed."""
        yield from self.feed(adapt(METHOD, completion))
        self.is_done = True
        yield from self.finish()

    @override
    def finish(self) -> Iterator[Delta]:
        yield from super().finish()
        yield from self._close_calls()

    def _delta(self, delta: Any) -> Iterator[Delta]:
        """Yield what a chunk adds."""
        if not isinstance(delta, dict):
            return
        for key in ("reasoning_content", "reasoning", "thinking"):
            if isinstance(thought := delta.get(key), str) and thought:
                yield from self._thought(thought)
                break
        content = delta.get("content")
        if isinstance(content, str):
            yield from self._text(content)
        else:
            for part in content if isinstance(content, list) else [content]:
                yield from self._part(part)
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            self.refusal += refusal
            yield from self._text(refusal)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._tool_calls.add(call)
        if calls:
            yield from self._close_calls(is_end=False)

    def _part(self, part: Any) -> Iterator[Delta]:
        """Yield a part of a content that comes as a list."""
        if not isinstance(part, dict):
            return
        thinking = part.get("thinking")
        if part.get("type") == "thinking" or thinking:
            parts = thinking if isinstance(thinking, list) else [{"text": thinking}]
            for thought in parts:
                if isinstance(thought, dict):
                    yield from self._thought(thought.get("text"))
        else:
            yield from self._text(part.get("text"))

    def _close_calls(self, *, is_end: bool = True) -> Iterator[Delta]:
        """Yield the calls that are whole: all, or those that another one has followed.

        Where the service has not said that the answer is whole, its last call may be cut.
        """
        is_cut = is_end and not self.is_done
        for call_id, name, arguments in self._tool_calls.take(is_end=is_end, is_cut=is_cut):
            yield from self._call(call_id, name, arguments)


def tool(function: Json) -> Json:
    """Return a tool as the API takes it."""
    return {"type": "function", "function": function}
