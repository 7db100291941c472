"""What the decoders of both APIs have in common: they turn events into a chat log's deltas."""

from collections.abc import Iterator
import re
from typing import Any, Final

from homeassistant.helpers import llm
from homeassistant.util.ulid import ulid_now

from ..types import Json
from . import tools
from .contents import service_call_id
from .errors import ANSWER_BROKEN, AssistError
from .plain_text import without_controls

type Delta = dict[str, Any]

_OPENING: Final = re.compile(
    r"<(?:think|thinking|thought|thoughts|reasoning)>|\[THINK\]|<\|think\|>", re.IGNORECASE
)
_CLOSING: Final = re.compile(
    r"</(?:think|thinking|thought|thoughts|reasoning)>|\[/THINK\]|<\|/think\|>", re.IGNORECASE
)
_LONGEST_TAG: Final = 12
_LONGEST: Final = 16 * 1024**2
"""Characters of one answer, thoughts included: no model writes so much."""


class ThoughtFilter:
    """Separates thoughts in `<think>…</think>` from the text around them, piece by piece."""

    def __init__(self) -> None:
        self._rest = ""
        self._is_thinking = False

    @property
    def is_idle(self) -> bool:
        """Whether it would give on at once what has no mark in it."""
        return not self._rest and not self._is_thinking

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield `("content" | "thinking_content", text)`; what may be half a tag waits."""
        text = self._rest + text
        self._rest = ""
        if "<" not in text and "[" not in text:
            yield "thinking_content" if self._is_thinking else "content", text
            return
        while text:
            tag = (_CLOSING if self._is_thinking else _OPENING).search(text)
            stray = None if self._is_thinking else _CLOSING.search(text)
            if stray is not None and (tag is None or stray.start() < tag.start()):
                # Some templates open the thought in the prompt.
                if before := text[: stray.start()]:
                    yield "content", before
                text = text[stray.end() :]
                continue
            key = "thinking_content" if self._is_thinking else "content"
            if tag is None:
                cut = _possible_tag(text)
                self._rest = text[cut:]
                if text[:cut]:
                    yield key, text[:cut]
                return
            if before := text[: tag.start()]:
                yield key, before
            text = text[tag.end() :]
            self._is_thinking = not self._is_thinking
            if not self._is_thinking:
                text = text.lstrip()

    def flush(self) -> Iterator[tuple[str, str]]:
        """Yield what still waits at the end, as `("content" | "thinking_content", text)`."""
        if rest := self._rest:
            self._rest = ""
            yield "thinking_content" if self._is_thinking else "content", rest


def _possible_tag(text: str) -> int:
    """Return where the beginning of a tag may stand at the end of a text, else its length."""
    for mark in ("<", "["):
        start = text.rfind(mark, max(0, len(text) - _LONGEST_TAG))
        if start >= 0 and ">" not in text[start:] and "]" not in text[start:]:
            return start
    return len(text)


class Decoder:
    """Collects the state of one answer; `feed` of a subclass takes its events."""

    def __init__(self, *, allows_tools: bool = True) -> None:
        self.is_done = False
        """Whether the service has said that the answer is whole."""
        self.usage: Any = None
        self.text_length = 0
        self.calls: list[str] = []
        """The names of the tools that are called."""
        self.refusal = ""
        self.has_begun = False
        """Whether anything of the answer has been given on."""
        self._allows_tools = allows_tools
        self._has_message = False
        self._has_native = False
        self._ids: set[str] = set()
        self._thoughts = ThoughtFilter()
        self._size = 0

    def feed(self, event: Json) -> Iterator[Delta]:
        """Yield the deltas of an event; unknown events have none."""
        raise NotImplementedError

    def finish(self) -> Iterator[Delta]:
        """Yield what still waits once the stream has ended."""
        yield from self._waiting_text()

    def _waiting_text(self) -> Iterator[Delta]:
        """Yield the text that could have become a tag, for something else follows."""
        for key, text in self._thoughts.flush():
            yield from self._plain(key, text)

    def _message(self) -> Iterator[Delta]:
        """Begin a message of the assistant, if there is none."""
        if not self._has_message:
            self._has_message = self.has_begun = True
            self._has_native = False
            yield {"role": "assistant"}

    def _plain(self, key: str, text: str) -> Iterator[Delta]:
        """Yield a text as `content` or `thinking_content`."""
        text = without_controls(text)
        if not self._has_message:
            yield from self._message()
        self._size += len(text)
        if self._size > _LONGEST:
            raise AssistError(ANSWER_BROKEN)
        if key == "content":
            self.text_length += len(text) if text.strip() else 0
        yield {key: text}

    def _text(self, text: Any) -> Iterator[Delta]:
        """Yield a piece of the text, thoughts in tags apart."""
        if isinstance(text, str) and text:
            if "<" not in text and "[" not in text and self._thoughts.is_idle:
                yield from self._plain("content", text)
                return
            for key, part in self._thoughts.feed(text):
                yield from self._plain(key, part)

    def _thought(self, text: Any) -> Iterator[Delta]:
        """Yield a piece of what the model thinks."""
        if isinstance(text, str) and text:
            yield from self._plain("thinking_content", text)

    def _call(self, identifier: Any, name: Any, arguments: Any) -> Iterator[Delta]:
        """Yield the call of a tool; what cannot be read is answered at once and called never."""
        if not self._allows_tools or not isinstance(name, str) or not name:
            return
        yield from self._waiting_text()
        yield from self._message()
        call_id = identifier if isinstance(identifier, str) and identifier else ulid_now()
        if call_id in self._ids:
            call_id = ulid_now()
        self._ids.add(call_id)
        self.calls.append(name)
        found = tools.arguments(arguments)
        call = llm.ToolInput(
            id=call_id, tool_name=name, tool_args=found or {}, external=found is None
        )
        yield {"tool_calls": [call]}
        if found is None:
            yield from self._result(
                call, {"error": "ValueError", "error_text": "The arguments are no JSON object."}
            )

    def _result(self, call: llm.ToolInput, data: Json, *, is_error: bool = True) -> Iterator[Delta]:
        """Yield the result of a call that Home Assistant does not make."""
        yield {
            "role": "tool_result",
            "tool_call_id": call.id,
            "tool_name": call.tool_name,
            "result": llm.ToolResult(data=data, error=is_error),
        }
        self._has_message = False

    def _service_call(self, item: Json) -> Iterator[Delta]:
        """Yield the call of a tool that ran at the service, and how it ended."""
        yield from self._waiting_text()
        yield from self._message()
        kind = str(item.get("type"))
        name = str(item.get("name") or kind.removesuffix("_call"))
        arguments = {
            key: value
            for key in ("action", "queries", "code", "arguments", "server_label")
            if (value := item.get(key)) is not None
        }
        call = llm.ToolInput(
            id=service_call_id(item.get("id") or ulid_now()),
            tool_name=name,
            tool_args=arguments,
            external=True,
        )
        yield {"tool_calls": [call]}
        status = str(item.get("status") or "completed")
        yield from self._result(call, {"status": status}, is_error=status == "failed")

    def _native(self, value: Any) -> Iterator[Delta]:
        """Yield something of the API's own, which a message can hold but once."""
        if self._has_native:
            self._has_message = False
        yield from self._message()
        self._has_native = True
        yield {"native": value}
