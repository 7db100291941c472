"""Decodes base64 as servers write it."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

_NO_ALPHABET = re.compile(rb"[^A-Za-z0-9+/]")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64 as servers write it; blocks if it is long.

    It may be a `data:` URL, have line breaks, lack its padding, or use the URL-safe alphabet.
    Raises TypeError for what is no text, ValueError for anything else and for an empty text.
    """
    if not isinstance(text, str):
        raise TypeError("not a text")
    if text[:5].lower() == "data:":
        header, comma, text = text.partition(",")
        if not comma:
            raise ValueError("a data: address without content")
        content = unquote_to_bytes(text)
        if not header.lower().rstrip().endswith(";base64"):
            return content
    else:
        content = text.encode()
    content = b"".join(content.split()).rstrip(b"=").translate(_URL_SAFE)
    if not content or _NO_ALPHABET.search(content):
        raise ValueError("not base64")
    try:
        return base64.b64decode(content + b"=" * (-len(content) % 4), validate=True)
    except binascii.Error as err:
        raise ValueError(str(err)) from None
