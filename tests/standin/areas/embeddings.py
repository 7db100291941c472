"""Embeddings: unit vectors that follow from the text."""

from __future__ import annotations

import base64
import hashlib
import math
import random
import struct
from typing import Any

from tests.standin import answers
from tests.standin.routing import Call, Route, check, need, one_of, within
from tests.standin.wire import Json, invalid

DIMENSIONS = 1536
MAX_DIMENSIONS = 3072
MAX_INPUTS = 2048


def vector(text: str, dimensions: int) -> list[float]:
    """Return a text's vector: the same for the same text, of length one."""
    source = random.Random(hashlib.sha256(text.encode()).digest())
    values = [source.gauss() for _ in range(dimensions)]
    length = math.hypot(*values)
    return [value / length for value in values]


def _inputs(given: Any) -> list[str]:
    """Return each input as a text; lists of tokens count as one."""
    if isinstance(given, str) or (given and all(isinstance(item, int) for item in given)):
        given = [given]
    if not 1 <= len(given) <= MAX_INPUTS or not all(given):
        raise invalid(
            f"Invalid 'input': expected 1 to {MAX_INPUTS} inputs, none of them empty.",
            "input",
            "invalid_value",
        )
    return [item if isinstance(item, str) else f"tokens {item}" for item in given]


async def create(call: Call) -> Json:
    """Embed one input or several."""
    body = call.json
    model = need(body, "model", str)
    inputs = _inputs(need(body, "input", str, list))
    within(body, "dimensions", 1, MAX_DIMENSIONS)
    dimensions = check(body, "dimensions", int) or DIMENSIONS
    encoding = one_of(
        "encoding_format", body.get("encoding_format") or "float", ("float", "base64")
    )
    data: list[Json] = []
    for index, text in enumerate(inputs):
        values: Any = vector(text, dimensions)
        if encoding == "base64":
            values = base64.b64encode(struct.pack(f"<{dimensions}f", *values)).decode()
        data.append({"object": "embedding", "index": index, "embedding": values})
        # A long list must not hold up everything else in the loop.
        await call.standin.pause()
    heard = sum(answers.tokens(text) for text in inputs)
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": heard, "total_tokens": heard},
    }


ROUTES = (Route("POST", "/embeddings", create),)
