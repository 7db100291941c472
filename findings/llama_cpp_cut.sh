#!/usr/bin/env bash
# Most would guess: a response that `max_output_tokens` has cut is `incomplete`, with the reason in
# `incomplete_details`, as a chat completion says `finish_reason: length`.
# What happens: its status is `completed`, and there are no `incomplete_details`.
# Who meets it: whoever looks at the status before acting on an answer of llama.cpp.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
llama_server
ask() { curl --silent "http://127.0.0.1:$PORT/v1/$1" -d "$2"; }
chat=$(ask chat/completions '{"messages":[{"role":"user","content":"x"}],"max_tokens":2}' |
  "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["choices"][0]["finish_reason"])')
response=$(ask responses '{"input":"x","max_output_tokens":2}' | "$PYTHON" -c '
import json, sys
answer = json.load(sys.stdin)
print(answer["status"], answer["usage"]["output_tokens"], answer.get("incomplete_details"))')
expect 'chat completion: length; response of 2 tokens: completed 2 None' "chat completion: $chat; response of 2 tokens: $response"
