#!/usr/bin/env bash
# Most would guess: a query in `base_url`, as older addresses of Azure have it, stays a query.
# What happens: the path of each method is put behind it, into the value of its last parameter.
# Who meets it: whoever enters the address of a gateway that wants a version or a key in the query.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi openai==3.57.0
expect 'http://127.0.0.1/v1/?api-version=1models' "$(python - <<'PY'
import httpx2
from openai import OpenAI

seen = []


def answer(request):
    seen.append(str(request.url))
    return httpx2.Response(200, json={"object": "list", "data": []})


http = httpx2.Client(transport=httpx2.MockTransport(answer))
client = OpenAI(api_key="x", base_url="http://127.0.0.1/v1?api-version=1", http_client=http)
client.models.list()
print(*seen)
PY
)"
