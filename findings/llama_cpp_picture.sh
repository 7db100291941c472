#!/usr/bin/env bash
# Most would guess: a picture for a model that takes none is refused with 400, as OpenAI does, and so
# does this server with too long a text.
# What happens: it is answered with 500, which most clients try again and alarms are made of.
# Who meets it: whoever tells faults of requests from troubles of a server by the status.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
llama_server
ask() {
  curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$PORT/v1/chat/completions" \
    -d "{\"messages\":[{\"role\":\"user\",\"content\":$1}],\"max_tokens\":4}"
}
picture=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg==
long=$(printf 'light %.0s' $(seq 3000))
expect 'text: 200; too long a text: 400; picture: 500' "text: $(ask '"x"'); too long a text: $(ask "\"$long\""); picture: $(
  ask "[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,$picture\"}}]")"
