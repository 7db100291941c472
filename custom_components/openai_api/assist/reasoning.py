"""Separates reasoning, tool calls and markers of a model from the text of its answer.

Servers that do not know a model pass its markers on as text: those around its reasoning, around a
tool call, and at the end of a turn. None of that is to be spoken.
"""

from collections.abc import Iterator
import re
from typing import Final

_OPENING: Final = re.compile(
    r"<(?:think|thinking|thought|thoughts|reasoning)>|\[THINK\]|<\|think\|>"
    r"|<\|channel>(?:thought\b)?"
    r"|<\|channel\|>(?:analysis|commentary)(?! to=functions)[^<\n]{0,60}(?:<\|constrain\|>[^<\n]{0,20})?<\|message\|>"
    r"|(?P<call><\|channel\|>(?:analysis|commentary) to=functions\.[^<\n]{0,80}"
    r"(?:<\|constrain\|>[^<\n]{0,20})?<\|message\|>|<tool_call>|<\|tool_call\|?>|<functioncall\b|<function=|\[TOOL_CALLS\]|<\|python_tag\|>)",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile(
    r"</(?:think|thinking|thought|thoughts|reasoning)>|\[/THINK\]|<\|/think\|>"
    r"|<channel\|>|</channel\|>|<\|(?:end|return|call)\|>",
    re.IGNORECASE,
)
_REASONING_CLOSING: Final = re.compile(
    r"</(?:think|thought|reason).*|\[/THINK\]|<\|/think\|>", re.IGNORECASE
)
"""The ends of reasoning that are no ends of a message."""
_CALL_CLOSING: Final = re.compile(
    r"</tool_call>|<tool_call\|>|<\|/tool_call\|>|</functioncall>|</function>|<\|eom_id\|>|<\|call\|>",
    re.IGNORECASE,
)
_DROPPED: Final = re.compile(
    r"<\|start\|>assistant|<\|channel\|>final[^<\n]{0,40}<\|message\|>"
    r"|<\|(?:im_end|eot_id|endoftext)\|>|<end_of_turn>|<turn\|>",
    re.IGNORECASE,
)
_PARTIAL_HEADER: Final = re.compile(r"<\|(?:channel|start)\|>[^\n]{0,120}\Z")
"""The beginning of a message as `gpt-oss` writes it, an incomplete marker."""
_MAX_MARKER_LENGTH: Final = 16
_CODE: Final = "`"
MARKER_CHARACTERS: Final = frozenset({"<", "[", _CODE})
"""A text without these has no markers and no code."""
REASONING_ENDED: Final = "thought_ended"
"""The key of a part that says that all text before was reasoning."""


class ReasoningFilter:
    """Separates reasoning from text that arrives in deltas.

    Templates of some models begin the reasoning themselves, so that the model writes its end alone.
    With `reasoning_opened` that is expected, and what may be such reasoning is withheld.
    """

    def __init__(self, *, reasoning_opened: bool = False) -> None:
        self.has_tool_call = False
        """Whether the text holds a tool call."""
        self.has_unopened_end = False
        """Whether reasoning has ended that has not begun."""
        self._withheld: str | None = "" if reasoning_opened else None
        self._has_content = False
        """Whether text was yielded."""
        self._in_code = False
        """Whether the text so far ends in code."""
        self._pending = ""
        self._closing: re.Pattern[str] | None = None
        """The end of the current reasoning or tool call; None outside of both."""
        self._strips_next = False
        """Whether to strip the spaces after reasoning."""

    @property
    def is_idle(self) -> bool:
        """Whether `feed` would yield a text without markers as it is."""
        return (
            not self._pending
            and self._closing is None
            and not self._strips_next
            and self._withheld is None
            and self._has_content
        )

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield `("content" | "thinking_content", text)`; what may be half a marker waits.

        `(THOUGHT_ENDED, "")` may be among them.
        """
        for key, part in self._split_markers(text):
            if key == "content":
                self._in_code ^= part.count(_CODE) % 2 == 1
            if key == "content" and self._withheld is not None:
                self._withheld += part
            else:
                self._has_content |= key == "content"
                yield key, part

    def _split_markers(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield what `feed` does, without withholding anything."""
        text = self._pending + text
        self._pending = ""
        if self._strips_next:
            if not (text := text.lstrip()):
                return
            self._strips_next = False
        if "<" not in text and "[" not in text:
            yield self._key, text
            return
        while text:
            match = self._next_marker(text)
            if match is None:
                cut = _partial_marker_start(text)
                self._pending = text[cut:]
                if text[:cut]:
                    yield self._key, text[:cut]
                return
            before, text = text[: match.start()], text[match.end() :]
            if self._closing is None and _REASONING_CLOSING.fullmatch(match[0]):
                if self._is_quoted(before):
                    yield "content", before + match[0]
                    continue
                yield from self._end_unopened(before)
                text = text.lstrip()
                self._strips_next = not text
                continue
            if before:
                yield self._key, before
            if match.re is _OPENING:
                yield from self._release()
            if match.re is self._closing:
                self._closing = None
                text = text.lstrip()
                self._strips_next = not text
            elif match.re is _OPENING:
                is_call = match["call"] is not None
                self._closing = _CALL_CLOSING if is_call else _CLOSING
                self.has_tool_call |= is_call

    def flush(self) -> Iterator[tuple[str, str]]:
        """Yield what still waits at the end, as `("content" | "thinking_content", text)`."""
        yield from self._release()
        if rest := self._pending:
            self._pending = ""
            yield self._key, rest

    def release(self) -> Iterator[tuple[str, str]]:
        """Yield what was withheld, as `("content", text)`: the service sends reasoning apart."""
        for key, text in self._release():
            self._has_content = True
            yield key, text

    def _release(self) -> Iterator[tuple[str, str]]:
        """Yield what was withheld and is no reasoning."""
        withheld, self._withheld = self._withheld, None
        if withheld and withheld.strip():
            yield "content", withheld

    def _is_quoted(self, before: str) -> bool:
        """Return whether a marker after `before` is within code that the text is about.

        Where the template begins the reasoning, an end is one wherever it stands.
        """
        return self._withheld is None and self._in_code ^ (before.count(_CODE) % 2 == 1)

    def _end_unopened(self, before: str) -> Iterator[tuple[str, str]]:
        """Yield reasoning that ends and has not begun; `before` is its last part."""
        self.has_unopened_end = True
        self._in_code = False
        reasoning = (self._withheld or "") + before
        self._withheld = None
        if reasoning:
            yield "thinking_content", reasoning
        if self._has_content:
            self._has_content = False
            yield REASONING_ENDED, ""

    @property
    def _key(self) -> str:
        """The key of the current part."""
        return "content" if self._closing is None else "thinking_content"

    def _next_marker(self, text: str) -> re.Match[str] | None:
        """Return the first marker, also one that ends nothing."""
        patterns = (
            (self._closing,) if self._closing else (_OPENING, _CLOSING, _CALL_CLOSING, _DROPPED)
        )
        matches = [match for pattern in patterns if (match := pattern.search(text))]
        return min(matches, key=lambda match: match.start()) if matches else None


def _partial_marker_start(text: str) -> int:
    """Return where a marker may begin at the end of a text, else its length."""
    if (header := _PARTIAL_HEADER.search(text)) is not None:
        return header.start()
    for opener in ("<", "["):
        start = text.rfind(opener, max(0, len(text) - _MAX_MARKER_LENGTH))
        if start >= 0 and ">" not in text[start:] and "]" not in text[start:]:
            return start
    return len(text)
