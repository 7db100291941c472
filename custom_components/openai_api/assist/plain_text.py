"""Removes the markup of text to speak: markdown, links, code and emoji.

The text arrives in deltas of any size, and is returned as soon as no later delta can change it.
"""

import re
from typing import Final

_CHUNK_CHARACTERS: Final = 256
"""Characters that are searched at once: the time of some patterns grows faster than the text."""
_MAX_OPEN_CHARACTERS: Final = 400
"""Characters: an incomplete link or URL is not longer."""
_EMOJI_RANGES: Final = (
    "\U0001f000-\U0001faff"  # pictographs, faces, the letters of flags, symbols
    "\U000e0020-\U000e007f"  # tags in flags
    "\u2600-\u27bf"  # miscellaneous symbols, dingbats
    "\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff\u3030\u303d\u3297\u3299\ufe0f\u20e3"
)
_EMOJI: Final = re.compile(f"[{_EMOJI_RANGES}]+(?:\u200d?[{_EMOJI_RANGES}]+)*")
_IMAGE_OR_LINK: Final = re.compile(
    r"!?\[([^\[\]\n]*)\](?:\(([^()\n]*(?:\([^()\n]*\))?)\)|\[[^\]\n]*\])"
)
_LINK: Final = r"!?\[[^\[\]\n]*\]\([^()\n]*\)"
_SOURCES: Final = rf"\((?:{_LINK}[,; ]*+)"
"""Links alone between parentheses, as models with a web search name their sources."""
_SOURCE: Final = re.compile(rf"(?<![ \t])[ \t]*+{_SOURCES}+\)")
_ADDRESS: Final = re.compile(
    r"(?<![ \t])[ \t]*+\(?<?\bhttps?://[^\s<>\"')\]]+?(?=[.,;:!?…]*(?:[\s<>\"')\]]|\Z))>?\)?"
)
"""With the space before it; what ends the sentence stays."""
_CITATION: Final = re.compile(r"【[^【】\n]*】|\[\^?\d{1,3}\](?!\()")
_TAG: Final = re.compile(
    r"</?(?:b|i|u|em|strong|br|p|span|sub|sup|code|a)(?:\s[^<>\n]*)?/?>", re.IGNORECASE
)
_STRONG: Final = re.compile(r"\*{2,}|~~|__(?=\S)|(?<=\S)__|`+")
_STAR: Final = re.compile(
    r"(?<![\s\d*])\*(?=\s|$|[^\w\s*])|(?<!\S)\*(?=\S)|(?<=\W)\*(?=\w)|(?<=[^\W\d])\*(?=\W|$)"
)
_UNDERSCORE: Final = re.compile(r"(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_LINE: Final = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?)+")
_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)")
_SPACES: Final = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_OPEN: Final = re.compile(
    r"(?<![ \t])[ \t]*+(?:"
    rf"(?:{_SOURCES}*+)?"
    r"!?\[[^\[\]\n]*(?:\]\([^()\n]*(?:\([^()\n]*\)?)?|\]\[[^\]\n]*\]?|\])?"  # a link under way
    rf"|{_SOURCES}++"  # and what follows it
    r"|\(?<?https?://[^\s)\]>]*|\(?\b(?:h|ht|htt|https?:?/?)"  # an address under way
    r"|<[^<>\n]{0,40}|【[^【】\n]*"
    r"|[*_~`!(]++"  # signs that depend on what follows
    rf"|[\u200d{_EMOJI_RANGES}][ \t\u200d{_EMOJI_RANGES}]*+)?$"
)


_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def without_controls(text: str) -> str:
    """Return a text without control characters, which some databases reject."""
    return text if text.isprintable() else _CONTROLS.sub("", text)


