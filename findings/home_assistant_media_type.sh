#!/usr/bin/env bash
# Most would guess: a file in Home Assistant's media folder whose type is not known resolves to a
# general type, or is refused with an error for people.
# What happens: resolving it raises an AssertionError, an error without a word.
# Who meets it: whoever attaches a .jsonl or .gguf file of the media folder to a request.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
home_assistant 2026.11.0
expect 'note.txt: text/plain; training.jsonl: AssertionError()' "$(python - "$FOLDER" <<'PY'
import asyncio
import pathlib
import sys
import homeassistant  # It decides what `import voluptuous` means.
from homeassistant.components.media_source import local_source
from homeassistant.components.media_source.const import DOMAIN
from homeassistant.components.media_source.models import MediaSourceItem
from homeassistant.core import HomeAssistant


async def main(folder):
    hass = HomeAssistant(str(folder))
    hass.config.media_dirs = {"local": str(folder)}
    source = await local_source.async_get_media_source(hass)
    seen = []
    for name in ("note.txt", "training.jsonl"):
        (folder / name).write_text("x")
        try:
            item = MediaSourceItem(hass, DOMAIN, f"local/{name}", None)
            seen.append(f"{name}: {(await source.async_resolve_media(item)).mime_type}")
        except AssertionError as err:
            seen.append(f"{name}: {err!r}")
    print("; ".join(seen))
    await hass.async_stop(force=True)


asyncio.run(main(pathlib.Path(sys.argv[1])))
PY
)"
