#!/usr/bin/env bash
# Most would guess: a choice of a streamed chat completion has a `delta` and no `message`, and one of
# a whole one has a `message` and no `delta`.
# What happens: fastapi-openai-compat, which serves the pipelines of Hayhooks, sends both keys in both
# cases; the other one is null.
# Who meets it: whoever merges the keys of choices, and lets null win over what was gathered.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi fastapi-openai-compat==1.4.0 uvicorn==0.38.0
cat > "$FOLDER/app.py" <<'PY'
from fastapi import FastAPI
from fastapi_openai_compat import create_openai_router


def run_completion(model, messages, body):
    pieces = (piece for piece in ("The light", " is on."))
    return pieces if body.get("stream") else "The light is on."


app = FastAPI()
app.include_router(create_openai_router(list_models=lambda: ["m"], run_completion=run_completion))
PY
port=$(free_port)
serve "http://127.0.0.1:$port/v1/models" "$FOLDER/venv/bin/uvicorn" --app-dir "$FOLDER" app:app --port "$port"
ask() {
  curl --silent "http://127.0.0.1:$port/v1/chat/completions" -H 'Content-Type: application/json' \
    -d "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stream\":$1}"
}
keys='import json, sys
choices = [json.loads(line.removeprefix("data: "))["choices"][0] for line in sys.stdin if "{" in line]
print(all(choice[sys.argv[1]] is None for choice in choices), len(choices))'
expect 'message is null in every chunk: True 3; delta is null in the whole: True 1' \
  "message is null in every chunk: $(ask true | python -c "$keys" message); delta is null in the whole: $(ask false | python -c "$keys" delta)"
