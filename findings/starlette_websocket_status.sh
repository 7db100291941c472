#!/usr/bin/env bash
# Most would guess: a WebSocket at a path that a server does not have is refused with 404.
# What happens: servers built on Starlette (FastAPI, so vLLM, OGX and most others for language
# models) answer 403 under uvicorn with `websockets`, and under one that lacks it 404, or 405 where
# the path takes POST, since the handshake is then a GET like any other.
# Who meets it: a client that tells by the status whether a server offers a realtime API.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi starlette==1.0.0 uvicorn==0.38.0 websockets==15.0.1
cat > "$FOLDER/app.py" <<'PY'
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

app = Starlette(routes=[Route("/v1/responses", lambda _: JSONResponse({}), methods=["POST"])])
PY
cat > "$FOLDER/client.py" <<'PY'
import sys
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

for path in ("/v1/responses", "/v1/realtime"):
    try:
        connect(f"ws://127.0.0.1:{sys.argv[1]}{path}")
    except InvalidStatus as err:
        print(f"{path} {err.response.status_code}", end="; ")
PY
for ws in websockets none; do
  port=$(free_port)
  serve "http://127.0.0.1:$port/" "$FOLDER/venv/bin/uvicorn" --app-dir "$FOLDER" --port "$port" --ws "$ws" app:app
  seen="${seen:-}with --ws $ws: $(python "$FOLDER/client.py" "$port")"
done
expect 'with --ws websockets: /v1/responses 403; /v1/realtime 403; with --ws none: /v1/responses 405; /v1/realtime 404; ' "$seen"
