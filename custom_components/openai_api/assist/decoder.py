"""The base of the decoders, which turn the events of a model's answer into deltas of a chat log."""

from collections.abc import Iterator
from typing import Any, Final

from homeassistant.helpers import llm
from homeassistant.util.ulid import ulid_now

from ..llm_tools import FunctionTools
from ..types import Json
from . import tools
from .chat_log import server_tool_call_id
from .errors import ANSWER_BROKEN, AssistError
from .plain_text import without_controls
from .reasoning import MARKER_CHARACTERS, REASONING_ENDED, ReasoningFilter

type Delta = dict[str, Any]

_MAX_CHARACTERS: Final = 16 * 1024**2
"""Characters of one answer, reasoning included: no model writes so much."""


class Decoder:
    """Collects the state of one answer; `feed` of a subclass decodes its events."""

    def __init__(
        self,
        functions: FunctionTools | None = None,
        *,
        allows_tools: bool = True,
        reasoning_opened: bool = False,
    ) -> None:
        """Take the functions that the model may call.

        `reasoning_opened`: the template of the model begins its reasoning, which has an end alone.
        """
        self.is_done = False
        """Whether the service has said that the answer is whole."""
        self.usage: Any = None
        self.text_length = 0
        self.ends_with_space = False
        """Whether the text so far ends with a space or a line break."""
        self.calls: list[str] = []
        """The names of the tools that are called."""
        self.has_begun = False
        """Whether a delta has been yielded."""
        self.is_truncated = False
        """Whether the service has ended the answer at a limit of its length."""
        self.has_truncated_call = False
        """Whether that was within a tool call, which then is not made."""
        self.has_ignored_call = False
        """Whether the model has called a tool though it was to answer."""
        self._functions = functions or FunctionTools()
        self._allows_tools = allows_tools
        self._has_message = False
        self._has_native = False
        self._ids: set[str] = set()
        self.last_call_id = ""
        self.filter = ReasoningFilter(reasoning_opened=reasoning_opened)
        self._size = 0

    def feed(self, event: Json) -> Iterator[Delta]:
        """Yield the deltas of an event; unknown events have none."""
        raise NotImplementedError

    def finish(self) -> Iterator[Delta]:
        """Yield what still waits once the stream has ended."""
        yield from self._flush_text()

    def _flush_text(self) -> Iterator[Delta]:
        """Yield the text that was held back as the possible beginning of a marker."""
        for key, text in self.filter.flush():
            yield from self._content(key, text)

    def _start_message(self) -> Iterator[Delta]:
        """Begin a message of the assistant, if there is none."""
        if not self._has_message:
            self._has_message = self.has_begun = True
            self._has_native = False
            yield {"role": "assistant"}

    def _content(self, key: str, text: str) -> Iterator[Delta]:
        """Yield a text under `key`: `content` or `thinking_content`."""
        text = without_controls(text)
        if not self._has_message:
            yield from self._start_message()
        self._size += len(text)
        if self._size > _MAX_CHARACTERS:
            raise AssistError(ANSWER_BROKEN)
        if key == "content":
            self.text_length += len(text) if text.strip() else 0
            self.ends_with_space = text[-1:].isspace()
        yield {key: text}

    def _text_delta(self, text: Any) -> Iterator[Delta]:
        """Yield a text delta, with the reasoning between markers apart."""
        if isinstance(text, str) and text:
            if self.filter.is_idle and MARKER_CHARACTERS.isdisjoint(text):
                yield from self._content("content", text)
                return
            for key, part in self.filter.feed(text):
                if key == REASONING_ENDED:
                    # Home Assistant takes the last message of the log for the answer.
                    self._has_message = False
                else:
                    yield from self._content(key, part)

    def _reasoning_delta(self, text: Any) -> Iterator[Delta]:
        """Yield a reasoning delta that the service sends apart from the text."""
        if isinstance(text, str) and text:
            for key, part in self.filter.release():
                yield from self._content(key, part)
            yield from self._content("thinking_content", text)

    def _tool_call(
        self, identifier: Any, name: Any, arguments: Any, *, is_truncated: bool = False
    ) -> Iterator[Delta]:
        """Yield a tool call; one with invalid arguments is not made, and its result is the error.

        Nothing is yielded for a truncated call.
        """
        if not isinstance(name, str) or not name:
            return
        if not self._allows_tools:
            self.has_ignored_call = True
            return
        if is_truncated and not (arguments and tools.parse_arguments(arguments) is not None):
            self.has_truncated_call = True
            return
        yield from self._flush_text()
        yield from self._start_message()
        call_id = identifier if isinstance(identifier, str) and identifier else ulid_now()
        if call_id in self._ids:
            call_id = ulid_now()
        self._ids.add(call_id)
        self.last_call_id = call_id
        parsed = tools.parse_arguments(arguments)
        name = tools.resolve_function_name(name, self._functions)
        if parsed:
            parsed = tools.coerce_arguments(parsed, name, self._functions)
        name = self._functions.tool_name(name) or name
        self.calls.append(name)
        call = llm.ToolInput(
            id=call_id, tool_name=name, tool_args=parsed or {}, external=parsed is None
        )
        yield {"tool_calls": [call]}
        if parsed is None:
            yield from self._tool_result(
                call, {"error": "ValueError", "error_text": "The arguments are no JSON object."}
            )

    def _tool_result(
        self, call: llm.ToolInput, data: Json, *, is_error: bool = True
    ) -> Iterator[Delta]:
        """Yield the result of a call that Home Assistant does not make."""
        yield {
            "role": "tool_result",
            "tool_call_id": call.id,
            "tool_name": call.tool_name,
            "result": llm.ToolResult(data=data, error=is_error),
        }
        self._has_message = False

    def _server_tool_call(self, item: Json) -> Iterator[Delta]:
        """Yield the call of a tool that ran at the service, and its status as the result."""
        yield from self._flush_text()
        yield from self._start_message()
        kind = str(item.get("type"))
        name = str(item.get("name") or kind.removesuffix("_call"))
        arguments = {
            key: value
            for key in ("action", "queries", "code", "arguments", "server_label")
            if (value := item.get(key)) is not None
        }
        call = llm.ToolInput(
            id=server_tool_call_id(item.get("id") or ulid_now()),
            tool_name=name,
            tool_args=arguments,
            external=True,
        )
        yield {"tool_calls": [call]}
        status = str(item.get("status") or "completed")
        yield from self._tool_result(call, {"status": status}, is_error=status == "failed")

    def _native(self, value: Any) -> Iterator[Delta]:
        """Yield a `native` value, of which a message can hold one."""
        if self._has_native:
            self._has_message = False
        yield from self._start_message()
        self._has_native = True
        yield {"native": value}
