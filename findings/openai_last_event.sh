#!/usr/bin/env bash
# Most would guess: the openai SDK hands on every event of a stream that came over whole, and
# complains where `data: [DONE]` is missing.
# What happens: a last event without a blank line behind it is dropped without a word (as the HTML
# standard has it, and unlike most other clients), and a stream without [DONE] counts as complete.
# Who meets it: whoever writes a server, or a proxy that trims what it passes on.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi openai==3.57.0
expect "'The light is'" "$(python - <<'PY'
import json
import httpx2
from openai import OpenAI


def event(text):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return "data: " + json.dumps({**chunk, "choices": [choice]})


body = "\n\n".join([event("The "), event("light "), event("is"), event(" on.")])
sse = {"Content-Type": "text/event-stream"}
http = httpx2.Client(
    transport=httpx2.MockTransport(lambda _: httpx2.Response(200, text=body, headers=sse))
)
client = OpenAI(api_key="x", base_url="http://127.0.0.1", http_client=http)
stream = client.chat.completions.create(
    model="m", messages=[{"role": "user", "content": "x"}], stream=True
)
print(repr("".join(chunk.choices[0].delta.content for chunk in stream)))
PY
)"
