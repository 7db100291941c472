#!/usr/bin/env bash
# Most would guess: run_in_executor keeps an event loop free while it parses a large body, the more
# so with orjson, whose code is not Python.
# What happens: neither orjson nor json lets go of the interpreter's lock, so that nothing else runs
# until the whole body is parsed.
# Who meets it: whoever moves the parsing of megabytes off the loop to keep other connections alive.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi orjson==3.13.0
expect 'orjson: the loop stands still; json: the loop stands still; time.sleep: the loop runs' "$(python - <<'PY'
import asyncio
import json
import time
import orjson

body = orjson.dumps([{"name": str(number) * 3, "value": number} for number in range(400_000)])


async def longest_pause(work):
    """Return how long the loop stood still, as a share of the time that the work took."""
    pauses = []

    async def tick():
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            pauses.append(now - last)
            last = now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    pauses.clear()
    began = time.perf_counter()
    await asyncio.get_running_loop().run_in_executor(None, work)
    taken = time.perf_counter() - began
    await asyncio.sleep(0.01)
    ticking.cancel()
    return max(pauses) / taken


seen = []
for name, work in (
    ("orjson", lambda: orjson.loads(body)),
    ("json", lambda: json.loads(body)),
    ("time.sleep", lambda: time.sleep(0.5)),
):
    share = asyncio.run(longest_pause(work))
    seen.append(f"{name}: the loop {'stands still' if share > 0.7 else 'runs'}")
print("; ".join(seen))
PY
)"
