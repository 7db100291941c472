#!/usr/bin/env bash
# Most would guess: a wildcard of a sentence template holds what was said, as it was said.
# What happens: punctuation within it is gone, so that an address, a time or a number is another one.
# Who meets it: whoever hands on what a sentence trigger or an intent of Home Assistant has caught.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi hassil==3.12.1 PyYAML==6.0.3
expect "how far is it to St Gallen" "$(python - <<'PY'
import io
from hassil import Intents, recognize

text = """
language: en
intents:
  Ask:
    data:
      - sentences: ["ask the model {question}"]
lists:
  question:
    wildcard: true
"""
intents = Intents.from_yaml(io.StringIO(text))
result = recognize("ask the model how far is it, to St. Gallen", intents)
print(result.entities["question"].value)
PY
)"
