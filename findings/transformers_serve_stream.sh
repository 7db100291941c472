#!/usr/bin/env bash
# Most would guess: /v1/responses answers with JSON unless `stream` is true, as at OpenAI.
# What happens: it streams unless `stream` is false; chat completions do not.
# Who meets it: every client that leaves the default out of its request. (torch is a large download.)
set -euo pipefail
source "$(dirname "$0")/_packages.sh"
pypi 'transformers[serving]==5.24.0' torch==2.13.0
(cd "$(dirname "$0")/.." && "$PYTHON" -c '
import pathlib, sys
from tests.hosts.talker import write_transformers
write_transformers(pathlib.Path(sys.argv[1]))' "$FOLDER/talker")
port=$(free_port)
export HF_HUB_OFFLINE=1
serve "http://127.0.0.1:$port/v1/models" "$FOLDER/venv/bin/transformers" serve "$FOLDER/talker" \
  --host 127.0.0.1 --port "$port" --device cpu
ask() {
  curl --silent --output /dev/null --write-out '%{content_type}' "http://127.0.0.1:$port/v1/$1" \
    -H 'Content-Type: application/json' -d "{\"model\":\"$FOLDER/talker\",$2}" | cut -d';' -f1
}
expect 'chat completion: application/json; response: text/event-stream; with stream false: application/json' \
  "chat completion: $(ask chat/completions '"messages":[{"role":"user","content":"x"}],"max_tokens":5'); response: $(ask responses '"input":"x","max_output_tokens":5'); with stream false: $(ask responses '"input":"x","max_output_tokens":5,"stream":false')"
