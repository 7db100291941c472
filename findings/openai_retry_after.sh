#!/usr/bin/env bash
# Most would guess: a longer Retry-After than the SDK is willing to wait is cut, and the request is
# tried again after the SDK's own pause.
# What happens: 120 is still waited for, however short the timeout is; with 121 nothing is tried
# again at all, though `max_retries` is 2.
# Who meets it: whoever is rate-limited by a provider that counts in minutes.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi openai==3.57.0
expect 'Retry-After 1: 3 requests; 120: waits 120; 121: 1 request' "$(python - <<'PY'
import time
import httpx2
import openai


def requests_with(seconds, waits):
    """Return how often is asked, without really waiting."""
    seen = []

    def answer(request):
        seen.append(request)
        error = {"error": {"message": "slow down"}}
        return httpx2.Response(429, json=error, headers={"Retry-After": str(seconds)})

    real, time.sleep = time.sleep, waits.append
    try:
        http = httpx2.Client(transport=httpx2.MockTransport(answer))
        client = openai.OpenAI(api_key="x", base_url="http://127.0.0.1", http_client=http, timeout=5)
        client.models.list()
    except openai.RateLimitError:
        return len(seen)
    finally:
        time.sleep = real


waits = []
once = requests_with(1, waits)
waits.clear()
requests_with(120, waits)
long = f"{waits[0]:.0f}"
print(f"Retry-After 1: {once} requests; 120: waits {long}; 121: {requests_with(121, waits)} request")
PY
)"
