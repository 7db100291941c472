"""Transcribes a recording that is whole."""

from dataclasses import dataclass
import re
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

from ..api.host import ServiceHost
from ..api.response import async_parse_body
from ..streaming.answer_forms import transcript_in
from .errors import AssistError
from .pcm import MICROPHONE, wav
from .plain_text import without_controls

_METHOD: Final = "audio.transcriptions.create"
_PATIENCE: Final = 60.0
"""Seconds besides the length of the recording: a small machine takes long to begin."""
_SHORTEST: Final = 0.1
"""Seconds: services refuse less, and nobody says anything in it."""
# What models write where nobody speaks: "[BLANK_AUDIO]", "(silence)", "[Music]".
_NO_WORDS: Final = re.compile(
    r"(?:\s*(?:\[[^\[\]]{1,40}\]|\([^()]{1,40}\)|\*[^*]{1,40}\*))+\s*[.]?\s*"
)


@dataclass(frozen=True, kw_only=True)
class TranscriptionOptions:
    """What a service is told about a recording; None is not sent."""

    model: str
    language: str | None = None
    """Two letters."""
    prompt: str | None = None
    """Names and rare words that occur."""
    noise_reduction: str | None = None
    """`near_field` or `far_field`; only for live sessions."""


async def async_transcribe(host: ServiceHost, options: TranscriptionOptions, sound: bytes) -> str:
    """Return what is said in `sound`, 16-bit PCM mono at 16 kHz; "" where nobody speaks.

    Raises AssistError "assist_bad_sound" for an answer without a text, and ApiError.
    """
    seconds = MICROPHONE.seconds(len(sound))
    if seconds < _SHORTEST:
        return ""
    method, _ = await host.method(_METHOD, "raw")
    arguments: dict[str, Any] = {
        "model": options.model,
        "file": ("speech.wav", wav(sound, MICROPHONE), "audio/wav"),
        "response_format": "json",
    }
    if options.language:
        arguments["language"] = options.language
    if options.prompt:
        arguments["prompt"] = options.prompt
    patience = min(host.settings.timeout, _PATIENCE + seconds)
    try:
        async with host.async_request_scope(patience):
            response = (await method(**arguments, timeout=patience)).http_response
        answer = await async_parse_body(
            host.hass,
            host.settings,
            response.content,
            response.headers.get("content-type", ""),
        )
        if (text := transcript_in(answer)) is None:
            raise AssistError("assist_bad_sound", message=", ".join(sorted(map(str, answer)))[:100])
    except HomeAssistantError as err:
        host.record_failure(err, _METHOD, options.model)
        raise
    host.record_success(answer, _METHOD, options.model)
    return words(text)


def words(text: str) -> str:
    """Return a transcript without what only says that there is none."""
    text = " ".join(without_controls(text).split())
    return "" if _NO_WORDS.fullmatch(text) else text
