#!/usr/bin/env bash
# Most would guess: a stream in which nobody asked for usage carries none.
# What happens: LiteLLM puts a usage of zeros on every chunk of a streamed text completion, also on
# the last, so that adding up or taking the last one counts 0 tokens.
# Who meets it: whoever counts tokens by what a gateway says.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi 'litellm[proxy]==1.108.7'
upstream=$(free_port)
cat > "$FOLDER/upstream.py" <<'PY'
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Upstream(BaseHTTPRequestHandler):
    """A service that streams a text completion, and reports no usage."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for text, reason in (("The", None), (" light", "stop")):
            choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
            chunk = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
            self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


HTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
PY
serve "http://127.0.0.1:$upstream/" "$PYTHON" "$FOLDER/upstream.py" "$upstream"
cat > "$FOLDER/config.yaml" <<YAML
model_list:
  - model_name: m
    litellm_params: {model: text-completion-openai/m, api_base: "http://127.0.0.1:$upstream/v1", api_key: none}
general_settings: {master_key: sk-right}
YAML
port=$(free_port)
export LITELLM_LOCAL_MODEL_COST_MAP=True
serve "http://127.0.0.1:$port/health/liveliness" "$FOLDER/venv/bin/litellm" --config "$FOLDER/config.yaml" \
  --host 127.0.0.1 --port "$port" --telemetry False
curl --silent --max-time 60 "http://127.0.0.1:$port/v1/completions" \
  -H 'Authorization: Bearer sk-right' -H 'Content-Type: application/json' \
  -d '{"model":"m","prompt":"x","stream":true}' > "$FOLDER/stream"
expect 'every chunk has a usage, and all of them are 0: True' "$("$PYTHON" - "$FOLDER/stream" <<'PY'
import json
import sys

lines = [line[6:] for line in open(sys.argv[1]) if line.startswith("data: {")]
chunks = [json.loads(line) for line in lines]
zeros = [chunk["usage"]["total_tokens"] == 0 for chunk in chunks if "usage" in chunk]
print("every chunk has a usage, and all of them are 0:", len(zeros) == len(chunks) > 1 and all(zeros))
PY
)"
