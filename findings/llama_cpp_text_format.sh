#!/usr/bin/env bash
# Most would guess: a server with /v1/responses obeys `text.format`, as it obeys `response_format`
# in chat completions, or refuses it.
# What happens: `text.format` is ignored without a word, while `response_format`, which responses
# do not have, is obeyed there.
# Who meets it: whoever asks llama.cpp for JSON with a client of the Responses API.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
llama_server
schema='{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}'
ask() {
  curl --silent "http://127.0.0.1:$PORT/v1/responses" -d "{\"input\":\"x\",\"max_output_tokens\":60,$1}" |
    "$PYTHON" -c '
import json, sys
text = json.load(sys.stdin)["output"][0]["content"][0]["text"]
try:
    print("JSON with", *json.loads(text))
except ValueError:
    print("prose")'
}
by_text=$(ask "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"a\",\"schema\":$schema}}")
by_response_format=$(ask "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":$schema}}")
expect 'text.format: prose; response_format: JSON with n' "text.format: $by_text; response_format: $by_response_format"
