"""The text-to-speech entity of a subentry."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from hashlib import sha256
import re
from typing import Any, Final, override

from homeassistant.components import tts
from homeassistant.components.tts import (
    ATTR_PREFERRED_BITRATE,
    ATTR_PREFERRED_FORMAT,
    ATTR_PREFERRED_SAMPLE_BYTES,
    ATTR_PREFERRED_SAMPLE_CHANNELS,
    ATTR_PREFERRED_SAMPLE_RATE,
    ATTR_VOICE,
    TextToSpeechEntity,
    TTSAudioRequest,
    TTSAudioResponse,
    Voice,
)
from homeassistant.core import callback
from homeassistant.helpers.json import json_dumps

from ..exceptions import validation_error
from .const import (
    CONF_AUDIO_FORMAT,
    CONF_CLEAN_TEXT,
    CONF_EXTRA_BODY,
    CONF_FIRST_PIECE,
    CONF_INSTRUCTIONS,
    CONF_MODEL,
    CONF_PATIENCE,
    CONF_SENTENCES_AHEAD,
    CONF_SPEED,
    CONF_VOICE,
    LIMITS,
)
from .entity import AssistEntity
from .languages import languages_with
from .tts_options import PreferredAudio, SpeechOptions
from .tts_speech import Speech
from .turns import Ended, Turn
from .voices import known_voices

_PREFERRED: Final = (
    ATTR_PREFERRED_FORMAT,
    ATTR_PREFERRED_SAMPLE_RATE,
    ATTR_PREFERRED_SAMPLE_CHANNELS,
    ATTR_PREFERRED_SAMPLE_BYTES,
    ATTR_PREFERRED_BITRATE,
)
_OVERRIDABLE: Final = (CONF_MODEL, ATTR_VOICE, CONF_SPEED, CONF_INSTRUCTIONS)
"""What an action may choose, and what therefore is part of the key of Home Assistant's cache."""
_SETTINGS: Final = "settings"
_CUSTOM_VOICE: Final = re.compile(r"voice_\w+")
# Since 2026.11 a WAV that already has the preferred format is not converted.
_ALWAYS_CONVERTED: Final = not hasattr(tts, "PcmFormat")


class OpenAITTSEntity(AssistEntity, TextToSpeechEntity):
    """Speaks texts of Assist, actions and announcements with a service."""

    @override
    @callback
    def apply_options(self) -> None:
        super().apply_options()
        # Home Assistant refuses an engine whose name it cannot put into a file's tags.
        self._attr_has_entity_name = False
        self._attr_name = self.subentry.title
        self._attr_supported_options = [*_OVERRIDABLE, *_PREFERRED]
        self._attr_supported_languages = languages_with(self.host.hass.config.language)
        # These are cached properties of the base class, which only setting them renews.
        self._attr_default_options = {
            key: value for key in _OVERRIDABLE if (value := self.option(key)) is not None
        } | {_SETTINGS: self._settings_hash}

    @property
    def _settings_hash(self) -> str:
        """A hash of the settings that no action can choose, for the key of Home Assistant's cache."""
        settings = [
            self.host.settings.base_url,
            self.option(CONF_CLEAN_TEXT),
            self.option(CONF_EXTRA_BODY),
        ]
        text = json_dumps(settings)
        return sha256(text.encode()).hexdigest()[:12]

    @property
    @override
    def default_language(self) -> str:
        """Return the language of the home; the service goes by the text."""
        return self.hass.config.language

    @override
    @callback
    def async_get_supported_voices(self, language: str) -> list[Voice] | None:
        """Return the voices of the service, those that most know, and the chosen one."""
        chosen, known = self.option(CONF_VOICE), known_voices(self.host)
        names = dict.fromkeys([chosen, *known] if isinstance(chosen, str) else known)
        return [Voice(name, name) for name in names]

    @override
    async def async_stream_tts_audio(self, request: TTSAudioRequest) -> TTSAudioResponse:
        """Speak a text that may still be being written, as its sentences come.

        Raises ServiceValidationError "speed_invalid", and what `Speech.async_start` raises.
        """
        preferred = preferred_audio(request.options)
        speech = Speech(
            self.host,
            self.speech_options(request.options),
            request.message_gen,
            preferred,
            is_probed_by_ffmpeg=is_probed_by_ffmpeg(preferred),
        )
        turn = Turn(self, "tts", model=self.option(CONF_MODEL))
        turn.data["transport"] = "http"
        with turn.report_failures():
            extension = await speech.async_start()
        turn.mark("first_sound_ms")
        return TTSAudioResponse(extension, _report_stream(turn, speech))

    def speech_options(self, options: Mapping[str, Any]) -> SpeechOptions:
        """Return the speech options: those of the request, else those of the subentry."""

        def chosen(key: str) -> Any:
            return options.get(key) or self.option(key)

        return SpeechOptions(
            model=str(chosen(CONF_MODEL) or ""),
            voice=_voice(chosen(ATTR_VOICE)),
            instructions=chosen(CONF_INSTRUCTIONS),
            speed=_speed(chosen(CONF_SPEED)),
            audio_format=self.option(CONF_AUDIO_FORMAT),
            first_piece=self.option(CONF_FIRST_PIECE),
            sentences_ahead=int(self.option(CONF_SENTENCES_AHEAD)),
            clean_text=self.option(CONF_CLEAN_TEXT),
            patience=float(self.option(CONF_PATIENCE)),
            extra_body=self.option(CONF_EXTRA_BODY),
        )


async def _report_stream(turn: Turn, speech: Speech) -> AsyncGenerator[bytes]:
    """Yield the audio of a text, and report how it ended."""
    with turn.report_failures():
        async with aclosing(speech.async_stream()) as audio:
            async for chunk in audio:
                yield chunk
    turn.end(Ended.DONE)


def is_probed_by_ffmpeg(preferred: PreferredAudio) -> bool:
    """Return whether ffmpeg converts a WAV, and first probes it for other formats."""
    return _ALWAYS_CONVERTED and (preferred.extension != "wav" or preferred.is_specific)


def _voice(value: Any) -> str | dict[str, str] | None:
    """Return a voice as services take it: custom voices by their ids."""
    if isinstance(value, str) and _CUSTOM_VOICE.fullmatch(value):
        return {"id": value}
    return value or None


def _speed(value: Any) -> float | None:
    """Return a speed; raises ServiceValidationError for one out of range."""
    if value is None:
        return None
    lowest, highest = LIMITS[CONF_SPEED]
    try:
        speed = float(value)
    except TypeError, ValueError:
        speed = -1
    if not lowest <= speed <= highest:
        raise validation_error("speed_invalid", speed=value, lowest=lowest, highest=highest)
    return speed


def preferred_audio(options: Mapping[str, Any]) -> PreferredAudio:
    """Return the preferred audio of a satellite or media player from the options of a request."""

    def number(key: str) -> int | None:
        try:
            return int(options[key])
        except KeyError, TypeError, ValueError:
            return None

    return PreferredAudio(
        extension=str(options.get(ATTR_PREFERRED_FORMAT) or "mp3"),
        rate=number(ATTR_PREFERRED_SAMPLE_RATE),
        channels=number(ATTR_PREFERRED_SAMPLE_CHANNELS),
        width=number(ATTR_PREFERRED_SAMPLE_BYTES),
        bitrate=number(ATTR_PREFERRED_BITRATE),
    )
