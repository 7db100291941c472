"""Turns text that is being written into pieces fit to be spoken: without markup, by sentences."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
import re
from typing import Final

from sentence_stream import SentenceBoundaryDetector

from .loop_turn import LoopTurn
from .plain_text import is_rule, without_controls

LONGEST_PIECE: Final = 4_000
"""Characters of one request: services take 4,096 at most."""
_LONGEST_SENTENCE: Final = 600
"""Characters after which a text without an end of a sentence is cut at a comma or a space."""
_SLICE: Final = 400
"""Characters that are searched at once, so that a long text does not hold up the event loop."""
_SHORTEST_CLAUSE: Final = 25
_GROWTH: Final = 60
"""Characters: the second request may gather so many, the third twice as many, and so on."""
_FENCE: Final = "```"
_LONGEST_MARK: Final = 2_000
"""Characters that wait for the end of a link or of inline code, which longer ones are not."""

# Pictures and their modifiers; signs that are read aloud, such as ° or ©, are not among them.
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
_LINE_MARK: Final = re.compile(r"^\s*(?:#{1,6}\s+|>+\s*|[-*+•]\s+(?:\[[ xX]\]\s+)?)+")
# A star between two numbers is one of arithmetics.
_EMPHASIS: Final = re.compile(
    r"(?<!\s)\*+(?![\d*])|(?<![\d*])\*+(?!\s)|~~|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|`+"
)
_OPEN: Final = " *_~`!<[(\u200d\ufe0f"
_MARKED: Final = re.compile(r"[*_~`<>\[\]()|/]|\bh(?:t(?:t(?:ps?)?)?)?:?$")
_ASTERISK: Final = "\ue000"
_SPACES: Final = re.compile(r"[ \t\u00a0]+")
_ENDS: Final = ".!?…。！？:;,،؟।"
# What ends with a full stop and goes on: dates ("3. Oktober"), lists ("1."), short forms.
_GOES_ON: Final = re.compile(
    r"(?:(?<![\w.,])\d{1,3}|\b(?:\w|z\. ?B|d\. ?h|u\. ?a|bzw|ca|ggf|Nr|St|Str|Dr|Prof|Hr|Fr|Mr|Mrs"
    r"|Ms|Jr|Sr|No|vs|etc|e\. ?g|i\. ?e|approx|Abs|Art|evtl|inkl|Jan|Feb|Aug|Sept|Okt|Oct|Nov"
    r"|Dez|Dec|Mo|Di|Mi|Do|Sa|So))\.$"
)
_CLAUSE: Final = re.compile(r"[,;:–—،；，：]+\s+|[；，：]|\s[-–—]\s")


class SpeechCleaner:
    """Leaves out what nobody wants to hear: markup, code blocks, addresses, emoji.

    Text arrives in pieces that may end within a mark; what could be the beginning of one waits.
    Words stay as they are, and so do square brackets that are no links: some services take
    directions such as "[laughs]" in them.
    """

    def __init__(self) -> None:
        self._waiting = ""
        self._is_code = False
        self._is_line_start = True

    def feed(self, text: str) -> str:
        """Return what a piece of text adds to what is to be spoken."""
        self._waiting += text
        found: list[str] = []
        while (end := self._waiting.find("\n")) >= 0:
            line, self._waiting = self._waiting[:end], self._waiting[end + 1 :]
            found.append(self._line(line, is_whole=True))
        if len(self._waiting) - (cut := self._safe()) > _LONGEST_MARK:
            cut = len(self._waiting)
        if cut > 0:
            part, self._waiting = self._waiting[:cut], self._waiting[cut:]
            found.append(self._line(part, is_whole=False))
        return "".join(found)

    def finish(self) -> str:
        """Return what still waited."""
        text, self._waiting = self._waiting, ""
        return self._line(text, is_whole=True).rstrip("\n")

    def _safe(self) -> int:
        """Return how much of an unfinished line cannot be changed by what follows."""
        text = self._waiting
        if self._is_code and not self._is_line_start:
            return len(text)
        if self._is_code or (self._is_line_start and len(text) < 16):
            # It may become a fence, a heading, a rule or a bullet.
            return 0
        if self._is_line_start and (is_rule(text, "--") or text.lstrip().startswith((_FENCE, "|"))):
            return 0
        end = len(text)
        tail = max(0, end - _LONGEST_MARK)
        if (at := text.rfind("[", tail)) >= 0 and not _LINK.search(text, at):
            if (
                "]" not in text[at:]
                or text.startswith("](", text.index("]", at))
                or text[-1] == "]"
            ):
                # A picture's mark stands before it.
                end = at - (at > 0 and text[at - 1] == "!")
        elif (at := max(text.rfind("http", tail), text.rfind("<", tail))) >= 0:
            link = next((one for one in _LINK.finditer(text, tail) if one.end() > at), None)
            if link is None and not re.search(r"[\s>]", text[at:]):
                end = at
        if (source := _OPEN_SOURCE.search(text, tail)) is not None:
            end = min(end, source.start())
        # What follows says whether marks at the very end are ones, and whether a space is needed.
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

    def _line(self, line: str, *, is_whole: bool) -> str:
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
            line = _LINE_MARK.sub("", line)
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
    """Return where the last word of a text ends, with its own marks but not those that stand alone.

    Not a regular expression: that would look at each of many spaces in a row again and again.
    """
    end = len(text.rstrip(_OPEN))
    if end and not text[end - 1].isspace():
        end = text.find(" ", end) + 1 or len(text)
    return end


class SentenceSplitter:
    """Yields sentences as soon as their end is certain, in any language with marks for it.

    Home Assistant's `sentence_stream` finds the places; what it takes for an end and is none is
    put together again, line breaks are ends, too, and a text without any end is cut.
    """

    def __init__(self) -> None:
        self._detector = SentenceBoundaryDetector()
        self._held = ""
        self._size = 0

    def feed(self, text: str) -> list[str]:
        """Return the sentences that a piece of text completes."""
        found: list[str] = []
        # The detector would leave them out, which is not its business here.
        text = text.replace("*", _ASTERISK)
        for index, line in enumerate(text.split("\n")):
            if index:
                found += self._end_line()
            for start in range(0, len(line), _SLICE):
                part = line[start : start + _SLICE]
                whole = list(self._detector.add_chunk(part))
                self._size = self._size + len(part) if not whole else len(part)
                found += self._joined(whole)
                if self._size > _LONGEST_SENTENCE:
                    found += self._cut()
        return found

    def finish(self) -> list[str]:
        """Return what is left, however it ends."""
        return self._end_line()

    def _end_line(self) -> list[str]:
        """Return what stands before a line break."""
        self._size = 0
        rest = self._detector.finish()
        text = f"{self._held} {rest}".strip()
        self._held = ""
        return [_restored(text)] if text else []

    def _joined(self, sentences: list[str]) -> list[str]:
        """Return sentences, those that only seemed to end put before what follows them."""
        found = []
        for sentence in sentences:
            text = f"{self._held} {sentence}".strip()
            if _GOES_ON.search(text) and len(text) < _LONGEST_SENTENCE:
                self._held = text
            else:
                self._held = ""
                found.append(_restored(text))
        return found

    def _cut(self) -> list[str]:
        """Return most of a sentence that does not end, cut where it hurts least."""
        text = f"{self._held} {self._detector.finish()}".strip()
        self._held = ""
        at = max(text.rfind(", "), text.rfind("; ")) + 1
        if at < _LONGEST_SENTENCE // 2:
            at = text.rfind(" ")
        if at < _LONGEST_SENTENCE // 2:
            at = len(text)
        self._detector = SentenceBoundaryDetector()
        rest = text[at:]
        self._size = len(rest)
        list(self._detector.add_chunk(rest))
        return [_restored(text[:at].strip())]


def _restored(text: str) -> str:
    """Return a sentence with its own signs."""
    return text.replace(_ASTERISK, "*")


def first_clause(text: str) -> tuple[str, str]:
    """Return the beginning of a sentence up to a comma or the like: `(beginning, rest)`.

    The rest is empty where the sentence is short or has no such place.
    """
    for match in _CLAUSE.finditer(text):
        if match.end() >= _SHORTEST_CLAUSE and len(text) - match.end() >= _SHORTEST_CLAUSE:
            return text[: match.end()].strip(), text[match.end() :].strip()
    return text, ""


def is_speakable(text: str) -> bool:
    """Tell whether there is anything to say: a letter or a digit of any script."""
    return any(sign.isalnum() for sign in text)


async def async_sentences(
    texts: AsyncIterable[str], *, clean: bool, first: str = "sentence"
) -> AsyncIterator[str]:
    """Yield the sentences of a text that arrives in pieces, as soon as each is whole.

    With `first` as "clause" the first sentence comes in two, if it has a place for that.
    Nothing is yielded for what cannot be spoken.
    """
    cleaner = SpeechCleaner() if clean else None
    splitter = SentenceSplitter()
    is_cut = first == "clause"
    turn = LoopTurn()

    def spoken(sentences: Iterable[str]) -> Iterator[str]:
        nonlocal is_cut
        for sentence in filter(is_speakable, sentences):
            yield from filter(None, first_clause(sentence) if is_cut else (sentence,))
            is_cut = False

    async for text in texts:
        for start in range(0, len(text), _SLICE):
            part = without_controls(text[start : start + _SLICE])
            await turn.async_give_way()
            for piece in spoken(splitter.feed(cleaner.feed(part) if cleaner else part)):
                yield piece
    rest = splitter.feed(cleaner.finish()) if cleaner else []
    for piece in spoken([*rest, *splitter.finish()]):
        yield piece


def take_piece(sentences: list[str], number: int) -> str:
    """Remove and return what the request with this number, from 0, may speak of what is there.

    The first speaks one sentence, so that it is heard soon. Each later one may speak 60
    characters more than the one before, for there is more time until it is needed.
    """
    limit = min(_GROWTH * number, LONGEST_PIECE)
    size, count = len(sentences[0]), 1
    for sentence in sentences[1:]:
        size += 1 + len(sentence)
        if size > limit:
            break
        count += 1
    taken, sentences[:] = sentences[:count], sentences[count:]
    return " ".join(taken)
