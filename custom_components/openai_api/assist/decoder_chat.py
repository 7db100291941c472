"""Decodes chat completions, also in the forms of compatible services, into deltas of a chat log."""

from collections.abc import Iterator
from typing import Any, Final, override

from ..llm_tools import FunctionTools
from ..statuses import cut_reason
from ..streaming.accumulators import ChatCompletionAccumulator
from ..streaming.answer_forms import adapt
from ..streaming.chat import NO_REASONS, usage_in
from ..streaming.tool_calls import ToolCalls
from ..types import Json
from .chat_log import CHAT_NATIVE
from .decoder import Decoder, Delta
from .errors import ANSWER_BROKEN, CONTENT_REFUSED, AssistError, CallMalformed

METHOD: Final = "chat.completions.create"
_JOINED_DETAILS: Final = frozenset({"text", "summary", "data", "signature"})


class ChatDecoder(Decoder):
    """Turns the chunks of a chat completion, or a whole one, into deltas."""

    accumulator = ChatCompletionAccumulator

    def __init__(self, functions: FunctionTools | None = None, **known: bool) -> None:
        super().__init__(functions, **known)
        self._tool_calls = ToolCalls()
        self._details: list[Json] = []
        """`reasoning_details` as OpenRouter sends them."""
        self._native_data: Json = {}
        self._text_deltas: list[str] = []
        """The text deltas so far."""

    @override
    def feed(self, event: Json) -> Iterator[Delta]:
        self.usage = usage_in(event) or self.usage
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        delta = choice.get("delta") or self._new_content(choice.get("message"))
        yield from self._delta({"content": choice.get("text")} if delta is None else delta)
        reason = choice.get("finish_reason")
        if reason is not None and str(reason).lower() not in NO_REASONS:
            cause = cut_reason(reason)
            is_broken = cause not in {None, "max_output_tokens", "content_filter"}
            if reason == "error" or is_broken or isinstance(choice.get("error"), dict):
                raise AssistError(ANSWER_BROKEN)
            if "MALFORMED" in str(reason) and not self.has_begun:
                raise CallMalformed
            self.is_done = True
            self.is_truncated = self.is_truncated or cause == "max_output_tokens"
            yield from self._close_calls()
            if cause == "content_filter" and not self.text_length:
                raise AssistError(CONTENT_REFUSED)

    def decode(self, completion: Json) -> Iterator[Delta]:
        """Yield the deltas of a completion that was not streamed."""
        yield from self.feed(adapt(METHOD, completion))
        self.is_done = True
        yield from self.finish()

    @override
    def finish(self) -> Iterator[Delta]:
        yield from super().finish()
        yield from self._close_calls()

    def _new_content(self, message: Any) -> Any:
        """Return what is new in a whole message, which some services send besides its pieces."""
        if not isinstance(message, dict) or not (self._text_deltas or self._tool_calls.has_calls):
            return message
        new = {"role": message.get("role")}
        content, received = message.get("content"), "".join(self._text_deltas)
        if isinstance(content, str):
            # Some services leave out the white space around the whole.
            is_whole = content.startswith(received) or not content.startswith(received.strip())
            new["content"] = content.removeprefix(received if is_whole else received.strip())
        if not self._tool_calls.has_calls:
            new["tool_calls"] = message.get("tool_calls")
        return new

    def _delta(self, delta: Any) -> Iterator[Delta]:
        """Yield what a chunk adds."""
        if not isinstance(delta, dict):
            return
        for key in ("reasoning_content", "reasoning", "thinking"):
            if isinstance(reasoning := delta.get(key), str) and reasoning:
                yield from self._reasoning_delta(reasoning)
                break
        details = delta.get("reasoning_details")
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                self._add_detail(detail)
        content = delta.get("content")
        if isinstance(content, str):
            self._text_deltas.append(content)
            yield from self._text_delta(content)
        else:
            for part in content if isinstance(content, list) else [content]:
                yield from self._content_part(part)
        yield from self._text_delta(delta.get("refusal"))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._tool_calls.add(call)
        if calls:
            yield from self._close_calls(is_end=False)

    def _content_part(self, part: Any) -> Iterator[Delta]:
        """Yield a part of a content that comes as a list."""
        if not isinstance(part, dict):
            return
        thinking = part.get("thinking")
        if part.get("type") == "thinking" or thinking:
            parts = thinking if isinstance(thinking, list) else [{"text": thinking}]
            for reasoning in parts:
                if isinstance(reasoning, dict):
                    yield from self._reasoning_delta(reasoning.get("text"))
        else:
            yield from self._text_delta(part.get("text"))

    def _close_calls(self, *, is_end: bool = True) -> Iterator[Delta]:
        """Yield the calls that are whole: all, or those that another one has followed.

        Where the service has not said that the answer is whole, its last call may be cut.
        """
        is_truncated = is_end and not self.is_done
        for call in self._tool_calls.take(is_end=is_end, is_cut=is_truncated):
            call_count = len(self.calls)
            yield from self._tool_call(
                call.id, call.name, call.arguments, is_truncated=self.is_truncated
            )
            if len(self.calls) > call_count and (call.extra is not None or self._details):
                yield from self._store_native(call.extra)

    def _store_native(self, extra: Json | None) -> Iterator[Delta]:
        """Keep what the service wants back together with the call that was made last."""
        if not self._has_native or not self._has_message:
            self._native_data = {"type": CHAT_NATIVE, "calls": {}}
            if self._details:
                self._native_data["reasoning_details"] = self._details
            yield from self._native(self._native_data)
        if extra is not None:
            self._native_data["calls"][self.last_call_id] = extra

    def _add_detail(self, detail: Json) -> None:
        """Append a detail of the reasoning to the one with its index and type."""
        for known in reversed(self._details):
            if all(known.get(key) == detail.get(key) for key in ("index", "type")):
                for key, value in detail.items():
                    is_text = key in _JOINED_DETAILS and isinstance(known.get(key), str)
                    if is_text and isinstance(value, str):
                        known[key] += value
                    elif value is not None:
                        known[key] = value
                return
        self._details.append(dict(detail))


def tool(function: Json) -> Json:
    """Return a tool as chat completions take it: `{"type": "function", "function": {…}}`."""
    return {"type": "function", "function": function}
