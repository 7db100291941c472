"""Requests and answers of the Responses API, over HTTP."""

from collections.abc import Iterator
from typing import Any, Final, override

from ..api.config import HostConfig
from ..error_translation import parse_error_body
from ..exceptions import ErrorInResponse
from ..llm_tools import FunctionTools
from ..types import Json
from .deltas import Decoder, Delta
from .errors import CONTENT_REFUSED, AssistError

METHOD: Final = "responses.create"
_UNFINISHED: Final = frozenset({"in_progress", "incomplete"})
"""What an item is at the end of an answer that was cut off."""
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

    def __init__(
        self,
        settings: HostConfig,
        functions: FunctionTools | None = None,
        *,
        allows_tools: bool = True,
        wants_commentary: bool = True,
    ) -> None:
        """Take the settings of the host, and the functions that a model may call.

        Without `wants_commentary`, what a model says beside its answer counts as a thought.
        """
        super().__init__(functions, allows_tools=allows_tools)
        self._settings = settings
        self._wants_commentary = wants_commentary
        self._commentary = ""
        self._is_commentary = self._is_further = self._has_calls = False

    @override
    def feed(self, event: Json) -> Iterator[Delta]:
        match event.get("type"):
            case "response.output_text.delta":
                yield from self._message_text(event.get("delta"))
            case "response.output_item.added":
                self._begin_item(event.get("item"))
            case "response.refusal.delta":
                self.refusal += str(event.get("delta") or "")
                yield from self._text(event.get("delta"))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield from self._thought(event.get("delta"))
            case "response.output_item.done":
                yield from self._item(event.get("item"))
            case "response.completed" | "response.incomplete":
                self.is_done = True
                yield from self._end(event.get("response"))
            case "response.failed":
                response = event.get("response")
                self._raise(response if isinstance(response, dict) else {})

    def whole(self, response: Json) -> Iterator[Delta]:
        """Yield the deltas of a response that was not streamed."""
        if response.get("status") == "failed":
            self._raise(response)
        self.is_done = True
        yield from self._end(response)
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
        """Take note of a message that begins."""
        if isinstance(item, dict) and item.get("type") == "message":
            self._is_commentary = not self._wants_commentary and item.get("phase") == "commentary"
            self._is_further = self._has_message and bool(self.text_length)

    def _message_text(self, text: Any) -> Iterator[Delta]:
        """Yield a piece of a message, apart from the message before."""
        if not isinstance(text, str) or not text:
            return
        if self._is_commentary:
            self._commentary += text
            yield from self._thought(text)
            return
        if self._is_further and self._has_message and not self.ends_with_space:
            yield from self._text("\n\n")
        self._is_further = False
        yield from self._text(text)

    def _item(self, item: Any) -> Iterator[Delta]:
        """Yield the deltas of an item that is whole; the text of a message came before."""
        if not isinstance(item, dict):
            return
        kind = item.get("type")
        if kind == "function_call":
            self._has_calls = True
            yield from self._call(
                item.get("call_id"),
                item.get("name"),
                item.get("arguments"),
                is_cut=self.is_cut or item.get("status") in _UNFINISHED,
            )
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
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        self.is_cut = reason == "max_output_tokens"
        if not self.text_length and not self.calls:
            # Some services stream nothing but the end.
            yield from self._output(response.get("output"))
        elif not self._has_calls:
            # Some stream the text alone.
            for item in _list(response.get("output")):
                if isinstance(item, dict) and item.get("type") == "function_call":
                    yield from self._item(item)
        if self._commentary and not self.text_length and not self.calls:
            yield from self._text(self._commentary)
        if reason == "content_filter" and not self.text_length:
            raise AssistError(CONTENT_REFUSED)

    def _raise(self, response: Json) -> None:
        """Raise the error of a response that failed."""
        raise ErrorInResponse(**parse_error_body(response.get("error"), self._settings))


def _list(value: Any) -> list[Any]:
    """Return a value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def tool(function: Json) -> Json:
    """Return a tool as the API takes it."""
    return {"type": "function", **function, "strict": False}
