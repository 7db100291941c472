#!/usr/bin/env bash
# Most would guess: an integration that is set back to an older release reads what the newer one has
# stored, as a minor version promises, and leaves the file alone until something changes.
# What happens: loading the file writes it at once with the older minor version, so that the newer
# release, once it is back, takes the file for one of the older form and migrates it a second time.
# Who meets it: integrations whose stores have minor versions, in a home that goes back and forth.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
home_assistant 2026.11.0
cat > "$FOLDER/load.py" <<'PY'
import asyncio
import json
import pathlib
import sys

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store


async def main(folder):
    hass = HomeAssistant(str(folder))
    file = folder / ".storage" / "example"
    file.parent.mkdir()
    file.write_text(json.dumps({"version": 1, "minor_version": 7, "key": "example", "data": {"jobs": []}}))

    # Nothing is said about other versions.
    found = await Store(hass, 1, "example", minor_version=2).async_load()
    await asyncio.sleep(0.5)
    print(f"read {found}; the file has minor version {json.loads(file.read_text())['minor_version']}")
    await hass.async_stop(force=True)


asyncio.run(main(pathlib.Path(sys.argv[1])))
PY
mkdir "$FOLDER/config"
expect "read {'jobs': []}; the file has minor version 2" \
  "$(python "$FOLDER/load.py" "$FOLDER/config" 2>/dev/null | grep '^read')"
