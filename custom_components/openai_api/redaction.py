"""Removes secrets from text, however the text spells them."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
import html
import re
from typing import Final

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
_MAX_ESCAPES: Final = 4
"""Times that a text may have been escaped: gateways quote what others have quoted."""
_LOWER: Final = {ord(sign): ord(sign.lower()) for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_STANDARD_BASE64: Final = _LOWER | {ord("-"): "+", ord("_"): "/"}
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


class SecretRedactor:
    """Knows the secrets of one host, and replaces them in text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Initialize with the secrets; what is part of a credential is a secret, too."""
        parts = {part for secret in secrets for part in _parts(secret)}
        # The longest first, so that a secret within another one does not leave a rest.
        self._secrets = sorted((part.translate(_LOWER) for part in parts), key=len, reverse=True)
        encoded = {form.translate(_STANDARD_BASE64) for part in parts for form in _base64(part)}
        self._encoded = sorted(encoded, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return the text with `***` in place of every secret.

        Finds secrets in upper and lower case, percent-encoded, as HTML and as JSON escapes,
        in Base64 with other bytes around them or in lines, in hexadecimal, pieces of about 12
        characters of one, and its first characters where the text ends. A secret of less than
        8 characters is found where no letters or digits touch it.
        """
        if not text or not self._secrets:
            return text
        found_spans = set(self._spans(text, None))
        for decoded, ends in _decoded(text):
            found_spans.update(self._spans(decoded, ends))
        spans = sorted(found_spans)
        if not spans:
            return text
        found, position = [], 0
        for start, end in spans:
            if start >= position:
                found += [text[position:start], REDACTED]
            position = max(position, end)
        return "".join([*found, text[position:]])

    def _spans(self, text: str, ends: list[int] | None) -> Iterator[tuple[int, int]]:
        """Yield where secrets stand; `ends` says where each character ended before decoding."""
        plain = text.translate(_LOWER)
        places = [place for secret in self._secrets for place in _places(plain, secret)]
        places += [place for secret in self._secrets for place in _pieces(plain, secret)]
        places += [place for secret in self._secrets for place in _cut_off(plain, secret)]
        if self._encoded:
            standard = plain.translate(_STANDARD_BASE64)
            for form in self._encoded:
                for place in _places(standard, form, _MIN_ENCODED):
                    places.append(_widened(text, *place))
                for place in _pieces(standard, form):
                    places.append(_widened(text, *place))
        for start, end in places:
            if ends is None:
                yield start, end
            else:
                yield (ends[start - 1] if start else 0), ends[end - 1]


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


def _pieces(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield where a large piece of a secret stands in a text."""
    for at in range(0, len(secret) - _PIECE + 1, _STEP):
        piece = secret[at : at + _PIECE]
        found = text.find(piece)
        while found >= 0:
            start, end, first, last = found, found + _PIECE, at, at + _PIECE
            while start and first and text[start - 1] == secret[first - 1] != " ":
                start, first = start - 1, first - 1
            while end < len(text) and last < len(secret) and text[end] == secret[last]:
                end, last = end + 1, last + 1
            yield start, end
            found = text.find(piece, end)


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


def _decoded(text: str) -> Iterator[tuple[str, list[int]]]:
    """Yield the text with its escapes taken off once, twice and so on.

    Each comes with where in the text every character ended.
    """
    ends: list[int] | None = None
    for _ in range(_MAX_ESCAPES):
        characters: list[str] = []
        stops: list[int] = []
        position = 0
        for match in _ESCAPE.finditer(text):
            if (character := _character(match[0])) is None:
                continue
            characters += text[position : match.start()]
            stops += range(position + 1, match.start() + 1)
            characters.append(character)
            position = match.end()
            stops.append(position)
        if not position:
            break
        characters += text[position:]
        stops += range(position + 1, len(text) + 1)
        text = "".join(characters)
        ends = stops if ends is None else [ends[stop - 1] for stop in stops]
        yield text, ends


def _character(escape: str) -> str | None:
    """Return the character that an escape stands for; None if it stands for none."""
    if escape[0] == "\\" and len(escape) == 2:
        return escape[1]
    if escape[0] == "&":
        found = html.unescape(escape)
    else:
        found = chr(int(escape[1:] if escape[0] == "%" else escape[2:], 16))
    return found if len(found) == 1 else None
