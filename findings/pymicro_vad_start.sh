#!/usr/bin/env bash
# Most would guess: a voice activity detector gives a probability from 0 to 1 for each piece of sound.
# What happens: it gives -1 until it has heard 0.76 s, which passes for silence if it is compared
# with a threshold, so that short words at the beginning are not noticed as speech.
# Who meets it: whoever decides with Home Assistant's detector whether somebody speaks.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
pypi pymicro-vad==2.1.0
expect 'first 76 of 100 pieces of 10 ms: -1, then 0 to 1: True' "$(python - <<'PY'
import random
import struct
from pymicro_vad import MicroVad

random.seed(1)
vad = MicroVad()
values = [
    vad.process_10ms(struct.pack("<160h", *(random.randint(-9000, 9000) for _ in range(160))))
    for _ in range(100)
]
first = next(place for place, value in enumerate(values) if value >= 0)
print(f"first {first} of 100 pieces of 10 ms: -1, then 0 to 1:", set(values[:first]) == {-1} and all(0 <= value <= 1 for value in values[first:]))
PY
)"
