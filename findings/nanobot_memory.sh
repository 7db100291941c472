#!/usr/bin/env bash
# Most would guess: a chat completion knows nothing but the messages that it was sent, so that two
# of them have nothing to do with each other.
# What happens: `nanobot serve` goes on with one conversation for all that name no `session_id`: the
# second question is sent to the model behind the first one and its answer.
# Who meets it: whoever asks it from several automations or rooms, and pays for the prompts.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi nanobot-ai==0.3.5 aiohttp==3.14.5
upstream=$(free_port)
cat > "$FOLDER/upstream.py" <<'PY'
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Upstream(BaseHTTPRequestHandler):
    """A model that answers with what the user has said in its prompt."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = json.dumps([m["content"] for m in request["messages"] if m["role"] == "user"])
        said = [word for word in ("garage", "garden") if word in text]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        for delta, reason in (({"content": " and ".join(said)}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


HTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
PY
serve "http://127.0.0.1:$upstream/" "$PYTHON" "$FOLDER/upstream.py" "$upstream"
cat > "$FOLDER/config.json" <<JSON
{"agents": {"defaults": {"model": "m", "provider": "custom", "workspace": "$FOLDER/workspace"}},
 "providers": {"custom": {"apiKey": "none", "apiBase": "http://127.0.0.1:$upstream/v1"}}}
JSON
port=$(free_port)
export HOME=$FOLDER
serve "http://127.0.0.1:$port/v1/models" "$FOLDER/venv/bin/nanobot" serve --host 127.0.0.1 --port "$port" \
  --config "$FOLDER/config.json" --workspace "$FOLDER/workspace"
ask() {
  curl --silent --max-time 120 "http://127.0.0.1:$port/v1/chat/completions" -H 'Content-Type: application/json' \
    -d "{\"messages\":[{\"role\":\"user\",\"content\":\"Is the $1 door open?\"}]}" |
    "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["choices"][0]["message"]["content"])'
}
first=$(ask garage)
second=$(ask garden)
expect 'the first prompt has: garage; the second: garage and garden' \
  "the first prompt has: $first; the second: $second"
