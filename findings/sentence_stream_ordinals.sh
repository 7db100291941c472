#!/usr/bin/env bash
# Most would guess: a sentence splitter made for speech in many languages keeps German dates whole.
# What happens: the full stop of an ordinal ends a sentence, and a voice stops in mid-date.
# Who meets it: whoever has answers spoken sentence by sentence, as Home Assistant does.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi sentence-stream==1.3.0
expect '["Wir sehen uns am 3.", "Oktober um 8 Uhr."]' "$(python - <<'PY'
import json
from sentence_stream import stream_to_sentences

text = "Wir sehen uns am 3. Oktober um 8 Uhr."
print(json.dumps(list(stream_to_sentences([text]))))
PY
)"
