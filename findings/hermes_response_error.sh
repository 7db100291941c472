#!/usr/bin/env bash
# Most would guess: if the model of an agent fails, a response has the status `failed` and an `error`,
# as a chat completion of the same server ends with `finish_reason: error`.
# What happens: Hermes Agent answers with a response that is `completed`, has no `error`, and whose
# text is the error.
# Who meets it: whoever has the text of a response spoken or sent, and looks at its status before.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi hermes-agent==0.19.0 aiohttp==3.14.1
upstream=$(free_port)
cat > "$FOLDER/upstream.py" <<'PY'
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Upstream(BaseHTTPRequestHandler):
    """A service that accepts no key."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        error = {"message": "Incorrect API key", "code": "invalid_api_key"}
        self.wfile.write(json.dumps({"error": error}).encode())


HTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
PY
serve "http://127.0.0.1:$upstream/" "$PYTHON" "$FOLDER/upstream.py" "$upstream"
mkdir "$FOLDER/home"
cat > "$FOLDER/home/config.yaml" <<YAML
model: {provider: custom, default: m, base_url: "http://127.0.0.1:$upstream/v1", api_key: none, context_length: 200000}
YAML
port=$(free_port)
export HOME=$FOLDER HERMES_HOME=$FOLDER/home API_SERVER_ENABLED=true API_SERVER_PORT=$port
export API_SERVER_KEY=a-key-of-this-finding-0123456789
serve "http://127.0.0.1:$port/health" "$FOLDER/venv/bin/hermes" gateway run
ask() {
  curl --silent --max-time 120 "http://127.0.0.1:$port/v1/$1" -H "Authorization: Bearer $API_SERVER_KEY" \
    -H 'Content-Type: application/json' -d "$2"
}
reason=$(ask chat/completions '{"model":"m","messages":[{"role":"user","content":"x"}]}' |
  "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["choices"][0]["finish_reason"])')
response=$(ask responses '{"model":"m","input":"x"}' | "$PYTHON" -c '
import json, sys
answer = json.load(sys.stdin)
print(answer["status"], answer.get("error"), answer["output"][0]["content"][0]["text"], sep=", ")')
expect 'chat completion: error; response: completed, None, HTTP 401: Incorrect API key' \
  "chat completion: $reason; response: $response"
