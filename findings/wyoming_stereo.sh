#!/usr/bin/env bash
# Most would guess: two channels become one by their mean, as in sox or ffmpeg.
# What happens: they are added up, so that anything over half of full scale is clipped.
# Who meets it: whoever sends a stereo recording through Home Assistant's voice protocol.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi wyoming==1.10.0
expect 'left 20000, right 20000 -> mono 32767' "$(python - <<'PY'
import struct
from wyoming.audio import AudioChunk, AudioChunkConverter

chunk = AudioChunk(rate=16000, width=2, channels=2, audio=struct.pack("<2h", 20000, 20000))
mono = AudioChunkConverter(rate=16000, width=2, channels=1).convert(chunk)
print("left 20000, right 20000 -> mono", *struct.unpack("<h", mono.audio))
PY
)"
