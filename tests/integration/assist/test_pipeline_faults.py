"""Errors of a service in a pipeline, as a satellite gets them."""

import json
import logging
import time

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from tests.integration.conftest import CANARY

from .answers import SSE, sse, text_events
from .voice import SILENCE, SPEECH
from .voice_home import AddHome, integration_logs, refused, stream
from .voice_server import ScriptedBody, VoiceServer, tone, wav

SECRET = "Is the safe open"
LONG = "It is sunny outside, with eighteen degrees and a light wind from the west. "
"""More than Home Assistant waits for until a satellite may begin to listen."""


SLOW = (
    "The AI service does not answer in time.",
    "Der KI-Dienst antwortet nicht rechtzeitig.",
)
BROKEN = (
    "The answer of the AI service broke off.",
    "Die Antwort des KI-Dienstes ist abgebrochen.",
)
UNSUPPORTED = ("The AI service does not support this.", "Der KI-Dienst kann das nicht.")
EMPTY = ("The AI service gave no answer.", "Der KI-Dienst hat keine Antwort gegeben.")
TROUBLE = (
    "The AI service has a problem. Try again later.",
    "Der KI-Dienst hat ein Problem. Versuche es später noch einmal.",
)
FAULTS: dict[str, tuple[ScriptedBody, tuple[str, str]]] = {
    "silent_after_headers": (ScriptedBody([30], SSE), SLOW),
    "silent_in_a_short_answer": (stream("It is", 30), SLOW),
    "silent_while_it_is_spoken": (stream(LONG, "And", 30), SLOW),
    "dropped_while_it_is_spoken": (stream(LONG, "And", 0.1, None), BROKEN),
    "ended_while_it_is_spoken": (stream(LONG, "And", end=False), BROKEN),
    "garbled_while_it_is_spoken": (
        ScriptedBody([sse(text_events(LONG)[:3]), 0.05, b'data: {"type"\n\n'], SSE),
        BROKEN,
    ),
    "web_page": (ScriptedBody("<html><body>Welcome</body></html>", "text/html"), UNSUPPORTED),
    "sound_in_place_of_text": (ScriptedBody(tone(0.1), "audio/pcm"), UNSUPPORTED),
    "empty": (stream(), EMPTY),
    "no_bytes": (ScriptedBody(b"", SSE), BROKEN),
    "only_controls": (stream("\0", "\x07\x1b"), EMPTY),
    "key_revoked": (
        refused(401, f"Incorrect API key provided: {CANARY}"),
        (
            "The AI service does not accept the key. Check its entry in Home Assistant.",
            "Der KI-Dienst nimmt den Schlüssel nicht an. Prüfe seinen Eintrag in Home Assistant.",
        ),
    ),
    "model_gone": (
        refused(404, "The model 'm-1' does not exist", "model_not_found"),
        (
            "The AI service does not have the model m-1. Choose another one.",
            "Der KI-Dienst hat das Modell m-1 nicht. Wähle ein anderes.",
        ),
    ),
    "quota_gone": (
        refused(429, "No credit", "insufficient_quota"),
        (
            "Your quota at the AI service is used up.",
            "Dein Kontingent beim KI-Dienst ist aufgebraucht.",
        ),
    ),
    "server_error": (refused(500, "Oops"), TROUBLE),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_pipeline_model_error_is_spoken(
    hass: HomeAssistant,
    service: VoiceServer,
    add_home: AddHome,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.openai_api")
    is_german = list(FAULTS).index(name) % 2 == 1
    satellite = await add_home("de" if is_german else "en")
    told = async_capture_events(hass, "openai_api_turn_event")
    sound, sentences = FAULTS[name]
    service.texts = [SECRET]
    # Some are asked twice more.
    service.heads = [sound] * 3
    begun = time.monotonic()
    await satellite.say(SPEECH, SILENCE)
    assert time.monotonic() - begun < 15

    said = " ".join(speech["input"] for speech in service.speeches)
    sentence = sentences[is_german].rstrip(".")
    if "spoken" in name:
        assert said.startswith(LONG.strip())
        assert said.rstrip(".").endswith(sentence)
    else:
        assert said.rstrip(".") == sentence
    assert len(satellite.sound) > 44
    assert satellite.kinds()[-1] == "run-end"
    await hass.async_block_till_done()
    failed = [turn.data for turn in told if turn.data["ended"] == "failed"]
    assert [turn["kind"] for turn in failed] == ["conversation"]
    assert SECRET not in integration_logs(caplog) + json.dumps(failed)
    assert LONG[:20] not in integration_logs(caplog)

    service.heads.clear()
    service.speeches.clear()
    await satellite.say(SPEECH, SILENCE)
    assert [speech["input"] for speech in service.speeches] == ["It is sunny outside."]


SPEAKER_FAULTS = {
    "silent": ScriptedBody([30], "audio/pcm"),
    "silent_in_the_sound": ScriptedBody([tone(0.1), 30]),
    "dropped": ScriptedBody([None], "audio/pcm"),
    "dropped_in_the_sound": ScriptedBody([tone(0.1), None]),
    "web_page": ScriptedBody("<html>Sign in</html>", "text/html"),
    "text": ScriptedBody("no sound today", "text/plain"),
    "json": ScriptedBody('{"status": "ok"}', "audio/wav"),
    "picture": ScriptedBody(b"\x89PNG" + bytes(500), "image/png"),
    "empty": ScriptedBody(b"", "audio/wav"),
    "shape_that_nobody_can_hear": ScriptedBody(wav(b"", channels=9), "audio/wav"),
    "key_revoked": refused(401, "no key"),
    "model_gone": refused(404, "The model does not exist", "model_not_found"),
    "quota_gone": refused(429, "No credit", "insufficient_quota"),
}


@pytest.mark.parametrize("name", SPEAKER_FAULTS)
async def test_pipeline_tts_error_ends_audio(
    hass: HomeAssistant,
    service: VoiceServer,
    add_home: AddHome,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.openai_api")
    satellite = await add_home()
    told = async_capture_events(hass, "openai_api_turn_event")
    # Some are asked once more.
    service.texts, service.sounds = [SECRET], [SPEAKER_FAULTS[name]] * 2
    begun = time.monotonic()
    with pytest.raises(HomeAssistantError):
        await satellite.say(SPEECH, SILENCE)
    assert time.monotonic() - begun < 15

    assert satellite.speech == "It is sunny outside."
    assert satellite.kinds()[-1] == "run-end"
    await hass.async_block_till_done()
    assert [turn.data["kind"] for turn in told if turn.data["ended"] == "failed"] == ["tts"]
    assert SECRET not in integration_logs(caplog)
    assert "sunny" not in integration_logs(caplog)
    service.sounds.clear()
    await satellite.say(SPEECH, SILENCE)
    assert len(satellite.sound) > 20_000
