#!/usr/bin/env bash
# Most would guess: what orjson has read, it can write again.
# What happens: it reads 1,024 levels of lists, and refuses to write more than 254 of them.
# Who meets it: whoever hands on JSON of others, such as schemas and answers of language models.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi orjson==3.13.0
expect 'reads 1024 levels, not 1025; writes 254, not 255: Recursion limit reached' "$(python - <<'PY'
import orjson


def deepest(works):
    """Return the most levels with which it works, by halving."""
    low, high = 1, 5000
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if works(middle) else (low, middle - 1)
    return low


said = ""


def reads(levels):
    try:
        orjson.loads("[" * levels + "]" * levels)
    except orjson.JSONDecodeError:
        return False
    return True


def writes(levels):
    global said
    value = []
    for _ in range(levels - 1):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as err:
        said = str(err)
        return False
    return True


r, w = deepest(reads), deepest(writes)
print(f"reads {r} levels, not {r + 1}; writes {w}, not {w + 1}: {said}")
PY
)"
