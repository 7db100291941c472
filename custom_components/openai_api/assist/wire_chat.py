"""Requests and answers of chat completions, with what compatible services do otherwise."""

from collections.abc import Iterator
from typing import Any, Final, override

from ..llm_tools import FunctionTools
from ..types import Json
from . import tools
from .contents import CHAT_NATIVE
from .deltas import Decoder, Delta
from .errors import ANSWER_BROKEN, CONTENT_REFUSED, AssistError, CallMalformed

METHOD: Final = "chat.completions.create"
_CUT: Final = frozenset({"length", "max_tokens", "model_length"})
"""The reasons for which an answer ends before it is whole."""

_PIECES: Final = frozenset({"text", "summary", "data", "signature"})


class ChatDecoder(Decoder):
    """Turns the chunks of a chat completion, or a whole one, into deltas."""

    def __init__(
        self, functions: FunctionTools | None = None, *, allows_tools: bool = True
    ) -> None:
        super().__init__(functions, allows_tools=allows_tools)
        self._open: dict[Any, Json] = {}
        """The calls under way, by their index, or by their id where they have none."""
        self._last: Any = None
        self._details: list[Json] = []
        """`reasoning_details` as OpenRouter sends them."""
        self._kept: Json = {}
        self._pieces: list[str] = []
        """The text so far, as it came."""

    @override
    def feed(self, event: Json) -> Iterator[Delta]:
        if isinstance(usage := event.get("usage"), dict):
            self.usage = usage
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        if delta := choice.get("delta"):
            yield from self._delta(delta)
        else:
            yield from self._delta(self._new_in(choice.get("message")))
        if reason := choice.get("finish_reason"):
            if reason == "error" or isinstance(choice.get("error"), dict):
                raise AssistError(ANSWER_BROKEN)
            if "MALFORMED" in str(reason) and not self.has_begun:
                raise CallMalformed
            self.is_done = True
            self.is_cut = self.is_cut or reason in _CUT
            yield from self._close_calls()
            if reason == "content_filter" and not self.text_length:
                raise AssistError(CONTENT_REFUSED)

    def whole(self, completion: Json) -> Iterator[Delta]:
        """Yield the deltas of a completion that was not streamed."""
        yield from self.feed(completion)
        self.is_done = True
        yield from self.finish()

    @override
    def finish(self) -> Iterator[Delta]:
        yield from super().finish()
        yield from self._close_calls()

    def _new_in(self, message: Any) -> Any:
        """Return what is new in a whole message, which some services send besides its pieces."""
        if not isinstance(message, dict) or not (self._pieces or self._open or self.calls):
            return message
        found = {"role": message.get("role")}
        content, said = message.get("content"), "".join(self._pieces)
        if isinstance(content, str):
            found["content"] = content.removeprefix(said)
        if not (self._open or self.calls):
            found["tool_calls"] = message.get("tool_calls")
        return found

    def _delta(self, delta: Any) -> Iterator[Delta]:
        """Yield what a chunk adds."""
        if not isinstance(delta, dict):
            return
        for key in ("reasoning_content", "reasoning", "thinking"):
            if isinstance(thought := delta.get(key), str) and thought:
                yield from self._thought(thought)
                break
        details = delta.get("reasoning_details")
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                self._add_detail(detail)
        content = delta.get("content")
        if isinstance(content, str):
            self._pieces.append(content)
            yield from self._text(content)
        elif isinstance(content, list):
            for part in content:
                yield from self._part(part)
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            self.refusal += refusal
            yield from self._text(refusal)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                yield from self._piece(call)

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

    def _piece(self, call: Json) -> Iterator[Delta]:
        """Collect a piece of a call, and yield the one before it once another begins."""
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        index, identifier = call.get("index"), call.get("id")
        key = index if index is not None else identifier or self._last
        known = self._open.get(key)
        if known is not None and identifier and known["id"] and identifier != known["id"]:
            # Some services give every call the index 0.
            key = identifier
            known = self._open.get(key)
        if known is None:
            yield from self._close_calls(are_all_whole=False)
            known = self._open[key] = {"id": identifier, "name": "", "arguments": ""}
        self._last = key
        known["id"] = known["id"] or identifier
        if (name := function.get("name")) and not known["name"]:
            known["name"] = name
        if isinstance(extra := call.get("extra_content"), dict):
            known["extra"] = extra
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            known["arguments"] = arguments
        elif isinstance(arguments, str) and isinstance(known["arguments"], str):
            known["arguments"] += arguments

    def _close_calls(self, *, are_all_whole: bool = True) -> Iterator[Delta]:
        """Yield the calls that are whole: all, or those whose arguments can be read."""
        for key, call in tuple(self._open.items()):
            if are_all_whole or (call["arguments"] and tools.arguments(call["arguments"])):
                del self._open[key]
                made = len(self.calls)
                yield from self._call(
                    call["id"], call["name"], call["arguments"], is_cut=self.is_cut
                )
                if len(self.calls) > made and ("extra" in call or self._details):
                    yield from self._keep(call.get("extra"))

    def _keep(self, extra: Json | None) -> Iterator[Delta]:
        """Keep what the service wants back together with the call that was made last."""
        if not self._has_native or not self._has_message:
            self._kept = {"type": CHAT_NATIVE, "calls": {}}
            if self._details:
                self._kept["reasoning_details"] = self._details
            yield from self._native(self._kept)
        if extra is not None:
            self._kept["calls"][self.last_call_id] = extra

    def _add_detail(self, detail: Json) -> None:
        """Add a piece of the reasoning to what has its index and type."""
        for known in reversed(self._details):
            if all(known.get(key) == detail.get(key) for key in ("index", "type")):
                for key, value in detail.items():
                    is_text = key in _PIECES and isinstance(known.get(key), str)
                    if is_text and isinstance(value, str):
                        known[key] += value
                    elif value is not None:
                        known[key] = value
                return
        self._details.append(dict(detail))


def tool(function: Json) -> Json:
    """Return a tool as the API takes it."""
    return {"type": "function", "function": function}
