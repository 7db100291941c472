#!/usr/bin/env bash
# Most would guess: a gateway that checks no key lists its models without one; one that wants a key
# answers 401.
# What happens: smg with `--backend openai` leaves the check to the service behind it, which it asks with
# the key of the caller. Without one it asks nobody, and answers 503 *No models available*, also where
# that service needs no key.
# Who meets it: a client without a key that takes a 503 for a server that is still starting.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi smg==1.13.0
upstream=$(free_port)
cat > "$FOLDER/upstream.py" <<'PY'
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Upstream(BaseHTTPRequestHandler):
    """A service that lists its model to everybody."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        model = {"id": "m", "object": "model", "created": 1, "owned_by": "me"}
        self.wfile.write(json.dumps({"object": "list", "data": [model]}).encode())


HTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
PY
serve "http://127.0.0.1:$upstream/" "$PYTHON" "$FOLDER/upstream.py" "$upstream"
port=$(free_port)
serve "http://127.0.0.1:$port/health" "$FOLDER/venv/bin/smg" launch --backend openai \
  --worker-urls "http://127.0.0.1:$upstream" --host 127.0.0.1 --port "$port" --prometheus-port "$(free_port)"
ask() {
  curl --silent --output "$FOLDER/body" --write-out '%{http_code}' "http://127.0.0.1:$port/v1/models" "$@"
}
for _ in $(seq 60); do
  [ "$(ask -H 'Authorization: Bearer any')" = 200 ] && break
  sleep 0.5
done
expect 'no key: 503; any key: 200' "no key: $(ask); any key: $(ask -H 'Authorization: Bearer any')"
