"""The names that servers give to files: the header `Content-Disposition`."""

from contextlib import suppress
import re
from typing import Final
from urllib.parse import unquote

_EXTENDED: Final = re.compile(r"\bfilename\*\s*=\s*\"?([\w-]*)'[^']*'([^;\"]+)", re.IGNORECASE)
"""RFC 8187: the character set, a language, and the name with percent signs."""
_PLAIN: Final = re.compile(r'\bfilename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]+))', re.IGNORECASE)
_ESCAPED: Final = re.compile(r'\\(["\\])')


def sent_name(header: str) -> str | None:
    """Return the file name in a header `Content-Disposition`, None if there is none.

    `header` is text in ISO-8859-1, as HTTP has it; many servers send UTF-8 or percent signs.
    """
    if (extended := _EXTENDED.search(header)) is not None:
        with suppress(LookupError, UnicodeError):
            if name := unquote(extended[2].strip(), encoding=extended[1], errors="strict"):
                return name
    if (plain := _PLAIN.search(header)) is None:
        return None
    name = _ESCAPED.sub(r"\1", plain[1]) if plain[1] is not None else plain[2].strip(" \t\"'")
    with suppress(UnicodeError):
        name = name.encode("latin-1").decode()
    with suppress(UnicodeError):
        decoded = unquote(name, errors="strict")
        # A percent sign of its own means itself.
        name = name if decoded.isascii() else decoded
    return name or None
