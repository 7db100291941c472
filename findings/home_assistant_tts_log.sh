#!/usr/bin/env bash
# Most would guess: when a speaker fails, Home Assistant logs which one and why; what is said at home
# stays out of the log.
# What happens: the text to speak is in the log at the level ERROR, so on every system, when a service
# fails to speak it; a text that is streamed is not.
# Who meets it: whoever sends a log to somebody, and integrations that promise to log nothing that is
# said: they have to raise no error for what Home Assistant then logs.
set -euo pipefail
source "$(dirname "$0")/lib/packages.sh"
home_assistant 2026.10.4 pytest-homeassistant-custom-component==0.13.375 ha-ffmpeg==3.2.2 mutagen==1.48.1 \
  gazetteer-matcher==1.1.0 hassil==3.12.1 home-assistant-intents==2026.10.6
cat > "$FOLDER/test_log.py" <<'PY'
from homeassistant.components import tts
from homeassistant.components.tts.const import DATA_COMPONENT
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component


class Speaker(tts.TextToSpeechEntity):
    entity_id = "tts.speaker"
    _attr_name = "Speaker"
    default_language = "en"
    supported_languages = ["en"]

    async def async_get_tts_audio(self, message, language, options):
        raise HomeAssistantError("no connection")


async def test_log(hass, caplog, tmp_path):
    hass.config.config_dir = str(tmp_path)
    assert await async_setup_component(hass, "tts", {})
    await hass.data[DATA_COMPONENT].async_add_entities([Speaker()])
    stream = tts.async_create_stream(hass, "tts.speaker", "en")
    stream.async_set_message("The key is under the mat")
    try:
        b"".join([chunk async for chunk in stream.async_stream_result()])
    except HomeAssistantError:
        pass
    await hass.async_block_till_done()
    for record in caplog.records:
        if record.levelname == "ERROR" and "under the mat" in record.getMessage():
            print(f"\nseen {record.levelname}: {record.getMessage()}")
PY
expect 'seen ERROR: Error getting audio for The key is under the mat: no connection' \
  "$(cd "$FOLDER" && python -m pytest -q -s --asyncio-mode=auto test_log.py 2>/dev/null | grep '^seen')"
