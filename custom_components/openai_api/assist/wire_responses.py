"""Requests and answers of the Responses API, over HTTP."""

from collections.abc import Iterator
from typing import Any, Final, override

from ..api.config import HostConfig
from ..error_translation import parse_error_body
from ..exceptions import ErrorInResponse
from ..streaming.accumulators import ResponseAccumulator
from ..streaming.answer_forms import adapt
from ..types import Json
from .deltas import Decoder, Delta
from .errors import CONTENT_REFUSED, AssistError

METHOD: Final = "responses.create"
_SERVICE_CALLS: Final = frozenset(
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


class ResponsesDecoder(Decoder):
    """Turns the events of a Responses stream, or a whole response, into deltas."""

    accumulator = ResponseAccumulator

    def __init__(self, settings: HostConfig, *, allows_tools: bool = True) -> None:
        super().__init__(allows_tools=allows_tools)
        self._settings = settings
        self._arguments: dict[object, list[str]] = {}
        """What was streamed of the arguments of calls, by the id or index of their items."""
        self._told: set[object] = set()
        """The ids of the calls that were given on."""
        self._is_item_open = True
        """Whether the last item that has begun is not whole."""

    @override
    def feed(self, event: Json) -> Iterator[Delta]:
        match event.get("type"):
            case "response.output_text.delta":
                self._is_item_open = True
                yield from self._text(event.get("delta"))
            case "response.refusal.delta":
                self.refusal += str(event.get("delta") or "")
                yield from self._text(event.get("delta"))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield from self._thought(event.get("delta"))
            case "response.output_item.added":
                self._is_item_open = True
            case "response.output_item.done":
                self._is_item_open = False
                streamed = self._arguments.pop(_key(event), ())
                yield from self._item(event.get("item"), "".join(streamed))
            case "response.function_call_arguments.delta":
                self._arguments.setdefault(_key(event), []).append(str(event.get("delta") or ""))
            case "response.function_call_arguments.done":
                self._arguments[_key(event)] = [str(event.get("arguments") or "")]
            case "response.completed" | "response.incomplete" | "response.done":
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

    def whole(self, response: Json) -> Iterator[Delta]:
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
                for part in _list(item.get("content")):
                    if isinstance(part, dict):
                        yield from self._text(part.get("text") or part.get("refusal"))
            else:
                yield from self._item(item)

    def _item(self, item: Any, streamed: str = "") -> Iterator[Delta]:
        """Yield the deltas of an item that is whole; the text of a message came before.

        `streamed` are the arguments of a call, which the item itself may lack.
        """
        if not isinstance(item, dict):
            return
        kind = item.get("type")
        if kind == "function_call":
            self._told.add(item.get("call_id"))
            arguments = item.get("arguments") or streamed
            yield from self._call(item.get("call_id"), item.get("name"), arguments)
        elif kind == "reasoning" and item.get("encrypted_content"):
            # Its summary was shown; the model needs the sealed thought alone.
            yield from self._native(
                {
                    "type": "reasoning",
                    "id": item.get("id"),
                    "summary": [],
                    "encrypted_content": item["encrypted_content"],
                }
            )
        elif kind in _SERVICE_CALLS:
            yield from self._service_call(item)

    def _end(self, response: Any) -> Iterator[Delta]:
        """Read the final object."""
        if not isinstance(response, dict):
            return
        self.usage = response.get("usage")
        if not self.text_length and not self.calls:
            # Some services stream nothing but the end.
            yield from self._output(response.get("output"))
        elif response.get("status", "completed") == "completed":
            # Or their texts, and the calls at the end.
            for item in _list(response.get("output")):
                if _is_call(item) and item.get("call_id") not in self._told:
                    yield from self._item(item)
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        if reason == "content_filter" and not self.text_length:
            raise AssistError(CONTENT_REFUSED)

    def _raise(self, response: Json) -> None:
        """Raise the error of a response that failed."""
        raise ErrorInResponse(**parse_error_body(response.get("error"), self._settings))


def _key(event: Json) -> object:
    """Return the key of the item that an event is about."""
    index = event.get("output_index")
    return index if isinstance(index, int) else str(event.get("item_id"))


def _is_call(item: Any) -> bool:
    """Return whether this is a function call that can be told from others."""
    return isinstance(item, dict) and item.get("type") == "function_call" and "call_id" in item


def _list(value: Any) -> list[Any]:
    """Return a value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def tool(function: Json) -> Json:
    """Return a tool as the API takes it."""
    return {"type": "function", **function, "strict": False}
