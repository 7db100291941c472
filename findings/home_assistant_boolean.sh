#!/usr/bin/env bash
# Most would guess: Home Assistant's boolean selector takes "off" and "false" as off, as the rest of
# its configuration does, or refuses them.
# What happens: it only asks whether the text is empty: "off", "false", "no" and "0" are on.
# Who meets it: a language model that calls an Assist tool with such a field and gives a text.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
home_assistant 2026.11.0
expect 'selector: off=True false=True no=True 0=True; cv.boolean: off=False false=False no=False 0=False' "$(python - <<'PY'
import homeassistant  # It decides what `import voluptuous` means.
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import BooleanSelector

words = ("off", "false", "no", "0")
selector, boolean = BooleanSelector(), cv.boolean
print(
    "selector:", *(f"{word}={selector(word)}" for word in words), end="; ",
)
print("cv.boolean:", *(f"{word}={boolean(word)}" for word in words))
PY
)"