class PlainText:
    """Removes the markup of a text that arrives in deltas."""

    def __init__(self) -> None:
        self._pending = ""
        self._is_line_start = True
        self._in_fence = False
        self._previous_input = ""
        """The last character of the text as it was written."""
        self._previous_output = ""
        """The last character that was returned."""

    def feed(self, text: str) -> str:
        """Return the text that no later delta can change."""
        if len(text) <= _CHUNK_CHARACTERS:
            return self._feed_chunk(text)
        slices = range(0, len(text), _CHUNK_CHARACTERS)
        return "".join(
            [self._feed_chunk(text[start : start + _CHUNK_CHARACTERS]) for start in slices]
        )

    def _feed_chunk(self, text: str) -> str:
        """Return what `feed` does, for a short delta."""
        text = self._pending + text
        cut = self._stable_length(text)
        self._pending = text[cut:]
        return self._clean(text[:cut])

    def flush(self) -> str:
        """Return what still waits at the end."""
        text, self._pending = self._pending, ""
        return self._clean(text).rstrip(" \t")

    def _stable_length(self, text: str) -> int:
        """Return how much of a text no later delta can change."""
        start = text.rfind("\n") + 1
        line = text[start:]
        is_line_start = start > 0 or self._is_line_start
        is_long = len(line) >= _MAX_OPEN_CHARACTERS
        if self._in_fence:
            return len(text) if is_long or not is_line_start else start
        if is_line_start and len(line) < 8 and not line.strip(" \t`~#>-*+•=_|[]xX"):
            # What a line begins with decides what it is.
            return start
        if is_line_start and (is_rule(line) or _FENCE.match(line) or line.lstrip()[:1] == "|"):
            return len(text) if is_long else start
        if (match := _OPEN.search(line)) and len(line) - match.start() < _MAX_OPEN_CHARACTERS:
            return start + match.start()
        return len(text)

    def _clean(self, text: str) -> str:
        """Return a text without markup; it may begin and end within a line."""
        if not text:
            return ""
        parts = []
        for line in text.splitlines(keepends=True):
            body = line.rstrip("\r\n")
            end = line[len(body) :]
            if self._is_line_start and _FENCE.match(body):
                self._in_fence = not self._in_fence
            elif not self._in_fence and not (self._is_line_start and is_rule(body)):
                parts.append(self._clean_line(body) + end)
            self._is_line_start = bool(end)
            self._previous_input = "" if end else body[-1:]
        cleaned = "".join(parts)
        if cleaned[:1] in {" ", "\t"} and self._previous_output in {"", " ", "\n"}:
            cleaned = cleaned.lstrip(" \t")
        if cleaned:
            self._previous_output = cleaned[-1]
        return cleaned

    def _clean_line(self, line: str) -> str:
        """Return a line, or a part of one, without markup."""
        if self._is_line_start:
            line = _LINE.sub("", line)
            if line.lstrip().startswith("|"):
                line = ", ".join(cell.strip() for cell in line.strip(" \t|").split("|"))
        if line.isascii() and not _MARKUP & set(line):
            return line
        # The meaning of a character depends on the one before it.
        before = "" if self._is_line_start else self._previous_input
        line = before + line
        line = _SOURCE.sub("", line)
        line = _IMAGE_OR_LINK.sub(lambda match: match[1], line)
        line = _CITATION.sub("", line)
        line = _ADDRESS.sub("", line)
        line = _TAG.sub(" ", line)
        line = _STRONG.sub("", line)
        line = _STAR.sub("", line)
        line = _UNDERSCORE.sub("", line)
        line = _EMOJI.sub("", line)
        return _SPACES.sub(" ", line).removeprefix(before)


_MARKUP: Final = frozenset("*_`~[]<>:")


def is_rule(line: str, dashes: str = "---") -> bool:
    """Return whether a line is a rule, or what stands below the head of a table."""
    if dashes in line and not line.strip(" \t:|-"):
        return True
    return not line.strip(" \t-*_=") and len(line.replace(" ", "").replace("\t", "")) >= 3
