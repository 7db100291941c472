"""Knows whether an answer is a question, after which a satellite listens again."""

import re
from typing import Final

_ASKS: Final = re.compile(r"[?？؟՞፧⁇⁈][\W_]*\Z")
"""The end of a question, whatever quotes, marks or emoji follow; Home Assistant knows less."""
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
    # Small models put all that they say between quotes.
    return not opened or not any(sign.isalnum() for sign in before[: opened[-1]])
