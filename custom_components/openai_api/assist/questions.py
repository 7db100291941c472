"""Knows whether an answer is a question, after which a satellite listens again."""

import re
from typing import Final

_SIGNS: Final = "?？؟՞፧⁇⁈"
_ASKS: Final = re.compile(rf"[{_SIGNS}](?:(?![{_SIGNS}])[\W_])*\Z")
"""The end of a question, whatever quotes, marks or emoji follow; Home Assistant knows less."""
_ENDS_SENTENCE: Final = re.compile(rf"[.!…。！।{_SIGNS}][\W_]*\Z")
"""What is quoted after this stands for itself, as nothing says whose words it is."""
_LOOKED_AT: Final = 60
"""Characters at the end of an answer."""
_QUOTES: Final = {
    closing: re.compile(rf"(?<!\w)[{opening}]")
    for closing, opening in (
        *(('"', '"'), ("'", "'"), ("”", "“"), ("“", "„"), ("’", "‘‚"), ("‘", "‚")),
        *(("»", "«"), ("«", "»"), ("」", "「"), ("』", "『")),
    )
}
"""What opens a quotation, by what closes it."""


def asks(answer: str) -> bool:
    """Tell whether an answer ends with a question to the person: not with one that it quotes."""
    if (found := _ASKS.search(answer[-_LOOKED_AT:])) is None:
        return False
    end = found[0]
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
    return not has_words or _ENDS_SENTENCE.search(before[-_LOOKED_AT:]) is not None
