#!/usr/bin/env bash
# Most would guess: the usage of a text completion with several prompts counts all of them, as its
# answer holds a choice for each.
# What happens: it counts the first prompt and its completion only.
# Who meets it: whoever counts tokens, or measures speed by them, of batches at llama.cpp.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
llama_server
count() {
  curl --silent "http://127.0.0.1:$PORT/v1/completions" \
    -d "{\"prompt\":$1,\"max_tokens\":4,\"ignore_eos\":true}" | "$PYTHON" -c '
import json, sys
answer = json.load(sys.stdin)
usage = answer["usage"]
print(len(answer["choices"]), "choices,", usage["prompt_tokens"], "+", usage["completion_tokens"])'
}
expect '1 prompt: 1 choices, 2 + 4; 3 prompts: 3 choices, 2 + 4' \
  "1 prompt: $(count '"The light"'); 3 prompts: $(count '["The light","The light","The light"]')"
