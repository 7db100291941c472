"""Splits text that is being written into sentences and segments to speak, without markup."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
import re
from typing import Final

from sentence_stream import SentenceBoundaryDetector

from .loop_turn import LoopTurn
from .plain_text import is_rule, without_controls

_MAX_SEGMENT_CHARACTERS: Final = 4_000
"""Characters of one request: services accept 4,096 at most."""
_MAX_SENTENCE_CHARACTERS: Final = 600
"""Characters after which a text without an end of a sentence is cut at a comma or a space."""
_CHUNK_CHARACTERS: Final = 400
"""Characters that are searched at once, so that a long text does not hold up the event loop."""
_MIN_CLAUSE_CHARACTERS: Final = 25
_SEGMENT_GROWTH: Final = 60
"""Characters: the second request may gather so many, the third twice as many, and so on."""
_FENCE: Final = "```"
_MAX_MARKUP_CHARACTERS: Final = 2_000
"""Characters that wait for the end of a link or of inline code, which longer ones are not."""

# Emoji and their modifiers, without symbols that are read aloud, such as ° or ©.
_EMOJI: Final = re.compile(
    " ?[\U0001f000-\U0001faff\U000e0020-\U000e007f\u2600-\u27bf\u2b00-\u2bff\u23e9-\u23fa"
    "\u231a\u231b\u200d\ufe0e\ufe0f\u20e3\ufffd]+"
)
_LINK: Final = re.compile(r"!?\[([^\[\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
# Links alone between parentheses, as models with a web search name their sources.
_SOURCES: Final = r"(?<![ \t])[ \t]*+\((?:!?\[[^\[\]\n]*\]\([^()\n]*\)[,; ]*)"
_SOURCE: Final = re.compile(rf"{_SOURCES}+\)")
_OPEN_SOURCE: Final = re.compile(rf"{_SOURCES}*(?:!?\[[^\[\]\n]*(?:\]\(?[^()\n]*)?)?\Z")
_ADDRESS: Final = re.compile(
    r"<?\bhttps?://(?:www\.)?([^\s/?#:<>()]+)[^\s<>]*?(?=[.,;:!?)]*(?:\s|$|>))>?"
)
_TAG: Final = re.compile(
    r"</?(?:b|i|u|em|strong|br|p|code|pre|sub|sup|a|span|div|li|ul|ol|hr)\b[^<>]*>", re.IGNORECASE
)
_LINE_MARKUP: Final = re.compile(r"^\s*(?:#{1,6}\s+|>+\s*|[-*+•]\s+(?:\[[ xX]\]\s+)?)+")
# A star between two numbers is one of arithmetics.
_EMPHASIS: Final = re.compile(
    r"(?<!\s)\*+(?![\d*])|(?<![\d*])\*+(?!\s)|~~|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|`+"
)
_OPEN: Final = " *_~`!<[(\u200d\ufe0f"
_MARKED: Final = re.compile(r"[*_~`<>\[\]()|/]|\bh(?:t(?:t(?:ps?)?)?)?:?$")
_ASTERISK: Final = "\ue000"
_SPACES: Final = re.compile(r"[ \t\u00a0]+")
# What ends with a full stop and goes on: dates ("3. Oktober"), lists ("1."), short forms.
_ABBREVIATION: Final = re.compile(
    r"(?:(?<![\w.,])\d{1,3}|\b(?:\w|z\. ?B|d\. ?h|u\. ?a|bzw|ca|ggf|Nr|St|Str|Dr|Prof|Hr|Fr|Mr|Mrs"
    r"|Ms|Jr|Sr|No|vs|etc|e\. ?g|i\. ?e|approx|Abs|Art|evtl|inkl|Jan|Feb|Aug|Sept|Okt|Oct|Nov"
    r"|Dez|Dec|Mo|Di|Mi|Do|Sa|So))\.$"
)
_CLAUSE: Final = re.compile(r"[,;:–—،；，：]+\s+|[；，：]|\s[-–—]\s")


class SpeechCleaner:
    """Removes what is not to be spoken: markup, code blocks, URLs, emoji.

    Text arrives in deltas that may end within markup; the possible beginning of markup waits.
    Square brackets that are no links stay: some services take directions such as "[laughs]".
    """

    def __init__(self) -> None:
        self._pending = ""
        self._is_code = False
        self._is_line_start = True

    def feed(self, text: str) -> str:
        """Return the text that a delta completes."""
        self._pending += text
        parts: list[str] = []
        while (end := self._pending.find("\n")) >= 0:
            line, self._pending = self._pending[:end], self._pending[end + 1 :]
            parts.append(self._clean_line(line, is_whole=True))
        if len(self._pending) - (cut := self._stable_length()) > _MAX_MARKUP_CHARACTERS:
            cut = len(self._pending)
        if cut > 0:
            part, self._pending = self._pending[:cut], self._pending[cut:]
            parts.append(self._clean_line(part, is_whole=False))
        return "".join(parts)

    def finish(self) -> str:
        """Return what still waited."""
        text, self._pending = self._pending, ""
        return self._clean_line(text, is_whole=True).rstrip("\n")

    def _stable_length(self) -> int:
        """Return how much of an unfinished line cannot be changed by what follows."""
        text = self._pending
        if self._is_code and not self._is_line_start:
            return len(text)
        if self._is_code or (self._is_line_start and len(text) < 16):
            # It may become a fence, a heading, a rule or a bullet.
            return 0
        if self._is_line_start and (is_rule(text, "--") or text.lstrip().startswith((_FENCE, "|"))):
            return 0
        end = len(text)
        tail = max(0, end - _MAX_MARKUP_CHARACTERS)
        if (at := text.rfind("[", tail)) >= 0 and not _LINK.search(text, at):
            if (
                "]" not in text[at:]
                or text.startswith("](", text.index("]", at))
                or text[-1] == "]"
            ):
                # The exclamation mark of an image stands before it.
                end = at - (at > 0 and text[at - 1] == "!")
        elif (at := max(text.rfind("http", tail), text.rfind("<", tail))) >= 0:
            link = next((match for match in _LINK.finditer(text, tail) if match.end() > at), None)
            if link is None and not re.search(r"[\s>]", text[at:]):
                end = at
        if (source := _OPEN_SOURCE.search(text, tail)) is not None:
            end = min(end, source.start())
        # What follows decides whether characters at the very end are markup or spaces.
        stripped = text[:end].rstrip(_OPEN)
        cut = len(stripped)
        word = stripped.rfind(" ") + 1
        if _MARKED.search(stripped, word):
            cut = _end_of_words(stripped[:word].rstrip())
        for pattern in (_SOURCE, _LINK):
            for link in pattern.finditer(text, tail):
                if link.start() < cut < link.end():
                    return link.start()
        return cut

    def _clean_line(self, line: str, *, is_whole: bool) -> str:
        """Return a line, or a part of one, as it is spoken."""
        is_start, self._is_line_start = self._is_line_start, is_whole
        if is_start and line.lstrip().startswith(_FENCE):
            self._is_code = not self._is_code
            return "\n"
        if self._is_code:
            return ""
        if is_start and is_whole and is_rule(line, "--"):
            return "\n"
        if is_start:
            line = _LINE_MARKUP.sub("", line)
            if line.lstrip().startswith("|"):
                line = ", ".join(cell for part in line.split("|") if (cell := part.strip()))
        line = _LINK.sub(r"\1", _SOURCE.sub("", line))
        if "](" in line:
            # A picture that was a link.
            line = _LINK.sub(r"\1", line)
        line = _ADDRESS.sub(r"\1", line)
        line = _TAG.sub(" ", line)
        line = _EMOJI.sub("", line)
        line = _SPACES.sub(" ", _EMPHASIS.sub("", line))
        return f"{line}\n" if is_whole else line


def _end_of_words(text: str) -> int:
    """Return the end of the last word of a text, with its own markup but not that which stands alone.

    Not a regular expression: that would look at each of many spaces in a row again and again.
    """
    end = len(text.rstrip(_OPEN))
    if end and not text[end - 1].isspace():
        end = text.find(" ", end) + 1 or len(text)
    return end


class SentenceSplitter:
    """Yields sentences as soon as their end is certain, in any language with punctuation.

    Home Assistant's `sentence_stream` finds the places; what it takes for an end and is none is
    put together again, line breaks are ends, too, and a text without any end is cut.
    """

    def __init__(self) -> None:
        self._detector = SentenceBoundaryDetector()
        self._pending = ""
        self._size = 0

    def feed(self, text: str) -> list[str]:
        """Return the sentences that a text delta completes."""
        parts: list[str] = []
        # The detector would leave them out, which is not its business here.
        text = text.replace("*", _ASTERISK)
        for index, line in enumerate(text.split("\n")):
            if index:
                parts += self._end_line()
            for start in range(0, len(line), _CHUNK_CHARACTERS):
                part = line[start : start + _CHUNK_CHARACTERS]
                sentences = list(self._detector.add_chunk(part))
                self._size = self._size + len(part) if not sentences else len(part)
                parts += self._join_abbreviations(sentences)
                if self._size > _MAX_SENTENCE_CHARACTERS:
                    parts += self._cut()
        return parts

    def finish(self) -> list[str]:
        """Return what is left, however it ends."""
        return self._end_line()

    def _end_line(self) -> list[str]:
        """Return what stands before a line break."""
        self._size = 0
        rest = self._detector.finish()
        text = f"{self._pending} {rest}".strip()
        self._pending = ""
        return [_restore_asterisks(text)] if text else []

    def _join_abbreviations(self, sentences: list[str]) -> list[str]:
        """Return sentences, those that only seemed to end put before what follows them."""
        parts = []
        for sentence in sentences:
            text = f"{self._pending} {sentence}".strip()
            if _ABBREVIATION.search(text) and len(text) < _MAX_SENTENCE_CHARACTERS:
                self._pending = text
            else:
                self._pending = ""
                parts.append(_restore_asterisks(text))
        return parts

    def _cut(self) -> list[str]:
        """Return most of a sentence that does not end, cut where it hurts least."""
        text = f"{self._pending} {self._detector.finish()}".strip()
        self._pending = ""
        at = max(text.rfind(", "), text.rfind("; ")) + 1
        if at < _MAX_SENTENCE_CHARACTERS // 2:
            at = text.rfind(" ")
        if at < _MAX_SENTENCE_CHARACTERS // 2:
            at = len(text)
        self._detector = SentenceBoundaryDetector()
        rest = text[at:]
        self._size = len(rest)
        list(self._detector.add_chunk(rest))
        return [_restore_asterisks(text[:at].strip())]


def _restore_asterisks(text: str) -> str:
    """Return a sentence with its own asterisks."""
    return text.replace(_ASTERISK, "*")


def first_clause(text: str) -> tuple[str, str]:
    """Return the beginning of a sentence up to a comma or the like: `(beginning, rest)`.

    The rest is empty where the sentence is short or has no such place.
    """
    for match in _CLAUSE.finditer(text):
        if (
            match.end() >= _MIN_CLAUSE_CHARACTERS
            and len(text) - match.end() >= _MIN_CLAUSE_CHARACTERS
        ):
            return text[: match.end()].strip(), text[match.end() :].strip()
    return text, ""


def is_speakable(text: str) -> bool:
    """Return whether there is a letter or a digit of any script."""
    return any(sign.isalnum() for sign in text)


async def async_sentences(
    texts: AsyncIterable[str], *, clean: bool, first: str = "sentence"
) -> AsyncIterator[str]:
    """Yield the sentences of a text that arrives in deltas, as soon as each is complete.

    With `first` as "clause" the first sentence comes in two, if it has a place for that.
    Nothing is yielded for what cannot be spoken.
    """
    cleaner = SpeechCleaner() if clean else None
    splitter = SentenceSplitter()
    is_clause_first = first == "clause"
    turn = LoopTurn()

    def speakable(sentences: Iterable[str]) -> Iterator[str]:
        nonlocal is_clause_first
        for sentence in filter(is_speakable, sentences):
            yield from filter(None, first_clause(sentence) if is_clause_first else (sentence,))
            is_clause_first = False

    async for text in texts:
        for start in range(0, len(text), _CHUNK_CHARACTERS):
            part = without_controls(text[start : start + _CHUNK_CHARACTERS])
            await turn.async_yield()
            for sentence in speakable(splitter.feed(cleaner.feed(part) if cleaner else part)):
                yield sentence
    rest = splitter.feed(cleaner.finish()) if cleaner else []
    for sentence in speakable([*rest, *splitter.finish()]):
        yield sentence


def take_segment(sentences: list[str], number: int) -> str:
    """Remove and return what the request with this number, from 0, may speak of what is there.

    The first speaks one sentence, so that it is heard soon. Each later one may speak 60
    characters more than the one before, for there is more time until it is needed.
    """
    limit = min(_SEGMENT_GROWTH * number, _MAX_SEGMENT_CHARACTERS)
    size, count = len(sentences[0]), 1
    for sentence in sentences[1:]:
        size += 1 + len(sentence)
        if size > limit:
            break
        count += 1
    taken, sentences[:] = sentences[:count], sentences[count:]
    return " ".join(taken)
