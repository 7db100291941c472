"""Removes secrets from text, however the text spells them."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
import html
import re
from typing import Final, NamedTuple

REDACTED: Final = "***"
_SHORT: Final = 8
"""Characters: what is shorter may be part of a word, and is removed only as a word of its own."""
_MIN_ENCODED: Final = 6
"""Characters of Base64 that are searched for at any place."""
_ESCAPE: Final = re.compile(
    r"%[0-9a-f]{2}|&#?[0-9a-z]{1,32};?|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[/\"'\\]", re.IGNORECASE
)
_PIECE: Final = 12
"""Characters of a secret that reveal too much of it at any place."""
_STEP: Final = 4
_FEW: Final = 100
"""Characters."""
_MAX_ESCAPES: Final = 4
"""Times that a text may have been escaped: gateways quote what others have quoted."""
_LOWER: Final = {ord(sign): ord(sign.lower()) for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_STANDARD_BASE64: Final = _LOWER | {ord("-"): "+", ord("_"): "/"}
"""Base64 for addresses has other signs."""
_BASE64_CHARACTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_="
)
_CREDENTIAL_NAME: Final = re.compile(
    r"auth|key|token|secret|cookie|passw|credential|signature|(?:^|[-_])sig(?:$|[-_])",
    re.IGNORECASE,
)
_SEPARATORS: Final = re.compile(r"[\s,;]+")
_SCHEME: Final = re.compile(r"(?:bearer|basic|token|apikey|key)\s+", re.IGNORECASE)
# Base64 of n bytes begins in the middle of a group when other bytes come before them.
_SKIPPED: Final = (0, 2, 3)
_GAP: Final = re.compile(
    r"(?:<[^<>]*>|\u2039[^\u2039\u203a]*\u203a|[\s\xad\u200b-\u200f\u2060\ufeff])+"
)
"""What stands between the characters of a text without being one of them: tags, also in the
brackets that `exceptions.sanitize` gives to what may be none, and spaces."""


class SecretRedactor:
    """Knows the secrets of one host, and replaces them in text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Initialize with the secrets; what is part of a credential is a secret, too."""
        parts = {part for secret in secrets for part in _parts(secret)}
        self._secrets = {part.translate(_LOWER) for part in parts}
        self._encoded = {
            form.translate(_STANDARD_BASE64) for part in parts for form in _base64(part)
        }
        self._short = {form for form in self._secrets if len(form) < _PIECE + _STEP}
        self._short_encoded = {form for form in self._encoded if len(form) < _PIECE + _STEP}
        self._long = {part.translate(_STANDARD_BASE64) for part in parts} | self._encoded
        self._all = "\0".join(self._long)
        self._whole = list(filter(_is_long, self._secrets))
        self._whole_encoded = list(filter(_is_long, self._encoded))

    def redact(self, text: str) -> str:
        """Return the text with `***` in place of every secret.

        Finds secrets in upper and lower case, percent-encoded, as HTML and as JSON escapes, with
        tags or spaces in between, in Base64 with other bytes around them or in lines, in
        hexadecimal, pieces of about 12 characters of one, and its first characters where the text
        ends. A secret of less than 8 characters is found where no letters or digits touch it.
        """
        if not text or not self._secrets:
            return text
        found_spans: set[tuple[int, int]] = set()
        for view in _views(text):
            found_spans.update(map(view.origin, self._find(view.text)))
            joined = _GAP.sub("", view.text)
            if joined != view.text and (places := list(self._find_whole(joined))):
                found_spans.update(map(_without_gaps(view).origin, places))
        spans = sorted(found_spans)
        if not spans:
            return text
        parts, position = [], 0
        for start, end in spans:
            if start >= position:
                parts += [text[position:start], REDACTED]
            position = max(position, end)
        return "".join([*parts, text[position:]])

    def _find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets stand in a text, whole or in pieces."""
        plain = text.translate(_LOWER)
        standard = plain.translate(_STANDARD_BASE64)
        places = [place for form in self._short for place in _places(plain, form)]
        encoded = [
            place for form in self._short_encoded for place in _places(standard, form, _MIN_ENCODED)
        ]
        for form, start, end in self._in_pieces(standard):
            (encoded if form in self._encoded else places).append((start, end))
        yield from places
        for secret in self._secrets:
            yield from _cut_off(plain, secret)
        behind = 0
        for place in sorted(encoded):
            # One look at each run of such characters, however often they hold a secret.
            if place[1] > behind:
                start, behind = _widened(text, *place)
                yield start, behind

    def _find_whole(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where whole secrets stand in a text whose gaps were taken out.

        The words around a piece would be taken for a part of it, and words for a short secret such
        as "notneeded".
        """
        plain = text.translate(_LOWER)
        standard = plain.translate(_STANDARD_BASE64)
        for form in self._whole:
            yield from _places(plain, form)
        for form in self._whole_encoded:
            yield from _places(standard, form)

    def _in_pieces(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Yield where a large piece of a secret stands in a text, with the secret."""
        if len(text) <= _FEW and not any(
            text[offset : offset + _PIECE] in self._all for offset in range(len(text) - _PIECE + 1)
        ):
            # Headers, of which there are many: they have fewer pieces than the secrets.
            return
        for form in self._long:
            # Where it ends, by where the whole of it would begin: its other pieces lead to the same.
            ends: dict[int, int] = {}
            for offset in range(0, len(form) - _PIECE + 1, _STEP):
                piece = form[offset : offset + _PIECE]
                place = text.find(piece)
                while place >= 0:
                    end = ends.get(place - offset, 0)
                    if place >= end:
                        start, end = _extended(text, place, form, offset)
                        ends[place - offset] = end
                        yield form, start, end
                    place = text.find(piece, end)


class _View(NamedTuple):
    """A text as it reads after a step of decoding."""

    text: str
    starts: list[int] | None = None
    """Where each character began in the text before all decoding; None if nothing was decoded."""
    ends: list[int] | None = None

    def origin(self, place: tuple[int, int]) -> tuple[int, int]:
        """Return where a place was in the text before all decoding."""
        if self.starts is None or self.ends is None:
            return place
        return self.starts[place[0]], self.ends[place[1] - 1]


def credentials(values: Mapping[str, str]) -> Iterator[str]:
    """Yield those of these headers or query parameters that are to be kept secret.

    Short values are words, such as a version, unless their name says that they are more.
    """
    for name, value in values.items():
        if len(value) >= _SHORT or _CREDENTIAL_NAME.search(name):
            yield value


def _parts(secret: str) -> Iterator[str]:
    """Yield a secret and what it is made of: the token behind `Bearer`, the halves of `Basic`."""
    if not (secret := secret.strip()):
        return
    yield secret
    if len(joined := _GAP.sub("", secret)) >= _SHORT and joined != secret:
        # A phrase: as forms encode it, and without the spaces, for other ones may stand there.
        yield secret.replace(" ", "+")
        yield joined
    if not secret.isascii():
        # Decoding goes by characters; these are several bytes each.
        yield secret.encode().decode("latin-1")
    if len(secret) >= _SHORT:
        yield secret.encode().hex()
    token = _SCHEME.sub("", secret, count=1)
    if token != secret:
        yield token
    # A cookie has several, with their names.
    for part in _SEPARATORS.split(token):
        value = part.partition("=")[2]
        yield from (item for item in (part, value) if len(item) >= _SHORT)
    if secret.lower().startswith("basic"):
        try:
            pair = base64.b64decode(token, validate=True).decode()
        except binascii.Error, ValueError:
            return
        yield from (item for item in (pair, *pair.split(":", 1)) if item)


def _is_long(form: str) -> bool:
    """Return whether no words add up to a secret by chance."""
    return len(form) >= _PIECE or not form.isalpha()


def _base64(secret: str) -> Iterator[str]:
    """Yield the characters of Base64 that only this secret gives, without padding."""
    content = secret.encode()
    for offset, skipped in enumerate(_SKIPPED):
        encoded = base64.b64encode(b"\0" * offset + content).decode().rstrip("=")
        if (offset + len(content)) % 3:
            # The last one depends on what follows.
            encoded = encoded[:-1]
        if len(core := encoded[skipped:]) >= _MIN_ENCODED:
            yield core
    if len(content) >= 3:
        yield base64.b64encode(content).decode().rstrip("=")


def _places(text: str, secret: str, short: int = _SHORT) -> Iterator[tuple[int, int]]:
    """Yield where a secret stands in a text; a short one stands alone."""
    start = text.find(secret)
    while start >= 0:
        end = start + len(secret)
        is_alone = not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
        if is_alone or len(secret) >= short:
            yield start, end
        start = text.find(secret, start + 1)


def _extended(text: str, start: int, form: str, first: int) -> tuple[int, int]:
    """Return the whole of what a text and a secret have in common around a piece."""
    end, last = start + _PIECE, first + _PIECE
    while start and first and text[start - 1] == form[first - 1] != " ":
        start, first = start - 1, first - 1
    while end < len(text) and last < len(form) and text[end] == form[last]:
        end, last = end + 1, last + 1
    return start, end


def _cut_off(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield where a text ends in the midst of a secret."""
    text = text.rstrip(" .…")
    for length in range(min(len(secret) - 1, len(text)), _SHORT - 1, -1):
        if text.endswith(secret[:length]):
            yield len(text) - length, len(text)
            return


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the whole of the Base64 of which this is a part."""
    # What follows padding is something else.
    while start and text[start - 1] in _BASE64_CHARACTERS and text[start - 1] != "=":
        start -= 1
    while end < len(text) and text[end] in _BASE64_CHARACTERS:
        end += 1
    return start, end


def _views(text: str) -> Iterator[_View]:
    """Yield the text, and the text with its escapes taken off once, twice and so on."""
    view = _View(text)
    for _ in range(_MAX_ESCAPES):
        yield view
        characters: list[str] = []
        starts: list[int] = []
        stops: list[int] = []
        position = 0
        for match in _ESCAPE.finditer(view.text):
            if (character := _character(match[0])) is None:
                continue
            characters += view.text[position : match.start()]
            starts += range(position, match.start() + 1)
            stops += range(position + 1, match.start() + 1)
            characters.append(character)
            position = match.end()
            stops.append(position)
        if not position:
            return
        characters += view.text[position:]
        starts += range(position, len(view.text))
        stops += range(position + 1, len(view.text) + 1)
        view = _placed("".join(characters), view, starts, stops)
    yield view


def _without_gaps(view: _View) -> _View:
    """Return a view without tags, spaces and what nobody sees."""
    pieces: list[str] = []
    starts: list[int] = []
    stops: list[int] = []
    position = 0
    for start, end in [match.span() for match in _GAP.finditer(view.text)] + [
        (len(view.text),) * 2
    ]:
        pieces.append(view.text[position:start])
        starts += range(position, start)
        stops += range(position + 1, start + 1)
        position = end
    return _placed("".join(pieces), view, starts, stops)


def _placed(text: str, view: _View, starts: list[int], stops: list[int]) -> _View:
    """Return a view of a view, with the places in the text of that."""
    if view.starts is None or view.ends is None:
        return _View(text, starts, stops)
    before, behind = view.starts, view.ends
    return _View(text, [before[index] for index in starts], [behind[index - 1] for index in stops])


def _character(escape: str) -> str | None:
    """Return the character that an escape stands for; None if it stands for none."""
    if escape[0] == "\\" and len(escape) == 2:
        return escape[1]
    if escape[0] == "&":
        character = html.unescape(escape)
    else:
        character = chr(int(escape[1:] if escape[0] == "%" else escape[2:], 16))
    return character if len(character) == 1 else None
