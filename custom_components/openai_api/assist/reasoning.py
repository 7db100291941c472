"""Separates what models write for themselves, or for their server, from what they say.

Servers that do not know a model give on its marks as text: those around its thoughts, around the
call of a tool, and at the end of a turn. None of that is to be spoken.
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
_THOUGHT_CLOSING: Final = re.compile(
    r"</(?:think|thought|reason).*|\[/THINK\]|<\|/think\|>", re.IGNORECASE
)
"""What ends a thought, and not a message."""
_CALL_CLOSING: Final = re.compile(
    r"</tool_call>|<tool_call\|>|<\|/tool_call\|>|</functioncall>|</function>|<\|eom_id\|>|<\|call\|>",
    re.IGNORECASE,
)
_DROPPED: Final = re.compile(
    r"<\|start\|>assistant|<\|channel\|>final[^<\n]{0,40}<\|message\|>"
    r"|<\|(?:im_end|eot_id|endoftext)\|>|<end_of_turn>|<turn\|>",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(r"<\|(?:channel|start)\|>[^\n]{0,120}\Z")
"""The beginning of a message as `gpt-oss` writes it, which is no mark before it is whole."""
_MAX_TAG_LENGTH: Final = 16
_CODE: Final = "`"
"""What stands around code in Markdown."""
MARKER_CHARACTERS: Final = frozenset({"<", "[", _CODE})
"""A text without these has no marks, and nothing that matters to them."""
REASONING_ENDED: Final = "thought_ended"
"""The name of what says that all before was a thought, though it has been given on as a text."""


class ReasoningFilter:
    """Separates thoughts from the text around them, piece by piece.

    Templates of some models begin the thought themselves, so that its end alone is written. With
    `reasoning_opened` that is expected, and what may be such a thought is held back.
    """

    def __init__(self, *, reasoning_opened: bool = False) -> None:
        self.has_tool_call = False
        """Whether a tool was called in the text."""
        self.has_unopened_end = False
        """Whether a thought has ended that has not begun."""
        self._withheld: str | None = "" if reasoning_opened else None
        self._has_content = False
        """Whether a text was given on."""
        self._in_code = False
        """Whether the text so far ends in code."""
        self._pending = ""
        self._closing: re.Pattern[str] | None = None
        """What ends the thought or the call that has begun; None outside of either."""
        self._strips_next = False
        """Whether nothing has been said since a thought ended."""

    @property
    def is_idle(self) -> bool:
        """Whether it would give on at once what has no mark in it."""
        return (
            not self._pending
            and self._closing is None
            and not self._strips_next
            and self._withheld is None
            and self._has_content
        )

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield `("content" | "thinking_content", text)`; what may be half a tag waits.

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
        """Yield what `feed` does, without holding anything back."""
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
            if self._closing is None and _THOUGHT_CLOSING.fullmatch(match[0]):
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
        """Yield what was held back, as `("content", text)`: thoughts come apart from the text."""
        for key, text in self._release():
            self._has_content = True
            yield key, text

    def _release(self) -> Iterator[tuple[str, str]]:
        """Yield what was held back and is no thought."""
        withheld, self._withheld = self._withheld, None
        if withheld and withheld.strip():
            yield "content", withheld

    def _is_quoted(self, before: str) -> bool:
        """Return whether a mark behind the last piece of a text is code that the text is about.

        Where thoughts are known to come without their beginning, an end is one wherever it stands.
        """
        return self._withheld is None and self._in_code ^ (before.count(_CODE) % 2 == 1)

    def _end_unopened(self, before: str) -> Iterator[tuple[str, str]]:
        """Yield a thought that ends and has not begun; `before` is its last piece."""
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
        """The name of what comes now."""
        return "content" if self._closing is None else "thinking_content"

    def _next_marker(self, text: str) -> re.Match[str] | None:
        """Return the first mark; one that closes nothing, for some templates open the thought."""
        patterns = (
            (self._closing,) if self._closing else (_OPENING, _CLOSING, _CALL_CLOSING, _DROPPED)
        )
        matches = [match for pattern in patterns if (match := pattern.search(text))]
        return min(matches, key=lambda match: match.start()) if matches else None


def _partial_marker_start(text: str) -> int:
    """Return where the beginning of a tag may stand at the end of a text, else its length."""
    if (header := _HEADER.search(text)) is not None:
        return header.start()
    for opener in ("<", "["):
        start = text.rfind(opener, max(0, len(text) - _MAX_TAG_LENGTH))
        if start >= 0 and ">" not in text[start:] and "]" not in text[start:]:
            return start
    return len(text)
