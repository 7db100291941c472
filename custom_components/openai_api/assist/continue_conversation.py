"""Decides whether a satellite listens again after an answer."""

import re
from typing import Final

from homeassistant.components.conversation import ConversationResult

_MARKS: Final = "?？؟՞፧⁇⁈"
_QUESTION_END: Final = re.compile(rf"[{_MARKS}](?:(?![{_MARKS}])[\W_])*\Z")
"""The end of a question, whatever quotes, marks or emoji follow; Home Assistant knows less."""
_SENTENCE_END: Final = re.compile(rf"[.!…。！।{_MARKS}][\W_]*\Z")
"""What is quoted after this stands for itself, as nothing says whose words it is."""
_TAIL_CHARACTERS: Final = 60
"""Characters at the end of an answer."""
_QUOTES: Final = {
    closing: re.compile(rf"(?<!\w){opening}" if opening == closing else f"[{opening}]")
    for closing, opening in (
        *(('"', '"'), ("'", "'"), ("”", "“"), ("“", "„"), ("’", "‘‚"), ("‘", "‚")),
        *(("»", "«"), ("«", "»"), ("」", "「"), ("』", "『")),
    )
}
"""What opens a quotation, by what closes it; only some languages have a space before it."""


def ends_with_question(answer: str) -> bool:
    """Return whether an answer ends with a question to the person: not with one that it quotes."""
    if (match := _QUESTION_END.search(answer[-_TAIL_CHARACTERS:])) is None:
        return False
    end = match[0]
    closing = next((sign for sign in end if sign in _QUOTES), None)
    if closing is None:
        return True
    before = answer.removesuffix(end)
    opened = [quote.start() for quote in _QUOTES[closing].finditer(before)]
    if not opened:
        return True
    # Small models put all that they say between quotes, or the question alone.
    before = before[: opened[-1]]
    has_words = any(sign.isalnum() for sign in before)
    return not has_words or _SENTENCE_END.search(before[-_TAIL_CHARACTERS:]) is not None


def set_continue_conversation(result: ConversationResult, choice: str, answer: str) -> None:
    """Apply the option `continue_conversation`: `when_asked`, `always` or `never`."""
    if choice in {"always", "never"}:
        result.continue_conversation = choice == "always"
    elif ends_with_question(answer):
        result.continue_conversation = True
