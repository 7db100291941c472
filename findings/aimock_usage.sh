#!/usr/bin/env bash
# Most would guess: a mock that estimates the tokens of chat completions does so for responses, too.
# What happens: the usage of responses is 0, streamed or not, for the same question and answer.
# Who meets it: whoever tests with it that tokens and costs are counted.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
npm_package @copilotkit/aimock@1.43.0
echo '{"fixtures": [{"match": {}, "response": {"content": "The light is on."}}]}' > "$FOLDER/all.json"
port=$(free_port)
serve "http://127.0.0.1:$port/v1/models" "$FOLDER/node_modules/.bin/llmock" --host 127.0.0.1 \
  --port "$port" --fixtures "$FOLDER/all.json"
ask() { curl --silent "http://127.0.0.1:$port/v1/$1" -H 'Content-Type: application/json' -d "$2"; }
total='import json, sys; print(json.load(sys.stdin)["usage"]["total_tokens"])'
chat=$(ask chat/completions '{"model":"m","messages":[{"role":"user","content":"Which light is on?"}]}' | "$PYTHON" -c "$total")
response=$(ask responses '{"model":"m","input":"Which light is on?"}' | "$PYTHON" -c "$total")
expect 'chat completion: 9 tokens, response: 0 tokens' "chat completion: $chat tokens, response: $response tokens"
