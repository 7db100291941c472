#!/usr/bin/env bash
# Most would guess: a gateway with a master key answers a request without a key with 401.
# What happens: `pip install 'litellm[proxy]'` without a database answers 500 in plain text, for its
# check of keys imports the client of a database that is not installed. A wrong key is a 400.
# Who meets it: a client that tells by 401 that a key is needed, and tries again after a 500.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi 'litellm[proxy]==1.108.7'
echo '{"model_list": [], "general_settings": {"master_key": "sk-right"}}' > "$FOLDER/config.yaml"
port=$(free_port)
export LITELLM_LOCAL_MODEL_COST_MAP=True
serve "http://127.0.0.1:$port/health/liveliness" "$FOLDER/venv/bin/litellm" --config "$FOLDER/config.yaml" \
  --host 127.0.0.1 --port "$port" --telemetry False
ask() {
  curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$port/v1/models" "$@"
}
expect 'right key: 200; no key: 500; wrong key: 400' \
  "right key: $(ask -H 'Authorization: Bearer sk-right'); no key: $(ask); wrong key: $(ask -H 'Authorization: Bearer sk-wrong')"
