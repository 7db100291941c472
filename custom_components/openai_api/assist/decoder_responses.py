"""Decodes responses of the Responses API into deltas of a chat log."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, override

from homeassistant.helpers.json import json_dumps_sorted

from ..api.config import HostConfig
from ..error_translation import parse_error_body
from ..exceptions import ErrorInResponse
from ..llm_tools import FunctionTools
from ..streaming.accumulators import ResponseAccumulator
from ..streaming.answer_forms import adapt
from ..streaming.tool_calls import are_no_arguments
from ..types import Json
from . import tools
from .chat_log import MESSAGE_NATIVE
from .decoder import Decoder, Delta
from .errors import CONTENT_REFUSED, AssistError, status_from_codes

METHOD: Final = "responses.create"
_UNFINISHED: Final = frozenset({"in_progress", "incomplete"})
"""The statuses of an item of a truncated response."""
_SERVER_TOOL_CALLS: Final = frozenset(
    {
        "code_interpreter_call",
        "computer_call",
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "mcp_call",
        "shell_call",
        "web_search_call",
    }
)

type _Call = tuple[str, str]
"""Name and arguments."""


class ResponsesDecoder(Decoder):
    """Turns the events of a Responses stream, or a whole response, into deltas."""

    accumulator = ResponseAccumulator

    def __init__(
        self, settings: HostConfig, functions: FunctionTools | None = None, **known: bool
    ) -> None:
        """Take the settings of the host, and what `Decoder` takes."""
        super().__init__(functions, **known)
        self._settings = settings
        self._phase: str | None = None
        """The `phase` of the current message: `commentary` or `final_answer`."""
        self._last_phase: str | None = None
        """The phase of the last message with text."""
        self._has_phase = False
        """Whether the last `native` delta was a phase."""
        self._is_new_message = False
        self._arguments: dict[object, list[str]] = {}
        """What was streamed of the arguments of calls, by the id or index of their items."""
        self._sent_calls: list[tuple[object, _Call]] = []
        """The ids of the calls that were yielded, and what they are."""
        self._is_item_open = True
        """Whether the last item is incomplete."""

    @override
    def feed(self, event: Json) -> Iterator[Delta]:
        match event.get("type"):
            case "response.output_text.delta":
                self._is_item_open = True
                yield from self._message_text(event.get("delta"))
            case "response.refusal.delta":
                yield from self._text_delta(event.get("delta"))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield from self._reasoning_delta(event.get("delta"))
            case "response.output_item.added":
                self._is_item_open = True
                self._begin_item(event.get("item"))
            case "response.output_item.done":
                self._is_item_open = False
                streamed = self._arguments.pop(_key(event), ())
                yield from self._item(event.get("item"), "".join(streamed))
            case "response.function_call_arguments.delta":
                self._arguments.setdefault(_key(event), []).append(str(event.get("delta") or ""))
            case "response.function_call_arguments.done":
                if arguments := event.get("arguments"):
                    if not isinstance(arguments, str):
                        arguments = json_dumps_sorted(arguments)
                    self._arguments[_key(event)] = [arguments]
            case "response.completed" | "response.incomplete" | "response.done" if not self.is_done:
                self.is_done = True
                response = event.get("response")
                if isinstance(response, dict) and response.get("status") == "failed":
                    self._raise(response)
                yield from self._end(response)
            case "response.failed":
                response = event.get("response")
                self._raise(response if isinstance(response, dict) else {})

    @override
    def finish(self) -> Iterator[Delta]:
        yield from super().finish()
        if not self._is_item_open:
            # Some services end with the last item.
            self.is_done = True

    def decode(self, response: Json) -> Iterator[Delta]:
        """Yield the deltas of a response that was not streamed."""
        if response.get("status") == "failed":
            self._raise(response)
        self.is_done = True
        yield from self._end(adapt(METHOD, response))
        yield from self.finish()

    def _output(self, output: Any) -> Iterator[Delta]:
        """Yield the deltas of items that were not streamed."""
        for item in _list(output):
            if isinstance(item, dict) and item.get("type") == "message":
                self._begin_item(item)
                for part in _list(item.get("content")):
                    if isinstance(part, dict):
                        yield from self._message_text(part.get("text") or part.get("refusal"))
            else:
                yield from self._item(item)

    def _begin_item(self, item: Any) -> None:
        """Begin a message."""
        if isinstance(item, dict) and item.get("type") == "message":
            phase = item.get("phase")
            self._phase = phase if isinstance(phase, str) and phase else None
            self._is_new_message = self._has_message and bool(self.text_length)

    def _message_text(self, text: Any) -> Iterator[Delta]:
        """Yield a text delta of a message, separated from the message before."""
        if not isinstance(text, str) or not text:
            return
        if self._is_new_message and self._phase != self._last_phase:
            # Home Assistant takes the last message of the log for the answer.
            yield from self._flush_text()
            self._has_message = False
        elif self._is_new_message and self._has_message and not self.ends_with_space:
            yield from self._text_delta("\n\n")
        self._is_new_message, self._last_phase = False, self._phase
        is_kept = self._has_message and self._has_native and self._has_phase
        if self._phase is not None and not is_kept:
            yield from self._native({"type": MESSAGE_NATIVE, "phase": self._phase})
            self._has_phase = True
        yield from self._text_delta(text)

    def _item(self, item: Any, streamed: str = "") -> Iterator[Delta]:
        """Yield the deltas of a complete item; the text of a message came before.

        `streamed` are the arguments of a call, which the item itself may lack.
        """
        if not isinstance(item, dict):
            return
        kind = item.get("type")
        if kind == "function_call":
            name = item.get("name")
            arguments = item.get("arguments")
            if streamed and are_no_arguments(arguments):
                arguments = streamed
            if name:
                self._sent_calls.append((_id_of(item), _call_of(name, arguments)))
            is_truncated = self.is_truncated or item.get("status") in _UNFINISHED
            yield from self._tool_call(
                item.get("call_id"), name, arguments, is_truncated=is_truncated
            )
        elif kind == "reasoning" and item.get("encrypted_content"):
            # Its summary was yielded; the model needs the encrypted content alone.
            self._has_phase = False
            yield from self._native(
                {
                    "type": "reasoning",
                    "id": item.get("id"),
                    "summary": [],
                    "encrypted_content": item["encrypted_content"],
                }
            )
        elif kind in _SERVER_TOOL_CALLS:
            yield from self._server_tool_call(item)

    def _end(self, response: Any) -> Iterator[Delta]:
        """Yield what only the final response object holds."""
        if not isinstance(response, dict):
            return
        self.usage = response.get("usage")
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        # Other services have other words for the reason, or none.
        is_whole = response.get("status", "completed") != "incomplete" and reason is None
        self.is_truncated = not is_whole and reason != "content_filter"
        if not self.text_length and not self.calls:
            # Some services stream nothing but the end.
            yield from self._output(response.get("output"))
        elif response.get("status") in {None, "completed"}:
            # Or their texts, and the calls at the end.
            for item in self._new_calls(_list(response.get("output"))):
                yield from self._item(item)
        if reason == "content_filter" and not self.text_length:
            raise AssistError(CONTENT_REFUSED)

    def _new_calls(self, output: list[Any]) -> list[Json]:
        """Return the function calls of an output that were not yielded.

        Some services, such as vLLM, give the calls other ids at the end than they have streamed.
        """
        calls = [
            item
            for item in output
            if isinstance(item, dict) and item.get("type") == "function_call"
        ]
        known = {call_id for call_id, _ in self._sent_calls}
        final_ids = {_id_of(item) for item in calls}
        others = Counter(
            call
            for call_id, call in self._sent_calls
            if call_id is None or call_id not in final_ids
        )
        new_calls: list[Json] = []
        for item in calls:
            if _id_of(item) is not None and item["call_id"] in known:
                continue
            call = _call_of(item.get("name"), item.get("arguments"))
            if not others[call] and are_no_arguments(item.get("arguments")):
                # Its arguments were streamed alone.
                call = next((other for other in +others if other[0] == call[0]), call)
            if others[call]:
                others[call] -= 1
            else:
                new_calls.append(item)
        return new_calls

    def _raise(self, response: Json) -> None:
        """Raise the error of a response that failed."""
        details = parse_error_body(response.get("error"), self._settings)
        raise ErrorInResponse(status=status_from_codes(response), **details)


def _id_of(item: Json) -> str | None:
    """Return the id of a call, None if it has none."""
    call_id = item.get("call_id")
    return call_id if isinstance(call_id, str) and call_id else None


def _call_of(name: object, arguments: Any) -> _Call:
    """Return what a call is, however its arguments are written."""
    parsed = tools.parse_arguments(arguments)
    return str(name), str(arguments) if parsed is None else json_dumps_sorted(parsed)


def _key(event: Json) -> object:
    """Return the key of the item that an event is about."""
    index = event.get("output_index")
    return index if isinstance(index, int) else str(event.get("item_id"))


def _list(value: Any) -> list[Any]:
    """Return a value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def tool(function: Json) -> Json:
    """Return a tool as Responses take it: `{"type": "function", "name": …, "strict": false}`."""
    return {"type": "function", **function, "strict": False}
